"""Background jobs as staff see and start them: what each does, when it ran, when it runs next.

A job started by hand is a message to the workers with a name on it. Decides nothing about what jobs do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem
from bss.rows import tenant_of
from db.engine import psycopg_of
from db.queries import jobs as queries
from db.queries.jobs import Run
from runtime import beat
from runtime.jobs import JOBS, BadSchedule, Job, next_run, parsed
from runtime.tasks import app, send_job

RUNS_SHOWN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class JobView:
    """A job with its last run. `when` is its time in force: seconds, or a crontab in UTC."""

    name: str
    what: str
    when: str
    usual_when: str
    is_off: bool
    is_guarded: bool
    can_rehearse: bool
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str | None
    said: str
    took_ms: int
    runs: int
    failures: int
    next_at: datetime | None


def overview(session: Session, *, now: datetime) -> list[JobView]:
    """Every job, those that were last in trouble in front, then by name."""
    states = queries.states(psycopg_of(session))
    views = [_view(job, states.get(name), now) for name, job in JOBS.items()]
    return sorted(views, key=lambda view: (view.outcome not in ("failed", "stopped"), view.name))


def one(session: Session, *, now: datetime, name: str) -> JobView:
    """One job; raises `NotFound`."""
    return _view(_job(name), queries.states(psycopg_of(session)).get(name), now)


def runs(session: Session, *, name: str | None = None, limit: int = RUNS_SHOWN) -> Sequence[Run]:
    """Its last runs that are remembered, the newest first."""
    if name is not None:
        _job(name)
    return queries.runs(psycopg_of(session), name=name, limit=limit)


def start(
    session: Session, *, actor: Actor, now: datetime, name: str, is_allowed: bool = False, reason: str = ""
) -> Job:
    """Ask the workers to run a job now. `is_allowed`: also where it would stop by itself, for a reason."""
    job = _job(name)
    why = fields.text(reason, field="reason", longest=255, required=is_allowed)
    if is_allowed and not job.is_guarded:
        raise Invalid(Problem(field="is_allowed", reason="this job never stops by itself"))
    audit.record(
        session, actor=actor, now=now, action="job.started", entity=tenant_of(session, actor=actor),
        new={"job": name, "is_allowed": is_allowed, "reason": why},
    )  # fmt: skip
    session.flush()
    if not send_job(name, queue=job.queue, by=actor.name, arguments={"allowed": True} if is_allowed else None):
        raise Conflict(
            Problem(field="", reason="the queue does not answer", mend="try again, or use 'lintas jobs run'")
        )
    return job


def set_schedule(
    session: Session, *, actor: Actor, now: datetime, name: str, when: str | None = None, is_off: bool = False
) -> JobView:
    """Give a job another time, turn it off, or (with neither) back to what is built in."""
    job = _job(name)
    text = " ".join((when or "").split()) or None
    try:
        if text is not None:
            parsed(text)
    except BadSchedule as error:
        raise Invalid(Problem(field="when", reason=str(error))) from None
    queries.set_schedule(
        psycopg_of(session), name=name, is_off=is_off, schedule=None if text == job.when else text,
        changed_by=actor.name,
    )  # fmt: skip
    audit.record(
        session, actor=actor, now=now, action="job.schedule_changed", entity=tenant_of(session, actor=actor),
        new={"job": name, "when": text or job.when, "is_off": is_off},
    )  # fmt: skip
    session.flush()
    return one(session, now=now, name=name)


def tell_scheduler(view: JobView) -> bool:
    """After the commit: let a running scheduler know at once; False where it learns of it when it starts next."""
    return beat.change(app, view.name, is_off=view.is_off, when=view.when)


def _job(name: str) -> Job:
    if name not in JOBS:
        raise NotFound(Problem(field="name", reason=f"there is no job {name!r}", mend="look at the list of jobs"))
    return JOBS[name]


def _view(job: Job, state: queries.State | None, now: datetime) -> JobView:
    when = (state.schedule if state else None) or job.when
    is_off = bool(state and state.is_off)
    return JobView(
        name=job.name, what=job.what, when=when, usual_when=job.when, is_off=is_off, is_guarded=job.is_guarded,
        can_rehearse=job.can_rehearse, started_at=state.started_at if state else None,
        finished_at=state.finished_at if state else None, outcome=state.outcome if state else None,
        said=state.said if state else "", took_ms=state.took_ms if state else 0, runs=state.runs if state else 0,
        failures=state.failures if state else 0,
        next_at=None if is_off else next_run(when, state.started_at if state else None, now),
    )  # fmt: skip
