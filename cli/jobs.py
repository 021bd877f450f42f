"""`lintas jobs`: the background jobs, when they ran, and one of them run here and now in this process."""

import getpass
from collections.abc import Callable
from typing import Any

import click

from bss import background_jobs
from cli.output import emit, json_option, table
from cli.work import show_fields, tenant_option, work
from runtime.jobs import JOBS


@click.group()
def jobs() -> None:
    """Background jobs: what they do, when they ran, and one run by hand."""


@jobs.command("list")
@tenant_option
@json_option
def list_jobs(tenant: str | None) -> None:
    """Every job with its time, its last run and the next."""
    with work(tenant) as job:
        rows = [_shown(view) for view in background_jobs.overview(job.session, now=job.now)]
    head = ("name", "when", "outcome", "started_at", "next_at", "what")
    emit({"items": rows}, table([[row[key] or "" for key in head] for row in rows], head))


@jobs.command("show")
@click.argument("name")
@tenant_option
@json_option
def show_job(name: str, tenant: str | None) -> None:
    """A job and its last remembered runs."""
    with work(tenant) as job:
        view = _shown(background_jobs.one(job.session, now=job.now, name=name))
        runs = [_run(row) for row in background_jobs.runs(job.session, name=name)]
    head = ("started_at", "outcome", "requested_by", "said")
    lines = [f"{key}: {value}" for key, value in view.items() if value not in (None, "")]
    emit(view | {"runs": runs}, [*lines, "", *table([[row[key] or "" for key in head] for row in runs], head)])


@jobs.command()
@click.argument("name")
@click.option("--dry-run", is_flag=True, help="Say what it would do, for jobs that can tell, and do nothing.")
@click.option("--anyway", is_flag=True, help="Also where it would stop by itself, for jobs that may.")
@json_option
def run(name: str, dry_run: bool, anyway: bool) -> None:
    """Run the job NAME to its end in this process, without the queue."""
    from runtime.job_log import BY
    from runtime.tasks import app

    if name not in _names():
        raise click.ClickException(f"no job is called {name}; 'lintas jobs list' shows them")
    if dry_run:
        _rehearse(name)
        return
    if anyway and not (name in JOBS and JOBS[name].is_guarded):
        raise click.ClickException(f"{name} never stops by itself")
    given = {"allowed": True} if anyway else {}
    by = f"command line ({getpass.getuser()})"
    result = app.tasks[name].apply(kwargs=given, throw=True, headers={BY: by}).result
    stopped = result.get("stopped") if isinstance(result, dict) else None
    lines = [f"{name}: stopped: {one}" for one in stopped or ()] or [
        f"{name}: done" + ("" if result is None else f" ({result})")
    ]
    emit({"job": name, "result": result}, lines)


@jobs.command("schedule")
@click.argument("name")
@click.option("--when", help="Seconds between two runs, or the five fields of a crontab in UTC.")
@click.option("--off", "is_off", is_flag=True, help="It does not run by itself.")
@tenant_option
@json_option
def schedule(name: str, when: str | None, is_off: bool, tenant: str | None) -> None:
    """Give the job NAME another time; without an option, its built-in one."""
    with work(tenant) as job:
        view = job.do(background_jobs.set_schedule, name=name, when=when, is_off=is_off)
    is_told = background_jobs.tell_scheduler(view)
    show_fields(_shown(view) | {"in_force": "now" if is_told else "when the scheduler starts next"})


def _rehearse(name: str) -> None:
    rehearsals = _rehearsals()
    if name not in rehearsals:
        raise click.ClickException(f"{name} cannot tell beforehand; {', '.join(sorted(rehearsals))} can")
    lines = rehearsals[name]()
    emit({"job": name, "would": lines}, lines or ["nothing is due"])


def _rehearsals() -> dict[str, Callable[[], list[str]]]:
    from accounting.tasks import DRY_RUNS
    from bss.billing.tasks import DRY_RUNS as OF_BILLING
    from bss.customers.tasks import DRY_RUNS as OF_CUSTOMERS
    from bss.gateways.tasks import rehearse_reconcile
    from bss.rehearsals import DRY_RUNS as OF_QUEUES

    return {
        **DRY_RUNS, **OF_BILLING, **OF_CUSTOMERS, **OF_QUEUES, "bss.payment-reconcile": rehearse_reconcile,
    }  # fmt: skip


def _names() -> list[str]:
    from runtime.tasks import app

    app.loader.import_default_modules()
    return sorted(name for name in app.tasks if not name.startswith("celery."))


def _shown(view: background_jobs.JobView) -> dict[str, Any]:
    names = (
        "name",
        "when",
        "usual_when",
        "is_off",
        "can_rehearse",
        "outcome",
        "said",
        "took_ms",
        "runs",
        "failures",
        "what",
    )
    moments = ("started_at", "finished_at", "next_at")
    shown = {name: getattr(view, name) for name in names}
    return shown | {name: _moment(getattr(view, name)) for name in moments}


def _run(row: Any) -> dict[str, Any]:
    return {
        "id": row.id, "started_at": _moment(row.started_at), "finished_at": _moment(row.finished_at),
        "outcome": row.outcome, "requested_by": row.requested_by, "said": row.said, "result": row.result,
    }  # fmt: skip


def _moment(value: Any) -> str | None:
    return None if value is None else value.isoformat(timespec="seconds")
