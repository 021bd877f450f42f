"""From a decision about a subscription to what its running sessions must be told: rows of the outbox.

Everything here first flushes, so that the rate is computed from what the transaction is about to commit.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from sqlalchemy.orm import Session

from accounting.limits import REASON, rates_now, tell_limits
from bss.actor import Actor
from bss.outcome import Effect
from db.engine import psycopg_of
from db.queries.access import profiles_by_id
from db.queries.gardens import sessions_in_garden
from db.queries.live_changes import enqueue_change
from domain.access import AccessProfile, rate_limit_now
from domain.desired import RATE_LIMIT, UNLIMITED
from domain.live_change import LiveSession

_BATCH = 1000


def disconnect(
    session: Session, *, actor: Actor, now: datetime, reason: str, subscription_ids: Sequence[int]
) -> Effect:
    """End every running session of the subscriptions."""
    session.flush()
    ids = enqueue_change(
        psycopg_of(session),
        kind="disconnect",
        reason=reason,
        requested_by=actor.name,
        now=now,
        subscription_ids=list(subscription_ids),
    )
    return Effect(disconnect_ids=tuple(ids))


def disconnect_sessions(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    reason: str,
    sessions: Sequence[str],
    strangers: bool = False,
) -> Effect:
    """End exactly these sessions, by their unique ids; `strangers`: also those that belong to no subscription."""
    if not sessions:
        return Effect()
    session.flush()
    ids = enqueue_change(
        psycopg_of(session),
        kind="disconnect",
        reason=reason,
        requested_by=actor.name,
        now=now,
        sessions=list(sessions),
        strangers=strangers,
    )
    return Effect(disconnect_ids=tuple(ids))


def leave_garden(
    session: Session, *, actor: Actor, now: datetime, subscription_ids: Sequence[int], reason: str = "garden_over"
) -> Effect:
    """End those of their sessions that are in a walled garden: the next login is a customer's again."""
    session.flush()
    inside = sessions_in_garden(psycopg_of(session), subscription_ids)
    return disconnect_sessions(session, actor=actor, now=now, reason=reason, sessions=inside)


def apply_speed(
    session: Session, *, actor: Actor, now: datetime, reason: str, subscription_ids: Sequence[int]
) -> Effect:
    """Give every running session of the subscriptions the rate it would get at a login now; not those in a garden."""
    session.flush()
    connection = psycopg_of(session)
    effect = Effect()
    remaining = iter(subscription_ids)
    while batch := list(islice(remaining, _BATCH)):
        for rate, online in _by_rate(profiles_by_id(connection, batch), now).items():
            ids = enqueue_change(
                connection,
                kind="coa",
                reason=reason,
                requested_by=actor.name,
                now=now,
                subscription_ids=online,
                attributes={RATE_LIMIT: rate},
            )
            effect += Effect(coa_ids=tuple(ids))
    return effect


def apply_speed_to(session: Session, *, actor: Actor, now: datetime, reason: str, sessions: Sequence[str]) -> Effect:
    """Give exactly these sessions the rate they would get at a login now; not those in a garden."""
    if not sessions:
        return Effect()
    session.flush()
    connection = psycopg_of(session)
    each = rates_now(connection, list(sessions), now=now)
    if not each:
        return Effect()
    ids = enqueue_change(
        connection,
        kind="coa",
        reason=reason,
        requested_by=actor.name,
        now=now,
        sessions=list(each),
        attributes_of=each,
    )
    return Effect(coa_ids=tuple(ids))


def apply_limits(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_ids: Sequence[int],
    also: frozenset[str] = frozenset(),
    with_rate: bool = False,
    reason: str = REASON,
) -> Effect:
    """Give every running session the length and volume that a login now would be granted, each its own.

    `also` names limits that they may have from before, `with_rate` brings the rate with them; see `accounting.limits`.
    """
    session.flush()
    connection, effect, remaining = psycopg_of(session), Effect(), iter(subscription_ids)
    while batch := list(islice(remaining, _BATCH)):
        ids = tell_limits(
            connection, batch, requested_by=actor.name, now=now, reason=reason, also=also, with_rate=with_rate
        )
        effect += Effect(coa_ids=tuple(ids))
    return effect


def live_sessions(session: Session, subscription_id: int) -> tuple[LiveSession, ...]:
    """The sessions of a subscription that run now."""
    session.flush()
    found = profiles_by_id(psycopg_of(session), [subscription_id]).get(subscription_id)
    return found[1] if found else ()


def profile_of(session: Session, subscription_id: int) -> AccessProfile:
    """What a login of the subscription depends on, as the transaction sees it."""
    session.flush()
    return profiles_by_id(psycopg_of(session), [subscription_id])[subscription_id][0]


def _by_rate(found: dict[int, tuple[AccessProfile, tuple[LiveSession, ...]]], now: datetime) -> dict[str, list[int]]:
    grouped: dict[str, list[int]] = defaultdict(list)
    for subscription_id, (profile, sessions) in found.items():
        if sessions:
            grouped[rate_limit_now(profile, now) or UNLIMITED].append(subscription_id)
    return grouped
