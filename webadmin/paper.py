"""Paper as files to look at or take away."""

import re

from flask import Response

PDF_TYPE = "application/pdf"
# How the API's document describes it.
PDF = {"type": "string", "format": "binary"}
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


def as_pdf(body: bytes, name: str) -> Response:
    """A PDF that the browser shows; saved, it has the name. Nobody in between keeps it."""
    plain = _PLAIN.sub("-", name).strip("-.") or "paper"
    headers = {"Content-Disposition": f'inline; filename="{plain}.pdf"', "Cache-Control": "no-store"}
    return Response(body, mimetype=PDF_TYPE, headers=headers)
