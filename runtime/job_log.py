"""What jobs did, written down as they run: how each stands, and the runs that are worth remembering.

Writing it down never keeps a job from running: a database that is away costs the note, and one line in the log.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
from celery.signals import task_postrun, task_prerun

from db.queries import jobs as queries
from runtime.jobs import JOBS
from runtime.logs import get_logger
from runtime.settings import SettingsError, get_settings

BY = "lintas_by"
# A sweep of two seconds is written down this often at most, with how many runs it stands for.
OFTEN_WRITTEN_S = 15.0
_TIMEOUT_MS = 3000

log = get_logger("runtime.jobs")


@dataclass(slots=True)
class _Known:
    """What this process has written about a job."""

    written_at: datetime | None = None
    outcome: str | None = None
    unwritten: int = 0


@dataclass(slots=True)
class _Book:
    """What this process has begun and written."""

    begun: dict[str, datetime] = field(default_factory=dict)
    known: dict[str, _Known] = field(default_factory=dict)
    is_failing: bool = False


_book = _Book()


def listen() -> None:
    """Begin to write down what jobs do in this process."""
    task_prerun.connect(_begun, weak=False, dispatch_uid="job_log.begun")
    task_postrun.connect(_ended, weak=False, dispatch_uid="job_log.ended")


def _begun(task_id: str | None = None, task: Any = None, **_: Any) -> None:
    job = JOBS.get(getattr(task, "name", ""))
    if job is None or task_id is None:
        return
    now = datetime.now(UTC)
    _book.begun[task_id] = now
    by = _requested_by(task)
    if not job.is_often or by:
        _safely(lambda connection: _note_begin(connection, job.name, task_id, by, now))


def _note_begin(connection: psycopg.Connection[Any], name: str, task_id: str, by: str | None, now: datetime) -> None:
    queries.note_begin(connection, name=name, at=now)
    queries.remember(
        connection, name=name, task_id=task_id, requested_by=by, started_at=now, at=None, outcome="running"
    )


def _ended(task_id: str | None = None, task: Any = None, retval: Any = None, state: str = "", **_: Any) -> None:
    job = JOBS.get(getattr(task, "name", ""))
    if job is None or task_id is None:
        return
    now, by = datetime.now(UTC), _requested_by(task)
    began = _book.begun.pop(task_id, now)
    outcome, said = told(retval, state)
    known = _book.known.setdefault(job.name, _Known())
    known.unwritten += 1
    is_new = outcome != known.outcome
    is_due = known.written_at is None or (now - known.written_at).total_seconds() >= OFTEN_WRITTEN_S
    if job.is_often and not (by or is_new or is_due):
        return
    is_remembered = bool(by) or not job.is_often or (is_new and outcome != "done")
    result = retval if isinstance(retval, dict) else None

    def write(connection: psycopg.Connection[Any]) -> None:
        queries.note_end(
            connection, name=job.name, started_at=began, at=now, outcome=outcome, said=said, times=known.unwritten
        )
        if is_remembered:
            queries.remember(
                connection, name=job.name, task_id=task_id, requested_by=by, started_at=began, at=now,
                outcome=outcome, said=said, result=result,
            )  # fmt: skip

    if _safely(write):
        known.written_at, known.outcome, known.unwritten = now, outcome, 0


def told(retval: Any, state: str) -> tuple[str, str]:
    """(outcome, sentence) of what a task gave back or raised."""
    if state != "SUCCESS":
        return "failed", f"{type(retval).__name__}: {retval}"[:500]
    if isinstance(retval, dict):
        stopped = retval.get("stopped")
        if stopped:
            return "stopped", "; ".join(str(one) for one in stopped)[:500]
        shown = {name: value for name, value in retval.items() if value and not isinstance(value, dict | list)}
        return "done", ", ".join(f"{name} {value}" for name, value in shown.items())[:500]
    return "done", "" if not retval else str(retval)[:500]


def _requested_by(task: Any) -> str | None:
    request = getattr(task, "request", None)
    found = getattr(request, BY, None) or (getattr(request, "headers", None) or {}).get(BY)
    return str(found)[:255] if found else None


def _safely(write: Any) -> bool:
    """Write in a connection of its own: a worker's children must share none, and notes are rare."""
    try:
        with psycopg.connect(
            get_settings().database_url,
            autocommit=True,
            connect_timeout=2,
            application_name="lintas job log",
            options=f"-c timezone=UTC -c statement_timeout={_TIMEOUT_MS}",
        ) as connection:
            write(connection)
    except (psycopg.Error, SettingsError, OSError) as error:
        if not _book.is_failing:
            log.warning("what jobs do cannot be written down", error=str(error))
        _book.is_failing = True
        return False
    _book.is_failing = False
    return True
