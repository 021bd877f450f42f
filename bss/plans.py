"""Service plans: what is sold, with fair-use tiers; and what an edit does to the people who are online with it."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, bulk_changes, fair_use, fields, hours, network, quotas
from bss.actor import Actor
from bss.attributes import as_rows, clean_replies
from bss.failure import Conflict, Invalid, Problem, flush_or_conflict, raise_all, require_known
from bss.outcome import Changed, Effect
from bss.rows import find, locked
from db.models import AllowanceQuota, PlanFupRule, PlanReplyAttribute, ServicePlan, Tenant
from db.models.plans import BILLING_CYCLES, CONNECTION_TYPES
from db.queries.access import windows_of
from db.queries.allowances import garden_of_plan
from db.queries.rollouts import replace_open
from db.queries.subscriptions import count_of_plan, online_of_plan, slowed_of_plan
from db.queries.zones import zone_named
from domain.access import SESSION_LIMIT_ACTIONS, AttributeItem
from domain.desired import SESSION_TIMEOUT
from domain.fup import COUNTS, RESET_PERIODS
from domain.garden import GARDEN_MODES
from domain.speed import MAX_KBPS
from domain.windows import window_at

MAX_TIERS = 10
MAX_BYTES = 2**62
# One edit may change at most this many running sessions; past that it is a migration, to be planned.
MAX_LIVE_SUBSCRIPTIONS = 50_000
# New tiers are held against the usage of each slowed subscriber in the same transaction.
MAX_SLOWED = 5_000

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
_DEFAULTS: Mapping[str, Any] = {
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
    "fup_rules": (),
    **dict.fromkeys(LEAST),
    "reply_attributes": (),
    "time_windows": (),
    "quotas": (),
}
RATE_FIELDS = frozenset(
    {"download_kbps", "upload_kbps", "priority", "burst_enabled", *BURST, *LEAST, "fup_rules", "time_windows", "quotas"}
)
# What a running session is told in seconds from its start.
LIMIT_FIELDS = frozenset({"session_timeout_s", "grace_period_days", "time_windows"})

_TAKEN = {
    "uq_service_plans_slug": Problem(field="slug", reason="belongs to another plan", mend="choose another short name")
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Whom an edit of a plan concerns."""

    subscribers: int
    online: int


def create(session: Session, *, actor: Actor, now: datetime, values: Mapping[str, Any]) -> ServicePlan:
    """Add a plan; `values` are fields of `EDITABLE`, of which name and both speeds are required.

    `fup_rules` is a sequence of mappings with fields of `TIER_FIELDS`; tiers are numbered in the order given unless
    they say otherwise. `reply_attributes` is a sequence of mappings with attribute, op and value, `time_windows` with
    `hours.WINDOW_FIELDS`, `quotas` with `quotas.QUOTA_FIELDS`.
    """
    require_known(values, EDITABLE)
    raise_all([_required(values, name) for name in ("name", "download_kbps", "upload_kbps")])
    given = {**_DEFAULTS, **values}
    given["slug"] = values.get("slug") or make_slug(str(values["name"]))
    clean = _clean(given)
    plan = ServicePlan(
        **{name: value for name, value in clean.items() if name not in LISTS},
        tenant_id=actor.tenant_id,
        is_active=True,
        fup_rules=[PlanFupRule(tenant_id=actor.tenant_id, **tier) for tier in clean["fup_rules"]],
        reply_attributes=_attribute_rows(actor.tenant_id, clean["reply_attributes"]),
        time_windows=hours.make_rows(clean["time_windows"], tenant_id=actor.tenant_id),
        quotas=[AllowanceQuota(tenant_id=actor.tenant_id, **quota) for quota in clean["quotas"]],
    )
    _check_whole(plan)
    session.add(plan)
    flush_or_conflict(session, _TAKEN)
    _record(session, actor, now, "created", plan, new=clean | lists_of(plan))
    return plan


