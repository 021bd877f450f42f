"""Subscriptions with their devices and limits, in and out; usage and logins, out."""

from marshmallow import Schema, fields, validate

from bss.subscriptions import CONNECTION_TYPES as SUBSCRIPTION_TYPES
from db.models.plans import BILLING_CYCLES
from db.models.subscriptions import MAC_STATUSES
from db.queries.lists import (
    SUBSCRIPTION_SORTS,
)
from domain.access import MAC_BINDINGS, NAS_BINDINGS, REASONS
from domain.entitlement import BY_STAFF, OVERDUE
from domain.lifecycle import SUBSCRIPTION_STATUSES
from domain.term import EXPIRING_SOON_DAYS, days_left, ends_soon
from webadmin import security
from webadmin.api.base import MAX_ID, PageArguments, list_schema, result_schema, sort_field
from webadmin.api.schemas.customers import CustomerStub, EndIn, Reason
from webadmin.api.schemas.decisions import ReceiptOut
from webadmin.api.schemas.shapes import (
    NasStub,
    PlanStub,
    amount,
    boolean,
    kbps,
    row_id,
    search_argument,
    text,
    when,
    whole,
    word,
)


class LimitsOut(Schema):
    """What a subscription gets instead of its plan."""

    download_kbps = fields.Integer(allow_none=True)
    upload_kbps = fields.Integer(allow_none=True)
    speed_expires_at = when(allow_none=True)
    session_timeout_s = fields.Integer(allow_none=True)
    concurrent_connections = fields.Integer(allow_none=True)


class MacOut(Schema):
    """A device on the list."""

    id = fields.Integer()
    mac = fields.Function(lambda row: str(row.mac).upper(), metadata={"type": "string", "example": "AA:BB:CC:DD:EE:FF"})
    status = fields.String(metadata={"example": "approved"})
    source = fields.String(metadata={"example": "manual"})
    note = fields.String()


class FupStateOut(Schema):
    """The fair-use tier in force."""

    tier = fields.Integer()
    usage_at_activation_bytes = fields.Integer(allow_none=True)
    activated_at = when(allow_none=True)
    window_end = when(allow_none=True)


class SubscriptionOut(Schema):
    """A subscription. Its password is never part of it."""

    id = fields.Integer(metadata={"example": 1})
    subscription_code = fields.String(metadata={"example": "SUB-2026110001"})
    customer = fields.Nested(CustomerStub)
    plan = fields.Nested(PlanStub)
    nas = fields.Nested(NasStub, allow_none=True)
    connection_type = fields.String()
    username = fields.String(metadata={"example": "budi@rumah"})
    status = fields.String(metadata={"example": "active"})
    start_date = fields.Date()
    expires_at = when(allow_none=True)
    billing_day = fields.Integer()
    price = amount()
    setup_fee = amount()
    billing_cycle = fields.String()
    auto_renew = fields.Boolean()
    is_postpaid = fields.Boolean(metadata={"description": "billed at the end of each month; its term has no end"})
    cancel_at_period_end = fields.Boolean(metadata={"description": "at the customer's wish it ends with its term"})
    days_until_expiry = fields.Function(
        lambda row: days_left(row.expires_at, security.now()),
        metadata={"type": "integer", "example": 12, "description": "below zero once it is over; -1 without an end"},
    )
    is_expiring_soon = fields.Function(
        lambda row: ends_soon(row.expires_at, security.now()),
        metadata={"type": "boolean", "description": f"whether its term ends within {EXPIRING_SOON_DAYS} days"},
    )
    is_expired = fields.Function(
        lambda row: row.expires_at is not None and row.expires_at <= security.now(), metadata={"type": "boolean"}
    )
    next_billing_at = fields.Function(
        lambda row: row.expires_at.isoformat() if row.expires_at is not None and row.auto_renew else None,
        metadata={"type": ["string", "null"], "format": "date-time", "description": "the next renewal, if one comes"},
    )
    installation_address = fields.String(allow_none=True)
    installation_date = fields.Date(allow_none=True)
    installation_fee = amount()
    fees_billed_at = when(allow_none=True)
    grace_period_days = fields.Integer(allow_none=True)
    assigned_ip = fields.String(allow_none=True)
    ip_pool = fields.String(allow_none=True)
    address_list = fields.String(allow_none=True)
    router_profile = fields.String(
        allow_none=True, metadata={"description": "profile of its secret on a router that keeps its own"}
    )
    mac_binding = fields.String()
    nas_binding = fields.String(metadata={"example": "off"})
    nas_group_id = fields.Integer(allow_none=True)
    macs = fields.List(fields.Nested(MacOut))
    limits = fields.Nested(LimitsOut, allow_none=True)
    fup_state = fields.Nested(FupStateOut, allow_none=True)
    notes = fields.String()
    metadata = fields.Dict(
        attribute="details",
        metadata={"description": "what the provider keeps besides", "example": {"ont": "HWTC1A2B3C4D"}},
    )
    suspend_reason = fields.String(allow_none=True)
    suspend_cause = fields.String(
        allow_none=True, metadata={"example": "staff", "description": "what lifts it: paying, a day, or staff"}
    )
    activated_at = when(allow_none=True)
    suspended_at = when(allow_none=True)
    terminated_at = when(allow_none=True)
    version = fields.Integer(metadata={"example": 1})
    created_at = when()
    updated_at = when()


