"""Reads the outbox of live changes and keeps its books: claim, attempt, outcome, what the panel shows.

Two senders may work at once and either may be killed at any moment. So a claim is committed before anything is sent,
an outcome only counts for the claim it belongs to, and a change that a later one replaces can never be claimed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg.sql import SQL, Literal

from domain.live_change import OUTCOMES, outcome_of, ways_to

# Claims take turns, so that one never overlooks what another is just taking. Any number that nobody else locks.
CLAIM_LOCK = 0x4C54_434F

# Whether a router can be asked through its API, in a statement that calls nas_servers n.
HAS_API: LiteralString = "(n.api_username <> '' AND n.type = 'mikrotik')"

# When a change that waits is due for as long as staff hold the many that it belongs to.
HELD = datetime(9999, 1, 1, tzinfo=UTC)

# A change that belongs to many may be stopped with them; what it has not sent yet is then nobody's wish any more.
STOPPED = SQL(
    """
(EXISTS (SELECT FROM bulk_changes b WHERE b.id = c.bulk_change_id AND b.state = 'stopped')
 OR EXISTS (SELECT FROM plan_rollouts p WHERE p.id = c.plan_rollout_id AND p.state = 'stopped'))
"""
)

# Changes of one session are worth something in the order of their ids. A CoA is also needless beside a Disconnect.
# `created_at` only narrows the search to an index; the hour covers a transaction that took long to commit.
REPLACED = SQL(
    """
({stopped} OR EXISTS (
    SELECT FROM session_changes o
    WHERE o.subscription_id = c.subscription_id AND o.created_at > c.created_at - interval '1 hour'
      AND o.acctuniqueid = c.acctuniqueid AND o.id <> c.id
      AND (o.id > c.id AND (c.kind = 'coa' OR o.kind = 'disconnect')
           OR c.kind = 'coa' AND o.kind = 'disconnect' AND o.status IN ('pending', 'sending'))))
"""
).format(stopped=STOPPED)

# The list of routers with waiting changes is found by hopping through the index from router to router, and a router's
# changes are read in the order of the index until there is no more room, so a backlog of any length costs the same.
# Hence no joins where a planner without fresh statistics would choose to read everything. Nothing here waits for a row
# lock: a row that an enqueue or another sender holds is left for the next look. What somebody waits for is read first,
# and of the many changes at once each router's part in turn, so that the end of the list gets its share.
_CLAIM = SQL(
    """
WITH RECURSIVE routers AS (
    (SELECT nas_server_id FROM session_changes WHERE status = 'pending' AND via = 'radius'
     ORDER BY nas_server_id LIMIT 1)
    UNION ALL
    SELECT (SELECT c.nas_server_id FROM session_changes c
            WHERE c.status = 'pending' AND c.via = 'radius' AND c.nas_server_id > r.nas_server_id
            ORDER BY c.nas_server_id LIMIT 1)
    FROM routers r WHERE r.nas_server_id IS NOT NULL
), known AS MATERIALIZED (
    SELECT r.nas_server_id, coalesce(k.soon, %(soon)s) AS soon,
        coalesce(k.later, (SELECT least(%(later)s, greatest(1, n.coa_per_second / 5)) FROM nas_servers n
                           WHERE n.id = r.nas_server_id)) AS later
    FROM routers r
    LEFT JOIN unnest(%(known)s::bigint[], %(soons)s::int[], %(laters)s::int[]) AS k (id, soon, later)
        ON k.id = r.nas_server_id
    WHERE r.nas_server_id IS NOT NULL AND greatest(coalesce(k.soon, 1), coalesce(k.later, 1)) > 0
    ORDER BY k.id IS NULL LIMIT %(routers)s
), rooms AS MATERIALIZED (
    SELECT k.nas_server_id, lane.priority, lane.room
    FROM known k CROSS JOIN LATERAL (VALUES (0, k.soon), (1, k.later)) AS lane (priority, room)
    WHERE lane.room > 0
    ORDER BY lane.priority, k.nas_server_id <= %(after)s, k.nas_server_id
), due AS MATERIALIZED (
    SELECT d.id, d.replaced
    FROM rooms CROSS JOIN LATERAL (
        SELECT c.id, {replaced} AS replaced
        FROM session_changes c
        WHERE c.nas_server_id = rooms.nas_server_id AND c.status = 'pending' AND c.via = 'radius'
          AND c.priority = rooms.priority AND c.next_attempt_at <= %(now)s
          AND (SELECT s.id FROM session_changes s
               WHERE s.acctuniqueid = c.acctuniqueid AND s.status = 'sending' LIMIT 1) IS NULL
        ORDER BY c.next_attempt_at LIMIT rooms.room
        FOR UPDATE OF c SKIP LOCKED) d
    LIMIT %(most)s
), replaced AS (
    UPDATE session_changes c SET status = 'superseded', finished_at = %(now)s
    WHERE c.id = ANY (ARRAY(SELECT id FROM due WHERE due.replaced))
), claimed AS (
    UPDATE session_changes c SET status = 'sending', attempts = c.attempts + 1, claimed_until = %(until)s
    WHERE c.id = ANY (ARRAY(SELECT id FROM due WHERE NOT due.replaced))
    RETURNING c.*
)
SELECT claimed.id, claimed.nas_server_id, claimed.kind, claimed.username, claimed.acctsessionid AS session_id,
    claimed.acctuniqueid, host(claimed.framedipaddress) AS framed_ip, claimed.attributes, claimed.reason,
    claimed.caused_at, claimed.attempts AS tries, claimed.error_cause, claimed.sent_at, claimed.claimed_until,
    claimed.priority, claimed.bulk_change_id,
    host(n.host) AS host, n.coa_port AS port, n.coa_per_second AS per_second, n.radius_secret_enc AS secret_token,
    n.type AS vendor, n.deleted_at IS NOT NULL AS router_removed, {has_api} AS has_api,
    EXISTS (SELECT FROM radacct_open r WHERE r.acctuniqueid = claimed.acctuniqueid AND r.acctstoptime IS NULL)
        AS session_open
