"""Customers, in and out."""

from decimal import Decimal, InvalidOperation
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from bss.customers import BLOCKING_STATUSES, LANGUAGES, STARTING_STATUSES
from bss.subscriptions import CONNECTION_TYPES as SUBSCRIPTION_TYPES
from db.queries.customer_lists import BALANCES, CUSTOMER_SORTS, Bounds, Near
from db.queries.owned import SHOWN
from domain.customer_record import CUSTOMER_TYPES, GENDERS
from domain.lifecycle import CUSTOMER_STATUSES
from webadmin.api.base import MAX_ID, PageArguments, list_schema, result_schema, sort_field
from webadmin.api.schemas.customer_parts import TagField, TagOut
from webadmin.api.schemas.money import Signed
from webadmin.api.schemas.shapes import (
    INT32,
    Money,
    NasStub,
    PlanStub,
    amount,
    boolean,
    row_id,
    search_argument,
    text,
    when,
    whole,
    word,
)


class BoundsField(fields.String):
    """A piece of the map: south, west, north and east in degrees."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            south, west, north, east = (Decimal(part) for part in str(value).split(","))
        except (ValueError, InvalidOperation):
            raise ValidationError("Write south,west,north,east in degrees.") from None
        if not all(part.is_finite() for part in (south, west, north, east)) or south > north or west > east:
            raise ValidationError("Write south,west,north,east in degrees, the smaller first.")
        return Bounds(south=south, west=west, north=north, east=east)


class NearField(fields.String):
    """A place and how far around it: latitude and longitude in degrees, kilometres."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            latitude, longitude, radius = (Decimal(part) for part in str(value).split(","))
        except (ValueError, InvalidOperation):
            raise ValidationError("Write latitude,longitude,kilometres.") from None
        places = (latitude, longitude, radius)
        if not all(part.is_finite() for part in places) or abs(latitude) > 90 or abs(longitude) > 180:
            raise ValidationError("Write latitude and longitude in degrees.")
        if not 0 < radius <= 1000:
            raise ValidationError("Write from 0 to 1000 kilometres.")
        return Near(latitude=latitude, longitude=longitude, radius_km=radius)


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
    start_date = fields.Date()
    activated_at = when(allow_none=True)
    expires_at = when(allow_none=True)
    plan = fields.Nested(PlanStub)
    price = Money(metadata={"example": "150000.00"})
    nas = fields.Nested(NasStub, allow_none=True)
    assigned_ip = fields.String(allow_none=True)


