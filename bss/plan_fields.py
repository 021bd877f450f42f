"""What a plan is made of: its fields, what they are when nothing is said, and which values go together.

Decides what may be written into a plan; refuses to know who is online with it.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bss import fields, hours, quotas
from bss.attributes import clean_replies
from bss.failure import Invalid, Problem, raise_all
from db.models import ServicePlan
from db.models.plans import BILLING_CYCLES, CONNECTION_TYPES
from domain.access import SESSION_LIMIT_ACTIONS
from domain.customer_record import CUSTOMER_TYPES
from domain.fup import COUNTS, RESET_PERIODS
from domain.garden import GARDEN_MODES
from domain.speed import MAX_KBPS, read_burst

MAX_TIERS, MAX_FEATURES = 10, 30
MAX_BYTES = 2**62
BURST = (
    "burst_download_kbps",
    "burst_upload_kbps",
    "burst_threshold_download_kbps",
    "burst_threshold_upload_kbps",
    "burst_time_s",
)
# What RouterOS calls limit-at: guaranteed when everybody wants the line at once.
LEAST = ("min_download_kbps", "min_upload_kbps")
EDITABLE = frozenset(
    {
        "name",
        "slug",
        "description",
        "connection_type",
        "price",
        "setup_fee",
        "billing_cycle",
        "validity_days",
        "download_kbps",
        "upload_kbps",
        "priority",
        "burst_enabled",
        *BURST,
        "concurrent_connections",
        "session_limit_action",
        "garden_mode",
        "grace_period_days",
        "session_timeout_s",
        "idle_timeout_s",
        "interim_interval_s",
        "ip_pool",
        "address_list",
        "router_profile",
        "contract_period_months",
        "early_end_fee",
        "customer_types",
        "features",
        "metadata",
        "is_popular",
        "fup_rules",
        *LEAST,
        "reply_attributes",
        "time_windows",
        "quotas",
    }
)
TIER_FIELDS = frozenset(
    {
        "tier",
        "threshold_bytes",
        "counts",
        "reset_period",
        "reduced_download_kbps",
        "reduced_upload_kbps",
        "reduction_percent",
    }
)
DEFAULTS: Mapping[str, Any] = {
    "description": "",
    "connection_type": "pppoe",
    "price": 0,
    "setup_fee": 0,
    "billing_cycle": "monthly",
    "validity_days": 30,
    "priority": 8,
    "burst_enabled": False,
    **dict.fromkeys(BURST),
    "concurrent_connections": 1,
    "session_limit_action": "refuse",
    "garden_mode": "tenant",
    "grace_period_days": 7,
    "session_timeout_s": None,
    "idle_timeout_s": None,
    "interim_interval_s": 300,
    "ip_pool": None,
    "address_list": None,
    "router_profile": None,
    "contract_period_months": 1,
    "early_end_fee": 0,
    "customer_types": (),
    "features": {},
    "metadata": {},
    "is_popular": False,
    "fup_rules": (),
    **dict.fromkeys(LEAST),
    "reply_attributes": (),
    "time_windows": (),
    "quotas": (),
}
# What is called otherwise in the table.
COLUMNS: Mapping[str, str] = {"metadata": "details"}
RATE_FIELDS = frozenset(
    {"download_kbps", "upload_kbps", "priority", "burst_enabled", *BURST, *LEAST, "fup_rules", "time_windows", "quotas"}
)
# What a running session is told in seconds from its start.
LIMIT_FIELDS = frozenset({"session_timeout_s", "grace_period_days", "time_windows"})


def make_slug(name: str) -> str:
    """A short name for addresses: lower-case letters, digits and hyphens."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:255] or "plan"


def required(values: Mapping[str, Any], name: str) -> Problem | None:
    """The problem of a field that is left out or empty, or None."""
    missing = values.get(name) is None or values.get(name) == ""
    return Problem(field=name, reason="is missing", mend="fill it in") if missing else None


def check_whole(plan: ServicePlan) -> None:
    """What only the whole plan can tell: speeds that go together, a guarantee below them and a burst above them."""
    fields.speed_pair(plan.download_kbps, plan.upload_kbps)
    _check_least(plan)
    if not plan.burst_enabled:
        return
    for side in ("download", "upload"):
        speed, burst = getattr(plan, f"{side}_kbps"), getattr(plan, f"burst_{side}_kbps")
        if speed == 0:
            raise Invalid(Problem(field="burst_enabled", reason="an unlimited plan has no burst", mend="switch it off"))
        if burst is None or burst < speed:
            raise Invalid(
                Problem(field=f"burst_{side}_kbps", reason="is below the speed", mend=f"use at least {speed}")
            )
    if plan.burst_time_s is None:
        raise Invalid(Problem(field="burst_time_s", reason="is missing", mend="use 1 to 600 seconds, usually 16"))