def edit(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    plan_id: int,
    changes: Mapping[str, Any],
    apply_live: bool = True,
) -> Changed[ServicePlan]:
    """Change fields of `EDITABLE`; a list of `LISTS`, when given, replaces all there are.

    A change of speed, burst, priority, tiers, hours or allowances gives every running session of the plan its new rate
    and ends those that may not be online any more, one of hours, allowances, session time or grace tells each how long
    it may last now, unless `apply_live` is false. Everything else counts from the next login. Prices of existing
    subscriptions stay.
    """
    plan = locked(session, ServicePlan, plan_id, actor=actor)
    garden = garden_of_plan(session, plan.id, limit=MAX_LIVE_SUBSCRIPTIONS) if "quotas" in changes else []
    before = is_open(session, plan, now)
    old, new = write(session, plan, changes)
    if not new:
        return Changed(row=plan)
    _record(session, actor, now, "updated", plan, old=old, new=new)
    if "fup_rules" in new:
        _recount_slowed(session, actor, now, plan)
    if not apply_live or not (RATE_FIELDS | LIMIT_FIELDS) & new.keys():
        return Changed(row=plan)
    if not RATE_FIELDS & new.keys():
        return Changed(row=plan, effect=_apply_limits(session, actor, now, plan))
    replace_open(session, plan.id, now=now)
    effect = _apply_live(session, actor, now, plan)
    if "time_windows" in new and before != is_open(session, plan, now):
        effect += network.disconnect(
            session, actor=actor, now=now, reason="hours", subscription_ids=_online(session, plan)
        )
    if "quotas" in new:
        also = quotas.limits_of(old["quotas"])
        effect += quotas.follow(session, actor=actor, now=now, ids=_online(session, plan), garden=garden, also=also)
    elif LIMIT_FIELDS & new.keys():
        effect += _apply_limits(session, actor, now, plan)
    return Changed(row=plan, effect=effect)


