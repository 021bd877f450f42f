"""Webhooks that go out, in and out."""

from marshmallow import Schema, fields, validate

from db.queries.webhooks import DELIVERY_SORTS
from domain.webhook import EVENTS, MAX_URL, PING, STATUSES
from webadmin.api.base import PageArguments, list_schema, sort_field
from webadmin.api.schemas.shapes import boolean, text, when, whole, word


class WebhookEventOut(Schema):
    """Something that can be told."""

    event = fields.String(metadata={"example": "subscription.suspended"})
    description = fields.String(metadata={"example": "a subscription was suspended"})


class DeliveryCounts(Schema):
    """What became of what was to be told, over the last two weeks."""

    waiting = fields.Integer(metadata={"example": 0})
    delivered = fields.Integer(metadata={"example": 412})
    failed = fields.Integer(metadata={"example": 1})


class WebhookOut(Schema):
    """An address that is told what happens.

    Each call is a POST with JSON (`WebhookMessage`). `Lintas-Signature: t=1764223200,v1=9f86…` carries the time and the
    HMAC-SHA256, in hexadecimal digits, with the secret over `t`, a point and the body. `Lintas-Delivery` is the same
    when a delivery is told again. Any 2xx within ten seconds is a yes; redirects are not followed.
    """

    id = fields.Integer(metadata={"example": 1})
    name = fields.String(metadata={"example": "Accounting"})
    url = fields.String(metadata={"example": "https://hooks.example.net/lintas"})
    events = fields.List(fields.String(), metadata={"example": ["invoice.paid", "payment.received"]})
    is_active = fields.Boolean()
    paused_at = when(allow_none=True, metadata={"description": "it did not answer; what happens waits until `resume`"})
    failures = fields.Integer(metadata={"description": "calls that failed one after another", "example": 0})
    dropped = fields.Integer(metadata={"description": "given up because too many waited", "example": 0})
    last_delivered_at = when(allow_none=True)
    last_problem = fields.String(metadata={"example": ""})
    deliveries = fields.Nested(DeliveryCounts)
    version = fields.Integer(metadata={"example": 1})
    created_at = when()


class WebhookIssued(WebhookOut):
    """The same with the secret that signs its calls; it is shown this once."""

    secret = fields.String(metadata={"example": "whsec_3q2-7wAB…"})


class WebhookIn(Schema):
    """Whom to tell what."""

    name = text(80, example="Accounting", required=True)
    url = fields.String(
        required=True,
        validate=validate.Length(1, MAX_URL),
        metadata={"example": "https://hooks.example.net/lintas", "description": "https, and reachable from here"},
    )
    events = fields.List(
        word(tuple(EVENTS)),
        required=True,
        validate=validate.Length(1, len(EVENTS)),
        metadata={"example": ["invoice.paid", "payment.received"]},
    )
    is_active = boolean(load_default=True)


class WebhookPatch(Schema):
    """What to change, with the `version` that was read."""

    name = text(80, example="Accounting")
    url = fields.String(validate=validate.Length(1, MAX_URL), metadata={"example": "https://hooks.example.net/lintas"})
    events = fields.List(
        word(tuple(EVENTS)),
        validate=validate.Length(1, len(EVENTS)),
        metadata={"example": ["invoice.paid", "payment.received"]},
    )
    is_active = boolean()
    version = whole(least=1, example=1)


class ResourceOut(Schema):
    """What the event is about, and where the API shows it."""

    type = fields.String(metadata={"example": "subscription"})
    id = fields.Integer(allow_none=True, metadata={"example": 5})
    path = fields.String(allow_none=True, metadata={"example": "/api/v1/subscriptions/5"})


class ByOut(Schema):
    """Who did it."""

    type = fields.String(allow_none=True, metadata={"example": "user"})
    name = fields.String(allow_none=True, metadata={"example": "Siti"})


class WebhookMessage(Schema):
    """What is told."""

    id = fields.Integer(metadata={"example": 7, "description": "of the delivery; the same when it is told again"})
    type = fields.String(metadata={"example": "subscription.suspended"})
    occurred_at = fields.String(metadata={"example": "2026-11-27T06:00:00+00:00"})
    resource = fields.Nested(ResourceOut)
    customer_id = fields.Integer(allow_none=True, metadata={"example": 3})
    changes = fields.Dict(metadata={"example": {"status": {"old": "active", "new": "suspended"}}})
    by = fields.Nested(ByOut)


class DeliveryOut(Schema):
    """One event on its way to one webhook."""

    id = fields.Integer(metadata={"example": 7})
    webhook_id = fields.Integer(metadata={"example": 1})
    event = fields.String(attribute="event.type", metadata={"example": "subscription.suspended"})
    occurred_at = when(attribute="event.occurred_at")
    status = word(STATUSES, metadata={"example": "delivered"})
    attempts = fields.Integer(metadata={"example": 1})
    next_attempt_at = when(metadata={"description": "while it waits"})
    finished_at = when(allow_none=True)
    created_at = when()


class AttemptOfDelivery(Schema):
    """One call, and what came back."""

    sent_at = when()
    took_ms = fields.Integer(metadata={"example": 84})
    http_status = fields.Integer(allow_none=True, metadata={"example": 200})
    problem = fields.String(metadata={"example": ""})
    answer = fields.String(metadata={"example": "ok"})


class DeliveryDetail(DeliveryOut):
    """A delivery with what is told and its calls, the newest first."""

    message = fields.Nested(WebhookMessage)
    calls = fields.List(fields.Nested(AttemptOfDelivery))


class DeliveryQuery(PageArguments):
    """Filters of the log of deliveries."""

    sort = sort_field(DELIVERY_SORTS, "-created_at")
    status = word(STATUSES)
    event = word((*EVENTS, PING))


class ReplayedOut(Schema):
    """How many are told again."""

    count = fields.Integer(metadata={"example": 12})


WebhookEventList = list_schema(WebhookEventOut, name="WebhookEventList")
WebhookList = list_schema(WebhookOut, name="WebhookList")
DeliveryList = list_schema(DeliveryOut, name="DeliveryList")
