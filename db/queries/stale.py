"""Sessions that fell silent, what their routers were asked about them and said, and their end.

`session_checks` is the outbox of these questions: accounting writes what is wanted, `coa` asks and writes the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row

from db.queries.outbox import HAS_API
from domain.stale import UNKNOWN, UNKNOWN_AFTER_S

Connection = psycopg.Connection[Any]
SETTING = "stale_sessions.unknown_after_hours"


@dataclass(frozen=True, kw_only=True, slots=True)
class SilentSession:
    """An open session that was not heard for longer than allowed, with what is known of its last check."""

    acctuniqueid: str
    subscription_id: int | None
    nas_server_id: int
    heard_at: datetime
    can_ask: bool
    asked_at: datetime | None
    answer: str | None
    answered_at: datetime | None


# A check that was asked for before the session was last heard is of an earlier silence.
_SILENT = """
SELECT r.acctuniqueid, r.subscription_id, r.nas_server_id, r.acctupdatetime AS heard_at,
    n.is_active AND n.deleted_at IS NULL AS can_ask, c.asked_at, c.answer, c.answered_at
FROM radacct_open r
JOIN nas_servers n ON n.id = r.nas_server_id
LEFT JOIN subscriptions s ON s.id = r.subscription_id
LEFT JOIN service_plans p ON p.id = s.service_plan_id
LEFT JOIN session_checks c ON c.acctuniqueid = r.acctuniqueid AND coalesce(c.asked_at, c.look_at) > r.acctupdatetime
WHERE r.acctstoptime IS NULL
  AND r.acctupdatetime < %(counted_until)s::timestamptz
      - make_interval(secs => greatest(%(intervals)s * coalesce(p.interim_interval_s, 0), %(least_s)s))
  AND (c.look_at IS NULL OR c.look_at <= %(now)s)
