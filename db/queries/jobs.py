"""What background jobs did: their states, and the runs worth remembering."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """One job's last run, and what staff set instead of its built-in schedule."""

    name: str
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str | None
    said: str
    took_ms: int
    runs: int
    failures: int
    is_off: bool
    schedule: str | None
    changed_by: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One remembered run."""

    id: int
    name: str
    requested_by: str | None
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    said: str
    result: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A billing run that waits for a person."""

    id: int
    day: str


_STATE = (
    "SELECT name, started_at, finished_at, outcome, said, took_ms, runs, failures, is_off, schedule, changed_by"
    " FROM job_states"
)
_RUNS = """
SELECT id, name, requested_by, started_at, finished_at, outcome, said, result FROM job_runs
WHERE %(name)s::text IS NULL OR name = %(name)s ORDER BY id DESC LIMIT %(limit)s
"""
_BEGUN = """
INSERT INTO job_states (name, started_at, outcome) VALUES (%(name)s, %(at)s, 'running')
ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, outcome = excluded.outcome
"""
_ENDED = """
INSERT INTO job_states (name, started_at, finished_at, outcome, said, took_ms, runs, failures)
VALUES (%(name)s, %(started_at)s, %(at)s, %(outcome)s, %(said)s, %(took_ms)s, %(times)s, %(failed)s)
ON CONFLICT (name) DO UPDATE SET started_at = excluded.started_at, finished_at = excluded.finished_at,
    outcome = excluded.outcome, said = excluded.said, took_ms = excluded.took_ms,
    runs = job_states.runs + excluded.runs, failures = job_states.failures + excluded.failures
"""
_REMEMBER = """
INSERT INTO job_runs (name, task_id, requested_by, started_at, finished_at, outcome, said, result)
VALUES (%(name)s, %(task_id)s, %(requested_by)s, %(started_at)s, %(at)s, %(outcome)s, %(said)s, %(result)s)
ON CONFLICT (task_id) WHERE task_id IS NOT NULL DO UPDATE SET finished_at = excluded.finished_at,
    outcome = excluded.outcome, said = excluded.said, result = excluded.result
"""
_SCHEDULE = """
INSERT INTO job_states (name, is_off, schedule, changed_by) VALUES (%(name)s, %(is_off)s, %(schedule)s, %(changed_by)s)
ON CONFLICT (name) DO UPDATE SET is_off = excluded.is_off, schedule = excluded.schedule,
    changed_by = excluded.changed_by
"""
# Runs that nobody ends any more: their process was killed.
_ABANDONED = """
UPDATE job_runs SET outcome = 'failed', finished_at = %(now)s, said = 'it did not come to its end'
WHERE outcome = 'running' AND started_at < %(before)s
"""


def states(connection: Connection) -> dict[str, State]:
    """All jobs that ever ran or were changed, by name."""
    with connection.cursor(row_factory=class_row(State)) as cursor:
        return {state.name: state for state in cursor.execute(_STATE).fetchall()}


def runs(connection: Connection, *, name: str | None = None, limit: int = 20) -> list[Run]:
    """Remembered runs, the newest first."""
    with connection.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(_RUNS, {"name": name, "limit": limit}).fetchall()


def note_begin(connection: Connection, *, name: str, at: datetime) -> None:
    """A job has begun."""
    connection.execute(_BEGUN, {"name": name, "at": at})


def note_end(
    connection: Connection,
    *,
    name: str,
    started_at: datetime,
    at: datetime,
    outcome: str,
    said: str = "",
    times: int = 1,
) -> None:
    """A job has ended; `times`: how many runs this stands for."""
    took_ms = min(2**31 - 1, max(0, round((at - started_at).total_seconds() * 1000)))
    connection.execute(
        _ENDED,
        {
            "name": name,
            "started_at": started_at,
            "at": at,
            "outcome": outcome,
            "said": said[:500],
            "took_ms": took_ms,
            "times": times,
            "failed": int(outcome == "failed"),
        },
    )


def remember(
    connection: Connection,
    *,
    name: str,
    task_id: str | None,
    requested_by: str | None,
    started_at: datetime,
    at: datetime | None,
    outcome: str,
    said: str = "",
    result: dict[str, Any] | None = None,
) -> None:
    """Keep a run, or say how one that was kept as running has ended."""
    connection.execute(
        _REMEMBER,
        {
            "name": name,
            "task_id": task_id,
            "requested_by": requested_by,
            "started_at": started_at,
            "at": at,
            "outcome": outcome,
            "said": said[:500],
            "result": None if result is None else Jsonb(result),
        },
    )


def set_schedule(connection: Connection, *, name: str, is_off: bool, schedule: str | None, changed_by: str) -> None:
    """What staff want instead of the built-in schedule; None and not off is the built-in one again."""
    values = {"name": name, "is_off": is_off, "schedule": schedule, "changed_by": changed_by}
    connection.execute(_SCHEDULE, values)


def forget_old(connection: Connection, *, now: datetime, before: datetime, abandoned_before: datetime) -> int:
    """Drop remembered runs that are old enough, and close those that were killed; returns how many were dropped."""
    connection.execute(_ABANDONED, {"now": now, "before": abandoned_before})
    return connection.execute("DELETE FROM job_runs WHERE started_at < %s", [before]).rowcount


def failing(connection: Connection) -> Sequence[State]:
    """Jobs whose last run failed."""
    with connection.cursor(row_factory=class_row(State)) as cursor:
        return cursor.execute(_STATE + " WHERE outcome = 'failed' ORDER BY name LIMIT 50").fetchall()


def found_wrong(connection: Connection, name: str) -> int:
    """How many kinds of mistakes the last run of a check named."""
    row = connection.execute(
        "SELECT (result ->> 'wrong')::int FROM job_runs WHERE name = %s AND outcome <> 'running' AND result IS NOT NULL"
        " ORDER BY id DESC LIMIT 1",
        [name],
    ).fetchone()
    return int(row[0] or 0) if row else 0


def runs_waiting(connection: Connection, *, since: datetime) -> Sequence[Waiting]:
    """Billing runs that stopped by themselves and that no later run has taken over."""
    with connection.cursor(row_factory=class_row(Waiting)) as cursor:
        return cursor.execute(
            "SELECT id, day::text FROM billing_runs WHERE status = 'stopped' AND NOT is_dry AND created_at >= %s"
            " AND stopped_because NOT IN ('person', 'later_run') ORDER BY id LIMIT 20",
            [since],
        ).fetchall()
