"""Which fair-use tier a subscription is in when staff changed what the tiers are; usage itself is counted elsewhere."""

from datetime import datetime

from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.network import profile_of
from db.models import FupEvent, Subscription, SubscriptionFupState
from db.queries.usage_reports import usage_of_period
from domain.access import AccessProfile, tiers_now
from domain.fup import tier_reached
from domain.period import Period, period_at


def recount(session: Session, subscription: Subscription, *, now: datetime, actor: Actor) -> None:
    """Put a locked subscription into the tier of its present plan that its usage so far has reached."""
    profile = profile_of(session, subscription.id)
    if profile.fup_tier == 0 and profile.fup_until is not None and profile.fup_until > now:
        # Staff lifted fair use until then; another plan does not take that back.
        return
    periods = _periods(profile, now)
    usage = {kind: usage_of_period(session, subscription.id, period) for kind, period in periods.items()}
    reached = tier_reached(tiers_now(profile, now), usage)
    state = subscription.fup_state
    if reached is None:
        if state is not None and state.tier > 0:
            _log(session, subscription, actor, now, action="reset", tier=state.tier)
            subscription.fup_state = None
        session.flush()
        return
    used_bytes = usage[reached.reset_period].counted(reached.counts)
    period = periods[reached.reset_period]
    if state is None:
        state = subscription.fup_state = SubscriptionFupState(subscription_id=subscription.id)
    changed = state.tier != reached.tier
    state.tier, state.usage_at_activation_bytes = reached.tier, used_bytes
    state.activated_at, state.activated_by = now, actor.name
    state.window_start, state.window_end, state.updated_at = period.start, period.end, now
    if changed:
        _log(
            session,
            subscription,
            actor,
            now,
            action="activate",
            tier=reached.tier,
            usage_bytes=used_bytes,
            threshold_bytes=reached.threshold_bytes,
        )
    session.flush()


def _periods(profile: AccessProfile, now: datetime) -> dict[str, Period]:
    zone = profile.zone
    return {kind: period_at(kind, now, zone, profile.billing_day) for kind in {t.reset_period for t in profile.tiers}}


def _log(
    session: Session, subscription: Subscription, actor: Actor, now: datetime, *, action: str, tier: int, **more: int
) -> None:
    session.add(
        FupEvent(subscription_id=subscription.id, action=action, tier=tier, actor=actor.name, created_at=now, **more)
    )