class SpeedOut(Schema):
    """What a login would be granted now."""

    download_kbps = fields.Integer(metadata={"example": 20_000})
    upload_kbps = fields.Integer(metadata={"example": 10_000})
    mikrotik_rate_limit = fields.String(allow_none=True, metadata={"example": "10M/20M"})


class SubscriptionDetail(SubscriptionOut):
    """One subscription, with the speed in force and how often it is online."""

    speed = fields.Nested(SpeedOut)
    online_sessions = fields.Integer()


class SubscriptionCreated(SubscriptionOut):
    """A new subscription; the only answer that shows its password."""

    password = fields.String(metadata={"description": "shown once", "example": "kx7m-2vqp-9tzh-4wra"})


class SubscriptionIn(Schema):
    """A new subscription; what is left out comes from the plan."""

    customer_id = row_id(required=True)
    service_plan_id = row_id(required=True)
    username = text(253, example="budi@rumah", required=True)
    password = text(128, allow_none=True)
    connection_type = word(SUBSCRIPTION_TYPES)
    nas_server_id = row_id(allow_none=True)
    nas_binding = word(NAS_BINDINGS)
    nas_group_id = row_id(allow_none=True)
    start_date = fields.Date()
    expires_at = when(allow_none=True)
    never_expires = boolean()
    billing_day = whole(least=1, most=31)
    price = amount()
    setup_fee = amount()
    billing_cycle = word(BILLING_CYCLES)
    auto_renew = boolean()
    is_postpaid = boolean()
    installation_address = text(1000, allow_none=True)
    installation_date = fields.Date(allow_none=True)
    installation_fee = amount()
    bill_now = boolean(load_default=False, metadata={"description": "ask for the first term and all fees at once"})
    grace_period_days = whole(most=365, allow_none=True)
    assigned_ip = text(45, example="10.20.0.15", allow_none=True)
    ip_pool = text(100, allow_none=True)
    address_list = text(100, allow_none=True)
    router_profile = text(100, allow_none=True)
    mac_binding = word(MAC_BINDINGS)
    macs = fields.List(text(23), validate=validate.Length(max=50))
    notes = text(10_000)
    metadata = fields.Dict(keys=fields.String(), allow_none=True)
    activate = boolean(load_default=True)


class SubscriptionPatch(Schema):
    """The fields to change, with the `version` that was read."""

    username = text(253)
    nas_server_id = row_id(allow_none=True)
    nas_binding = word(NAS_BINDINGS, metadata={"description": "may be used anywhere, at its router, or in its group"})
    nas_group_id = row_id(allow_none=True)
    billing_day = whole(least=1, most=31)
    price = amount()
    setup_fee = amount()
    billing_cycle = word(BILLING_CYCLES)
    auto_renew = boolean()
    is_postpaid = boolean()
    installation_address = text(1000, allow_none=True)
    installation_date = fields.Date(allow_none=True)
    installation_fee = amount()
    grace_period_days = whole(most=365, allow_none=True)
    ip_pool = text(100, allow_none=True)
    address_list = text(100, allow_none=True)
    router_profile = text(100, allow_none=True)
    notes = text(10_000)
    metadata = fields.Dict(keys=fields.String(), allow_none=True)
    version = whole(least=1)


class SubscriptionQuery(PageArguments):
    """Filters of the subscription list."""

    sort = sort_field(SUBSCRIPTION_SORTS, "-created_at")
    search = search_argument()
    customer_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    status = word(SUBSCRIPTION_STATUSES)
    service_plan_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    nas_server_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    connection_type = word(SUBSCRIPTION_TYPES)
    expiring_within_days = fields.Integer(
        validate=validate.Range(0, 3650), metadata={"description": "whose term ends within so many days, or ended"}
    )


class SubscriptionActivateIn(Schema):
    """How to activate."""

    never_expires = boolean(load_default=False)
    bill_now = boolean(load_default=False, metadata={"description": "a first activation: ask for its term at once"})
    version = whole(least=1)


class SubscriptionSuspendIn(Reason):
    """Why, and what lifts it: staff, or, for `overdue`, paying what is owed."""

    cause = word((BY_STAFF, OVERDUE), load_default=BY_STAFF)


class SubscriptionCancelIn(EndIn):
    """Why, and when."""

    at_period_end = boolean(load_default=False, metadata={"description": "when its term ends, instead of now"})


class SubscriptionKeepIn(Schema):
    """The version that was read."""

    version = whole(least=1)


class ChangePlanIn(Schema):
    """The plan to move to."""

    service_plan_id = row_id(required=True)
    waive_fee = boolean(load_default=False, metadata={"description": "ask for no fee where that breaks a contract"})
    version = whole(least=1)


