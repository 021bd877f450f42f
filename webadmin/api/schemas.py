"""The shapes of requests and answers. They say what a value looks like; whether it makes sense the use-cases decide."""

import re
from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from bss.customers import BLOCKING_STATUSES, LANGUAGES, STARTING_STATUSES
from bss.permissions import PERMISSIONS
from bss.subscriptions import CONNECTION_TYPES as SUBSCRIPTION_TYPES
from db.models.customers import CUSTOMER_TYPES
from db.models.plans import BILLING_CYCLES, CONNECTION_TYPES
from db.models.subscriptions import MAC_STATUSES
from db.queries.lists import (
    CHANGE_SORTS,
    CUSTOMER_SORTS,
    NAS_SORTS,
    PLAN_SORTS,
    SESSION_SORTS,
    SUBSCRIPTION_SORTS,
)
from domain.access import MAC_BINDINGS, REASONS
from domain.fup import COUNTS, RESET_PERIODS
from domain.lifecycle import CUSTOMER_STATUSES, SUBSCRIPTION_STATUSES
from domain.live_change import CHANGE_KINDS, CHANGE_STATUSES
from domain.speed import MAX_KBPS
from webadmin.api.base import MAX_ID, PageArguments, list_schema, result_schema, sort_field

_INT32 = 2**31 - 1


def whole(*, least: int = 0, most: int = _INT32, example: int | None = None, **more: Any) -> fields.Integer:
    """A JSON integer within bounds."""
    metadata = {} if example is None else {"example": example}
    return fields.Integer(strict=True, validate=validate.Range(least, most), metadata=metadata, **more)


def row_id(**more: Any) -> fields.Integer:
    """The id of a row."""
    return whole(least=1, most=MAX_ID, example=1, **more)


def text(longest: int, *, example: str | None = None, **more: Any) -> fields.String:
    """Text up to a length."""
    metadata = {} if example is None else {"example": example}
    return fields.String(validate=validate.Length(max=longest), metadata=metadata, **more)


def word(allowed: tuple[str, ...], **more: Any) -> fields.String:
    """One of a few words."""
    return fields.String(validate=validate.OneOf(allowed), **more)


class Money(fields.String):
    """A decimal string. A JSON number is refused: it has passed through a float in half of all clients."""

    PATTERN = r"^\d{1,12}(\.\d{1,2})?$"

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{Decimal(value):.2f}"

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, attr, data, **kwargs)
        if not isinstance(text, str) or not re.fullmatch(self.PATTERN, text, re.ASCII):
            raise ValidationError('Not an amount: write it as text, like "150000.00".')
        return Decimal(text)


def amount(**more: Any) -> Money:
    """Money, at least zero."""
    return Money(metadata={"example": "150000.00", "pattern": Money.PATTERN}, **more)


def when(**more: Any) -> fields.AwareDateTime:
    """An instant, ISO 8601 with its offset; answered in UTC."""
    return fields.AwareDateTime(format="iso", metadata={"example": "2026-11-30T17:00:00+00:00"}, **more)


def kbps(**more: Any) -> fields.Integer:
    """A speed in kbit/s."""
    return whole(most=MAX_KBPS, example=20_000, **more)


def boolean(**more: Any) -> fields.Boolean:
    """true or false, not a word that looks like it."""
    return fields.Boolean(truthy={True}, falsy={False}, **more)


def search_argument() -> fields.String:
    """The `search` filter of a list."""
    return fields.String(validate=[validate.Length(1, 100), validate.ContainsNoneOf("\x00")])


class Stub(Schema):
    """A relative by id and name."""

    id = fields.Integer()
    name = fields.String()


# --- customers ----------------------------------------------------------------------------------------------------


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
    version = fields.Integer(metadata={"example": 1})
    created_at = when()
    updated_at = when()
    subscriptions_count = fields.Function(lambda row: len(_present(row)), metadata={"type": "integer"})
    active_subscriptions = fields.Function(
        lambda row: sum(one.status == "active" for one in _present(row)), metadata={"type": "integer"}
    )
    subscriptions = fields.Method("_subscriptions", metadata={"type": "array", "items": {"type": "object"}})

    def _subscriptions(self, row: Any) -> Any:
        return SubscriptionStub(many=True).dump(_present(row))