def _check_least(plan: ServicePlan) -> None:
    if plan.min_download_kbps is None and plan.min_upload_kbps is None:
        return
    for side in ("download", "upload"):
        speed, least = getattr(plan, f"{side}_kbps"), getattr(plan, f"min_{side}_kbps")
        if least is None:
            raise Invalid(Problem(field=f"min_{side}_kbps", reason="is missing", mend="guarantee both sides, or none"))
        if least > speed:
            mend = f"use at most {speed}" if speed else "leave it empty: an unlimited plan has no guarantee"
            raise Invalid(Problem(field=f"min_{side}_kbps", reason="is above the speed", mend=mend))


def clean_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """The clean value of every field that is given, by column; raises `Invalid` with all that is wrong."""
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    for name, value in given.items():
        try:
            values[COLUMNS.get(name, name)] = _CLEANERS[name](value)
        except Invalid as error:
            problems.extend(error.problems)
    raise_all(problems)
    return values


def _whole(name: str, least: int, most: int) -> Callable[[Any], int]:
    return lambda value: fields.whole(value, field=name, least=least, most=most)


def _optional(name: str, least: int, most: int) -> Callable[[Any], int | None]:
    return lambda value: fields.optional_whole(value, field=name, least=least, most=most)


def _slug(value: Any) -> str:
    slug = fields.text(value, field="slug", longest=255, required=True)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
        mend = "use lower-case letters, digits and single hyphens"
        raise Invalid(Problem(field="slug", reason="is not a short name", mend=mend))
    return slug


def burst_fields(text: str) -> dict[str, Any]:
    """The burst of a plan from one line in RouterOS's words, such as `15M/15M 10M/10M 5/5`."""
    try:
        burst = read_burst(text)
    except ValueError as error:
        mend = "write rate, threshold and seconds like 15M/15M 10M/10M 5/5, upload first"
        raise Invalid(Problem(field="burst", reason=str(error), mend=mend)) from None
    return {
        "burst_enabled": True,
        "burst_download_kbps": burst.speed.download_kbps,
        "burst_upload_kbps": burst.speed.upload_kbps,
        "burst_threshold_download_kbps": burst.threshold.download_kbps,
        "burst_threshold_upload_kbps": burst.threshold.upload_kbps,
        "burst_time_s": burst.time_s,
    }


def _customer_types(value: Any) -> list[str]:
    given = value if isinstance(value, list | tuple) else [value]
    types = [fields.one_of(one, field="customer_types", allowed=CUSTOMER_TYPES) for one in given]
    return [one for one in CUSTOMER_TYPES if one in types]


def _features(value: Any) -> dict[str, Any]:
    """A flat map: a word, and true, false, a number or a short text."""
    if not isinstance(value, Mapping) or len(value) > MAX_FEATURES:
        raise Invalid(Problem(field="features", reason=f"is no map of at most {MAX_FEATURES}", mend="use fewer"))
    return {_feature_name(name): _feature(name, one) for name, one in sorted(value.items())}


def _feature_name(name: Any) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9_]{1,40}", name):
        mend = "use lower-case letters, digits and underscores, such as free_installation"
        raise Invalid(Problem(field="features", reason=f"{str(name)[:40]!r} is not a name", mend=mend))
    return name


def _feature(name: str, value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, int) and abs(value) < 10**9):
        return value
    return fields.text(value, field=f"features.{name}", longest=100)


def _tiers(value: Any) -> list[dict[str, Any]]:
    given = list(value or ())
    if len(given) > MAX_TIERS:
        raise Invalid(Problem(field="fup_rules", reason=f"are more than {MAX_TIERS}", mend="use fewer tiers"))
    tiers = [_tier(position, tier) for position, tier in enumerate(given)]
    tiers.sort(key=lambda tier: int(tier["tier"]))
    _check_order(tiers)
    return tiers


def _tier(position: int, given: Mapping[str, Any]) -> dict[str, Any]:
    at = f"fup_rules.{position}."
    unknown = sorted(set(given) - TIER_FIELDS)
    if unknown:
        raise Invalid(Problem(field=at + unknown[0], reason="is not a field of a tier"))
    tier = {
        "tier": fields.whole(given.get("tier", position + 1), field=at + "tier", least=1, most=100),
        "threshold_bytes": fields.whole(
            given.get("threshold_bytes"), field=at + "threshold_bytes", least=1, most=MAX_BYTES
        ),
        "counts": fields.one_of(given.get("counts", "total"), field=at + "counts", allowed=COUNTS),
        "reset_period": fields.one_of(
            given.get("reset_period", "billing_cycle"), field=at + "reset_period", allowed=RESET_PERIODS
        ),
    }
    return tier | _reduction(at, given)