FROM claimed JOIN nas_servers n ON n.id = claimed.nas_server_id
ORDER BY claimed.priority, claimed.id
"""
).format(replaced=REPLACED, has_api=SQL(HAS_API))


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A change this sender holds until `claimed_until`, with all that is needed to send it."""

    id: int
    nas_server_id: int
    kind: str
    username: str
    session_id: str
    acctuniqueid: str
    framed_ip: str | None
    attributes: Mapping[str, str]
    reason: str
    caused_at: datetime
    tries: int
    error_cause: str | None
    sent_at: datetime | None
    claimed_until: datetime
    priority: int
    bulk_change_id: int | None
    host: str
    port: int
    per_second: int
    secret_token: bytes = field(repr=False)
    vendor: str
    router_removed: bool
    has_api: bool
    session_open: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """How many changes of a router may be claimed now: those that somebody waits for, and those of many at once."""

    soon: int
    later: int


def claim_due(
    connection: psycopg.Connection[Any],
    *,
    now: datetime,
    lease: timedelta,
    room: Room,
    rooms: Mapping[int, Room],
    most_routers: int,
    most: int = 10_000,
    after_router: int = 0,
) -> list[Claim]:
    """Take what is due: at most `rooms[router]` changes of a router, `room` of one not named there, `most` in all.

    Never two changes of one session at a time, and never one that a later change replaces: that is marked instead.
    Changes of many at once begin with the router after `after_router`. The caller commits before it sends anything.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])
    with connection.cursor(row_factory=class_row(Claim)) as cursor:
        return cursor.execute(
            _CLAIM,
            {
                "now": now,
                "until": now + lease,
                "soon": room.soon,
                "later": room.later,
                "known": list(rooms),
                "soons": [each.soon for each in rooms.values()],
                "laters": [each.later for each in rooms.values()],
                "routers": most_routers,
                "most": most,
                "after": after_router,
            },
        ).fetchall()


_TAKE_TURN = """
INSERT INTO sender_turns AS t (lane, sender, until) VALUES (%(lane)s, %(sender)s, %(until)s)
ON CONFLICT (lane) DO UPDATE SET sender = excluded.sender, until = excluded.until
WHERE t.sender = excluded.sender OR t.until < %(now)s
RETURNING 1
"""


# What only one process does at a time: changes of many sessions at once, and handing out orders to routers.
BULK_LANE, ORDERS_LANE = 1, 2


def take_turn(
    connection: psycopg.Connection[Any], *, sender: str, now: datetime, until: datetime, lane: int = BULK_LANE
) -> bool:
    """Whether this sender may send changes of many at once until `until`: one at a time, so that the pace holds."""
    values = {"sender": sender, "now": now, "until": until, "lane": lane}
    return connection.execute(_TAKE_TURN, values).fetchone() is not None


def give_turn_back(connection: psycopg.Connection[Any], *, sender: str, lane: int = BULK_LANE) -> None:
    """Let another sender go on with the changes of many at once."""
    connection.execute("DELETE FROM sender_turns WHERE lane = %s AND sender = %s", [lane, sender])


_STILL_WANTED = SQL(
    """
