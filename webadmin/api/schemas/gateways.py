"""Payment gateways, orders at them, links to pay, and parked money, in and out."""

from marshmallow import Schema, fields, validate

from bss.gateways.links import CHANNELS, MOST_DAYS, USUAL_DAYS
from db.queries.gateways import LINK_SORTS, LOG_SORTS, ORDER_SORTS, PARKED_SORTS
from domain.gateway import KINDS, PARKED_REASONS, PARKED_STATES, PURPOSES, STATUSES
from webadmin.api.base import PageArguments, list_schema, result_schema, sort_field
from webadmin.api.schemas.shapes import amount, boolean, id_argument, row_id, search_argument, text, when, whole, word

_VALUES = fields.Dict(
    keys=fields.String(validate=validate.Length(1, 40)),
    values=fields.String(validate=validate.Length(max=500)),
    metadata={
        "description": "what the gateway has to be told: see `GET /payment-gateways/kinds`; keys never come out again",
        "example": {"server_key": "SB-Mid-server-…", "merchant_id": "G123456789"},
    },
)


class GatewayFieldOut(Schema):
    """One thing that a gateway is told."""

    name = fields.String(metadata={"example": "server_key"})
    is_secret = fields.Boolean()
    is_required = fields.Boolean()


class GatewayKindOut(Schema):
    """A kind of gateway that can be added."""

    kind = word(KINDS)
    name = fields.String(metadata={"example": "Midtrans"})
    currencies = fields.List(fields.String(), metadata={"description": "empty: every currency"})
    can_cancel = fields.Boolean()
    can_refund = fields.Boolean()
    has_webhook = fields.Boolean()
    fields_ = fields.List(fields.Nested(GatewayFieldOut), data_key="fields", attribute="fields")


class GatewayOut(Schema):
    """The provider's account at a gateway, without its keys."""

    id = fields.Integer()
    kind = word(KINDS)
    name = fields.String()
    is_active = fields.Boolean()
    is_production = fields.Boolean()
    position = fields.Integer()
    settings = fields.Dict(keys=fields.String(), values=fields.String())
    webhook_url = fields.String(allow_none=True, metadata={"description": "where the gateway tells what happened"})
    tested_at = when(allow_none=True)
    problem = fields.String()
    last_webhook_at = when(allow_none=True)
    version = fields.Integer()


class GatewayIn(Schema):
    """A new account."""

    kind = word(KINDS, required=True)
    name = text(80, load_default="")
    is_production = boolean(load_default=False)
    is_active = boolean(load_default=True)
    position = whole(most=99, load_default=0)
    values = _VALUES


class GatewayPatch(Schema):
    """What changes; a key that is left out stays."""

    name = text(80)
    is_production = boolean()
    is_active = boolean()
    position = whole(most=99)
    values = _VALUES
    version = fields.Integer(strict=True)


class GatewayTestedOut(Schema):
    """What the gateway said."""

    message = fields.String(metadata={"example": "Midtrans accepts the server key."})


class PaymentOrderOut(Schema):
    """One try to pay at a gateway."""

    id = fields.Integer()
    order_id = fields.String(metadata={"example": "INV-20261127-0001-K7QX2M"})
    gateway_id = fields.Integer()
    customer_id = fields.Integer()
    invoice_id = fields.Integer(allow_none=True)
    purpose = word(PURPOSES)
    amount = amount()
    currency = fields.String(metadata={"example": "IDR"})
    status = word(STATUSES)
    redirect_url = fields.String(allow_none=True, metadata={"description": "where the payer goes"})
    instructions = fields.Dict(keys=fields.String(), values=fields.String())
    gateway_status = fields.String(metadata={"description": "the gateway's own word"})
    payment_type = fields.String()
    transaction_id = fields.String()
    payment_id = fields.Integer(allow_none=True)
    problem = fields.String()
    expires_at = when()
    paid_at = when(allow_none=True)
    checked_at = when(allow_none=True)
    next_check_at = when(allow_none=True)
    created_at = when()
    created_by = fields.String()


class PaymentOrderQuery(PageArguments):
    """Which orders."""

    sort = sort_field(ORDER_SORTS, "-id")
    status = word(STATUSES)
    gateway_id = id_argument()
    customer_id = id_argument()
    invoice_id = id_argument()
    search = search_argument()


class PaymentOrderIn(Schema):
    """Begin to pay an open invoice, or (`customer_id`, `amount`) to top up a balance."""

    gateway_id = row_id(required=True)
    invoice_id = row_id(allow_none=True, load_default=None)
    customer_id = row_id(allow_none=True, load_default=None)
    amount = amount(allow_none=True, load_default=None)
    phone = text(40, allow_none=True, load_default=None)


