"""Service plans, in and out."""

from typing import Any

from marshmallow import Schema, fields, validate

from bss.attributes import MAX_ROWS
from bss.hours import MAX_WINDOWS
from bss.plans import data_limit_text, rate_limit_of
from bss.quotas import MAX_QUOTAS
from db.models.plans import BILLING_CYCLES, CONNECTION_TYPES
from db.queries.lists import (
    PLAN_SORTS,
)
from domain.access import SESSION_LIMIT_ACTIONS
from domain.customer_record import CUSTOMER_TYPES
from domain.fup import COUNTS, RESET_PERIODS
from domain.garden import GARDEN_MODES
from domain.speed import MAX_KBPS
from webadmin.api.base import PageArguments, list_schema, result_schema, sort_field
from webadmin.api.schemas.allowances import QuotaIn, QuotaOut, WindowIn, WindowOut
from webadmin.api.schemas.attributes import AttributeOut, ReplyIn
from webadmin.api.schemas.shapes import amount, boolean, kbps, search_argument, speed_text, text, when, whole, word


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
    session_limit_action = fields.String(
        metadata={"example": "refuse", "description": "at the limit: refuse the login, or end the oldest session"}
    )
    garden_mode = fields.String(
        metadata={"example": "tenant", "description": "the provider's walled gardens, or never one"}
    )
    grace_period_days = fields.Integer()
    session_timeout_s = fields.Integer(allow_none=True)
    idle_timeout_s = fields.Integer(allow_none=True)
    interim_interval_s = fields.Integer()
    ip_pool = fields.String(allow_none=True)
    address_list = fields.String(allow_none=True)
    router_profile = fields.String(
        allow_none=True, metadata={"description": "profile of secrets on routers that keep their own"}
    )
    is_active = fields.Boolean()
    is_popular = fields.Boolean()
    contract_period_months = fields.Integer(metadata={"description": "from the activation on; 0 is no contract"})
    early_end_fee = amount()
    customer_types = fields.List(fields.String(), metadata={"description": "for whom it is; empty: for everybody"})
    features = fields.Dict(keys=fields.String(), metadata={"example": {"free_installation": True}})
    metadata = fields.Dict(attribute="details", metadata={"description": "what the provider keeps besides"})
    display_speed = speed_text()
    display_data_limit = fields.Function(
        lambda plan: data_limit_text(plan.quotas), metadata={"type": "string", "example": "500.0 GB"}
    )
    mikrotik_rate_limit = fields.Function(
        rate_limit_of, metadata={"type": "string", "example": "10M/20M", "description": "as the router gets it"}
    )
    min_download_kbps = fields.Integer(allow_none=True, metadata={"description": "guaranteed; RouterOS's limit-at"})
    min_upload_kbps = fields.Integer(allow_none=True)
    fup_rules = fields.List(fields.Nested(TierOut))
    time_windows = fields.List(fields.Nested(WindowOut))
    quotas = fields.List(fields.Nested(QuotaOut))
    reply_attributes = fields.List(fields.Nested(AttributeOut))
    created_at = when()
    updated_at = when()


class PlanListed(PlanOut):
    """A plan in the list, with its active subscriptions."""

    customers_count = fields.Integer(metadata={"example": 412})
    monthly_revenue = fields.Function(
        lambda plan: f"{plan.monthly_revenue:.2f}",
        metadata={"type": "string", "example": "300000.00", "description": "its price in a month times its customers"},
    )


def plan_fields(**required: Any) -> dict[str, Any]:
    """What may be given of a plan."""
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
        "session_limit_action": word(SESSION_LIMIT_ACTIONS),
        "garden_mode": word(GARDEN_MODES),
        "grace_period_days": whole(most=365),
        "session_timeout_s": whole(least=60, most=31_536_000, allow_none=True),
        "idle_timeout_s": whole(least=60, most=31_536_000, allow_none=True),
        "interim_interval_s": whole(least=60, most=3600),
        "ip_pool": text(100, allow_none=True),
        "address_list": text(100, allow_none=True),
        "router_profile": text(100, allow_none=True),
        "contract_period_months": whole(most=120),
        "early_end_fee": amount(),
        "customer_types": fields.List(word(CUSTOMER_TYPES), validate=validate.Length(max=len(CUSTOMER_TYPES))),
        "features": fields.Dict(keys=text(40), values=fields.Raw(), validate=validate.Length(max=30)),
        "metadata": fields.Dict(keys=fields.String(), allow_none=True),
        "is_popular": boolean(),
        "min_download_kbps": whole(least=1, most=MAX_KBPS, allow_none=True),
        "min_upload_kbps": whole(least=1, most=MAX_KBPS, allow_none=True),
        "fup_rules": fields.List(fields.Nested(TierIn), validate=validate.Length(max=10)),
        "time_windows": fields.List(fields.Nested(WindowIn), validate=validate.Length(max=MAX_WINDOWS)),
        "quotas": fields.List(fields.Nested(QuotaIn), validate=validate.Length(max=MAX_QUOTAS)),
        "reply_attributes": fields.List(fields.Nested(ReplyIn), validate=validate.Length(max=MAX_ROWS)),
    }


# Instead of the burst_* fields, in RouterOS's words: upload first.
_BURST = {"burst": text(100, example="15M/15M 10M/10M 5/5")}
PlanIn = Schema.from_dict(plan_fields(required=True) | _BURST, name="PlanIn")
PlanPatch = Schema.from_dict(
    plan_fields()
    | _BURST
    | {
        "apply_live": boolean(
            load_default=True, metadata={"description": "give running sessions their new rate at once"}
        )
    },
    name="PlanPatch",
)


class PlanCopyIn(Schema):
    """The name of the copy."""

    name = text(255, example="Rumah 20 Promo", required=True)


class PlanQuery(PageArguments):
    """Filters of the plan list."""

    sort = sort_field(PLAN_SORTS, "name")
    search = search_argument()
    is_active = fields.Boolean()
    is_popular = fields.Boolean()
    connection_type = word(CONNECTION_TYPES)
    customer_type = word(CUSTOMER_TYPES)
    price_min = amount()
    price_max = amount()


PlanList = list_schema(PlanListed, name="PlanList")
PlanResult = result_schema("plan", PlanOut, name="PlanResult")
