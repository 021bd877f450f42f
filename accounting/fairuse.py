"""Fair use on the live side: a tier is entered when its bytes are reached and left when its period is over.

Totals are the sums of the days as they stand in this transaction. State, history and the change of the running
sessions are written together, so a slowed customer and the reason for it never part.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from db.queries import accounting as queries
from db.queries.access import profiles_by_id
from db.queries.accounting import Connection
from db.queries.live_changes import enqueue_change
from db.queries.usage import totals_in
from domain.access import AccessProfile, fup_tier_in_force, rate_limit_now, tiers_now
from domain.desired import RATE_LIMIT, UNLIMITED
from domain.fup import FupTier, Usage, tier_reached
from domain.period import Period, period_at

ACTOR = "accounting"


def rate_limit(profile: AccessProfile, now: datetime) -> dict[str, str]:
    """The CoA attributes that bring a session to the speed of its profile."""
    return {RATE_LIMIT: rate_limit_now(profile, now) or UNLIMITED}


def apply_crossings(
    connection: Connection, subscription_ids: Iterable[int], *, caused_at: Mapping[int, datetime], now: datetime
) -> int:
    """Slow those whose usage has reached a tier above theirs; returns how many changes were written."""
    written = 0
    for profile, _ in profiles_by_id(connection, subscription_ids).values():
        reached = _tier_to_enter(connection, profile, now)
        if reached is not None:
            cause = caused_at.get(profile.subscription_id, now)
            written += _enter(connection, profile, reached, caused_at=cause, now=now)
    return written


def reset_over(connection: Connection, *, now: datetime, limit: int) -> tuple[int, int]:
    """Lift tiers whose period is over, down to a tier still reached in another period; (states, changes) written."""
    due = dict(queries.fup_states_over(connection, now=now, limit=limit))
    profiles = profiles_by_id(connection, due)
    written = 0
    for subscription_id, tier in due.items():
        found = profiles.get(subscription_id)
        if found is None:
            _save(connection, subscription_id, None, now=now)
            continue
        written += _leave(connection, found[0], tier, now=now)
    return len(due), written


def look_again(connection: Connection, subscription_ids: Iterable[int], *, now: datetime) -> int:
    """After a top-up began or ended: let go whom no tier slows any more, slow whom one does; changes written."""
    written = 0
    for profile, _ in profiles_by_id(connection, subscription_ids).values():
        in_force, reached = fup_tier_in_force(profile, now), _reached(connection, profile, now)
        if in_force is not None and (reached is None or reached[0].tier < in_force.tier):
            written += _leave(connection, profile, in_force.tier, now=now)
        elif _tier_to_enter(connection, profile, now) is not None:
            written += apply_crossings(connection, [profile.subscription_id], caused_at={}, now=now)
    return written


def _tier_to_enter(connection: Connection, profile: AccessProfile, now: datetime) -> tuple[FupTier, int] | None:
    # Tier 0 with an end in the future is staff's word: full speed until then, whatever was used.
    if profile.fup_tier == 0 and profile.fup_until is not None and profile.fup_until > now:
        return None
    reached = _reached(connection, profile, now)
    if reached is None:
        return None
    in_force = fup_tier_in_force(profile, now)
    return reached if in_force is None or reached[0].tier > in_force.tier else None


def _reached(connection: Connection, profile: AccessProfile, now: datetime) -> tuple[FupTier, int] | None:
    """The highest tier reached in the running periods, with the bytes that count for it."""
    tiers = tiers_now(profile, now)
    periods = {tier.reset_period: _period(profile, tier, now) for tier in tiers}
    totals = totals_in(connection, profile.subscription_id, periods.values())
    usage = {
        kind: Usage(download_bytes=total.download_bytes, upload_bytes=total.upload_bytes)
        for kind, total in totals.items()
    }
    tier = tier_reached(tiers, usage)
    return None if tier is None else (tier, usage[tier.reset_period].counted(tier.counts))


def _period(profile: AccessProfile, tier: FupTier, now: datetime) -> Period:
    return period_at(tier.reset_period, now, profile.zone, profile.billing_day)


def _enter(
    connection: Connection, profile: AccessProfile, reached: tuple[FupTier, int], *, caused_at: datetime, now: datetime
) -> int:
    tier, used_bytes = reached
    _save(connection, profile.subscription_id, reached, period=_period(profile, tier, now), now=now)
    _add_event(connection, profile, "activate", tier.tier, used_bytes, tier.threshold_bytes, now)
    return _change_speed(connection, profile, tier, reason="fup", caused_at=caused_at, now=now)


def _leave(connection: Connection, profile: AccessProfile, left: int, *, now: datetime) -> int:
    reached = _reached(connection, profile, now)
    tier = None if reached is None else reached[0]
    period = None if tier is None else _period(profile, tier, now)
    _save(connection, profile.subscription_id, reached, period=period, now=now)
    if tier is not None and tier.tier == left:
        # The same tier was reached again before anybody looked: nothing changes for the customer.
        return 0
    _add_event(connection, profile, "reset", 0 if tier is None else tier.tier, None, None, now)
    return _change_speed(connection, profile, tier, reason="fup_reset", caused_at=now, now=now)


def _change_speed(
    connection: Connection, profile: AccessProfile, tier: FupTier | None, *, reason: str, caused_at: datetime,
    now: datetime,
) -> int:  # fmt: skip
    changed = replace(profile, fup_tier=0 if tier is None else tier.tier, fup_until=None)
    return len(
        enqueue_change(
            connection,
            kind="coa",
            reason=reason,
            requested_by=ACTOR,
            now=now,
            caused_at=caused_at,
            subscription_ids=[profile.subscription_id],
            attributes=rate_limit(changed, now),
        )
    )


def _save(
    connection: Connection, subscription_id: int, reached: tuple[FupTier, int] | None, *, period: Period | None = None,
    now: datetime,
) -> None:  # fmt: skip
    queries.save_fup_state(
        connection,
        {
            "subscription_id": subscription_id,
            "tier": 0 if reached is None else reached[0].tier,
            "usage_bytes": None if reached is None else reached[1],
            "activated_at": None if reached is None else now,
            "actor": None if reached is None else ACTOR,
            "window_start": None if period is None else period.start,
            "window_end": None if period is None else period.end,
            "now": now,
        },
    )


def _add_event(
    connection: Connection, profile: AccessProfile, action: str, tier: int, used_bytes: int | None,
    threshold_bytes: int | None, now: datetime,
) -> None:  # fmt: skip
    queries.add_fup_event(
        connection,
        {
            "subscription_id": profile.subscription_id,
            "action": action,
            "tier": tier,
            "usage_bytes": used_bytes,
            "threshold_bytes": threshold_bytes,
            "actor": ACTOR,
            "now": now,
        },
    )
