"""Vouchers, their batches, sales and sheets, in and out."""

from marshmallow import Schema, fields, validate

from bss.quotas import LEAST_S, MAX_BYTES, MOST_S
from bss.redeeming import MAX_CODE
from bss.voucher_sales import MAX_SOLD_AT_ONCE
from bss.voucher_sheets import WHICH
from bss.vouchers import MAX_AT_ONCE, MAX_NOTE, MAX_VALIDITY_S
from db.queries.vouchers import BATCH_SORTS, SORTS
from domain.payments import EXTERNAL
from domain.voucher import BATCH_KINDS, MAX_PATTERN, MAX_PREFIX, SHEET_STATES, USUAL_PATTERN, VOUCHER_STATES
from paper.documents import LAYOUTS, MAX_CARDS, QR_CHOICES
from paper.words import LANGUAGES
from webadmin.api.base import PageArguments, list_schema, result_schema, sort_field
from webadmin.api.schemas.shapes import Money, amount, boolean, row_id, search_argument, text, when, whole, word


class VoucherOut(Schema):
    """A code that logs in at a hotspot, or is worth money."""

    id = fields.Integer()
    code = fields.String(metadata={"example": "k7mq-x3ht-pw9c"})
    batch_id = fields.Integer(allow_none=True)
    batch = fields.String(attribute="batch_name")
    state = word(VOUCHER_STATES)
    subscription_id = fields.Integer(allow_none=True, metadata={"description": "its own login; none for money"})
    validity_s = fields.Integer(allow_none=True)
    binds_mac = fields.Boolean()
    sell_until = when(allow_none=True)
    sold_at = when(allow_none=True)
    sold_by = fields.String(allow_none=True)
    payment_id = fields.Integer(allow_none=True, metadata={"description": "the sale"})
    first_used_at = when(allow_none=True)
    valid_until = when(allow_none=True)
    redeemed_at = when(allow_none=True)
    redeemed_customer_id = fields.Integer(allow_none=True)
    redeemed_subscription_id = fields.Integer(allow_none=True)
    created_at = when()


class VoucherIn(Schema):
    """How many vouchers, of which plan or worth how much money, and on what terms."""

    service_plan_id = row_id(allow_none=True)
    credit = amount(allow_none=True)
    count = whole(least=1, most=MAX_AT_ONCE, example=10, required=True)
    validity_s = whole(least=60, most=MAX_VALIDITY_S, example=86_400, allow_none=True)
    validity_from_plan = boolean()
    time_limit_s = whole(least=LEAST_S, most=MOST_S, example=10_800, allow_none=True)
    data_limit_bytes = whole(least=1, most=MAX_BYTES, example=1_000_000_000, allow_none=True)
    batch = text(50, example="november")
    prefix = text(MAX_PREFIX, example="HOT-")
    code_pattern = text(MAX_PATTERN, example=USUAL_PATTERN)
    binds_mac = boolean()
    sell_until = when(allow_none=True)
    price = amount()
    operator_id = row_id(allow_none=True)
    commission_percent = amount(allow_none=True)
    note = text(MAX_NOTE)


class VoucherMade(Schema):
    """The new vouchers."""

    items = fields.List(fields.Nested(VoucherOut))


class VoucherPatch(Schema):
    """Out of use, or in use again."""

    disabled = boolean(required=True)


class VoucherQuery(PageArguments):
    """Filters of the voucher list."""

    sort = sort_field(SORTS, "-created_at")
    state = word(VOUCHER_STATES)
    batch = fields.String(validate=validate.Length(1, 50))
    batch_id = row_id()
    sold = fields.Boolean()


VoucherList = list_schema(VoucherOut, name="VoucherList")


class VoucherRedeem(Schema):
    """The code, and for whom: one subscription, or a customer, whose only hotspot login it is for, or a new one."""

    code = fields.String(required=True, validate=validate.Length(1, MAX_CODE))
    customer_id = row_id()
    subscription_id = row_id()


class VoucherWorth(Schema):
    """What a voucher added."""

    validity_s = fields.Integer(allow_none=True)
    time_s = fields.Integer(allow_none=True)
    data_bytes = fields.Integer(allow_none=True)
    credit = amount(allow_none=True)


class VoucherRedeemed(Schema):
    """What was added to whom. `secret` is the password of a login that was made for it, shown once."""

    voucher = fields.Nested(VoucherOut)
    customer_id = fields.Integer()
    subscription_id = fields.Integer(allow_none=True)
    username = fields.String(allow_none=True)
    secret = fields.String(allow_none=True)
    expires_at = when(allow_none=True)
    added = fields.Nested(VoucherWorth)