class CustomerOut(Schema):
    """A customer."""

    id = fields.Integer(metadata={"example": 1})
    customer_code = fields.String(metadata={"example": "CUST-2026110001"})
    name = fields.String(metadata={"example": "Budi Santoso"})
    email = fields.String(allow_none=True, metadata={"example": "budi@example.net"})
    phone = fields.String(allow_none=True, metadata={"example": "+628123456789"})
    whatsapp = fields.String(allow_none=True, metadata={"example": "+628123456789"})
    address = fields.String(allow_none=True)
    apartment_number = fields.String(allow_none=True)
    house_number = fields.String(allow_none=True)
    city = fields.String(allow_none=True, metadata={"example": "Bandung"})
    province = fields.String(allow_none=True, metadata={"example": "Jawa Barat"})
    postal_code = fields.String(allow_none=True)
    country = fields.String(metadata={"example": "Indonesia"})
    location = fields.String(allow_none=True, metadata={"description": "how to find the place, in words"})
    latitude = fields.Float(allow_none=True, metadata={"example": -6.2088})
    longitude = fields.Float(allow_none=True, metadata={"example": 106.8456})
    birth_date = fields.Date(allow_none=True)
    gender = fields.String(allow_none=True)
    company_name = fields.String(allow_none=True)
    tax_id = fields.String(allow_none=True)
    metadata = fields.Dict(attribute="details", metadata={"description": "what the provider keeps besides"})
    status = fields.String(metadata={"example": "active"})
    suspend_reason = fields.String(allow_none=True)
    customer_type = fields.String()
    language = fields.String()
    registration_date = fields.Date()
    notes = fields.String()
    balance = Money(metadata={"description": "below zero he owes; kept by the books", "example": "-150000.00"})
    credit_limit = amount(allow_none=True)
    tags = fields.List(fields.Nested(TagOut))
    operator_id = fields.Integer(allow_none=True)
    parent_customer_id = fields.Integer(allow_none=True)
    referral_code = fields.String(allow_none=True, metadata={"example": "K7MQ2RTX"})
    referred_by_id = fields.Integer(allow_none=True)
    created_by_name = fields.String(allow_none=True)
    has_photo = fields.Boolean(metadata={"description": "`GET /customers/{customer_id}/photo` shows it"})
    has_id_card_picture = fields.Boolean(
        metadata={"description": "`GET /customers/{customer_id}/id-card-picture` shows it, and is written down"}
    )
    version = fields.Integer(metadata={"example": 1})
    created_at = when()
    updated_at = when()
    deleted_at = when(allow_none=True)
    subscriptions_count = fields.Integer(attribute="owned.total")
    active_subscriptions = fields.Integer(attribute="owned.active")
    subscriptions = fields.List(
        fields.Nested(SubscriptionStub),
        attribute="owned.rows",
        metadata={"description": f"at most {SHOWN}; `GET /subscriptions?customer_id=` lists all"},
    )
    primary_subscription = fields.Nested(
        SubscriptionStub,
        attribute="owned.primary",
        allow_none=True,
        metadata={"description": "the one that speaks for him: the first active one, else the first"},
    )
    total_revenue = Money(metadata={"description": "his paid invoices; only with the permission to see money"})
    total_spent = Money(metadata={"description": "what he paid from outside; likewise"})


class RouterSecretStub(Schema):
    """A name that a router knows by itself."""

    id = fields.Integer()
    nas_server_id = fields.Integer()
    username = fields.String()
    service = fields.String(metadata={"example": "pppoe"})


class CustomerDetail(CustomerOut):
    """A customer with what is read for him alone."""

    last_ip = fields.String(
        attribute="last_seen.ip", allow_none=True, metadata={"description": "of his newest session"}
    )
    last_mac = fields.String(attribute="last_seen.mac", allow_none=True, metadata={"description": "likewise"})
    last_seen_at = when(
        attribute="last_seen.at", allow_none=True, metadata={"description": "when that was last heard of"}
    )
    router_secrets = fields.List(
        fields.Nested(RouterSecretStub), metadata={"description": "names of his that routers know by themselves"}
    )


class CustomerFields(Schema):
    """What may be said about a customer besides the name."""

    email = text(254, example="budi@example.net", allow_none=True)
    phone = text(40, example="0812-3456-789", allow_none=True)
    whatsapp = text(40, example="0812-3456-789", allow_none=True)
    address = text(1000, allow_none=True)
    apartment_number = text(50, allow_none=True)
    house_number = text(50, allow_none=True)
    city = text(100, example="Bandung", allow_none=True)
    province = text(100, example="Jawa Barat", allow_none=True)
    postal_code = text(10, allow_none=True)
    country = text(100, example="Indonesia", allow_none=True)
    location = text(1000, allow_none=True)
    latitude = fields.Float(allow_none=True, metadata={"example": -6.2088})
    longitude = fields.Float(allow_none=True, metadata={"example": 106.8456})
    birth_date = fields.Date(allow_none=True, metadata={"example": "1990-02-28"})
    gender = word(GENDERS, allow_none=True)
    id_card_number = text(50, allow_none=True)
    company_name = text(255, allow_none=True)
    tax_id = text(50, allow_none=True)
    customer_type = word(CUSTOMER_TYPES)
    language = word(LANGUAGES)
    notes = text(10_000)
    credit_limit = amount(allow_none=True)
    metadata = fields.Dict(keys=fields.String(), allow_none=True)


