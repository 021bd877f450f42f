"""Service plans: what is sold, with fair-use tiers; and what an edit does to the people who are online with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, bulk_changes, fair_use, hours, network, quotas
from bss.actor import Actor
from bss.attributes import as_rows
from bss.failure import Conflict, Problem, flush_or_conflict, raise_all, require_known
from bss.outcome import Changed, Effect
from bss.plan_fields import (
    COLUMNS,
    DEFAULTS,
    EDITABLE,
    LIMIT_FIELDS,
    RATE_FIELDS,
    TIER_FIELDS,
    check_whole,
    clean_fields,
    make_slug,
    required,
)
from bss.provider import settings_of
from bss.rows import find, locked
from db.models import AllowanceQuota, PlanFupRule, PlanReplyAttribute, ServicePlan, Tenant
from db.queries.access import windows_of
from db.queries.allowances import garden_of_plan
from db.queries.rollouts import replace_open
from db.queries.subscriptions import count_of_plan, has_plans, online_of_plan, slowed_of_plan
from db.queries.zones import zone_named
from domain.access import AttributeItem
from domain.desired import SESSION_TIMEOUT
from domain.money import rounded
from domain.quota import QUOTA_PERIODS, volume_words
from domain.speed import Burst, Speed, render_rate_limit
from domain.term import monthly_price
from domain.windows import window_at

# One edit may change at most this many running sessions; past that it is a migration, to be planned.
MAX_LIVE_SUBSCRIPTIONS = 50_000
# Speed in Mbit/s and price a month, for a provider that has none yet.
STARTERS = ((10, 150_000), (20, 250_000), (50, 400_000), (100, 600_000))
# New tiers are held against the usage of each slowed subscriber in the same transaction.
MAX_SLOWED = 5_000

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
    raise_all([required(values, name) for name in ("name", "download_kbps", "upload_kbps")])
    grace_days = settings_of(session, actor=actor).grace_period_days
    given = {**DEFAULTS, "grace_period_days": grace_days, **values}
    given["slug"] = values.get("slug") or make_slug(str(values["name"]))
    clean = clean_fields(given)
    plan = ServicePlan(
        **{name: value for name, value in clean.items() if name not in LISTS},
        tenant_id=actor.tenant_id,
        is_active=True,
        fup_rules=[PlanFupRule(tenant_id=actor.tenant_id, **tier) for tier in clean["fup_rules"]],
        reply_attributes=_attribute_rows(actor.tenant_id, clean["reply_attributes"]),
        time_windows=hours.make_rows(clean["time_windows"], tenant_id=actor.tenant_id),
        quotas=[AllowanceQuota(tenant_id=actor.tenant_id, **quota) for quota in clean["quotas"]],
    )
    check_whole(plan)
    session.add(plan)
    flush_or_conflict(session, _TAKEN)
    _record(session, actor, now, "created", plan, new=clean | lists_of(plan))
    return plan


def add_starters(session: Session, *, actor: Actor, now: datetime) -> list[ServicePlan]:
    """Add the four plans that many providers begin with; raises `Conflict` where there are plans already."""
    if has_plans(session, actor.tenant_id):
        raise Conflict(Problem(field="", reason="there are plans already", mend="add others one by one"))
    return [
        create(
            session, actor=actor, now=now,
            values={"name": f"{mbps} Mbps", "download_kbps": mbps * 1000, "upload_kbps": mbps * 1000, "price": price},
        )
        for mbps, price in STARTERS
    ]  # fmt: skip


def copy(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    plan_id: int,
    name: str,
    changes: Mapping[str, Any] | None = None,
) -> ServicePlan:
    """Add a plan called `name` that is otherwise like another one, but for `changes`. It is sold at once."""
    plan = find(session, ServicePlan, plan_id, actor=actor)
    return create(session, actor=actor, now=now, values={**values_of(plan), **(changes or {}), "name": name})


def values_of(plan: ServicePlan) -> dict[str, Any]:
    """All of a plan as `create` takes it, without its names."""
    own = audit.snapshot(plan, EDITABLE - LISTS.keys() - COLUMNS.keys() - {"name", "slug"})
    return own | {name: getattr(plan, column) for name, column in COLUMNS.items()} | lists_of(plan)


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
    clean = clean_fields(changes)
    tiers, attributes = clean.pop("fup_rules", None), clean.pop("reply_attributes", None)
    windows, allowances = clean.pop("time_windows", None), clean.pop("quotas", None)
    old, new = audit.set_fields(plan, clean)
    # Before anything below has the row written: the database would refuse it in words of its own.
    check_whole(plan)
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


def rate_limit_of(plan: ServicePlan) -> str | None:
    """What the router is told for the plan at full speed, or None where it has no limit."""
    speed = Speed(download_kbps=plan.download_kbps, upload_kbps=plan.upload_kbps)
    least = None
    if plan.min_download_kbps and plan.min_upload_kbps:
        least = Speed(download_kbps=plan.min_download_kbps, upload_kbps=plan.min_upload_kbps)
    return render_rate_limit(speed, burst_of(plan), plan.priority, least)


def burst_of(plan: ServicePlan) -> Burst | None:
    """The plan's burst; its threshold is the speed itself where none was given."""
    if not plan.burst_enabled or not (plan.burst_download_kbps and plan.burst_upload_kbps and plan.burst_time_s):
        return None
    return Burst(
        speed=Speed(download_kbps=plan.burst_download_kbps, upload_kbps=plan.burst_upload_kbps),
        threshold=Speed(
            download_kbps=plan.burst_threshold_download_kbps or plan.download_kbps,
            upload_kbps=plan.burst_threshold_upload_kbps or plan.upload_kbps,
        ),
        time_s=plan.burst_time_s,
    )


def data_limit_text(rows: Sequence[AllowanceQuota]) -> str:
    """How much a plan allows in its longest period, as it is advertised: "500.0 GB", or "Unlimited"."""
    limits = {row.period: row.limit_amount for row in rows if row.kind == "data"}
    longest = next((limits[period] for period in reversed(QUOTA_PERIODS) if period in limits), None)
    return volume_words(longest)


def monthly_revenue(plan: ServicePlan, subscribers: int, *, currency: str) -> Decimal:
    """What so many subscribers of a plan pay in a month, by its price now."""
    price = monthly_price(plan.price, billing_cycle=plan.billing_cycle, validity_days=plan.validity_days)
    return rounded(price * subscribers, currency)


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
