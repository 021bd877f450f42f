"""Changes that a router's API carries out, and changes of which somebody has to see whether they are so.

What is due is claimed like in `db.queries.outbox`, so that two of those who ask never ask for the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL

from db.queries.outbox import CLAIM_LOCK, HAS_API, REPLACED
from domain.sessions import ENDED_BY_US


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A change to carry out through a router's API, or (`is_look`) to see.

    A job to carry out is held until `claimed_until`.
    """

    id: int
    nas_server_id: int
    kind: str
    username: str
    session_id: str
    acctuniqueid: str
    framed_ip: str | None
    station: str | None
    attributes: Mapping[str, str]
    reason: str
    caused_at: datetime
    tries: int
    looks: int
    error_cause: str | None
    sent_at: datetime | None
    claimed_until: datetime | None
    priority: int
    bulk_change_id: int | None
    has_api: bool
    router_removed: bool
    session_open: bool
    is_look: bool


# Routers in the order of their oldest job, a bounded number of each, so that one router's many wait for no other's few.
_DUE_API = SQL(
    """
WITH due AS MATERIALIZED (
    SELECT c.id, {replaced} AS replaced FROM session_changes c
    WHERE c.status = 'pending' AND c.via = 'api' AND c.next_attempt_at <= %(now)s
      AND (SELECT s.id FROM session_changes s
           WHERE s.acctuniqueid = c.acctuniqueid AND s.status = 'sending' LIMIT 1) IS NULL
    ORDER BY c.next_attempt_at LIMIT %(most)s
    FOR UPDATE OF c SKIP LOCKED
), replaced AS (
    UPDATE session_changes c SET status = 'superseded', finished_at = %(now)s
    WHERE c.id = ANY (ARRAY(SELECT id FROM due WHERE due.replaced))
)
UPDATE session_changes c SET status = 'sending', attempts = c.attempts + 1, claimed_until = %(until)s
WHERE c.id = ANY (ARRAY(SELECT id FROM due WHERE NOT due.replaced))
RETURNING c.id
"""
).format(replaced=REPLACED)

# Pushed into the future while somebody looks: whoever is killed is followed by another.
_DUE_LOOKS = """
UPDATE session_changes c SET look_at = %(again)s
WHERE c.id IN (SELECT id FROM session_changes WHERE look_at <= %(now)s
               ORDER BY look_at LIMIT %(most)s FOR UPDATE SKIP LOCKED)
RETURNING c.id
"""

_JOBS = SQL(
    """
SELECT c.id, c.nas_server_id, c.kind, c.username, c.acctsessionid AS session_id, c.acctuniqueid,
    host(c.framedipaddress) AS framed_ip, c.callingstationid AS station, c.attributes, c.reason, c.caused_at,
    c.attempts AS tries, c.looks, c.error_cause, c.sent_at, c.claimed_until, c.priority, c.bulk_change_id,
    {has_api} AS has_api, n.deleted_at IS NOT NULL AS router_removed,
    EXISTS (SELECT FROM radacct_open r WHERE r.acctuniqueid = c.acctuniqueid AND r.acctstoptime IS NULL)
        AS session_open,
    c.status <> 'sending' AS is_look
FROM session_changes c JOIN nas_servers n ON n.id = c.nas_server_id
WHERE c.id = ANY(%(ids)s) ORDER BY c.id
"""
).format(has_api=SQL(HAS_API))


def claim_for_api(connection: psycopg.Connection[Any], *, now: datetime, lease: timedelta, most: int) -> list[Job]:
    """Take what routers' APIs are to carry out; the caller commits before it asks."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])
    values = {"now": now, "until": now + lease, "most": most}
    return _jobs(connection, [row[0] for row in connection.execute(_DUE_API, values)])


def due_looks(connection: psycopg.Connection[Any], *, now: datetime, lease: timedelta, most: int) -> list[Job]:
    """Take the changes that are to be looked at now."""
    values = {"now": now, "again": now + lease, "most": most}
    return _jobs(connection, [row[0] for row in connection.execute(_DUE_LOOKS, values)])


def _jobs(connection: psycopg.Connection[Any], ids: list[int]) -> list[Job]:
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        return cursor.execute(_JOBS, {"ids": ids}).fetchall() if ids else []


_PUT_BACK = """
UPDATE session_changes c
SET status = CASE WHEN c.status = 'sending' THEN 'pending' ELSE c.status END,
    attempts = c.attempts - (c.status = 'sending')::int,
    claimed_until = NULL, look_at = CASE WHEN c.look_at IS NOT NULL THEN %(now)s::timestamptz END
WHERE c.id = ANY(%(ids)s)
"""


def put_back(connection: psycopg.Connection[Any], ids: Sequence[int], *, now: datetime) -> None:
    """Leave to the next step what was taken in this one."""
    connection.execute(_PUT_BACK, {"ids": list(ids), "now": now})


# A session that we closed ourselves is no proof: only the router's own word about its end is.
_SEE_STOPS = """
WITH due AS (
    SELECT id, acctuniqueid, created_at FROM session_changes
    WHERE look_at <= %(now)s AND kind = 'disconnect' AND proof IS NULL
    ORDER BY look_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE session_changes c
SET proof = 'applied', proved_by = 'stop', proved_at = %(now)s, look_at = NULL, looks = c.looks + 1
FROM due
WHERE c.id = due.id
  AND NOT EXISTS (SELECT FROM radacct_open o WHERE o.acctuniqueid = due.acctuniqueid AND o.acctstoptime IS NULL)
  AND EXISTS (SELECT FROM radacct r WHERE r.acctuniqueid = due.acctuniqueid
      AND r.acctstoptime > due.created_at - interval '1 day'
      AND coalesce(r.acctterminatecause, '') <> ALL (%(ours)s))
"""


def see_stops(connection: psycopg.Connection[Any], *, now: datetime, most: int) -> int:
    """Note which disconnects are proved by the Stop that came; returns how many."""
    values = {"now": now, "most": most, "ours": sorted(ENDED_BY_US)}
    return connection.execute(_SEE_STOPS, values).rowcount


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What was seen of a change, and why it is not called applied; `look_at` when somebody should look again."""

    id: int
    proof: str | None
    why: str | None
    look_at: datetime | None


_NOTE_SIGHTS = """
UPDATE session_changes c
SET proof = s.proof, proved_by = CASE WHEN s.proof IN ('applied', 'differs') THEN 'api' END,
    proved_at = CASE WHEN s.proof IS NOT NULL THEN %(now)s END, look_at = s.look_at, looks = c.looks + 1,
    error_cause = coalesce(s.why, c.error_cause)
FROM unnest(%(ids)s::bigint[], %(proofs)s::text[], %(whys)s::text[], %(look_ats)s::timestamptz[])
    AS s (id, proof, why, look_at)
WHERE c.id = s.id AND c.status = 'ack' AND c.proof IS NULL
"""


def note_sights(connection: psycopg.Connection[Any], sights: Sequence[Sight], *, now: datetime) -> None:
    """Write down what was seen; what a Stop proved meanwhile stays proved."""
    connection.execute(
        _NOTE_SIGHTS,
        {
            "now": now,
            "ids": [sight.id for sight in sights],
            "proofs": [sight.proof for sight in sights],
            "whys": [None if sight.why is None else sight.why[:60] for sight in sights],
            "look_ats": [sight.look_at for sight in sights],
        },
    )