class AccountIn(Schema):
    """The first subscription of a new customer; what is left out comes from the plan."""

    username = text(253, example="budi@rumah", required=True)
    password = text(128, required=True)
    service_plan_id = row_id(required=True)
    connection_type = word(SUBSCRIPTION_TYPES)
    nas_server_id = row_id(allow_none=True)
    expires_at = when(allow_none=True)
    never_expires = boolean()
    activate = boolean(load_default=True)


class CustomerIn(CustomerFields):
    """A new customer."""

    name = text(255, example="Budi Santoso", required=True)
    status = word(STARTING_STATUSES)
    tags = fields.List(TagField(), validate=validate.Length(max=50), metadata={"example": ["VIP"]})
    operator_id = row_id(allow_none=True)
    parent_customer_id = row_id(allow_none=True)
    referred_by = text(50, example="K7MQ2RTX", allow_none=True)
    subscription = fields.Nested(AccountIn)
    device_name = text(255, allow_none=True)
    initial_balance = Signed(
        metadata={
            "description": "what he brings along: credit above zero, a debt below; needs `edit_balance`",
            "example": "-150000.00",
            "pattern": Signed.PATTERN,
        }
    )


class CustomerPatch(CustomerFields):
    """The fields to change, with the `version` that was read."""

    name = text(255, example="Budi Santoso")
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
    province = fields.String(validate=validate.Length(1, 100))
    operator_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    parent_customer_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    referred_by_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    tags = fields.List(
        fields.String(validate=validate.Length(1, 50)),
        validate=validate.Length(1, 20),
        metadata={"description": "any of them; repeat the argument for each"},
    )
    balance_min = fields.Decimal(allow_nan=False)
    balance_max = fields.Decimal(allow_nan=False)
    balance_filter = word(BALANCES)
    created_after = when()
    created_before = when()
    bounds = BoundsField(
        metadata={
            "description": "south,west,north,east in degrees, without the northern and eastern border",
            "example": "-6.3,106.8,-6.1,106.9",
        }
    )
    near = NearField(metadata={"description": "latitude,longitude,kilometres", "example": "-6.2088,106.8456,5"})
    last_seen_after = when()
    last_seen_before = when()
    usage_since = fields.Date(
        metadata={"description": "usage is of the days from here on; without it of all there are"}
    )
    usage_min_bytes = fields.Integer(validate=validate.Range(0, MAX_ID))
    usage_max_bytes = fields.Integer(validate=validate.Range(0, MAX_ID))
    is_online = fields.Boolean()
    deleted = fields.Boolean(metadata={"description": "those that were deleted instead"})


class CustomerStatistics(Schema):
    """How many there are and what they owe."""

    total_customers = fields.Integer()
    active_customers = fields.Integer()
    customers_with_debt = fields.Integer()
    total_debt = Money(metadata={"example": "1500000.00"})
    total_debt_signed = Money(metadata={"example": "-1500000.00"})
    total_credit = Money(metadata={"example": "250000.00"})
    total_revenue = Money(metadata={"description": "paid invoices; only with the permission to see money"})
    average_spent = Money(metadata={"description": "paid from outside, of all customers on average; likewise"})
    maximum_spent = Money(metadata={"description": "what one customer paid from outside at most; likewise"})


class CustomerSummary(Schema):
    """The numbers above the list."""

    total_customers = fields.Integer()
    active_customers = fields.Integer()
    new_customers_this_month = fields.Integer()
    total_revenue = Money(metadata={"description": "paid invoices; only with the permission to see money"})


class Reason(Schema):
    """Why, in words for the record."""

    reason = text(255, example="overdue", load_default="")
    version = whole(least=1)


class EndIn(Reason):
    """Why, and whether a fee is asked for where a contract is not over and its plan has one."""

    waive_fee = boolean(load_default=False, metadata={"description": "ask for no fee for leaving early"})


class ReasonWithNote(Reason):
    """Why, as a word of the list or one's own, and what there is to say besides."""

    note = text(255, load_default="")


class BlockIn(ReasonWithNote):
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
