"""Pictures of customers as answers: always JPEG, kept by nobody in between."""

from flask import Response

from bss.pictures import Picture

JPEG_TYPE = "image/jpeg"
# How the API's document describes it.
JPEG = {"type": "string", "format": "binary"}


def as_jpeg(picture: Picture, name: str) -> Response:
    """A picture that the browser shows, and takes for nothing else."""
    headers = {
        "Content-Disposition": f'inline; filename="{name}.jpg"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(picture.content, mimetype=JPEG_TYPE, headers=headers)