SELECT c.id FROM session_changes c
JOIN unnest(%(ids)s::bigint[], %(until)s::timestamptz[]) AS mine (id, until) ON mine.id = c.id
WHERE c.status = 'sending' AND c.claimed_until = mine.until AND NOT {replaced}
"""
).format(replaced=REPLACED)


def still_wanted(connection: psycopg.Connection[Any], claims: Sequence[Claim]) -> set[int]:
    """Which claims are still held and have not been replaced since."""
    rows = connection.execute(
        _STILL_WANTED, {"ids": [c.id for c in claims], "until": [c.claimed_until for c in claims]}
    ).fetchall()
    return {row[0] for row in rows}


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What the books say about a change's session now."""

    id: int
    session_open: bool
    has_successor: bool
    newer_waiting: bool


# A successor is a later session of the same device or address: two devices of one subscription are no successors.
_SITUATIONS = """
SELECT c.id,
    EXISTS (SELECT FROM radacct_open r WHERE r.acctuniqueid = c.acctuniqueid AND r.acctstoptime IS NULL)
        AS session_open,
    EXISTS (
        SELECT FROM radacct_open r JOIN radacct_open mine ON mine.acctuniqueid = c.acctuniqueid
        WHERE r.subscription_id = c.subscription_id AND r.acctstoptime IS NULL
          AND r.acctuniqueid <> c.acctuniqueid AND r.acctstarttime > mine.acctstarttime
          AND (r.callingstationid = c.callingstationid OR r.framedipaddress = c.framedipaddress)) AS has_successor,
    EXISTS (
        SELECT FROM session_changes o
        WHERE o.acctuniqueid = c.acctuniqueid AND o.status = 'pending'
          AND (o.kind = 'disconnect' OR c.kind = 'coa' AND o.id > c.id)) AS newer_waiting
FROM session_changes c WHERE c.id = ANY(%s)
"""


def situations(connection: psycopg.Connection[Any], ids: list[int]) -> dict[int, Situation]:
    """The situation of each change."""
    with connection.cursor(row_factory=class_row(Situation)) as cursor:
        return {row.id: row for row in cursor.execute(_SITUATIONS, [ids]).fetchall()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One exchange for the record."""

    change_id: int
    sent_at: datetime
    answered_at: datetime | None
    transmissions: int
    result: str
    error_cause: str | None
    via: str = "radius"


_RECORD_ATTEMPTS = """
INSERT INTO session_change_attempts (session_change_id, sent_at, answered_at, transmissions, result, error_cause, via)
SELECT a.* FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::int[], %s::text[], %s::text[],
    %s::text[])
    AS a (id, sent_at, answered_at, transmissions, result, error_cause, via)
JOIN session_changes c ON c.id = a.id FOR KEY SHARE OF c
"""


def record_attempts(connection: psycopg.Connection[Any], attempts: Sequence[Attempt]) -> None:
    """Keep what was sent and what came back; a change deleted meanwhile with its subscription is left out."""
    connection.execute(
        _RECORD_ATTEMPTS,
        [
            [a.change_id for a in attempts],
            [a.sent_at for a in attempts],
            [a.answered_at for a in attempts],
            [a.transmissions for a in attempts],
            [a.result for a in attempts],
            [_short(a.error_cause) for a in attempts],
            [a.via for a in attempts],
        ],
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The next state of a claimed change; `next_attempt_at` only with "pending", `finished_at` only without.

    `via` is how it is tried next; `look_at` when somebody should see whether it is so; `proof` what was seen already.
    """

    id: int
    claimed_until: datetime
    status: str
    error_cause: str | None
    sent_at: datetime | None
    next_attempt_at: datetime | None = None
    finished_at: datetime | None = None
    via: str = "radius"
    look_at: datetime | None = None
    proof: str | None = None


