"""RADIUS attributes written by hand, in and out, in the shape of radcheck and radreply."""

from marshmallow import Schema, fields, validate

from bss.attributes import MAX_ROWS
from db.models.policy import REPLY_OPERATORS
from domain.access import NAS_TYPES
from domain.checks import OPERATORS
from webadmin.api.schemas.shapes import text, whole, word


class AttributeOut(Schema):
    """One row: an attribute, its operator, its value."""

    attribute = fields.String(metadata={"example": "Framed-Route"})
    op = fields.String(metadata={"example": "+="})
    value = fields.String(metadata={"example": "192.168.50.0/24 0.0.0.0 1"})


class ReplyIn(Schema):
    """A reply attribute. `:=` goes in the place of what is sent else, `+=` beside it, `=` only where nothing is."""

    attribute = text(64, example="Framed-Route", required=True)
    op = word(REPLY_OPERATORS, load_default=":=")
    value = text(253, example="192.168.50.0/24 0.0.0.0 1", required=True)


class CheckIn(Schema):
    """A condition: the router must have sent this attribute with a value that fits."""

    attribute = text(64, example="NAS-Port-Id", required=True)
    op = word(OPERATORS, load_default="==")
    value = text(253, example="ether3", required=True)


class EffectiveOut(Schema):
    """What a login now would be sent; secrets are not shown."""

    refusal = fields.String(allow_none=True, metadata={"description": "why it would be refused, as a reason code"})
    problem = fields.String(allow_none=True, metadata={"description": "what cannot be sent, when that is the reason"})
    replies = fields.List(fields.Nested(AttributeOut))


class AttributesOut(Schema):
    """The rows of a subscription and of its plan, and what they come to."""

    checks = fields.List(fields.Nested(AttributeOut))
    replies = fields.List(fields.Nested(AttributeOut))
    plan_replies = fields.List(fields.Nested(AttributeOut))
    effective = fields.Nested(EffectiveOut)


class AttributesIn(Schema):
    """The rows from now on; a list that is left out stays as it is."""

    checks = fields.List(fields.Nested(CheckIn), validate=validate.Length(max=MAX_ROWS))
    replies = fields.List(fields.Nested(ReplyIn), validate=validate.Length(max=MAX_ROWS))
    version = whole(least=1)


class AttributesQuery(Schema):
    """For which kind of router."""

    vendor = word(NAS_TYPES, load_default=NAS_TYPES[0])


class KnownAttribute(Schema):
    """A reply attribute that may be written by hand."""

    attribute = fields.String(attribute="name", metadata={"example": "Framed-Route"})
    example = fields.String(metadata={"example": "192.168.50.0/24 0.0.0.0 1"})
    repeats = fields.Boolean(metadata={"description": "a reply may hold it more than once"})
    tagged = fields.Boolean(metadata={"description": "its name may end in :1 to :31"})
    vendors = fields.List(fields.String(), metadata={"description": "kinds of router that are sent it; empty: all"})


class KnownAttributes(Schema):
    """What can be written by hand."""

    replies = fields.List(fields.Nested(KnownAttribute))
    checks = fields.List(fields.String(), metadata={"example": ["Calling-Station-Id"]})
