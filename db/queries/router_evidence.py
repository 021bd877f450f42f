"""What is known of how a router behaves, from its running sessions; and its probes, asked for and answered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row

Connection = psycopg.Connection[Any]

# A report may be late by half an interval and a little: routers round, and packets are sent again.
_SESSIONS = """
SELECT count(*) AS sessions,
    count(*) FILTER (WHERE r.acctinterval > 0 AND p.id IS NOT NULL) AS reporting,
    count(*) FILTER (WHERE r.acctinterval > 1.5 * p.interim_interval_s + 30) AS late,
    count(*) FILTER (WHERE r.acctinterval BETWEEN 1 AND p.interim_interval_s / 2) AS early,
    coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY r.acctinterval)
        FILTER (WHERE r.acctinterval > 0 AND p.id IS NOT NULL), 0)::int AS median_s,
    coalesce(percentile_disc(0.5) WITHIN GROUP (ORDER BY p.interim_interval_s)
        FILTER (WHERE r.acctinterval > 0), 0)::int AS wanted_s,
    count(*) FILTER (WHERE r.acctinterval IS NULL AND p.id IS NOT NULL
        AND r.acctstarttime < %(now)s - make_interval(secs => 3 * p.interim_interval_s)) AS silent,
    coalesce(sum(r.acctoutputoctets), 0)::bigint AS download_bytes,
    coalesce(sum(r.acctinputoctets), 0)::bigint AS upload_bytes
FROM radacct_open r
LEFT JOIN subscriptions s ON s.id = r.subscription_id
LEFT JOIN service_plans p ON p.id = s.service_plan_id
WHERE r.nas_server_id = %(nas_id)s AND r.acctstoptime IS NULL
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionEvidence:
    """The router's running sessions: how they report and what they count. Bytes are the customers'.

    `reporting` sent at least two records; `late` and `early` of these differ from what their plan asks for; `silent`
    run long enough for three reports and sent none. Seconds are medians.
    """

    sessions: int = 0
    reporting: int = 0
    late: int = 0
    early: int = 0
    silent: int = 0
    median_s: int = 0
    wanted_s: int = 0
    download_bytes: int = 0
    upload_bytes: int = 0


def session_evidence(connection: Connection, nas_id: int, *, now: datetime) -> SessionEvidence:
    """What the router's running sessions show."""
    with connection.cursor(row_factory=class_row(SessionEvidence)) as cursor:
        found = cursor.execute(_SESSIONS, {"nas_id": nas_id, "now": now}).fetchone()
    return found or SessionEvidence()


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """The last probe of a router's CoA port; `result` None: not answered yet."""

    asked_at: datetime
    answered_at: datetime | None
    result: str | None
    error_cause: int | None
    round_trip_ms: int | None
    note: str | None


def ask_probe(connection: Connection, nas_id: int, *, now: datetime, not_before: timedelta) -> bool:
    """Ask for a probe, unless one was asked for a moment ago; True when it was asked."""
    row = connection.execute(
        "INSERT INTO router_probes (nas_server_id, asked_at) VALUES (%(nas_id)s, %(now)s)"
        " ON CONFLICT (nas_server_id) DO UPDATE SET asked_at = excluded.asked_at, answered_at = NULL, result = NULL,"
        " error_cause = NULL, round_trip_ms = NULL, note = NULL"
        " WHERE router_probes.asked_at < %(now)s - %(not_before)s RETURNING nas_server_id",
        {"nas_id": nas_id, "now": now, "not_before": not_before},
    ).fetchone()
    return row is not None


def last_probe(connection: Connection, nas_id: int) -> Probe | None:
    """The router's last probe."""
    with connection.cursor(row_factory=class_row(Probe)) as cursor:
        return cursor.execute(
            "SELECT asked_at, answered_at, result, error_cause, round_trip_ms, note FROM router_probes"
            " WHERE nas_server_id = %s",
            [nas_id],
        ).fetchone()


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeRequest:
    """A probe to be sent, with what the packet needs; the secret is still encrypted."""

    nas_server_id: int
    asked_at: datetime
    host: str
    port: int
    secret_token: bytes = field(repr=False)


def probes_to_send(connection: Connection, *, asked_since: datetime, most: int) -> list[ProbeRequest]:
    """The probes that nobody has answered yet, the oldest first; what was asked long ago is of no use any more."""
    with connection.cursor(row_factory=class_row(ProbeRequest)) as cursor:
        return cursor.execute(
            "SELECT p.nas_server_id, p.asked_at, host(n.host) AS host, n.coa_port AS port,"
            " n.radius_secret_enc AS secret_token FROM router_probes p JOIN nas_servers n ON n.id = p.nas_server_id"
            " WHERE p.result IS NULL AND p.asked_at > %s AND n.deleted_at IS NULL ORDER BY p.asked_at LIMIT %s",
            [asked_since, most],
        ).fetchall()


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeAnswer:
    """What came of a probe."""

    nas_server_id: int
    asked_at: datetime
    answered_at: datetime
    result: str
    error_cause: int | None = None
    round_trip_ms: int | None = None
    note: str | None = None


def keep_answers(connection: Connection, answers: Sequence[ProbeAnswer]) -> None:
    """Keep what came of probes; one that was asked for anew meanwhile is left to its own answer."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE router_probes SET answered_at = %s, result = %s, error_cause = %s, round_trip_ms = %s, note = %s"
            " WHERE nas_server_id = %s AND asked_at = %s",
            [
                (
                    answer.answered_at,
                    answer.result,
                    answer.error_cause,
                    answer.round_trip_ms,
                    None if answer.note is None else answer.note[:60],
                    answer.nas_server_id,
                    answer.asked_at,
                )
                for answer in answers
            ],
        )
