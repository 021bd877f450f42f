"""Pictures, speed tests and registrations of customers, in and out."""

from marshmallow import Schema, fields, validate

from webadmin.api.schemas.customer_jobs import UploadField


class PictureFile(Schema):
    """The picture."""

    file = UploadField(
        required=True,
        metadata={"type": "string", "format": "binary", "description": "PNG, JPEG or WebP, at most 8 MB"},
    )


class PhotoQuery(Schema):
    """Which of them."""

    size = fields.String(
        load_default="full", validate=validate.OneOf(("full", "small")), metadata={"description": "small: 96 by 96"}
    )