def _reduction(at: str, given: Mapping[str, Any]) -> dict[str, int | None]:
    percent = fields.optional_whole(given.get("reduction_percent"), field=at + "reduction_percent", least=1, most=99)
    speeds = {
        name: fields.optional_whole(given.get(name), field=at + name, least=1, most=MAX_KBPS)
        for name in ("reduced_download_kbps", "reduced_upload_kbps")
    }
    given_speeds = [speed for speed in speeds.values() if speed is not None]
    if len(given_speeds) == 1 or (percent is None) == (not given_speeds):
        raise Invalid(
            Problem(
                field=at + "reduction_percent",
                reason="a tier slows either by a percentage or to two speeds",
                mend="fill in the percentage, or both reduced speeds",
            )
        )
    return {"reduction_percent": percent, **speeds}


def _check_order(tiers: Sequence[Mapping[str, Any]]) -> None:
    """Tier numbers are unique, and among tiers that look at the same usage a higher one starts later."""
    numbers = [tier["tier"] for tier in tiers]
    if len(set(numbers)) != len(numbers):
        raise Invalid(Problem(field="fup_rules", reason="two tiers have the same number", mend="number them 1, 2, 3"))
    reached: dict[tuple[str, str], int] = {}
    for position, tier in enumerate(tiers):
        measure = (tier["counts"], tier["reset_period"])
        if tier["threshold_bytes"] <= reached.get(measure, 0):
            raise Invalid(
                Problem(
                    field=f"fup_rules.{position}.threshold_bytes",
                    reason="is not above the tier before it",
                    mend="let each tier start at more usage than the one before",
                )
            )
        reached[measure] = tier["threshold_bytes"]


_CLEANERS: Mapping[str, Callable[[Any], Any]] = {
    "name": lambda value: fields.text(value, field="name", longest=255, required=True),
    "slug": _slug,
    "description": lambda value: fields.text(value, field="description", longest=10_000, lines=True),
    "connection_type": lambda value: fields.one_of(value, field="connection_type", allowed=CONNECTION_TYPES),
    "price": lambda value: fields.money(value, field="price"),
    "setup_fee": lambda value: fields.money(value, field="setup_fee"),
    "billing_cycle": lambda value: fields.one_of(value, field="billing_cycle", allowed=BILLING_CYCLES),
    "validity_days": _whole("validity_days", 1, 3650),
    "download_kbps": _whole("download_kbps", 0, MAX_KBPS),
    "upload_kbps": _whole("upload_kbps", 0, MAX_KBPS),
    "priority": _whole("priority", 1, 8),
    "burst_enabled": bool,
    "burst_download_kbps": _optional("burst_download_kbps", 1, MAX_KBPS),
    "burst_upload_kbps": _optional("burst_upload_kbps", 1, MAX_KBPS),
    "burst_threshold_download_kbps": _optional("burst_threshold_download_kbps", 1, MAX_KBPS),
    "burst_threshold_upload_kbps": _optional("burst_threshold_upload_kbps", 1, MAX_KBPS),
    "burst_time_s": _optional("burst_time_s", 1, 600),
    "session_limit_action": lambda value: fields.one_of(
        value, field="session_limit_action", allowed=SESSION_LIMIT_ACTIONS
    ),
    "garden_mode": lambda value: fields.one_of(value, field="garden_mode", allowed=GARDEN_MODES),
    "concurrent_connections": _whole("concurrent_connections", 1, 1000),
    "grace_period_days": _whole("grace_period_days", 0, 365),
    "session_timeout_s": _optional("session_timeout_s", 60, 31_536_000),
    "idle_timeout_s": _optional("idle_timeout_s", 60, 31_536_000),
    "interim_interval_s": _whole("interim_interval_s", 60, 3600),
    "ip_pool": lambda value: fields.router_name(value, field="ip_pool"),
    "address_list": lambda value: fields.router_name(value, field="address_list"),
    "router_profile": lambda value: fields.router_name(value, field="router_profile"),
    "contract_period_months": _whole("contract_period_months", 0, 120),
    "customer_types": _customer_types,
    "early_end_fee": lambda value: fields.money(value, field="early_end_fee"),
    "features": _features,
    "metadata": fields.metadata,
    "is_popular": bool,
    "fup_rules": _tiers,
    "time_windows": hours.clean_windows,
    "quotas": quotas.clean_quotas,
    **{name: _optional(name, 1, MAX_KBPS) for name in LEAST},
    "reply_attributes": lambda value: clean_replies(value, field="reply_attributes"),
}
