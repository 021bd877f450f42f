"""What routers last showed through their APIs, and whether they answer: kept for whoever asks while they do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The last answer to one question; `rows` None: there was none yet. `problem` is why the last try failed."""

    rows: list[dict[str, Any]] | None
    total: int
    taken_at: datetime | None
    asked_at: datetime | None
    problem: str | None


def snapshot(connection: Connection, nas_id: int, part: str) -> Snapshot | None:
    """The last answer, if anybody ever asked."""
    with connection.cursor(row_factory=class_row(Snapshot)) as cursor:
        return cursor.execute(
            "SELECT rows, total, taken_at, asked_at, problem FROM router_snapshots"
            " WHERE nas_server_id = %s AND part = %s",
            [nas_id, part],
        ).fetchone()


def keep_snapshot(
    connection: Connection, nas_id: int, part: str, rows: Sequence[Mapping[str, Any]], *, total: int, now: datetime
) -> None:
    """Keep an answer."""
    connection.execute(
        "INSERT INTO router_snapshots (nas_server_id, part, rows, total, taken_at)"
        " VALUES (%(nas_id)s, %(part)s, %(rows)s, %(total)s, %(now)s)"
        " ON CONFLICT (nas_server_id, part) DO UPDATE SET rows = excluded.rows, total = excluded.total,"
        " taken_at = excluded.taken_at, asked_at = NULL, problem = NULL",
        {"nas_id": nas_id, "part": part, "rows": Jsonb(list(rows)), "total": total, "now": now},
    )


def ask_for(connection: Connection, nas_id: int, part: str, *, problem: str, now: datetime | None) -> None:
    """Note why there was no answer, and with `now` that a job shall ask with more patience."""
    connection.execute(
        "INSERT INTO router_snapshots (nas_server_id, part, asked_at, problem) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (nas_server_id, part) DO UPDATE SET problem = excluded.problem,"
        " asked_at = coalesce(excluded.asked_at, router_snapshots.asked_at)",
        [nas_id, part, now, problem[:300]],
    )


_TAKE = """
WITH wanted AS (
    SELECT nas_server_id, part FROM router_snapshots WHERE asked_at > %s ORDER BY asked_at LIMIT %s
    FOR UPDATE SKIP LOCKED
)
UPDATE router_snapshots s SET asked_at = NULL FROM wanted w
WHERE s.nas_server_id = w.nas_server_id AND s.part = w.part RETURNING s.nas_server_id, s.part
"""


def take_questions(connection: Connection, *, since: datetime, most: int) -> list[tuple[int, str]]:
    """Router and question of what somebody looked for and did not get; whoever takes one asks it."""
    rows = connection.execute(_TAKE, [since, most]).fetchall()
    return [(row[0], row[1]) for row in rows]


def keep_problem(connection: Connection, nas_id: int, part: str, *, problem: str) -> None:
    """It was asked with patience and did not answer either: nobody asks again until somebody looks."""
    connection.execute(
        "UPDATE router_snapshots SET problem = %s WHERE nas_server_id = %s AND part = %s",
        [problem[:300], nas_id, part],
    )


def record_check(
    connection: Connection, nas_id: int, *, status: str, problem: str | None, answered: bool, now: datetime
) -> None:
    """Whether a router's API answered just now."""
    connection.execute(
        "UPDATE nas_servers SET status = %(status)s, api_problem = %(problem)s, api_checked_at = %(now)s,"
        " last_connected_at = CASE WHEN %(answered)s THEN %(now)s ELSE last_connected_at END WHERE id = %(id)s",
        {
            "id": nas_id,
            "status": status,
            "problem": None if problem is None else problem[:300],
            "answered": answered,
            "now": now,
        },
    )
