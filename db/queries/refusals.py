"""What routers refuse, as their answers taught us."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.models import NasRefusal

_BELIEVED = """
SELECT nas_server_id, what FROM nas_refusals
WHERE nas_server_id = ANY(%(routers)s) AND refusals >= %(least)s AND last_at > %(since)s
"""

_NOTE = """
INSERT INTO nas_refusals AS r (nas_server_id, what, error_cause, refusals, first_at, last_at)
SELECT n.id, x.what, x.cause, x.times, %(now)s, %(now)s
FROM unnest(%(routers)s::bigint[], %(whats)s::text[], %(causes)s::text[], %(times)s::int[])
    AS x (id, what, cause, times)
JOIN nas_servers n ON n.id = x.id
ORDER BY n.id, x.what
ON CONFLICT (nas_server_id, what) DO UPDATE SET error_cause = excluded.error_cause, last_at = excluded.last_at,
    refusals = least(r.refusals::bigint + excluded.refusals, 1000000)::int
"""


def believed(
    connection: psycopg.Connection[Any], routers: Iterable[int], *, since: datetime, least: int
) -> dict[int, set[str]]:
    """What each of the routers has refused at least `least` times, the last time after `since`."""
    found: dict[int, set[str]] = {}
    values = {"routers": list(routers), "least": least, "since": since}
    for router, what in connection.execute(_BELIEVED, values):
        found.setdefault(router, set()).add(what)
    return found


def note(connection: psycopg.Connection[Any], seen: Mapping[tuple[int, str, str], int], *, now: datetime) -> None:
    """Count refusals: (router, what, cause) and how often; each router and thing keeps its last cause."""
    merged: dict[tuple[int, str], tuple[str, int]] = {}
    for (router, what, cause), times in seen.items():
        merged[router, what] = (cause, times + merged.get((router, what), ("", 0))[1])
    connection.execute(
        _NOTE,
        {
            "now": now,
            "routers": [router for router, _ in merged],
            "whats": [what for _, what in merged],
            "causes": [cause for cause, _ in merged.values()],
            "times": [times for _, times in merged.values()],
        },
    )


def refusals_of(session: Session, nas_server_id: int) -> Sequence[NasRefusal]:
    """What a router has refused, also what is not believed yet or not any more."""
    statement = select(NasRefusal).where(NasRefusal.nas_server_id == nas_server_id).order_by(NasRefusal.what)
    return session.scalars(statement.execution_options(populate_existing=True)).all()


def forget_refusals(session: Session, nas_server_id: int) -> int:
    """Ask the router for everything again; returns how many lessons were forgotten."""
    statement = delete(NasRefusal).where(NasRefusal.nas_server_id == nas_server_id).returning(NasRefusal.what)
    return len(session.execute(statement).all())


_FORGET_OLD = "DELETE FROM nas_refusals WHERE last_at < %s"


def forget_old(connection: psycopg.Connection[Any], *, before: datetime) -> int:
    """Drop lessons that are not believed any more; returns how many."""
    return connection.execute(_FORGET_OLD, [before]).rowcount