# The claim is part of the condition: who lost it (a worker that stood still) changes nothing any more. What left before
# many were stopped or held, and met silence, is not tried again: it is over, or waits with the others.
_FINISH = SQL(
    """
UPDATE session_changes c
SET status = CASE WHEN o.status = 'pending' AND {stopped} THEN 'timeout' ELSE o.status END,
    error_cause = coalesce(o.error_cause, c.error_cause), sent_at = coalesce(c.sent_at, o.sent_at),
    next_attempt_at = CASE WHEN o.status = 'pending'
            AND EXISTS (SELECT FROM bulk_changes b WHERE b.id = c.bulk_change_id AND b.state = 'paused')
        THEN {held} ELSE coalesce(o.next_attempt_at, c.next_attempt_at) END,
    finished_at = CASE WHEN o.status = 'pending' AND {stopped} THEN now() ELSE o.finished_at END,
    claimed_until = NULL, via = o.via, look_at = o.look_at, proof = o.proof,
    proved_by = CASE WHEN o.proof IS NOT NULL THEN 'api' END,
    proved_at = CASE WHEN o.proof IS NOT NULL THEN o.finished_at END
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[],
    %s::timestamptz[], %s::text[], %s::timestamptz[], %s::text[])
    AS o (id, claimed_until, status, error_cause, sent_at, next_attempt_at, finished_at, via, look_at, proof)
WHERE c.id = o.id AND c.status = 'sending' AND c.claimed_until = o.claimed_until
RETURNING c.id
"""
).format(stopped=STOPPED, held=Literal(HELD))


def finish(connection: psycopg.Connection[Any], outcomes: Sequence[Outcome]) -> set[int]:
    """Write the outcomes; returns the changes that were still held by these claims."""
    rows = connection.execute(
        _FINISH,
        [
            [o.id for o in outcomes],
            [o.claimed_until for o in outcomes],
            [o.status for o in outcomes],
            [_short(o.error_cause) for o in outcomes],
            [o.sent_at for o in outcomes],
            [o.next_attempt_at for o in outcomes],
            [o.finished_at for o in outcomes],
            [o.via for o in outcomes],
            [o.look_at for o in outcomes],
            [o.proof for o in outcomes],
        ],
    ).fetchall()
    return {row[0] for row in rows}


def _short(text: str | None) -> str | None:
    return None if text is None else text[:60]


_RELEASE_EXPIRED = """
WITH lost AS (
    SELECT id FROM session_changes WHERE status = 'sending' AND claimed_until < %(now)s
    ORDER BY claimed_until LIMIT %(most)s FOR UPDATE SKIP LOCKED
)
UPDATE session_changes c
SET status = CASE WHEN c.attempts >= %(most_claims)s THEN 'timeout' ELSE 'pending' END,
    finished_at = CASE WHEN c.attempts >= %(most_claims)s THEN %(now)s END,
    next_attempt_at = %(now)s, claimed_until = NULL
FROM lost WHERE c.id = lost.id
"""


def release_expired(connection: psycopg.Connection[Any], *, now: datetime, most_claims: int, most: int = 10_000) -> int:
    """Put back what a killed sender left behind: to send a CoA or Disconnect again does no harm."""
    values = {"now": now, "most": most, "most_claims": most_claims}
    return connection.execute(_RELEASE_EXPIRED, values).rowcount


_PURGE = """
DELETE FROM session_changes WHERE id IN (
    SELECT id FROM session_changes
    WHERE status NOT IN ('pending', 'sending') AND finished_at < %s ORDER BY id LIMIT %s)
"""


def purge_finished(connection: psycopg.Connection[Any], *, before: datetime, most: int = 10_000) -> int:
    """Delete changes that were over before `before`, with their attempts; returns how many, at most `most`."""
    return connection.execute(_PURGE, [before, most]).rowcount


