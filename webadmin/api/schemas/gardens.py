"""Walled gardens and vouchers, in and out."""

from marshmallow import Schema, fields, validate

from bss.gardens import LEAST_SESSION_S, MOST_SESSION_S, REASONS
from bss.vouchers import MAX_AT_ONCE, MAX_VALIDITY_S
from db.queries.vouchers import SORTS
from domain.speed import MAX_KBPS
from domain.voucher import VOUCHER_STATES
from webadmin.api.base import PageArguments, list_schema, result_schema, sort_field
from webadmin.api.schemas.shapes import boolean, kbps, row_id, text, when, whole, word


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


class VoucherOut(Schema):
    """A code that logs in at a hotspot."""

    id = fields.Integer()
    code = fields.String(metadata={"example": "k7mq-x3ht-pw9c"})
    batch = fields.String()
    state = word(VOUCHER_STATES)
    subscription_id = fields.Integer()
    validity_s = fields.Integer(allow_none=True)
    binds_mac = fields.Boolean()
    sell_until = when(allow_none=True)
    first_used_at = when(allow_none=True)
    valid_until = when(allow_none=True)
    created_at = when()


class VoucherIn(Schema):
    """How many vouchers of which plan."""

    service_plan_id = row_id(required=True)
    count = whole(least=1, most=MAX_AT_ONCE, example=10, required=True)
    validity_s = whole(least=60, most=MAX_VALIDITY_S, example=86_400, allow_none=True, load_default=None)
    batch = text(50, example="november")
    prefix = text(10, example="HOT-")
    binds_mac = boolean()
    sell_until = when(allow_none=True)


class VoucherMade(Schema):
    """The new vouchers."""

    items = fields.List(fields.Nested(VoucherOut))


class VoucherPatch(Schema):
    """Out of use, or in use again."""

    disabled = boolean(required=True)


class BatchName(Schema):
    """Which batch."""

    batch = text(50, example="november", required=True)


class BatchPatch(BatchName):
    """Every voucher of a batch out of use, or in use again."""

    disabled = boolean(required=True)


class BatchOut(Schema):
    """A batch that was changed."""

    batch = fields.String()
    changed = fields.Integer(metadata={"description": "how many vouchers changed"})


class VoucherQuery(PageArguments):
    """Filters of the voucher list."""

    sort = sort_field(SORTS, "-created_at")
    state = word(VOUCHER_STATES)
    batch = fields.String(validate=validate.Length(1, 50))


VoucherList = list_schema(VoucherOut, name="VoucherList")
BatchResult = result_schema("batch", BatchOut, name="BatchResult")