def _present(customer: Any) -> list[Any]:
    return [row for row in customer.subscriptions if row.deleted_at is None]


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

    version = fields.Integer(validate=validate.Range(1, _INT32))


CustomerList = list_schema(CustomerOut, name="CustomerList", summary=CustomerSummary())
CustomerResult = result_schema("customer", CustomerOut, name="CustomerResult")


# --- plans --------------------------------------------------------------------------------------------------------


class TierOut(Schema):
    """A fair-use tier."""

    tier = fields.Integer(metadata={"example": 1})
    threshold_bytes = fields.Integer(metadata={"example": 300_000_000_000})
    counts = fields.String(metadata={"example": "total"})
    reset_period = fields.String(metadata={"example": "billing_cycle"})
    reduced_download_kbps = fields.Integer(allow_none=True)
    reduced_upload_kbps = fields.Integer(allow_none=True)
    reduction_percent = fields.Integer(allow_none=True, metadata={"example": 50})


class TierIn(Schema):
    """A fair-use tier: past the threshold the speed falls by a percentage, or to two speeds."""

    tier = whole(least=1, most=100, example=1)
    threshold_bytes = whole(least=1, most=2**62, example=300_000_000_000, required=True)
    counts = word(COUNTS)
    reset_period = word(RESET_PERIODS)
    reduced_download_kbps = whole(least=1, most=MAX_KBPS, allow_none=True)
    reduced_upload_kbps = whole(least=1, most=MAX_KBPS, allow_none=True)
    reduction_percent = whole(least=1, most=99, example=50, allow_none=True)


class PlanOut(Schema):
    """A service plan. A speed of 0 is unlimited."""

    id = fields.Integer(metadata={"example": 1})
    name = fields.String(metadata={"example": "Rumah 20"})
    slug = fields.String(metadata={"example": "rumah-20"})
    description = fields.String()
    connection_type = fields.String()
    price = amount()
    setup_fee = amount()
    billing_cycle = fields.String()
    validity_days = fields.Integer()
    download_kbps = kbps()
    upload_kbps = kbps()
    priority = fields.Integer()
    burst_enabled = fields.Boolean()
    burst_download_kbps = fields.Integer(allow_none=True)
    burst_upload_kbps = fields.Integer(allow_none=True)
    burst_threshold_download_kbps = fields.Integer(allow_none=True)
    burst_threshold_upload_kbps = fields.Integer(allow_none=True)
    burst_time_s = fields.Integer(allow_none=True)
    concurrent_connections = fields.Integer()
    grace_period_days = fields.Integer()
    session_timeout_s = fields.Integer(allow_none=True)
    idle_timeout_s = fields.Integer(allow_none=True)
    interim_interval_s = fields.Integer()
    ip_pool = fields.String(allow_none=True)
    address_list = fields.String(allow_none=True)
    is_active = fields.Boolean()
    fup_rules = fields.List(fields.Nested(TierOut))
    created_at = when()
    updated_at = when()


class PlanListed(PlanOut):
    """A plan in the list, with its active subscriptions."""

    customers_count = fields.Integer(metadata={"example": 412})