_SELECT_CHANGES = SQL("""
SELECT c.id, c.subscription_id, c.nas_server_id, n.name AS router, c.acctuniqueid, c.acctsessionid, c.username, c.kind,
c.attributes, c.reason, c.requested_by, c.status, c.attempts, c.error_cause, c.caused_at, c.created_at, c.sent_at,
c.finished_at, CASE WHEN c.status = 'pending' THEN c.next_attempt_at END AS next_attempt_at,
CASE WHEN c.status = 'ack' THEN round(extract(epoch FROM c.finished_at - c.caused_at) * 1000)::bigint END AS latency_ms,
c.priority, c.via, c.bulk_change_id, c.proof, c.proved_by, c.proved_at
FROM session_changes c JOIN nas_servers n ON n.id = c.nas_server_id {where}
""")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeView:
    """A change as people see it; `latency_ms` runs from the cause to the router's yes."""

    id: int
    subscription_id: int | None
    nas_server_id: int
    router: str
    acctuniqueid: str
    acctsessionid: str
    username: str
    kind: str
    attributes: Mapping[str, str]
    reason: str
    requested_by: str
    status: str
    attempts: int
    error_cause: str | None
    caused_at: datetime
    created_at: datetime
    sent_at: datetime | None
    finished_at: datetime | None
    next_attempt_at: datetime | None
    latency_ms: int | None
    priority: int
    via: str
    bulk_change_id: int | None
    proof: str | None
    proved_by: str | None
    proved_at: datetime | None

    @property
    def outcome(self) -> str:
        """What became of it, a key of `domain.live_change.OUTCOMES`."""
        return outcome_of(self.status, self.proof)

    @property
    def result(self) -> str:
        """The same in words."""
        return OUTCOMES[self.outcome]


def changes_of_subscription(
    connection: psycopg.Connection[Any], subscription_id: int, limit: int = 20
) -> list[ChangeView]:
    """The latest changes to a subscription's sessions, newest first. Whose it is, the caller has checked."""
    return _views(
        connection,
        "WHERE c.subscription_id = %(subscription_id)s ORDER BY c.created_at DESC, c.id DESC LIMIT %(limit)s",
        {"subscription_id": subscription_id, "limit": limit},
    )


def change_status(connection: psycopg.Connection[Any], ids: Sequence[int]) -> list[ChangeView]:
    """The changes with these ids, in the order of the ids."""
    return _views(connection, "WHERE c.id = ANY(%(ids)s) ORDER BY c.id", {"ids": list(ids)})


def latest_changes(
    connection: psycopg.Connection[Any], *, outcome: str | None = None, limit: int = 50
) -> list[ChangeView]:
    """The latest changes of all tenants, newest first, for whoever runs the installation."""
    ways = [] if outcome is None else [f"{status} {proof or ''}" for status, proof in ways_to(outcome)]
    where = (
        "WHERE (%(any)s OR c.status || ' ' || coalesce(c.proof, '') = ANY(%(ways)s)) ORDER BY c.id DESC LIMIT %(limit)s"
    )
    return _views(connection, where, {"any": outcome is None, "ways": ways, "limit": limit})


def _views(connection: psycopg.Connection[Any], where: LiteralString, values: Mapping[str, Any]) -> list[ChangeView]:
    with connection.cursor(row_factory=class_row(ChangeView)) as cursor:
        return cursor.execute(_SELECT_CHANGES.format(where=SQL(where)), values).fetchall()


_OPEN_SESSIONS = """
SELECT DISTINCT r.acctuniqueid, t.slug FROM radacct_open r JOIN tenants t ON t.id = r.tenant_id
WHERE r.username = %(username)s AND r.acctstoptime IS NULL
  AND (%(tenant)s::text IS NULL OR t.slug = %(tenant)s)
"""


def open_sessions_of(
    connection: psycopg.Connection[Any], *, username: str, tenant: str | None = None
) -> dict[str, str]:
    """The running sessions of a username: unique id and the provider it belongs to."""
    rows = connection.execute(_OPEN_SESSIONS, {"username": username, "tenant": tenant}).fetchall()
    return dict(rows)


_LATENCY = """
SELECT count(*) AS changes,
    count(*) FILTER (WHERE status = 'ack') AS acks,
    count(*) FILTER (WHERE status = 'nak') AS naks,
    count(*) FILTER (WHERE status = 'timeout') AS timeouts,
    count(*) FILTER (WHERE status IN ('pending', 'sending')) AS waiting,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY sent_ms) AS sent_p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY sent_ms) AS sent_p95_ms,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY ack_ms) AS ack_p50_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY ack_ms) AS ack_p95_ms
FROM (
    SELECT status, extract(epoch FROM sent_at - caused_at) * 1000 AS sent_ms,
        CASE WHEN status = 'ack' THEN extract(epoch FROM finished_at - caused_at) * 1000 END AS ack_ms
    FROM session_changes WHERE created_at >= %(since)s AND created_at < %(until)s) x
"""


def latency(connection: psycopg.Connection[Any], *, since: datetime, until: datetime) -> dict[str, Any]:
    """Counts and percentiles of the changes written in a window; a percentile of nothing is None."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_LATENCY, {"since": since, "until": until}).fetchone()
    return dict(row or {})
