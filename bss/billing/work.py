"""Working on a run: one portion a transaction, and its checkpoint in the same one.

Whoever comes next goes on where the last commit left it, so it may be ended at any moment. Two at once are one: the
run's row is held while a portion is worked on.
"""

import time
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from enum import Enum, auto

from sqlalchemy.orm import Session

from bss import network
from bss.actor import Actor
from bss.billing import portions
from bss.billing.context import Context, Counts, audit_row
from bss.billing.dunning import TooMany, allowance_of
from bss.billing.runs import context_of, rules_of_run
from db.engine import psycopg_of
from db.models import BillingRun
from db.queries import billing as queries
from db.queries import billing_runs as run_queries
from domain import billing

PORTION, DRY_PORTION = 1000, 200


class Step(Enum):
    """What became of one step: more to do, over, or somebody else has the run in hand."""

    MORE = auto()
    OVER = auto()
    ELSEWHERE = auto()


def step(session: Session, *, run_id: int, now: datetime, limit: int | None = None) -> Step:
    """Work on the next portion. The caller commits, whatever comes back."""
    run = run_queries.lock_run(session, run_id)
    if run is None:
        return Step.ELSEWHERE
    began = time.monotonic()
    if run.status == billing.UNDONE and run.finished_at is None:
        outcome = _undo_portion(session, run, now, limit or PORTION)
    elif run.status != billing.RUNNING:
        return Step.OVER
    else:
        outcome = _portion(session, run, now, limit or (DRY_PORTION if run.is_dry else PORTION))
    run.worked_ms += round((time.monotonic() - began) * 1000)
    run.worked_at = now
    session.flush()
    return outcome


def drive(
    session: Session,
    *,
    run_id: int,
    clock: Callable[[], datetime],
    until: float = float("inf"),
    after: Callable[[BillingRun], None] | None = None,
    limit: int | None = None,
) -> Step:
    """Step and commit until the run is over, somebody else has it, or `time.monotonic()` passes `until`."""
    while True:
        outcome = step(session, run_id=run_id, now=clock(), limit=limit)
        session.commit()
        if after is not None:
            after(session.get_one(BillingRun, run_id))
        if outcome is not Step.MORE or time.monotonic() > until:
            return outcome


def _portion(session: Session, run: BillingRun, now: datetime, limit: int) -> Step:
    connection = psycopg_of(session)
    targets = queries.next_targets(connection, run_id=run.id, position=run.position, limit=limit)
    if not targets:
        return _finish(session, run, now)
    context = context_of(session, run, now=now)
    work = session.begin_nested()
    try:
        counts = portions.work(
            session, context, [customer_id for customer_id, _ in targets], kind=run.kind, allowance=_allowance(run)
        )
    except TooMany:
        work.rollback()
        run.status, run.stopped_because = billing.STOPPED, billing.TOO_MANY
        return Step.OVER
    if run.is_dry:
        work.rollback()
    else:
        work.commit()
    _add(run, counts)
    run.position, run.done = targets[-1][0], run.done + sum(weight for _, weight in targets)
    return Step.MORE


def _allowance(run: BillingRun) -> int | None:
    """How many may still be suspended; what was found at the beginning had its leave, or needed none."""
    if run.is_dry or run.is_allowed:
        return None
    return max(0, allowance_of(rules_of_run(run).breaker, run.active) - run.suspended)


def _add(run: BillingRun, counts: Counts) -> None:
    for one in fields(Counts):
        setattr(run, one.name, (getattr(run, one.name) or 0) + getattr(counts, one.name))


def _finish(session: Session, run: BillingRun, now: datetime) -> Step:
    run.status, run.finished_at, run.done = billing.DONE, now, run.total
    queries.forget_targets(psycopg_of(session), run.id)
    return Step.OVER


def _undo_portion(session: Session, run: BillingRun, now: datetime, limit: int) -> Step:
    connection = psycopg_of(session)
    rows = queries.suspended_by(connection, run_id=run.id, position=run.position, limit=limit)
    if not rows:
        run.finished_at, run.done = now, run.total
        return Step.OVER
    context = context_of(session, run, now=now)
    queries.lock_customers(connection, sorted({customer_id for _, customer_id in rows}))
    restored = queries.restore_suspended(connection, run_id=run.id, ids=[row[0] for row in rows], now=now)
    _tell_of_restored(session, context, restored)
    run.position, run.done = rows[-1][0], run.done + len(rows)
    run.undone_restored += len(restored)
    return Step.MORE


def _tell_of_restored(session: Session, context: Context, restored: list[tuple[int, int]]) -> None:
    if not restored:
        return
    connection = psycopg_of(session)
    queries.copy_rows(connection, "audit_logs", [
        audit_row(
            context, action="subscription.activated", entity_type="subscriptions", entity_id=subscription_id,
            customer_id=customer_id, old={"status": "suspended"},
            new={"status": "active", "undone_run": context.run_id},
        )
        for subscription_id, customer_id in restored
    ])  # fmt: skip
    portions.follow_subscriptions(connection, context, sorted({customer_id for _, customer_id in restored}))
    actor = Actor.system(tenant_id=context.tenant_id, name=context.actor_name)
    network.leave_garden(session, actor=actor, now=context.now, subscription_ids=[row[0] for row in restored])