LIMIT %(limit)s
"""


def silent_sessions(
    connection: Connection, *, now: datetime, counted_until: datetime, intervals: int, least_s: int, limit: int
) -> list[SilentSession]:
    """Open sessions silent for so many interim intervals about which something may be decided now."""
    values = {"now": now, "counted_until": counted_until, "intervals": intervals, "least_s": least_s, "limit": limit}
    with connection.cursor(row_factory=class_row(SilentSession)) as cursor:
        return cursor.execute(_SILENT, values).fetchall()


def ask_about(connection: Connection, sessions: Sequence[SilentSession], *, now: datetime, look_at: datetime) -> None:
    """Want the routers asked about these sessions; nothing more is decided before `look_at` or an answer."""
    connection.execute(
        "INSERT INTO session_checks (acctuniqueid, nas_server_id, asked_at, look_at)"
        " SELECT id, nas, %(now)s, %(look_at)s FROM unnest(%(ids)s::text[], %(nas)s::bigint[]) AS x (id, nas)"
        " ON CONFLICT (acctuniqueid) DO UPDATE SET asked_at = excluded.asked_at, look_at = excluded.look_at,"
        " answer = NULL, answered_at = NULL, error_cause = NULL, tries = 0, claimed_until = NULL",
        _by_router(sessions) | {"now": now, "look_at": look_at},
    )


def look_later(connection: Connection, sessions: Sequence[SilentSession], look_at: Sequence[datetime]) -> None:
    """Leave these sessions as they are until then."""
    connection.execute(
        "INSERT INTO session_checks (acctuniqueid, nas_server_id, look_at)"
        " SELECT * FROM unnest(%(ids)s::text[], %(nas)s::bigint[], %(look_at)s::timestamptz[])"
        " ON CONFLICT (acctuniqueid) DO UPDATE SET look_at = excluded.look_at",
        _by_router(sessions) | {"look_at": list(look_at)},
    )


def _by_router(sessions: Sequence[SilentSession]) -> dict[str, Any]:
    return {"ids": [one.acctuniqueid for one in sessions], "nas": [one.nas_server_id for one in sessions]}


_CLOSE = """
UPDATE radacct r SET acctstoptime = r.acctupdatetime, acctterminatecause = %(cause)s
FROM unnest(%(ids)s::text[], %(heard_at)s::timestamptz[]) AS x (id, heard_at)
WHERE r.acctuniqueid = x.id AND r.acctstoptime IS NULL AND r.acctupdatetime = x.heard_at
RETURNING r.acctuniqueid, r.subscription_id
"""


def close_unheard(
    connection: Connection, sessions: Sequence[SilentSession], *, cause: str
) -> list[tuple[str, int | None]]:
    """End sessions at the moment they were last heard, unless they were heard meanwhile; returns who was ended.

    The caller holds the merge lock.
    """
    ids, heard_at = [one.acctuniqueid for one in sessions], [one.heard_at for one in sessions]
    rows = connection.execute(_CLOSE, {"ids": ids, "heard_at": heard_at, "cause": cause})
    return [(row[0], row[1]) for row in rows]


def forget_checks(connection: Connection, *, before: datetime) -> int:
    """Delete checks that are of no use any more: the session was heard since, or ended long ago."""
    return connection.execute(
        "DELETE FROM session_checks c WHERE c.look_at < %s AND NOT EXISTS (SELECT FROM radacct_open r"
        " WHERE r.acctuniqueid = c.acctuniqueid AND r.acctstoptime IS NULL"
        " AND r.acctupdatetime < coalesce(c.asked_at, c.look_at))",
        [before],
    ).rowcount


def unknown_after_s(connection: Connection) -> float:
    """After how many seconds of silence a session ends whose router cannot be asked, from `settings`."""
    row = connection.execute(
        "SELECT (value #>> '{}')::float8 FROM settings WHERE tenant_id IS NULL AND key = %s"
        " AND jsonb_typeof(value) = 'number'",
        [SETTING],
    ).fetchone()
    return UNKNOWN_AFTER_S if row is None or row[0] < 1 else float(row[0]) * 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Silent sessions by how it stands with them: being asked about, said to run, or nobody could say."""

    asking: int
    alive: int
    unanswered: int


def asked_about(connection: Connection) -> Asked:
    """How many sessions are silent now, by what is known of them."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE c.answer IS NULL), count(*) FILTER (WHERE c.answer = 'alive'),"
        " count(*) FILTER (WHERE c.answer = 'unknown') FROM session_checks c JOIN radacct_open r"
        " ON r.acctuniqueid = c.acctuniqueid AND r.acctstoptime IS NULL AND r.acctupdatetime < c.asked_at"
    ).fetchone()
    return Asked(asking=row[0], alive=row[1], unanswered=row[2]) if row else Asked(asking=0, alive=0, unanswered=0)


# --- the asking ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """A question to ask, with all that is needed to ask it; `tries` counts answers that need a second one."""

    acctuniqueid: str
    nas_server_id: int
    username: str
    session_id: str
    framed_ip: str | None
    started_at: datetime
    connection_type: str
    framed_protocol: str | None
    port_type: str | None
    station: str | None
    tries: int
    host: str
    port: int
    secret_token: bytes = field(repr=False)


# A router with an API answers for all of its sessions at once.
_CLAIM = f"""
WITH due AS (
    SELECT c.acctuniqueid, row_number() OVER (PARTITION BY c.nas_server_id ORDER BY c.asked_at) AS place,
        CASE WHEN {HAS_API} THEN %(per_api)s ELSE %(per_router)s END AS most
    FROM session_checks c JOIN nas_servers n ON n.id = c.nas_server_id
    WHERE c.answer IS NULL AND c.asked_at IS NOT NULL AND c.look_at > %(now)s
      AND (c.claimed_until IS NULL OR c.claimed_until <= %(now)s)
), taken AS (
    SELECT acctuniqueid FROM session_checks WHERE acctuniqueid IN (
        SELECT acctuniqueid FROM due WHERE place <= most ORDER BY place LIMIT %(limit)s)
    AND answer IS NULL AND (claimed_until IS NULL OR claimed_until <= %(now)s) FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE session_checks c SET claimed_until = %(until)s FROM taken WHERE c.acctuniqueid = taken.acctuniqueid
    RETURNING c.acctuniqueid, c.nas_server_id, c.tries, c.asked_at
)
SELECT c.acctuniqueid, c.nas_server_id, r.username, r.acctsessionid AS session_id,
    host(r.framedipaddress) AS framed_ip, r.acctstarttime AS started_at,
    coalesce(s.connection_type, '') AS connection_type, r.framedprotocol AS framed_protocol,
    r.nasporttype AS port_type, r.callingstationid AS station, c.tries, host(n.host) AS host, n.coa_port AS port,
    n.radius_secret_enc AS secret_token
