"""Pictures, speed tests and registrations of customers, in and out."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bss.speed_tests import FASTEST_KBPS, LONGEST_MS
from db.queries.registrations import REGISTRATION_SORTS
from domain.customer_media import REGISTRATION_STATES, TEST_SOURCES
from webadmin.api.base import PageArguments, list_schema, sort_field
from webadmin.api.schemas.customer_jobs import UploadField
from webadmin.api.schemas.shapes import row_id, text, when, whole, word


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


class SpeedTestIn(Schema):
    """What to measure, or what was measured."""

    source = word(TEST_SOURCES, load_default="router")
    subscription_id = row_id(allow_none=True, load_default=None)
    username = text(60, load_default="", example="test")
    password = text(120, load_default="", example="")
    download_kbps = whole(least=0, most=FASTEST_KBPS, allow_none=True)
    upload_kbps = whole(least=0, most=FASTEST_KBPS, allow_none=True)
    latency_ms = whole(least=0, most=LONGEST_MS, allow_none=True)
    server = text(100, example="speed.example.net")
    measured_at = when(allow_none=True)

    @validates_schema
    def _one_kind(self, data: dict[str, Any], **_: Any) -> None:
        told = {"download_kbps", "upload_kbps", "latency_ms", "server", "measured_at"} & data.keys()
        if data["source"] == "router" and told:
            raise ValidationError({name: ["is for what a client measured"] for name in told})


class SpeedTestOut(Schema):
    """A test of a customer's line; speeds as he has them."""

    id = fields.Integer()
    source = fields.String(metadata={"description": "`router`: measured by his router; `client`: told by him"})
    state = fields.String(metadata={"example": "done", "description": "waiting, running, done or failed"})
    subscription_id = fields.Integer(allow_none=True)
    nas_server_id = fields.Integer(allow_none=True)
    address = fields.String(allow_none=True, metadata={"example": "10.20.0.7"})
    download_kbps = fields.Integer(allow_none=True, metadata={"example": 19_800})
    upload_kbps = fields.Integer(allow_none=True, metadata={"example": 9_700})
    latency_ms = fields.Float(allow_none=True, metadata={"example": 1.523})
    server = fields.String(metadata={"example": "speed.example.net"})
    problem = fields.String(metadata={"description": "why a test failed"})
    requested_by = fields.String()
    created_at = when()
    measured_at = when(allow_none=True)


SpeedTestList = list_schema(SpeedTestOut, name="SpeedTestList")


class RegistrationOut(Schema):
    """A customer who is to be added in the background."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "Budi Santoso"})
    state = fields.String(metadata={"example": "done", "description": "waiting, done or failed"})
    tries = fields.Integer(metadata={"description": "after an error of the system there are three more"})
    next_try_at = when(metadata={"description": "while it waits"})
    problem = fields.String(metadata={"description": "why it failed, or why it is tried again"})
    customer_id = fields.Integer(allow_none=True)
    requested_by = fields.String()
    created_at = when()
    finished_at = when(allow_none=True)


class RegistrationQuery(PageArguments):
    """Filters of the list of registrations."""

    sort = sort_field(REGISTRATION_SORTS, "-created_at")
    state = word(REGISTRATION_STATES)


RegistrationList = list_schema(RegistrationOut, name="RegistrationList")
