"""Customers, in and out."""

from marshmallow import Schema, fields, validate

from bss.customers import BLOCKING_STATUSES, LANGUAGES, STARTING_STATUSES
from bss.subscriptions import CONNECTION_TYPES as SUBSCRIPTION_TYPES
from db.queries.customer_lists import CUSTOMER_SORTS
from db.queries.owned import SHOWN
from domain.customer_record import CUSTOMER_TYPES
from domain.lifecycle import CUSTOMER_STATUSES
from webadmin.api.base import MAX_ID, PageArguments, list_schema, result_schema, sort_field
from webadmin.api.schemas.shapes import INT32, Money, Stub, amount, boolean, search_argument, text, when, whole, word


class CustomerStub(Schema):
    """The customer of a subscription."""

    id = fields.Integer(metadata={"example": 1})
    customer_code = fields.String(metadata={"example": "CUST-2026110001"})
    name = fields.String(metadata={"example": "Budi Santoso"})


class SubscriptionStub(Schema):
    """A subscription as its customer lists it."""

    id = fields.Integer()
    subscription_code = fields.String(metadata={"example": "SUB-2026110001"})
    username = fields.String(metadata={"example": "budi@rumah"})
    connection_type = fields.String()
    status = fields.String()
    expires_at = when(allow_none=True)
    plan = fields.Nested(Stub)


class CustomerOut(Schema):
    """A customer."""

    id = fields.Integer(metadata={"example": 1})
    customer_code = fields.String(metadata={"example": "CUST-2026110001"})
    name = fields.String(metadata={"example": "Budi Santoso"})
    email = fields.String(allow_none=True, metadata={"example": "budi@example.net"})
    phone = fields.String(allow_none=True, metadata={"example": "+628123456789"})
    address = fields.String(allow_none=True)
    city = fields.String(allow_none=True, metadata={"example": "Bandung"})
    status = fields.String(metadata={"example": "active"})
    suspend_reason = fields.String(allow_none=True)
    customer_type = fields.String()
    language = fields.String()
    registration_date = fields.Date()
    notes = fields.String()
    balance = Money(metadata={"description": "below zero he owes; kept by the books", "example": "-150000.00"})
    credit_limit = amount(allow_none=True)
    version = fields.Integer(metadata={"example": 1})
    created_at = when()
    updated_at = when()
    subscriptions_count = fields.Integer(attribute="owned.total")
    active_subscriptions = fields.Integer(attribute="owned.active")
    subscriptions = fields.List(
        fields.Nested(SubscriptionStub),
        attribute="owned.rows",
        metadata={"description": f"at most {SHOWN}; `GET /subscriptions?customer_id=` lists all"},
    )


class CustomerIn(Schema):
    """A new customer."""

    name = text(255, example="Budi Santoso", required=True)
    email = text(254, example="budi@example.net", allow_none=True)
    phone = text(40, example="0812-3456-789", allow_none=True)
    address = text(1000, allow_none=True)
    city = text(100, example="Bandung", allow_none=True)
    customer_type = word(CUSTOMER_TYPES)
    language = word(LANGUAGES)
    notes = text(10_000)
    credit_limit = amount(allow_none=True)
    status = word(STARTING_STATUSES)


class CustomerPatch(Schema):
    """The fields to change, with the `version` that was read."""

    name = text(255, example="Budi Santoso")
    email = text(254, allow_none=True)
    phone = text(40, allow_none=True)
    address = text(1000, allow_none=True)
    city = text(100, allow_none=True)
    customer_type = word(CUSTOMER_TYPES)
    language = word(LANGUAGES)
    notes = text(10_000)
    credit_limit = amount(allow_none=True)
    version = whole(least=1, example=1)


class CustomerQuery(PageArguments):
    """Filters of the customer list."""

    sort = sort_field(CUSTOMER_SORTS, "-created_at")
    search = search_argument()
    status = word(CUSTOMER_STATUSES)
    customer_type = word(CUSTOMER_TYPES)
    city = fields.String(validate=validate.Length(1, 100))
    connection_type = word(SUBSCRIPTION_TYPES)
    service_plan_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    nas_server_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    created_after = when()
    created_before = when()


class CustomerSummary(Schema):
    """The numbers above the list."""

    total_customers = fields.Integer()
    active_customers = fields.Integer()
    new_customers_this_month = fields.Integer()


class Reason(Schema):
    """Why, in words for the record."""

    reason = text(255, example="overdue", load_default="")
    version = whole(least=1)


class BlockIn(Reason):
    """A block of a customer."""

    status = word(BLOCKING_STATUSES, required=True)


class CustomerActivateIn(Schema):
    """How far to activate."""

    with_subscriptions = boolean(
        load_default=False,
        metadata={"description": "also those of his subscriptions that are suspended on their own"},
    )
    version = whole(least=1)


class VersionIn(Schema):
    """The version that was read, to refuse a change made meanwhile."""

    version = whole(least=1)


class VersionQuery(Schema):
    """The same, in the address of a DELETE."""

    version = fields.Integer(validate=validate.Range(1, INT32))


CustomerList = list_schema(CustomerOut, name="CustomerList", summary=CustomerSummary())
CustomerResult = result_schema("customer", CustomerOut, name="CustomerResult")
