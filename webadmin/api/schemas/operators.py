"""Operators and transfers, in and out."""

from marshmallow import Schema, fields, validate

from domain.operators import MOST_LEVEL
from webadmin.api.base import list_schema
from webadmin.api.schemas.shapes import Money, boolean, row_id, text, when, whole


def _rate() -> Money:
    """A percentage as a decimal string."""
    return Money(metadata={"example": "12.50", "pattern": Money.PATTERN})


class OperatorOut(Schema):
    """An operator."""

    id = fields.Integer(metadata={"example": 1})
    name = fields.String(metadata={"example": "North"})
    parent_operator_id = fields.Integer(allow_none=True)
    level = fields.Integer(metadata={"description": "the lower, the more power", "example": 10})
    phone = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    commission_rate = _rate()
    is_active = fields.Boolean()
    version = fields.Integer()


class OperatorListed(OperatorOut):
    """An operator with what is his."""

    customers = fields.Integer()
    staff = fields.Integer()


class OperatorPatch(Schema):
    """What to change of an operator."""

    name = text(150, example="North")
    parent_operator_id = row_id(allow_none=True)
    level = whole(least=1, most=MOST_LEVEL, example=10)
    phone = text(40, allow_none=True)
    email = text(254, allow_none=True)
    commission_rate = _rate()
    is_active = boolean()
    version = whole(least=1)


class OperatorIn(Schema):
    """A new operator."""

    name = text(150, example="North", required=True)
    level = whole(least=1, most=MOST_LEVEL, example=10, required=True)
    parent_operator_id = row_id(allow_none=True)
    phone = text(40, allow_none=True)
    email = text(254, allow_none=True)
    commission_rate = _rate()


class StaffOperatorIn(Schema):
    """Whose staff somebody is; null makes him the provider's own."""

    operator_id = row_id(required=True, allow_none=True)


class StaffOut(Schema):
    """A member of staff."""

    id = fields.Integer()
    name = fields.String()
    email = fields.String()
    operator_id = fields.Integer(allow_none=True)


class TransferOut(Schema):
    """A customer on his way to another operator; null is the provider itself."""

    id = fields.Integer()
    customer_id = fields.Integer()
    from_operator_id = fields.Integer(allow_none=True)
    to_operator_id = fields.Integer(allow_none=True)
    status = fields.String(metadata={"example": "confirmed_from"})
    note = fields.String()
    requested_by = fields.String()
    confirmed_from_at = when(allow_none=True)
    confirmed_from_by = fields.String(allow_none=True)
    confirmed_to_at = when(allow_none=True)
    confirmed_to_by = fields.String(allow_none=True)
    created_at = when()
    done_at = when(allow_none=True)


class TransferIn(Schema):
    """Where a customer shall go; null is the provider itself."""

    to_operator_id = row_id(required=True, allow_none=True)
    note = text(1000, load_default="")


class TransferNote(Schema):
    """Why not."""

    note = text(1000, load_default="")


class TransferQuery(Schema):
    """Which transfers."""

    customer_id = fields.Integer(validate=validate.Range(1, 2**63 - 1))
    only_open = fields.Boolean(load_default=False)


OperatorList = list_schema(OperatorListed, name="OperatorList")
TransferList = list_schema(TransferOut, name="TransferList")
