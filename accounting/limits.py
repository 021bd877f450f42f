"""The limits of running sessions: how long one may last and how much may pass, as a login now would be granted them.

A login gets them once and a router keeps to them, so whatever moves one (a top-up, longer hours, a later end of the
term) has to be told to the sessions that run. Each is told its own, because it has used its own.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from db.queries.access import profiles_by_id
from db.queries.accounting import Connection
from db.queries.live_changes import enqueue_change, running_sessions
from domain.access import AccessProfile
from domain.desired import (
    COUNTED_BY_ROUTER,
    LIMITS,
    TOTAL_LIMIT,
    RunningSession,
    change_to,
    desired,
    limits_known,
    limits_to,
)
from domain.live_change import SOON

REASON = "limits"


def tell_limits(
    connection: Connection,
    subscription_ids: Iterable[int],
    *,
    requested_by: str,
    now: datetime,
    reason: str = REASON,
    also: frozenset[str] = frozenset(),
    with_rate: bool = False,
    caused_at: datetime | None = None,
    priority: int = SOON,
) -> list[int]:
    """Ask for the limits of now on the running sessions of the subscriptions; returns the ids of the rows written.

    `also` names limits that they may have from before, of `domain.desired.LIMITS`: one that is not there any more is
    lifted. `with_rate` says the rate of now with them, also to those without limits. Sessions that were told the same
    last, that are in a walled garden or about to end are left alone.
    """
    ids = list(subscription_ids)
    profiles = profiles_by_id(connection, ids) if ids else {}
    limited = [
        key for key, (profile, live) in profiles.items() if live and (also or with_rate or limits_known(profile))
    ]
    if not limited:
        return []
    each: dict[str, dict[str, str]] = {}
    for session in running_sessions(connection, subscription_ids=limited):
        attributes = _attributes(profiles[session.subscription_id][0], session, also, now, with_rate=with_rate)
        if attributes:
            each[session.acctuniqueid] = attributes
    if not each:
        return []
    return enqueue_change(
        connection,
        kind="coa",
        reason=reason,
        requested_by=requested_by,
        now=now,
        caused_at=caused_at,
        sessions=list(each),
        attributes_of=each,
        only_news=True,
        priority=priority,
    )


def rates_now(connection: Connection, sessions: Sequence[str], *, now: datetime) -> dict[str, dict[str, str]]:
    """The rate of now for each of these sessions by its unique id; not for one that is in a garden or may not run."""
    running = running_sessions(connection, sessions=sessions)
    profiles = profiles_by_id(connection, {session.subscription_id for session in running})
    each: dict[str, dict[str, str]] = {}
    for session in running:
        if session.subscription_id in profiles:
            profile = profiles[session.subscription_id][0]
            wanted = desired(profile, session, now)
            if wanted.may_run and not session.in_garden:
                each[session.acctuniqueid] = change_to(wanted)
    return each


def _attributes(
    profile: AccessProfile, session: RunningSession, also: frozenset[str], now: datetime, *, with_rate: bool
) -> dict[str, str]:
    wanted = desired(profile, session, now)
    if session.in_garden or not wanted.may_run:
        return {}
    felt = LIMITS if session.service in COUNTED_BY_ROUTER else LIMITS - {TOTAL_LIMIT}
    limits = (limits_known(profile) | also) & felt
    return change_to(wanted, limits) if with_rate else limits_to(wanted, limits)