def _plan_fields(**required: Any) -> dict[str, Any]:
    return {
        "name": text(255, example="Rumah 20", **required),
        "slug": text(255, example="rumah-20"),
        "description": text(10_000),
        "connection_type": word(CONNECTION_TYPES),
        "price": amount(),
        "setup_fee": amount(),
        "billing_cycle": word(BILLING_CYCLES),
        "validity_days": whole(least=1, most=3650),
        "download_kbps": kbps(**required),
        "upload_kbps": kbps(**required),
        "priority": whole(least=1, most=8),
        "burst_enabled": boolean(),
        "burst_download_kbps": whole(least=1, most=MAX_KBPS, allow_none=True),
        "burst_upload_kbps": whole(least=1, most=MAX_KBPS, allow_none=True),
        "burst_threshold_download_kbps": whole(least=1, most=MAX_KBPS, allow_none=True),
        "burst_threshold_upload_kbps": whole(least=1, most=MAX_KBPS, allow_none=True),
        "burst_time_s": whole(least=1, most=600, allow_none=True),
        "concurrent_connections": whole(least=1, most=1000),
        "grace_period_days": whole(most=365),
        "session_timeout_s": whole(least=60, most=31_536_000, allow_none=True),
        "idle_timeout_s": whole(least=60, most=31_536_000, allow_none=True),
        "interim_interval_s": whole(least=60, most=3600),
        "ip_pool": text(100, allow_none=True),
        "address_list": text(100, allow_none=True),
        "fup_rules": fields.List(fields.Nested(TierIn), validate=validate.Length(max=10)),
    }


PlanIn = Schema.from_dict(_plan_fields(required=True), name="PlanIn")
PlanPatch = Schema.from_dict(
    _plan_fields()
    | {
        "apply_live": boolean(
            load_default=True, metadata={"description": "give running sessions their new rate at once"}
        )
    },
    name="PlanPatch",
)


class PlanQuery(PageArguments):
    """Filters of the plan list."""

    sort = sort_field(PLAN_SORTS, "name")
    search = search_argument()
    is_active = fields.Boolean()
    connection_type = word(CONNECTION_TYPES)


PlanList = list_schema(PlanListed, name="PlanList")
PlanResult = result_schema("plan", PlanOut, name="PlanResult")


# --- subscriptions ------------------------------------------------------------------------------------------------


class PlanStub(Schema):
    """The plan of a subscription."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "Rumah 20"})
    download_kbps = fields.Integer(metadata={"example": 20_000})
    upload_kbps = fields.Integer(metadata={"example": 10_000})


class NasStub(Schema):
    """The router of a subscription."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "RB-Cempaka"})
    host = fields.String(metadata={"example": "192.0.2.10"})


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
    grace_period_days = fields.Integer(allow_none=True)
    assigned_ip = fields.String(allow_none=True)
    ip_pool = fields.String(allow_none=True)
    address_list = fields.String(allow_none=True)
    mac_binding = fields.String()
    macs = fields.List(fields.Nested(MacOut))
    limits = fields.Nested(LimitsOut, allow_none=True)
    fup_state = fields.Nested(FupStateOut, allow_none=True)
    notes = fields.String()
    suspend_reason = fields.String(allow_none=True)
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
    start_date = fields.Date()
    expires_at = when(allow_none=True)
    never_expires = boolean()
    billing_day = whole(least=1, most=31)
    price = amount()
    setup_fee = amount()
    billing_cycle = word(BILLING_CYCLES)
    auto_renew = boolean()
    grace_period_days = whole(most=365, allow_none=True)
    assigned_ip = text(45, example="10.20.0.15", allow_none=True)
    ip_pool = text(100, allow_none=True)
    address_list = text(100, allow_none=True)
    mac_binding = word(MAC_BINDINGS)
    macs = fields.List(text(23), validate=validate.Length(max=50))
    notes = text(10_000)
    activate = boolean(load_default=True)


class SubscriptionPatch(Schema):
    """The fields to change, with the `version` that was read."""

    username = text(253)
    nas_server_id = row_id(allow_none=True)
    billing_day = whole(least=1, most=31)
    price = amount()
    setup_fee = amount()
    billing_cycle = word(BILLING_CYCLES)
    auto_renew = boolean()
    grace_period_days = whole(most=365, allow_none=True)
    ip_pool = text(100, allow_none=True)
    address_list = text(100, allow_none=True)
    notes = text(10_000)
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
    version = whole(least=1)


class ChangePlanIn(Schema):
    """The plan to move to."""

    service_plan_id = row_id(required=True)
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
    """Whether only listed devices may log in."""

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


SubscriptionList = list_schema(SubscriptionOut, name="SubscriptionList")
SubscriptionResult = result_schema("subscription", SubscriptionOut, name="SubscriptionResult")
SubscriptionSecret = result_schema("subscription", SubscriptionCreated, name="SubscriptionSecret")
MacResult = result_schema("mac", MacOut, name="MacResult")