FROM claimed c
JOIN radacct_open r ON r.acctuniqueid = c.acctuniqueid AND r.acctstoptime IS NULL AND r.acctupdatetime < c.asked_at
JOIN nas_servers n ON n.id = c.nas_server_id AND n.is_active AND n.deleted_at IS NULL
LEFT JOIN subscriptions s ON s.id = r.subscription_id
"""  # noqa: S608 - our own text


def claim_checks(
    connection: Connection, *, now: datetime, lease: timedelta, per_router: int, per_api: int, limit: int
) -> list[Check]:
    """Take questions that wait, the oldest of each router first. Commit before asking."""
    values = {"now": now, "until": now + lease, "per_router": per_router, "per_api": per_api, "limit": limit}
    with connection.cursor(row_factory=class_row(Check)) as cursor:
        return cursor.execute(_CLAIM, values).fetchall()


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckAnswer:
    """What a router said; no `answer` when it has to say it again at `ask_again_at`."""

    acctuniqueid: str
    answer: str | None
    error_cause: str | None
    ask_again_at: datetime | None = None


_KEEP = """
UPDATE session_checks c SET answer = x.answer, error_cause = x.cause, tries = c.tries + 1,
    answered_at = CASE WHEN x.answer IS NOT NULL THEN %(now)s::timestamptz END, claimed_until = x.again_at,
    look_at = CASE WHEN x.answer IS NOT NULL THEN %(now)s::timestamptz ELSE c.look_at END
FROM unnest(%(ids)s::text[], %(answers)s::text[], %(causes)s::text[], %(again)s::timestamptz[])
    AS x (id, answer, cause, again_at)
WHERE c.acctuniqueid = x.id AND c.answer IS NULL
"""


def keep_check_answers(connection: Connection, answers: Sequence[CheckAnswer], *, now: datetime) -> None:
    """Write down what routers said."""
    connection.execute(
        _KEEP,
        {
            "now": now,
            "ids": [one.acctuniqueid for one in answers],
            "answers": [one.answer for one in answers],
            "causes": [None if one.error_cause is None else one.error_cause[:60] for one in answers],
            "again": [one.ask_again_at for one in answers],
        },
    )


def leave_checks(connection: Connection, unique_ids: Sequence[str]) -> None:
    """Let go of questions that were taken and not asked; the next step takes them."""
    connection.execute(
        "UPDATE session_checks SET claimed_until = NULL WHERE acctuniqueid = ANY(%s) AND answer IS NULL",
        [list(unique_ids)],
    )


def give_up_asking(connection: Connection, nas_server_ids: Sequence[int], *, now: datetime) -> int:
    """Take every question that waits for these routers as unanswered: they answer nothing now."""
    return connection.execute(
        "UPDATE session_checks SET answer = %s, answered_at = %s, look_at = %s, claimed_until = NULL"
        " WHERE nas_server_id = ANY(%s) AND answer IS NULL AND asked_at IS NOT NULL",
        [UNKNOWN, now, now, list(nas_server_ids)],
    ).rowcount
