"""Fair use put on or lifted by staff, for one subscription and until the running period is over."""

from datetime import datetime

from sqlalchemy.orm import Session

from bss import network
from bss.actor import Actor
from bss.failure import Conflict, Problem
from bss.outcome import Changed
from bss.rows import locked
from bss.subscriptions.values import record, require_not_over
from db.models import FupEvent, Subscription, SubscriptionFupState
from db.queries.usage_reports import usage_of_period
from domain.access import AccessProfile, fup_tier_in_force, tiers_now
from domain.fup import FupTier, Usage, find_tier, tier_reached
from domain.period import Period, period_at


def activate(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    tier: int | None = None,
    override: bool = False,
) -> Changed[Subscription]:
    """Slow the subscription by a tier of its plan, as its usage says or as `tier` names; running sessions follow.

    Below the tier's threshold it is refused with the figures, unless `override` says that it shall be all the same.
    """
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    require_not_over(subscription)
    profile = network.profile_of(session, subscription.id)
    periods = _periods(profile, now)
    usage = {kind: usage_of_period(session, subscription.id, period) for kind, period in periods.items()}
    wanted = _tier(profile, usage, now, tier)
    used_bytes = usage[wanted.reset_period].counted(wanted.counts)
    if used_bytes < wanted.threshold_bytes and not override:
        used_mb, limit_mb = used_bytes // 10**6, wanted.threshold_bytes // 10**6
        raise Conflict(
            Problem(
                field="override",
                reason=f"only {used_mb} of {limit_mb} MB are used in the running period",
                mend="say that it shall be slowed all the same",
            )
        )
    in_force = fup_tier_in_force(profile, now)
    if in_force is not None and in_force.tier == wanted.tier:
        raise Conflict(Problem(field="tier", reason=f"it is in tier {wanted.tier} already", mend="choose another tier"))
    _set(subscription, wanted.tier, periods[wanted.reset_period], used_bytes, actor=actor, now=now)
    _log(session, subscription, actor, now, "activate", wanted.tier, used_bytes, wanted.threshold_bytes)
    record(session, actor, now, "fup_activated", subscription, new={"tier": wanted.tier, "override": override})
    return _followed(session, actor, now, subscription, "fup")


def lift(session: Session, *, actor: Actor, now: datetime, subscription_id: int) -> Changed[Subscription]:
    """Give the full speed back until the running period is over, whatever is used; running sessions follow."""
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    require_not_over(subscription)
    profile = network.profile_of(session, subscription.id)
    in_force = fup_tier_in_force(profile, now)
    if in_force is None:
        raise Conflict(Problem(field="", reason="fair use does not slow it now", mend="there is nothing to lift"))
    period = _periods(profile, now)[in_force.reset_period]
    _set(subscription, 0, period, None, actor=actor, now=now)
    _log(session, subscription, actor, now, "reset", 0, None, None)
    record(session, actor, now, "fup_lifted", subscription, old={"tier": in_force.tier}, new={"until": period.end})
    return _followed(session, actor, now, subscription, "fup_reset")


def _tier(profile: AccessProfile, usage: dict[str, Usage], now: datetime, number: int | None) -> FupTier:
    """The tier named, else the highest that is reached, else the first."""
    tiers = tiers_now(profile, now)
    if not tiers:
        raise Conflict(
            Problem(field="tier", reason="its plan has no fair-use tier", mend="set a speed of its own instead")
        )
    if number is None:
        return tier_reached(tiers, usage) or tiers[0]
    found = find_tier(tiers, number)
    if found is None:
        raise Conflict(Problem(field="tier", reason=f"its plan has no tier {number}", mend="choose one of the plan's"))
    return found


def _periods(profile: AccessProfile, now: datetime) -> dict[str, Period]:
    zone = profile.zone
    kinds = {tier.reset_period for tier in profile.tiers}
    return {kind: period_at(kind, now, zone, profile.billing_day) for kind in kinds}


def _set(
    subscription: Subscription,
    tier: int,
    period: Period,
    used_bytes: int | None,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    state = subscription.fup_state
    if state is None:
        state = subscription.fup_state = SubscriptionFupState(subscription_id=subscription.id)
    state.tier, state.usage_at_activation_bytes = tier, used_bytes
    state.activated_at, state.activated_by = now, actor.name
    state.window_start, state.window_end, state.updated_at = period.start, period.end, now


def _log(
    session: Session,
    subscription: Subscription,
    actor: Actor,
    now: datetime,
    action: str,
    tier: int,
    used_bytes: int | None,
    threshold_bytes: int | None,
) -> None:
    session.add(
        FupEvent(
            subscription_id=subscription.id, action=action, tier=tier, usage_bytes=used_bytes,
            threshold_bytes=threshold_bytes, actor=actor.name, created_at=now,
        )
    )  # fmt: skip


def _followed(
    session: Session, actor: Actor, now: datetime, subscription: Subscription, reason: str
) -> Changed[Subscription]:
    effect = network.apply_speed(session, actor=actor, now=now, reason=reason, subscription_ids=[subscription.id])
    return Changed(row=subscription, effect=effect)