def write(session: Session, plan: ServicePlan, changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write checked changes into the row and flush; returns what differs, old and new. Nothing follows from it yet."""
    require_known(changes, EDITABLE)
    clean = _clean(changes)
    tiers, attributes = clean.pop("fup_rules", None), clean.pop("reply_attributes", None)
    windows, allowances = clean.pop("time_windows", None), clean.pop("quotas", None)
    old, new = audit.set_fields(plan, clean)
    if tiers is not None and tiers != tiers_of(plan):
        old["fup_rules"], new["fup_rules"] = tiers_of(plan), tiers
        _replace_tiers(session, plan, tiers)
    if attributes is not None and attributes != attributes_of(plan):
        old["reply_attributes"], new["reply_attributes"] = as_rows(attributes_of(plan)), as_rows(attributes)
        plan.reply_attributes[:] = _attribute_rows(plan.tenant_id, attributes)
    if windows is not None and windows != hours.as_columns(plan.time_windows):
        old["time_windows"] = hours.as_given(plan.time_windows)
        plan.time_windows.clear()
        session.flush()
        plan.time_windows.extend(hours.make_rows(windows, tenant_id=plan.tenant_id))
        new["time_windows"] = hours.as_given(plan.time_windows)
    if allowances is not None and allowances != quotas.as_columns(plan.quotas):
        old["quotas"] = quotas.as_given(plan.quotas)
        quotas.replace_rows(session, plan.quotas, allowances, tenant_id=plan.tenant_id, service_plan_id=plan.id)
        new["quotas"] = quotas.as_given(plan.quotas)
    _check_whole(plan)
    flush_or_conflict(session, _TAKEN)
    return old, new


def deactivate(session: Session, *, actor: Actor, now: datetime, plan_id: int) -> Changed[ServicePlan]:
    """Stop selling the plan; those who have it keep it."""
    return _set_active(session, actor, now, plan_id, active=False)


def reactivate(session: Session, *, actor: Actor, now: datetime, plan_id: int) -> Changed[ServicePlan]:
    """Sell the plan again."""
    return _set_active(session, actor, now, plan_id, active=True)


def delete(session: Session, *, actor: Actor, now: datetime, plan_id: int) -> ServicePlan:
    """Remove a plan that nobody has; one in use can only be deactivated."""
    plan = locked(session, ServicePlan, plan_id, actor=actor)
    users = count_of_plan(session, plan.id)
    if users:
        raise Conflict(
            Problem(field="", reason=f"{users} subscriptions have this plan", mend="deactivate it, or move them first")
        )
    plan.deleted_at = now
    plan.is_active = False
    _record(session, actor, now, "deleted", plan)
    session.flush()
    return plan


def reach(session: Session, *, actor: Actor, plan_id: int) -> Reach:
    """How many subscriptions have the plan, and how many of them are online: for the words before saving."""
    plan = find(session, ServicePlan, plan_id, actor=actor)
    online = online_of_plan(session, plan.id, limit=MAX_LIVE_SUBSCRIPTIONS + 1)
    return Reach(subscribers=count_of_plan(session, plan.id), online=len(online))


def tiers_of(plan: ServicePlan) -> list[dict[str, Any]]:
    """The plan's tiers as `fup_rules` takes them."""
    return [audit.snapshot(rule, sorted(TIER_FIELDS)) for rule in plan.fup_rules]


def attributes_of(plan: ServicePlan) -> list[AttributeItem]:
    """The plan's own reply attributes, in the order in which they are applied."""
    return [AttributeItem(row.attribute, row.op, row.value) for row in plan.reply_attributes]


# What a plan has several of, and how each list is given.
LISTS: Mapping[str, Callable[[ServicePlan], list[dict[str, Any]]]] = {
    "fup_rules": tiers_of,
    "reply_attributes": lambda plan: as_rows(attributes_of(plan)),
    "time_windows": lambda plan: hours.as_given(plan.time_windows),
    "quotas": lambda plan: quotas.as_given(plan.quotas),
}


def lists_of(plan: ServicePlan) -> dict[str, list[dict[str, Any]]]:
    """Every list of the plan, as `create` and `edit` take them."""
    return {name: given(plan) for name, given in LISTS.items()}


def make_slug(name: str) -> str:
    """A short name for addresses: lower-case letters, digits and hyphens."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:255] or "plan"


def is_open(session: Session, plan: ServicePlan, now: datetime) -> bool:
    """Whether the plan has no hours, or is in them."""
    zone = zone_named(session.get_one(Tenant, plan.tenant_id).timezone)
    windows = windows_of([[getattr(row, name) for name in hours.COLUMNS] for row in plan.time_windows])
    return not windows or window_at(windows, now, zone) is not None


def _online(session: Session, plan: ServicePlan) -> list[int]:
    return list(online_of_plan(session, plan.id, limit=MAX_LIVE_SUBSCRIPTIONS))


def _apply_limits(session: Session, actor: Actor, now: datetime, plan: ServicePlan) -> Effect:
    online = _online(session, plan)
    # A limit that the plan had is lifted where it is gone.
    return network.apply_limits(
        session, actor=actor, now=now, subscription_ids=online, also=frozenset({SESSION_TIMEOUT})
    )


def _apply_live(session: Session, actor: Actor, now: datetime, plan: ServicePlan) -> Effect:
    online = online_of_plan(session, plan.id, limit=bulk_changes.PORTION + 1)
    if len(online) > bulk_changes.PORTION:
        # Nobody waits in his browser until tens of thousands of rows are written.
        bulk = bulk_changes.start(session, actor=actor, now=now, kind="speed", service_plan_id=plan.id)
        return Effect(bulk_ids=(bulk.id,), bulk_sessions=bulk.sessions)
    return network.apply_speed(session, actor=actor, now=now, reason="plan_change", subscription_ids=online)


def _recount_slowed(session: Session, actor: Actor, now: datetime, plan: ServicePlan) -> None:
    """Let go whom the new tiers no longer slow. Whom they slow from now on shows at the next accounting record."""
    session.flush()
    slowed = slowed_of_plan(session, plan.id, limit=MAX_SLOWED + 1)
    if len(slowed) > MAX_SLOWED:
        raise Conflict(
            Problem(
                field="fup_rules",
                reason=f"more than {MAX_SLOWED} subscribers are slowed by this plan now",
                mend="make a new plan with the new tiers and move them there",
            )
        )
    for subscription in slowed:
        fair_use.recount(session, subscription, now=now, actor=actor)


def _set_active(session: Session, actor: Actor, now: datetime, plan_id: int, *, active: bool) -> Changed[ServicePlan]:
    plan = locked(session, ServicePlan, plan_id, actor=actor)
    old, new = audit.set_fields(plan, {"is_active": active})
    if new:
        _record(session, actor, now, "reactivated" if active else "deactivated", plan, old=old, new=new)
    session.flush()
    return Changed(row=plan)


def _replace_tiers(session: Session, plan: ServicePlan, tiers: Sequence[Mapping[str, Any]]) -> None:
    # The unique (plan, tier) would meet the old row before its DELETE is sent, so the old ones go first.
    plan.fup_rules.clear()
    session.flush()
    plan.fup_rules.extend(PlanFupRule(tenant_id=plan.tenant_id, **tier) for tier in tiers)


def _attribute_rows(tenant_id: int, rows: Sequence[AttributeItem]) -> list[PlanReplyAttribute]:
    return [PlanReplyAttribute(tenant_id=tenant_id, **row._asdict()) for row in rows]


def _required(values: Mapping[str, Any], name: str) -> Problem | None:
    missing = values.get(name) is None or values.get(name) == ""
    return Problem(field=name, reason="is missing", mend="fill it in") if missing else None


def _check_whole(plan: ServicePlan) -> None:
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


def _clean(given: Mapping[str, Any]) -> dict[str, Any]:
    problems: list[Problem] = []
    clean: dict[str, Any] = {}
    for name, value in given.items():
        try:
            clean[name] = _CLEANERS[name](value)
        except Invalid as error:
            problems.extend(error.problems)
    raise_all(problems)
    return clean


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
    "fup_rules": _tiers,
    "time_windows": hours.clean_windows,
    "quotas": quotas.clean_quotas,
    **{name: _optional(name, 1, MAX_KBPS) for name in LEAST},
    "reply_attributes": lambda value: clean_replies(value, field="reply_attributes"),
}


def _record(
    session: Session,
    actor: Actor,
    now: datetime,
    what: str,
    plan: ServicePlan,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    audit.record(session, actor=actor, now=now, action=f"plan.{what}", entity=plan, old=old, new=new)