# --- usage and logins ---------------------------------------------------------------------------------------------


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


class UsageList(Schema):
    """Usage by day, and the running periods."""

    items = fields.List(fields.Nested(UsageOut))
    summary = fields.Nested(UsageSummary)


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


class LoginQuery(Schema):
    """Newest first; `before` is the `next_before` of the answer before."""

    before = when()
    page_size = fields.Integer(load_default=20, validate=validate.Range(1, 200))


class LoginList(Schema):
    """Decisions, newest first."""

    items = fields.List(fields.Nested(LoginOut))
    next_before = when(allow_none=True)


# --- routers ------------------------------------------------------------------------------------------------------


class NasOut(Schema):
    """A router. Its secret is never part of it."""

    id = fields.Integer(metadata={"example": 1})
    name = fields.String(metadata={"example": "RB-Cempaka"})
    host = fields.String(metadata={"example": "192.0.2.10"})
    nas_identifier = fields.String()
    coa_port = fields.Integer(metadata={"example": 3799})
    type = fields.String()
    routeros_version = fields.Integer()
    require_message_authenticator = fields.Boolean()
    acct_input_is = fields.String()
    location = fields.String()
    is_active = fields.Boolean()
    status = fields.String()
    last_seen_at = when(allow_none=True)
    created_at = when()
    updated_at = when()


class NasListed(NasOut):
    """A router in the list, with its running sessions."""

    online_sessions = fields.Integer(metadata={"example": 287})


class NasCreated(NasOut):
    """A new router; the only answer that shows its secret."""

    radius_secret = fields.String(metadata={"description": "shown once"})


def _nas_fields(**required: Any) -> dict[str, Any]:
    return {
        "name": text(100, example="RB-Cempaka", **required),
        "host": text(45, example="192.0.2.10", **required),
        "nas_identifier": text(253),
        "coa_port": whole(least=1, most=65535),
        "routeros_version": fields.Integer(strict=True, validate=validate.OneOf((6, 7))),
        "require_message_authenticator": boolean(),
        "acct_input_is": word(("upload", "download")),
        "location": text(255),
    }


NasIn = Schema.from_dict(_nas_fields(required=True) | {"radius_secret": text(64, allow_none=True)}, name="NasIn")
NasPatch = Schema.from_dict(_nas_fields(), name="NasPatch")


class NasSecretIn(Schema):
    """The new secret; left out, one is made."""

    radius_secret = text(64, allow_none=True)


class NasQuery(PageArguments):
    """Filters of the router list."""

    sort = sort_field(NAS_SORTS, "name")
    search = search_argument()
    is_active = fields.Boolean()


class ScriptQuery(Schema):
    """Under which address the router reaches this installation."""

    server_address = fields.String(required=True, validate=validate.Length(1, 45), metadata={"example": "192.0.2.2"})


class ScriptOut(Schema):
    """The commands to paste into a router. They hold its secret."""

    script = fields.String()


NasList = list_schema(NasListed, name="NasList")


# --- sessions and live changes ------------------------------------------------------------------------------------


class SessionOut(Schema):
    """A session as the router counts it."""

    id = fields.String(attribute="acctuniqueid", metadata={"example": "0123456789abcdef0123456789abcdef"})
    acct_session_id = fields.String(attribute="acctsessionid", metadata={"example": "81000001"})
    username = fields.String()
    subscription_id = fields.Integer(allow_none=True)
    nas_server_id = fields.Integer()
    framed_ip = fields.String(attribute="framedipaddress", allow_none=True)
    calling_station = fields.String(attribute="callingstationid", allow_none=True)
    started_at = when(attribute="acctstarttime")
    updated_at = when(attribute="acctupdatetime")
    stopped_at = when(attribute="acctstoptime", allow_none=True)
    seconds = fields.Integer(attribute="acctsessiontime")
    upload_bytes = fields.Integer(attribute="acctinputoctets")
    download_bytes = fields.Integer(attribute="acctoutputoctets")
    terminate_cause = fields.String(attribute="acctterminatecause", allow_none=True)


