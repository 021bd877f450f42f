"""Billing as Celery runs it: every provider in turn, one transaction at a time, and a wake-up for the sender.

A message says nothing: what is due stands in the database, so a run that was killed is gone on with by the next minute.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from bss import plan_changes
from bss.actor import Actor
from bss.billing import clock as by_clock
from bss.billing import runs, work
from bss.billing_rules import rules_of
from db.engine import make_engine, make_session_factory, psycopg_of
from db.models import Tenant
from db.queries import billing_clock, billing_runs, jobs
from db.queries.billing import try_to_be_the_one
from db.queries.books import wrong_in_books
from domain.billing import NIGHTLY, POSTPAID
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import TASK_LIMIT_SECONDS, app, nudge_coa

# A run that takes longer is gone on with by the next minute's task.
WORK_S = TASK_LIMIT_SECONDS / 2
KEEP_JOB_RUNS, KEEP_DRY_RUNS = timedelta(days=90), timedelta(days=30)
PLAN_CHANGES = 100
# Days of a month on which those who pay afterwards may be billed: its last one, or the first ones after it.
_CATCH_UP_DAYS = 5

log = get_logger("bss.billing")


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _sessions() -> Iterator[tuple[Engine, Session]]:
    engine = make_engine(get_settings().database_url, pool_size=2)
    try:
        with make_session_factory(engine)() as session:
            yield engine, session
    finally:
        engine.dispose()


@app.task(name="bss.billing")
def run_billing() -> dict[str, int]:
    """Begin what is to begin today, and work on every run that is not over; every minute."""
    started = worked = 0
    until = time.monotonic() + WORK_S
    with _sessions() as (_, session):
        for tenant in billing_runs.active_tenants(session):
            started += _start_due(session, tenant, _now())
        session.rollback()
        for run_id, _tenant_id in billing_runs.open_runs(session):
            session.rollback()
            worked += work_on(session, run_id, until=until)
    return {"started": started, "worked_on": worked}


def work_on(session: Session, run_id: int, *, until: float = float("inf"), after: Any = None) -> bool:
    """Work on a run unless somebody else does; the connection that says so dies with this process."""
    with psycopg.connect(get_settings().database_url, autocommit=True, connect_timeout=5) as mine:
        if not try_to_be_the_one(mine, run_id):
            return False
        work.drive(session, run_id=run_id, clock=_now, until=until, after=after)
    nudge_coa()
    return True


def _start_due(session: Session, tenant: Tenant, now: datetime) -> int:
    rules = rules_of(session, tenant_id=tenant.id)
    local = now.astimezone(ZoneInfo(tenant.timezone))
    if not rules.runs_by_itself or local.hour < rules.run_hour:
        return 0
    started = 0
    for kind in kinds_of(local):
        if billing_runs.run_of_day(session, tenant_id=tenant.id, kind=kind, day=local.date()) is not None:
            continue
        run = runs.start(session, actor=Actor.system(tenant_id=tenant.id, name="billing"), now=now, kind=kind)
        session.commit()
        started += 1
        log.info("billing run started", run=run.id, kind=kind, day=run.day.isoformat(), stopped=run.stopped_because)
    return started


def kinds_of(local: datetime) -> list[str]:
    """The kinds of runs that begin on a day where the provider is."""
    is_last_day = (local + timedelta(days=1)).day == 1
    return [NIGHTLY, POSTPAID] if is_last_day or local.day <= _CATCH_UP_DAYS else [NIGHTLY]


def _for_each(job: Callable[[Session, Tenant], by_clock.Outcome]) -> dict[str, Any]:
    """A job for every provider; one whose data fail do not keep the others from theirs."""
    changed = asked = 0
    stopped: list[str] = []
    with _sessions() as (_, session):
        for tenant in billing_runs.active_tenants(session):
            outcome = job(session, tenant)
            session.commit()
            changed, asked = changed + outcome.changed, asked + outcome.asked
            stopped += outcome.stopped
    if changed:
        nudge_coa()
    return {"changed": changed, "asked": asked, "stopped": stopped}


@app.task(name="bss.expire-accounts")
def expire_accounts(allowed: bool = False) -> dict[str, Any]:
    """Subscriptions past their term and grace; every minute."""
    return _for_each(lambda session, tenant: by_clock.expire_accounts(session, tenant, clock=_now, allowed=allowed))


@app.task(name="bss.suspend-dates")
def suspend_dates(allowed: bool = False) -> dict[str, Any]:
    """Subscriptions whose day of suspension has come; every hour."""
    return _for_each(lambda session, tenant: by_clock.suspend_on_dates(session, tenant, clock=_now, allowed=allowed))


@app.task(name="bss.credit-limits")
def credit_limits(allowed: bool = False) -> dict[str, Any]:
    """Customers who owe more than they may; every hour."""
    return _for_each(lambda session, tenant: by_clock.hold_to_limits(session, tenant, clock=_now, allowed=allowed))


@app.task(name="bss.renew-from-balance")
def renew_from_balance() -> dict[str, Any]:
    """Terms that end before the next night and are paid for already; every hour."""

    def renew(session: Session, tenant: Tenant) -> by_clock.Outcome:
        return by_clock.Outcome(changed=by_clock.renew_from_balances(session, tenant, clock=_now).paid)

    return _for_each(renew)


@app.task(name="bss.expiry-reminders")
def expiry_reminders() -> dict[str, Any]:
    """Terms that end soon; every hour, each noted once."""

    def note(session: Session, tenant: Tenant) -> by_clock.Outcome:
        return by_clock.Outcome(changed=by_clock.note_expiring(session, tenant, clock=_now))

    return _for_each(note)


@app.task(name="bss.plan-changes")
def make_plan_changes() -> int:
    """Changes of plan whose day has come; every minute."""
    with _sessions() as (_, session):
        done = len(plan_changes.apply_due(session, now=_now(), limit=PLAN_CHANGES))
        session.commit()
    if done:
        nudge_coa()
    return done


@app.task(name="bss.books")
def check_books() -> dict[str, Any]:
    """Whether the books agree, in one view of the database; every night."""
    with psycopg.connect(
        get_settings().database_url, connect_timeout=5, options="-c statement_timeout=600000"
    ) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        found = wrong_in_books(connection)
    for what, ids in found.items():
        log.error("the books are wrong", what=what, ids=ids)
    said = [f"{what}: {', '.join(str(id_) for id_ in ids)}" for what, ids in found.items()]
    return {"wrong": len(found), "what": found, "stopped": said}


@app.task(name="bss.forget")
def forget() -> dict[str, int]:
    """Old runs of jobs, and old dry runs; every night."""
    now = _now()
    with _sessions() as (_, session):
        connection = psycopg_of(session)
        gone = jobs.forget_old(
            connection, now=now, before=now - KEEP_JOB_RUNS,
            abandoned_before=now - timedelta(seconds=2 * TASK_LIMIT_SECONDS),
        )  # fmt: skip
        dry = billing_runs.forget_dry_runs(session, before=now - KEEP_DRY_RUNS)
        session.commit()
    return {"job_runs": gone, "dry_runs": dry}


def rehearse_expiry() -> list[str]:
    """How many subscriptions would be called expired now, a line for each provider."""
    with _sessions() as (_, session):
        tenants = billing_runs.active_tenants(session)
        counted = [
            (tenant, billing_clock.count_over(psycopg_of(session), tenant_id=tenant.id, now=_now()))
            for tenant in tenants
        ]
    return [f"{tenant.name}: {number} subscriptions would expire" for tenant, number in counted if number]


# What a job would do, by its task's name, for those that can tell.
DRY_RUNS = {"bss.expire-accounts": rehearse_expiry}
