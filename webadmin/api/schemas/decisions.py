"""How a login was decided, or would be: the rules with what they saw, and the reply."""

from marshmallow import Schema, fields, validate

from bss.receipt_words import rule_label
from domain.access import REASONS, SERVICES
from webadmin.api.base import MAX_ID
from webadmin.api.schemas.shapes import when, word


class RuleOut(Schema):
    """One rule of a decision: what it saw, and its reason when it refused."""

    rule = fields.String(metadata={"example": "expiry"})
    rule_text = fields.Function(
        lambda step: rule_label(step.rule), metadata={"type": "string", "example": "End of the term"}
    )
    values = fields.Dict(keys=fields.String(), metadata={"example": {"cut_off_at": "2026-12-07T00:00:00+00:00"}})
    refusal = fields.String(allow_none=True, metadata={"example": "subscription_expired"})


class ReplyAttributeOut(Schema):
    """A reply attribute, in the order in which it is sent; a secret is not shown."""

    name = fields.Function(lambda pair: pair[0], metadata={"type": "string", "example": "Mikrotik-Rate-Limit"})
    value = fields.Function(lambda pair: pair[-1], metadata={"type": "string", "example": "10M/20M"})


class ReceiptOut(Schema):
    """How a decision came about: the rules in order as far as it went, and the reply."""

    rules = fields.List(fields.Nested(RuleOut))
    attributes = fields.List(fields.Nested(ReplyAttributeOut), attribute="reply")


class ExplanationQuery(Schema):
    """A login to imagine; what is left out is as now, or as at the last login."""

    at = when()
    nas_server_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    mac = fields.String(validate=validate.Length(1, 40))
    service = word(SERVICES)


class ExplanationOut(Schema):
    """How a login would be decided, and for which login that is."""

    subscription_id = fields.Integer()
    username = fields.String()
    version = fields.Integer(metadata={"description": "of the subscription, as the decision saw it"})
    at = when()
    service = fields.String(metadata={"example": "pppoe"})
    mac = fields.String(allow_none=True, metadata={"example": "AA:BB:CC:DD:EE:FF"})
    nas_server_id = fields.Integer(allow_none=True)
    nas_name = fields.String(allow_none=True)
    other_sessions = fields.Integer(metadata={"description": "other devices online"})
    result = fields.Function(
        lambda found: "accept" if found.is_accepted else "reject", metadata={"type": "string", "example": "reject"}
    )
    reason = fields.String(attribute="outcome.reason", metadata={"example": "outside_hours"})
    reason_text = fields.Function(
        lambda found: REASONS.get(found.outcome.reason, found.outcome.reason),
        metadata={"type": "string", "example": "outside the plan's hours"},
    )
    problem = fields.String(metadata={"description": "why the reply could not be sent; empty when it could"})
    rules = fields.List(fields.Nested(RuleOut), attribute="outcome.rules")
    attributes = fields.List(fields.Nested(ReplyAttributeOut), attribute="outcome.reply")