class SessionQuery(PageArguments):
    """Filters of the list of running sessions."""

    sort = sort_field(SESSION_SORTS, "-started_at")
    search = search_argument()
    subscription_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    nas_server_id = fields.Integer(validate=validate.Range(1, MAX_ID))


class PastSessionQuery(PageArguments):
    """Order of a subscription's sessions."""

    sort = sort_field(SESSION_SORTS, "-started_at")


class AttemptOut(Schema):
    """One packet exchange with the router."""

    sent_at = when()
    answered_at = when(allow_none=True)
    transmissions = fields.Integer()
    result = fields.String(metadata={"example": "ack"})
    error_cause = fields.String(allow_none=True)


class ChangeOut(Schema):
    """A change of a running session and what became of it."""

    id = fields.Integer(metadata={"example": 90210})
    session_id = fields.String(attribute="acctuniqueid")
    subscription_id = fields.Integer(allow_none=True)
    nas_server_id = fields.Integer()
    username = fields.String()
    kind = word(CHANGE_KINDS, metadata={"example": "disconnect"})
    attributes = fields.Dict(metadata={"example": {"Mikrotik-Rate-Limit": "5M/10M"}})
    reason = fields.String(metadata={"example": "suspend"})
    requested_by = fields.String()
    status = word(CHANGE_STATUSES, metadata={"example": "ack"})
    attempts = fields.Integer()
    error_cause = fields.String(allow_none=True)
    caused_at = when()
    created_at = when()
    sent_at = when(allow_none=True)
    finished_at = when(allow_none=True)


class ChangeDetail(ChangeOut):
    """One change with every exchange."""

    exchanges = fields.List(fields.Nested(AttemptOut))


class ChangeQuery(PageArguments):
    """Filters of the list of changes."""

    sort = sort_field(CHANGE_SORTS, "-created_at")
    ids = fields.String(
        validate=validate.Regexp(r"^\d{1,18}(,\d{1,18}){0,99}$"),
        metadata={"description": "up to a hundred ids with commas between", "example": "90210,90211"},
    )
    subscription_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    nas_server_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    status = word(CHANGE_STATUSES)


SessionList = list_schema(SessionOut, name="SessionList")
ChangeList = list_schema(ChangeOut, name="SessionChangeList")
SessionResult = result_schema("session", SessionOut, name="SessionResult")


# --- tokens and me ------------------------------------------------------------------------------------------------


class TokenOut(Schema):
    """A token. Its secret is never part of it."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "billing sync"})
    prefix = fields.String(metadata={"example": "a1b2c3d4e5f6"})
    scopes = fields.List(fields.String())
    expires_at = when(allow_none=True)
    last_used_at = when(allow_none=True)
    revoked_at = when(allow_none=True)
    created_at = when()


class TokenCreated(TokenOut):
    """A new token; the only answer that shows it whole."""

    token = fields.String(metadata={"description": "shown once"})


class TokenIn(Schema):
    """A new token of one's own, with permissions that the asking token holds."""

    name = text(100, example="billing sync", required=True)
    scopes = fields.List(word(tuple(PERMISSIONS)), required=True, validate=validate.Length(1, len(PERMISSIONS)))
    expires_at = when(allow_none=True)


class TokenList(Schema):
    """One's own tokens, newest first."""

    items = fields.List(fields.Nested(TokenOut))


class UserOut(Schema):
    """A member of staff."""

    id = fields.Integer()
    name = fields.String()
    email = fields.String()
    language = fields.String()


class TenantOut(Schema):
    """The provider."""

    id = fields.Integer()
    name = fields.String()
    timezone = fields.String(metadata={"example": "Asia/Jakarta"})
    currency = fields.String(metadata={"example": "IDR"})


class MeOut(Schema):
    """Who asks, and what this token may do."""

    user = fields.Nested(UserOut)
    tenant = fields.Nested(TenantOut)
    token = fields.Nested(TokenOut)
    permissions = fields.List(fields.String())
