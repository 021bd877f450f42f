"""Running sessions when the period of an allowance turns: whoever had something left is told that all of it is there.

A router holds a session to the limit of its login, so one that goes on past the turn would be ended at what was left
of the old period. Those who had nothing left were ended or slowed; `accounting.quotas` gives them back what they had.

Told is who was heard since the turn, because then what belongs to the old period is known; after a while everybody.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounting.fairuse import ACTOR
from accounting.limits import tell_limits
from db.queries import quotas as queries
from db.queries.accounting import Connection
from db.queries.zones import zone_named
from domain.live_change import LATER
from domain.period import period_at

# A job that did not run for a while makes up for it; what is older, most sessions have long ended.
LATELY = timedelta(hours=2)
# By then a report that was due at the turn has come, or is missing.
WAIT_FOR_REPORT = timedelta(minutes=20)
BILLING_DAYS = range(1, 32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A period that began: of which allowances, of whom, and when. `billing_day` is None where it does not matter."""

    tenant_id: int
    period: str
    billing_day: int | None
    at: datetime


def turned_lately(connection: Connection, now: datetime) -> Iterator[Turn]:
    """The periods of allowances in use that end sessions, as far as they began within the last hours."""
    for tenant_id, timezone, period in queries.periods_in_use(connection):
        zone = zone_named(timezone)
        for day in BILLING_DAYS if period == "billing_cycle" else (None,):
            at = period_at(period, now, zone, day or 1).start
            if now - at < LATELY:
                yield Turn(tenant_id=tenant_id, period=period, billing_day=day, at=at)


def tell(connection: Connection, turn: Turn, *, after: str, now: datetime, limit: int) -> tuple[str, int]:
    """Tell the next sessions that go on from before the turn; (the last one looked at or "", rows written)."""
    heard_since = turn.at if now - turn.at < WAIT_FOR_REPORT else turn.at - timedelta(days=3660)
    sessions = queries.sessions_past_turn(
        connection, tenant_id=turn.tenant_id, period=turn.period, billing_day=turn.billing_day, turned_at=turn.at,
        heard_since=heard_since, after=after, limit=limit,
    )  # fmt: skip
    ids = sorted({subscription_id for _, subscription_id in sessions})
    asked = tell_limits(connection, ids, requested_by=ACTOR, now=now, caused_at=turn.at, priority=LATER)
    return sessions[-1][0] if len(sessions) == limit else "", len(asked)
