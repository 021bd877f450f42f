"""`lintas coa bulk` and `lintas coa refusals`: changes to many sessions, and what routers refuse."""

from dataclasses import asdict
from typing import Any

import click

from bss import bulk_changes, refusals
from cli.network import nas_of, plan_of
from cli.output import emit, json_option, table
from cli.work import Work, limit_option, tenant_option, work
from db.models import BulkChange
from domain.bulk import BULK_KINDS


@click.group("bulk")
def bulk() -> None:
    """One change to many running sessions, at each router's pace, with a report."""


@bulk.command("start")
@click.argument("kind", type=click.Choice(BULK_KINDS))
@click.option("--router", metavar="ROUTER", help="Only sessions on this router: its name, address or id.")
@click.option("--plan", metavar="PLAN", help="Only sessions of this plan: its short name or id.")
@click.option("--search", default="", help="Only sessions that this finds: name, username, MAC or address.")
@click.option("--again", is_flag=True, help="A speed also to those who were told the same last.")
@tenant_option
@json_option
def start(kind: str, router: str | None, plan: str | None, search: str, again: bool, tenant: str | None) -> None:
    """Disconnect many sessions, or put into force the speed that each should have."""
    with work(tenant) as job:
        made = job.do(
            bulk_changes.start,
            kind=kind,
            nas_server_id=None if router is None else nas_of(job, router).id,
            service_plan_id=None if plan is None else plan_of(job, plan).id,
            search=search,
            again=again,
        )
        shown = _row(job, made)
    emit(
        shown, [f"Begun: number {shown['id']}, {shown['sessions']} sessions. See `lintas coa bulk show {shown['id']}`."]
    )


@bulk.command("list")
@limit_option
@tenant_option
@json_option
def list_bulks(limit: int, tenant: str | None) -> None:
    """The last ones, newest first."""
    with work(tenant) as job:
        found = bulk_changes.listed(job.session, actor=job.actor, limit=limit)
        rows = [_row(job, made) for made in found]
    head = ("id", "kind", "state", "sessions", "done", "waiting", "failed", "unknown", "requested_by")
    emit(rows, table([[row[name] for name in head] for row in rows], head) if rows else ["none yet"])


@bulk.command("show")
@click.argument("number", type=click.IntRange(1))
@tenant_option
@json_option
def show(number: int, tenant: str | None) -> None:
    """How far one is, what failed and why, and which routers do not answer."""
    with work(tenant) as job:
        row = _row(job, bulk_changes.get(job.session, actor=job.actor, bulk_id=number))
    emit(row, _lines(row))


@bulk.command("pause")
@click.argument("number", type=click.IntRange(1))
@tenant_option
@json_option
def pause(number: int, tenant: str | None) -> None:
    """Hold one: ask no more, and hold back what has not left yet."""
    _move(bulk_changes.pause, number, tenant)


@bulk.command("resume")
@click.argument("number", type=click.IntRange(1))
@tenant_option
@json_option
def resume(number: int, tenant: str | None) -> None:
    """Go on with one that was held."""
    _move(bulk_changes.resume, number, tenant)


@bulk.command("stop")
@click.argument("number", type=click.IntRange(1))
@tenant_option
@json_option
def stop(number: int, tenant: str | None) -> None:
    """End one and take back what has not left yet; what was done stays."""
    _move(bulk_changes.stop, number, tenant)


@click.command("refusals")
@click.argument("router", metavar="ROUTER")
@click.option("--forget", is_flag=True, help="Forget it all, so that the router is asked again.")
@tenant_option
@json_option
def show_refusals(router: str, forget: bool, tenant: str | None) -> None:
    """What a router has refused, and is not asked for again for a week."""
    with work(tenant) as job:
        nas = nas_of(job, router)
        if forget:
            job.do(refusals.forget, nas_id=nas.id)
        found = job.do(refusals.of_router, nas_id=nas.id)
        rows = [asdict(row) for row in found]
    head = ("what", "error_cause", "refusals", "last_at", "is_believed")
    emit(
        rows, table([[row[name] for name in head] for row in rows], head) if rows else ["it has refused nothing lately"]
    )


def _move(use_case: Any, number: int, tenant: str | None) -> None:
    with work(tenant) as job:
        row = _row(job, job.do(use_case, bulk_id=number))
    emit(row, _lines(row))


def _row(job: Work, made: BulkChange) -> dict[str, Any]:
    names = (
        *("id", "kind", "state", "nas_server_id", "service_plan_id", "search", "sessions", "looked_at_sessions"),
        *("requested_by", "started_at", "finished_at"),
    )
    report = asdict(bulk_changes.report(job.session, made))
    return {name: getattr(made, name) for name in names} | report


def _lines(row: dict[str, Any]) -> list[str]:
    counts = ("sessions", "asked", "done", "applied", "waiting", "failed", "unknown", "gone", "taken_back")
    causes = [f"  failed, {cause}: {count}" for cause, count in row["failed_by_cause"]]
    dead = [f"  no answer from {router}: {count} sessions" for router, count in row["dead_routers"]]
    return [f"{row['kind']}: {row['state']}", *(f"  {name}: {row[name]}" for name in counts), *causes, *dead]