class RefundReasonIn(Schema):
    """Why."""

    reason = fields.String(required=True, validate=validate.Length(1, 200))


class GatewayLogQuery(PageArguments):
    """Which exchanges."""

    sort = sort_field(LOG_SORTS, "-id")
    gateway_id = id_argument()
    order_id = fields.String(validate=validate.Length(1, 50))


class GatewayLogOut(Schema):
    """What was said between us and a gateway, without secrets."""

    id = fields.Integer()
    gateway_id = fields.Integer()
    order_id = fields.String()
    event = fields.String(metadata={"example": "status_check"})
    status = fields.Integer(metadata={"description": "HTTP status of the answer, 0 where none came"})
    claims = fields.String()
    problem = fields.String()
    request = fields.Dict()
    response = fields.Dict()
    took_ms = fields.Integer()
    repeats = fields.Integer()
    created_at = when()


class ParkedOut(Schema):
    """Money at a gateway that waits for a person."""

    id = fields.Integer()
    gateway_id = fields.Integer()
    reason = word(PARKED_REASONS)
    status = word(PARKED_STATES)
    order_id = fields.String()
    transaction_id = fields.String()
    expected = amount(allow_none=True)
    amount = amount()
    currency = fields.String()
    payment_type = fields.String()
    payer = fields.String()
    detail = fields.String()
    payment_id = fields.Integer(allow_none=True)
    paid_at = when(allow_none=True)
    note = fields.String()
    resolved_by = fields.String()
    resolved_at = when(allow_none=True)
    created_at = when()


class ParkedQuery(PageArguments):
    """Which of it."""

    sort = sort_field(PARKED_SORTS, "-id")
    status = word(PARKED_STATES, load_default="open")


class ParkedAssignIn(Schema):
    """Whose it is."""

    customer_id = row_id(required=True)
    invoice_id = row_id(allow_none=True, load_default=None)
    note = text(500, load_default="")


class ParkedNoteIn(Schema):
    """Why."""

    note = fields.String(required=True, validate=validate.Length(1, 200))


class PaymentLinkOut(Schema):
    """A link at which a customer pays."""

    id = fields.Integer()
    customer_id = fields.Integer()
    invoice_id = fields.Integer(allow_none=True)
    amount = amount(allow_none=True)
    gateway_ids = fields.List(fields.Integer(), allow_none=True)
    state = fields.String(metadata={"example": "open"})
    expires_at = when(allow_none=True)
    withdrawn_at = when(allow_none=True)
    paid_at = when(allow_none=True)
    open_count = fields.Integer()
    click_count = fields.Integer()
    last_opened_at = when(allow_none=True)
    sent_via = fields.Dict(keys=fields.String(), values=fields.String())
    created_at = when()
    created_by = fields.String()


class PaymentLinkMade(PaymentLinkOut):
    """A new link; its address is in this answer and nowhere else."""

    url = fields.String(metadata={"example": "https://pay.isp.example/pay/…"})


class PaymentLinkQuery(PageArguments):
    """Which links."""

    sort = sort_field(LINK_SORTS, "-id")
    customer_id = id_argument()
    invoice_id = id_argument()


class PaymentLinkIn(Schema):
    """A link for an open invoice, or (`customer_id`, `amount`) for a balance."""

    invoice_id = row_id(allow_none=True, load_default=None)
    customer_id = row_id(allow_none=True, load_default=None)
    amount = amount(allow_none=True, load_default=None)
    gateway_ids = fields.List(row_id(), allow_none=True, load_default=None, validate=validate.Length(max=100))
    days = whole(least=1, most=MOST_DAYS, allow_none=True, load_default=USUAL_DAYS)


class PaymentLinkSentIn(Schema):
    """By which way it went to the customer."""

    channel = word(CHANNELS, required=True)


class ReconciledOut(Schema):
    """What asking came to."""

    asked = fields.Integer()
    paid = fields.Integer()
    parked = fields.Integer()
    failed = fields.Integer()


GatewayList = list_schema(GatewayOut, name="PaymentGatewayList")
KindList = list_schema(GatewayKindOut, name="PaymentGatewayKindList")
OrderList = list_schema(PaymentOrderOut, name="PaymentOrderList")
OrderResult = result_schema("order", PaymentOrderOut, name="PaymentOrderResult")
LogList = list_schema(GatewayLogOut, name="PaymentGatewayLogList")
ParkedList = list_schema(ParkedOut, name="ParkedPaymentList")
ParkedResult = result_schema("parked_payment", ParkedOut, name="ParkedPaymentResult")
LinkList = list_schema(PaymentLinkOut, name="PaymentLinkList")
