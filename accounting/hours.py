"""Running sessions when a plan's hours begin or end.

A session has the end of its hours as its Session-Timeout, so this is for routers that did not keep to it, for hours
with another speed, and for whoever waits in the walled garden until the hours begin.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounting.fairuse import ACTOR, rate_limit
from db.queries import quotas as queries
from db.queries.access import profiles_by_id, windows_of
from db.queries.accounting import Connection
from db.queries.live_changes import enqueue_change
from db.queries.zones import zone_named
from domain.windows import last_edge, window_at

# A job that did not run for a while makes up for it; what is older, Session-Timeout has long ended.
LATELY = timedelta(hours=1)
A_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """A plan whose hours turned, when, and what its sessions need: "coa" or "disconnect"."""

    plan_id: int
    at: datetime
    kind: str


def turned_lately(connection: Connection, now: datetime) -> Iterator[Turn]:
    """The plans whose hours turned within the last hour, in a way that their sessions feel."""
    for plan in queries.plans_with_hours(connection):
        zone, windows = zone_named(plan.timezone), windows_of(plan.windows)
        edge = last_edge(windows, now, zone)
        if edge is None or now - edge >= LATELY:
            continue
        before, after = window_at(windows, edge - A_MOMENT, zone), window_at(windows, edge, zone)
        if (before is None) != (after is None):
            yield Turn(plan_id=plan.plan_id, at=edge, kind="disconnect")
        elif before is not None and after is not None and before.speed != after.speed:
            yield Turn(plan_id=plan.plan_id, at=edge, kind="coa")


def tell(connection: Connection, turn: Turn, *, now: datetime, limit: int) -> tuple[int, int]:
    """Ask for the change on at most `limit` sessions that were not told yet; (sessions looked at, rows written)."""
    sessions = queries.untold_sessions(connection, plan_id=turn.plan_id, turned_at=turn.at, kind=turn.kind, limit=limit)
    if turn.kind == "disconnect":
        return len(sessions), _ask(connection, turn, [unique_id for unique_id, _ in sessions], {}, now)
    profiles = profiles_by_id(connection, {subscription_id for _, subscription_id in sessions})
    by_rate: dict[str, tuple[dict[str, str], list[str]]] = {}
    for unique_id, subscription_id in sessions:
        attributes = rate_limit(profiles[subscription_id][0], now)
        by_rate.setdefault(str(attributes), (attributes, []))[1].append(unique_id)
    asked = sum(_ask(connection, turn, ids, attributes, now) for attributes, ids in by_rate.values())
    return len(sessions), asked


def _ask(connection: Connection, turn: Turn, sessions: list[str], attributes: dict[str, str], now: datetime) -> int:
    if not sessions:
        return 0
    rows = enqueue_change(
        connection, kind=turn.kind, reason="hours", requested_by=ACTOR, now=now, caused_at=turn.at, sessions=sessions,
        attributes=attributes,
    )  # fmt: skip
    return len(rows)
