"""Walled gardens, in and out."""

from marshmallow import Schema, fields

from bss.gardens import LEAST_SESSION_S, MOST_SESSION_S, REASONS
from domain.speed import MAX_KBPS
from webadmin.api.base import list_schema
from webadmin.api.schemas.shapes import boolean, kbps, text, when, whole, word


class GardenOut(Schema):
    """Where a customer ends who would be refused for the reason; `*` is for each reason without its own."""

    reason = word(REASONS, metadata={"example": "subscription_suspended"})
    address_list = fields.String(allow_none=True, metadata={"example": "isolir"})
    ip_pool = fields.String(allow_none=True)
    download_kbps = kbps()
    upload_kbps = kbps()
    redirect_url = fields.String(allow_none=True, metadata={"description": "shown by hotspots"})
    session_timeout_s = fields.Integer()
    is_active = fields.Boolean()
    updated_at = when()


class GardenIn(Schema):
    """What to set; what is left out stays as it is, or is the usual in a new garden."""

    address_list = text(100, example="isolir", allow_none=True)
    ip_pool = text(100, allow_none=True)
    download_kbps = whole(least=1, most=MAX_KBPS, example=512)
    upload_kbps = whole(least=1, most=MAX_KBPS, example=512)
    redirect_url = text(247, example="http://pay.example.net/", allow_none=True)
    session_timeout_s = whole(least=LEAST_SESSION_S, most=MOST_SESSION_S, example=3600)
    is_active = boolean()


GardenList = list_schema(GardenOut, name="GardenList")