VoucherRedeemResult = result_schema("redeemed", VoucherRedeemed, name="VoucherRedeemResult")


class HotspotIn(Schema):
    """The plan of the new login, and when it ends; without an end its plan's term begins now."""

    service_plan_id = row_id(required=True)
    expires_at = when()


class HotspotOut(Schema):
    """Name and password to read out; the password is shown once."""

    subscription_id = fields.Integer()
    username = fields.String(metadata={"example": "k7mqx3h"})
    secret = fields.String()
    expires_at = when(allow_none=True)


class VoucherCounts(Schema):
    """How a batch stands."""

    total = fields.Integer()
    states = fields.Dict(keys=fields.String(), values=fields.Integer())
    sold = fields.Integer()
    for_sale = fields.Integer(metadata={"description": "unused and not sold"})


class VoucherBatchOut(Schema):
    """Vouchers that were made together and are worth the same."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "november"})
    kind = word(BATCH_KINDS)
    service_plan_id = fields.Integer(allow_none=True)
    credit = amount(allow_none=True)
    price = amount()
    operator_id = fields.Integer(allow_none=True)
    commission_percent = amount()
    prefix = fields.String()
    code_pattern = fields.String()
    validity_s = fields.Integer(allow_none=True)
    time_limit_s = fields.Integer(allow_none=True)
    data_limit_bytes = fields.Integer(allow_none=True)
    binds_mac = fields.Boolean()
    sell_until = when(allow_none=True)
    note = fields.String()
    created_by = fields.String()
    created_at = when()
    counts = fields.Nested(VoucherCounts)


class VoucherBatchPatch(Schema):
    """What to change of a batch: what was made stays worth what it is."""

    name = text(50)
    price = amount()
    operator_id = row_id(allow_none=True)
    commission_percent = amount(allow_none=True)
    note = text(MAX_NOTE)


class VoucherBatchAdd(Schema):
    """How many more."""

    count = whole(least=1, most=MAX_AT_ONCE, example=10, required=True)


class VoucherBatchChanged(Schema):
    """A batch whose vouchers were disabled or given back."""

    id = fields.Integer()
    name = fields.String()
    changed = fields.Integer(metadata={"description": "how many vouchers changed"})


class VoucherBatchQuery(PageArguments):
    """Filters of the list of batches."""

    sort = sort_field(BATCH_SORTS, "-created_at")
    search = search_argument()


VoucherBatchList = list_schema(VoucherBatchOut, name="VoucherBatchList")
VoucherBatchResult = result_schema("batch", VoucherBatchChanged, name="VoucherBatchResult")


class VoucherSaleIn(Schema):
    """How many are sold and how they were paid."""

    count = whole(least=1, most=MAX_SOLD_AT_ONCE, example=1, load_default=1)
    method = word(EXTERNAL, load_default="cash")
    note = text(1000)


class VoucherSaleOut(Schema):
    """What was sold; `GET /payments/{payment_id}/receipt` is its receipt."""

    payment_id = fields.Integer(attribute="payment.id")
    receipt_number = fields.String(attribute="payment.receipt_number")
    amount = Money(attribute="payment.amount", metadata={"example": "15000.00"})
    method = fields.String(attribute="payment.method")
    status = fields.String(attribute="payment.status")
    commission = Money(metadata={"example": "1125.00"})
    vouchers = fields.List(fields.Nested(VoucherOut))


class VoucherSaleBack(Schema):
    """Why."""

    reason = fields.String(required=True, validate=validate.Length(1, 255))


class VoucherSheetIn(Schema):
    """How a sheet looks and what is on it."""

    layout = word(tuple(LAYOUTS))
    qr = word(QR_CHOICES, metadata={"description": "`login`: the address of the hotspot's login page with the code"})
    language = word(LANGUAGES)
    which = word(WHICH)
    with_price = boolean()
    skip = whole(most=1_000_000, example=0)
    count = whole(least=1, most=MAX_CARDS, example=300)


class VoucherSheetOut(Schema):
    """A sheet of vouchers, kept for a day. Follow it until it is done, then read its PDF."""

    id = fields.Integer()
    batch_id = fields.Integer()
    state = word(SHEET_STATES)
    total_count = fields.Integer()
    done_count = fields.Integer(metadata={"description": "how many are laid out"})
    problem = fields.String()
    asked_by = fields.String()
    created_at = when()
    finished_at = when(allow_none=True)


class VoucherSheetList(Schema):
    """The last sheets of a batch."""

    items = fields.List(fields.Nested(VoucherSheetOut))
