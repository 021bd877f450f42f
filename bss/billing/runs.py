"""Billing runs as people see them: started, stopped, gone on with, undone. Whoever works on one looks into `work`.

One run for a provider, kind and local day, however many start it. It stops by itself, before it touches anybody, when
it would cut off an unlikely share of all subscriptions or when the clock has jumped; a person lets it go on.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.billing.context import Context
from bss.billing.dunning import count_to_suspend
from bss.billing_rules import BillingRules, plain, read, rules_of
from bss.failure import Conflict, Problem
from bss.rows import locked, tenant_of
from db.engine import psycopg_of
from db.models import BillingRun
from db.queries import billing as queries
from db.queries import billing_runs as run_queries
from domain import billing
from domain.dunning import share_text

_NO_REASON_NEEDED = frozenset({billing.BY_PERSON})


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a run is: `percent` done, and the seconds that it will take still, as fast as it has been."""

    percent: int
    seconds_left: int | None


def start(
    session: Session, *, actor: Actor, now: datetime, kind: str = billing.NIGHTLY, is_dry: bool = False
) -> BillingRun:
    """Begin today's run, or return the one that there is. A dry one does everything and keeps nothing of it."""
    fields.one_of(kind, field="kind", allowed=billing.RUN_KINDS)
    session.flush()
    tenant, connection = tenant_of(session, actor=actor), psycopg_of(session)
    queries.lock_run_of_day(connection, tenant_id=tenant.id, kind=kind)
    zone = ZoneInfo(tenant.timezone)
    today = now.astimezone(zone).date()
    if not is_dry:
        known = run_queries.run_of_day(session, tenant_id=tenant.id, kind=kind, day=today)
        if known is not None:
            return known
    rules = rules_of(session, tenant_id=tenant.id)
    run = BillingRun(
        tenant_id=tenant.id, kind=kind, day=today, as_of=now, is_dry=is_dry, status=billing.RUNNING,
        rules={name: plain(value) for name, value in asdict(rules).items()}, requested_by=actor.name, position=0,
        done=0, total=0, worked_ms=0, suspends=True, is_allowed=False,
    )  # fmt: skip
    session.add(run)
    session.flush()
    context = context_of(session, run, now=now)
    run.active = queries.count_active(connection, tenant.id)
    run.to_suspend = count_to_suspend(connection, context) if kind == billing.NIGHTLY else 0
    run.total = queries.set_targets(connection, kind, _looked_for(context))
    if not is_dry:
        _stop_at_once(session, run, rules)
        run_queries.take_over(session, run, because=billing.LATER_RUN)
    _record(session, actor, now, "started", run, new={"day": run.day, "kind": kind, "is_dry": is_dry})
    session.flush()
    return run


def stop(session: Session, *, actor: Actor, now: datetime, run_id: int) -> BillingRun:
    """Let it rest where it is; what it did stays, and it can go on."""
    run = locked(session, BillingRun, run_id, actor=actor)
    if run.status != billing.RUNNING:
        raise Conflict(Problem(field="status", reason=f"the run is {run.status}", mend="load it again"))
    run.status, run.stopped_because = billing.STOPPED, billing.BY_PERSON
    _record(session, actor, now, "stopped", run)
    session.flush()
    return run


def go_on(
    session: Session, *, actor: Actor, now: datetime, run_id: int, reason: str = "", suspends: bool = True
) -> BillingRun:
    """Let a stopped run go on. One that stopped by itself needs a reason; `suspends`: with or without suspensions."""
    run = locked(session, BillingRun, run_id, actor=actor)
    if run.status != billing.STOPPED:
        raise Conflict(Problem(field="status", reason=f"the run is {run.status}", mend="load it again"))
    if run.stopped_because == billing.LATER_RUN:
        raise Conflict(Problem(field="status", reason="a later run does what it left", mend="look at that one"))
    needs_reason = run.stopped_because not in _NO_REASON_NEEDED
    run.continue_reason = fields.text(reason, field="reason", longest=255, required=needs_reason) or run.continue_reason
    run.continued_by, run.suspends = actor.name, run.suspends and suspends
    run.is_allowed = run.is_allowed or needs_reason
    run.status, run.stopped_because = billing.RUNNING, None
    _record(session, actor, now, "continued", run, new={"reason": run.continue_reason, "suspends": run.suspends})
    session.flush()
    return run


