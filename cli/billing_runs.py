"""`lintas billing run` and what belongs to it: today's run, dry or real, and what a person decides about one."""

from typing import Any

import click
from sqlalchemy.orm import Session

from bss.billing import runs
from cli.output import emit, json_option, table, wants_json
from cli.work import limit_option, show_fields, tenant_option
from cli.work import work as command
from db.models import BillingRun
from db.queries import billing_runs
from domain import billing

_COUNTED = ("marked_overdue", "suspended", "reminded", "invoiced", "paid", "restored", "skipped")


@click.command("run")
@click.option("--dry-run", is_flag=True, help="Do everything, say what it came to, and keep nothing of it.")
@click.option("--kind", type=click.Choice(billing.RUN_KINDS), default=billing.NIGHTLY, show_default=True)
@tenant_option
@json_option
def run(dry_run: bool, kind: str, tenant: str | None) -> None:
    """Begin today's run, or go on with it, to its end in this process."""
    with command(tenant) as job:
        row = job.do(runs.start, kind=kind, is_dry=dry_run)
        run_id = row.id
    _work_on(run_id, tenant)


@click.command("list")
@limit_option
@tenant_option
@json_option
def list_runs(limit: int, tenant: str | None) -> None:
    """Runs, the newest first."""
    with command(tenant) as job:
        rows = [_shown(row) for row in billing_runs.runs_of(job.session, tenant_id=job.tenant_id, limit=limit)]
    head = ("id", "day", "kind", "is_dry", "status", "percent", *_COUNTED)
    emit({"items": rows}, table([[row[key] for key in head] for row in rows], head))


@click.command("show")
@click.argument("run_id", type=int)
@tenant_option
@json_option
def show(run_id: int, tenant: str | None) -> None:
    """One run: how far it is, what it did, whom it suspended."""
    with command(tenant) as job:
        row = job.found(_find(job.session, run_id, job.tenant_id), "run")
        data = _shown(row) | {"suspensions": [
            {name: str(value) if value is not None else None for name, value in one.items()}
            for one in billing_runs.suspensions_of(job.session, run_id)
        ]}  # fmt: skip
    lines = [f"{name}: {value}" for name, value in data.items() if name != "suspensions" and value not in (None, "")]
    head = ("customer_code", "customer_name", "username", "cause", "days_late", "owed", "restored_at")
    emit(data, [*lines, "", *table([[one[key] or "" for key in head] for one in data["suspensions"]], head)])


@click.command("stop")
@click.argument("run_id", type=int)
@tenant_option
@json_option
def stop(run_id: int, tenant: str | None) -> None:
    """Let a run rest where it is; what it did stays."""
    with command(tenant) as job:
        data = _shown(job.do(runs.stop, run_id=run_id))
    show_fields(data)


@click.command("continue")
@click.argument("run_id", type=int)
@click.option("--reason", default="", help="Needed for a run that stopped by itself.")
@click.option("--without-suspending", is_flag=True, help="Bill and remind, but cut nobody off.")
@tenant_option
@json_option
def go_on(run_id: int, reason: str, without_suspending: bool, tenant: str | None) -> None:
    """Let a stopped run go on, to its end in this process."""
    with command(tenant) as job:
        job.do(runs.go_on, run_id=run_id, reason=reason, suspends=not without_suspending)
    _work_on(run_id, tenant)


@click.command("undo")
@click.argument("run_id", type=int)
@click.option("--reason", required=True)
@tenant_option
@json_option
def undo(run_id: int, reason: str, tenant: str | None) -> None:
    """Bring back everybody whom a run suspended and who is still suspended by it."""
    with command(tenant) as job:
        job.do(runs.undo, run_id=run_id, reason=reason)
    _work_on(run_id, tenant)


COMMANDS = (run, list_runs, show, stop, go_on, undo)


def _work_on(run_id: int, tenant: str | None) -> None:
    from bss.billing.tasks import work_on

    with command(tenant) as job:
        row = job.found(_find(job.session, run_id, job.tenant_id), "run")
        is_mine = work_on(job.session, run_id, after=_tell)
        job.session.refresh(row)
        data = _shown(row)
    if not is_mine:
        click.echo("A worker has it in hand; 'lintas billing show' says how far it is.", err=True)
    show_fields(data)


def _tell(row: BillingRun) -> None:
    if not wants_json():
        click.echo(f"  {row.done} of {row.total}", err=True)


def _find(session: Session, run_id: int, tenant_id: int) -> BillingRun | None:
    row = session.get(BillingRun, run_id)
    return row if row is not None and row.tenant_id == tenant_id else None


def _shown(row: BillingRun) -> dict[str, Any]:
    far = runs.progress(row)
    return {
        "id": row.id, "kind": row.kind, "day": row.day.isoformat(), "is_dry": row.is_dry, "status": row.status,
        "why_stopped": runs.why_stopped(row), "would_stop": runs.would_stop(row), "percent": far.percent,
        "seconds_left": far.seconds_left, "done": row.done, "total": row.total, "active": row.active,
        "to_suspend": row.to_suspend, **{name: getattr(row, name) for name in _COUNTED},
        "invoiced_total": str(row.invoiced_total), "paid_total": str(row.paid_total),
        "undone_restored": row.undone_restored, "requested_by": row.requested_by, "continued_by": row.continued_by,
        "continue_reason": row.continue_reason,
        "finished_at": row.finished_at and row.finished_at.isoformat(timespec="seconds"),
    }  # fmt: skip