class ChangePasswordIn(Schema):
    """The new password; left out, one is made."""

    password = text(128, allow_none=True)
    version = whole(least=1)


class ChangeExpiryIn(Schema):
    """The new end of the term; null for none."""

    expires_at = when(required=True, allow_none=True)
    version = whole(least=1)


class LimitsIn(Schema):
    """What to give instead of the plan; null gives the plan's value back, what is left out stays."""

    download_kbps = kbps(allow_none=True)
    upload_kbps = kbps(allow_none=True)
    speed_expires_at = when(allow_none=True)
    session_timeout_s = whole(least=60, most=31_536_000, allow_none=True)
    concurrent_connections = whole(least=1, most=1000, allow_none=True)
    version = whole(least=1)


class AssignIpIn(Schema):
    """The fixed IPv4 address; null for none."""

    assigned_ip = text(45, example="10.20.0.15", required=True, allow_none=True)
    version = whole(least=1)


class MacBindingIn(Schema):
    """Which devices may log in: any, the approved ones, the first that comes, or those that staff approve."""

    mac_binding = word(MAC_BINDINGS, required=True)
    version = whole(least=1)


class MacIn(Schema):
    """A device for the list."""

    mac = text(23, example="AA:BB:CC:DD:EE:FF", required=True)
    status = word(MAC_STATUSES)
    note = text(255)


class MacPatch(Schema):
    """A listed device's new state."""

    status = word(MAC_STATUSES, required=True)


class WaitingMacOut(Schema):
    """A device that waits for approval, and whose subscription it asked for."""

    id = fields.Integer()
    mac = fields.String(metadata={"example": "AA:BB:CC:DD:EE:FF"})
    asked_at = when()
    subscription_id = fields.Integer()
    username = fields.String(metadata={"example": "budi@rumah"})
    customer_id = fields.Integer()
    customer_name = fields.String(metadata={"example": "Budi"})
    allowed_devices = fields.Integer(
        metadata={"description": "Devices that may use the subscription already.", "example": 1}
    )


WaitingMacs = list_schema(WaitingMacOut, name="WaitingMacs")
SubscriptionList = list_schema(SubscriptionOut, name="SubscriptionList")
SubscriptionResult = result_schema("subscription", SubscriptionOut, name="SubscriptionResult")
SubscriptionSecret = result_schema("subscription", SubscriptionCreated, name="SubscriptionSecret")
MacResult = result_schema("mac", MacOut, name="MacResult")


class UsageOut(Schema):
    """What was used from a local day on."""

    first_day = fields.Date()
    download_bytes = fields.Integer()
    upload_bytes = fields.Integer()
    total_bytes = fields.Integer()
    seconds = fields.Integer()


class UsageQuery(Schema):
    """Local days, both included; the last thirty by default."""

    first_day = fields.Date()
    last_day = fields.Date()


class UsageSummary(Schema):
    """Usage of the running day, week, month and billing cycle."""

    daily = fields.Nested(UsageOut)
    weekly = fields.Nested(UsageOut)
    monthly = fields.Nested(UsageOut)
    billing_cycle = fields.Nested(UsageOut)


def percentage() -> fields.Integer:
    """How much of the billing period's volume is used."""
    return fields.Integer(
        allow_none=True,
        metadata={
            "example": 42,
            "description": "used of the volume of the running billing period, at most 100; null where none limits it",
        },
    )


class UsageList(Schema):
    """Usage by day, and the running periods."""

    items = fields.List(fields.Nested(UsageOut))
    summary = fields.Nested(UsageSummary)
    usage_percentage = percentage()


class LoginOut(Schema):
    """One decision about a login."""

    decided_at = when()
    result = fields.String(metadata={"example": "reject"})
    reason = fields.String(metadata={"example": "subscription_suspended"})
    reason_text = fields.Function(
        lambda row: REASONS.get(row.reason, row.reason),
        metadata={"type": "string", "example": "the subscription is suspended"},
    )
    username = fields.String()
    nas_server_id = fields.Integer()
    calling_station = fields.String(attribute="callingstationid", allow_none=True)
    service = fields.String(metadata={"example": "pppoe"})
    decision_id = fields.String()
    compiled_at = when(allow_none=True)
    is_stale = fields.Function(
        lambda row: bool((row.details or {}).get("stale")),
        metadata={"type": "boolean", "description": "decided from memory while the database did not answer"},
    )
    receipt = fields.Nested(
        ReceiptOut, allow_none=True, metadata={"description": "only with `receipts=true`; null when it is not kept"}
    )


class LoginQuery(Schema):
    """Newest first; `before` is the `next_before` of the answer before."""

    before = when()
    receipts = fields.Boolean(load_default=False, metadata={"description": "tell how each decision came about"})
    page_size = fields.Integer(load_default=20, validate=validate.Range(1, 200))


class LoginList(Schema):
    """Decisions, newest first."""

    items = fields.List(fields.Nested(LoginOut))
    next_before = when(allow_none=True)