def undo(session: Session, *, actor: Actor, now: datetime, run_id: int, reason: str) -> BillingRun:
    """Bring back everybody whom the run suspended and who is still suspended by it; a worker does it in portions.

    Invoices stay: they are what is owed. Raises `Conflict` for a run that suspended nobody, or is not over.
    """
    run = locked(session, BillingRun, run_id, actor=actor)
    if run.is_dry or run.status not in (billing.DONE, billing.STOPPED):
        raise Conflict(Problem(field="status", reason="only a run that has stopped or is done can be undone"))
    if not run.suspended:
        raise Conflict(Problem(field="", reason="it suspended nobody, so there is nothing to undo"))
    run.undo_reason = fields.text(reason, field="reason", longest=255, required=True)
    run.undone_by, run.undone_at, run.undone_restored = actor.name, now, 0
    run.status, run.stopped_because, run.finished_at = billing.UNDONE, None, None
    run.position, run.done, run.total = 0, 0, run.suspended
    queries.forget_targets(psycopg_of(session), run.id)
    _record(session, actor, now, "undone", run, new={"reason": run.undo_reason})
    session.flush()
    return run


def progress(run: BillingRun) -> Progress:
    """How far it is."""
    left = billing.seconds_left(done=run.done, total=run.total, worked_s=run.worked_ms / 1000)
    percent = 100 if run.finished_at or not run.total else min(100, run.done * 100 // run.total)
    return Progress(percent=percent, seconds_left=None if left is None else round(left))


def would_stop(run: BillingRun) -> bool:
    """Whether suspending as many as it found needs a person's leave."""
    return rules_of_run(run).breaker.trips(run.to_suspend, run.active)


def why_stopped(run: BillingRun) -> str:
    """The reason in a sentence; nothing for one that has not stopped."""
    share = share_text(run.to_suspend, run.active)
    said = {
        billing.BY_PERSON: "somebody stopped it",
        billing.TOO_MANY: (
            f"would suspend {share} of all subscriptions ({run.to_suspend} of {run.active}): stopped until a person"
            " allows it"
        ),
        billing.CLOCK_BACK: "its day lies before that of the last run: the clock may be wrong",
        billing.CLOCK_AHEAD: "its day lies far behind that of the last run: the clock may be wrong",
        billing.LATER_RUN: "a later run does what it left",
    }
    return said.get(run.stopped_because or "", "")


def context_of(session: Session, run: BillingRun, *, now: datetime) -> Context:
    """What a portion of the run goes by."""
    tenant = run_queries.tenant_of_run(session, run)
    return Context(
        run_id=run.id, tenant_id=run.tenant_id, today=run.day, as_of=run.as_of, now=now,
        zone=ZoneInfo(tenant.timezone), currency=tenant.currency, rules=rules_of_run(run), suspends=run.suspends,
        actor_name=f"billing run {run.id}",
    )  # fmt: skip


def rules_of_run(run: BillingRun) -> BillingRules:
    """The provider's rules as they were when it began."""
    return BillingRules(**{name: read(name, value) for name, value in run.rules.items()})


def _looked_for(context: Context) -> dict[str, Any]:
    rules = context.rules
    ahead = max([0, *(-day for day in rules.remind_on)])
    renew_before = datetime.combine(
        context.today + timedelta(days=rules.renewal_lead_days + 1), datetime.min.time(), context.zone
    )
    return {
        "run_id": context.run_id, "tenant_id": context.tenant_id, "horizon": context.today + timedelta(days=ahead),
        "renew_before": renew_before, "applies_balance": rules.applies_balance,
    }  # fmt: skip


def _stop_at_once(session: Session, run: BillingRun, rules: BillingRules) -> None:
    """What must not go on by itself stops before it begins."""
    last = run_queries.last_day(session, tenant_id=run.tenant_id, kind=run.kind)
    because = billing.clock_problem(last, run.day) if run.kind == billing.NIGHTLY else None
    if because is None and rules.breaker.trips(run.to_suspend, run.active):
        because = billing.TOO_MANY
    if because is not None:
        run.status, run.stopped_because = billing.STOPPED, because


def _record(
    session: Session, actor: Actor, now: datetime, action: str, run: BillingRun, *, new: dict[str, Any] | None = None
) -> None:
    audit.record(session, actor=actor, now=now, action=f"billing_run.{action}", entity=run, new=new)
