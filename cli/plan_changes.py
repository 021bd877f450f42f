"""`lintas plan edit` and `lintas plan rollout`: a plan's change, told before it is saved and given in stages."""

import json
from collections.abc import Sequence
from typing import Any

import click

from bss import plan_preview, plans, rollouts
from bss.plan_preview import Preview
from cli.network import plan, plan_of
from cli.output import emit, json_option, table
from cli.work import Work, show_fields, show_result, tenant_option, work
from db.models import PlanRollout
from domain.rollout import STAGES_PERCENT

_GB = 10**9


def _change_options(command: Any) -> Any:
    """The fields of a plan that may be given at a terminal."""
    options = (
        click.option("--name", "name_", help="Its new name."),
        click.option("--down", "download_kbps", type=int, help="Download in kbit/s; 0 is unlimited."),
        click.option("--up", "upload_kbps", type=int, help="Upload in kbit/s; 0 is unlimited."),
        click.option("--price"),
        click.option("--priority", type=click.IntRange(1, 8)),
        click.option(
            "--fup-gb", type=click.FloatRange(min=0, min_open=True), help="One fair-use tier: past so many GB …"
        ),
        click.option("--fup-percent", type=click.IntRange(1, 99), help="… the speed falls by so many percent."),
        click.option("--no-fup", is_flag=True, help="No fair-use tier any more."),
        click.option(
            "--values", type=click.File(), help="JSON file with any other fields, named as in the API; fup_rules too."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """What the options say, as the use-cases take it."""
    fup_gb, fup_percent, no_fup = given.pop("fup_gb"), given.pop("fup_percent"), given.pop("no_fup")
    file, name = given.pop("values"), given.pop("name_")
    if (fup_gb is None) != (fup_percent is None) or (no_fup and fup_gb is not None):
        raise click.UsageError("--fup-gb and --fup-percent go together, and not with --no-fup")
    changes: dict[str, Any] = {} if file is None else _read(file)
    changes |= {key: value for key, value in given.items() if value is not None}
    if name is not None:
        changes["name"] = name
    if fup_gb is not None:
        changes["fup_rules"] = [{"threshold_bytes": int(fup_gb * _GB), "reduction_percent": fup_percent}]
    elif no_fup:
        changes["fup_rules"] = []
    if not changes:
        raise click.UsageError("nothing is to be changed: give at least one option")
    return changes


def _read(file: Any) -> dict[str, Any]:
    try:
        values = json.load(file)
    except ValueError as error:
        raise click.BadParameter(f"is not JSON: {error}", param_hint="--values") from None
    if not isinstance(values, dict):
        raise click.BadParameter("is not a JSON object", param_hint="--values")
    return values


@plan.command("edit")
@click.argument("name", metavar="PLAN")
@_change_options
@click.option("--dry-run", is_flag=True, help="Only say what it would do to those who are online.")
@click.option("--next-login", is_flag=True, help="Running sessions stay as they are until they log in again.")
@tenant_option
@json_option
def edit_plan(name: str, dry_run: bool, next_login: bool, tenant: str | None, **given: Any) -> None:
    """Change a plan; running sessions get a new speed at once. 'plan rollout start' gives it in stages."""
    changes = _changes(given)
    with work(tenant) as job:
        plan_id = plan_of(job, name).id
        if dry_run:
            told = job.do(plan_preview.preview, plan_id=plan_id, changes=changes)
        else:
            result = job.do(plans.edit, plan_id=plan_id, changes=changes, apply_live=not next_login)
    if dry_run:
        show_preview(told)
    else:
        show_result("Saved", result)


def show_preview(told: Preview) -> None:
    """Print what an edit would do."""
    lines = [
        (
            f"{told.changing} of {told.sessions} running sessions get another speed;"
            f" {told.coa} CoA{_disconnects(told.disconnects)} would be sent."
        ),
        *(f"  {move.sessions:>7}  {move.before}  ->  {move.after}" for move in told.moves),
        f"{told.over_limit} online are past a fair-use limit of the plan as it would be.",
        *(f"  {person.name} ({person.username}): {person.used_bytes / _GB:.1f} GB" for person in told.names),
        "Nothing was saved.",
    ]
    if told.not_compared:
        lines.insert(1, f"{told.not_compared} sessions were not compared: their terms differ too much.")
    emit(_preview(told), lines)


def _disconnects(count: int | None) -> str:
    if count is None:
        return " and a disconnect to each who has used up a new allowance"
    return f" and {count} disconnects" if count else ""


def _preview(told: Preview) -> dict[str, Any]:
    numbers = ("sessions", "changing", "coa", "disconnects", "not_compared", "over_limit")
    names = ("subscription_id", "customer_id", "name", "username", "tier", "used_bytes")
    return {name: getattr(told, name) for name in numbers} | {
        "names": [{name: getattr(person, name) for name in names} for person in told.names],
        "moves": [{"before": move.before, "after": move.after, "sessions": move.sessions} for move in told.moves],
    }


@plan.group("rollout")
@json_option
def rollout() -> None:
    """A plan's change for running sessions in stages: 1 %, 10 %, all."""


@rollout.command("start")
@click.argument("name", metavar="PLAN")
@_change_options
@click.option("--auto", "is_automatic", is_flag=True, help="Begin each stage when the one before went well.")
@click.option(
    "--failures",
    "failures_percent",
    default=5,
    show_default=True,
    type=click.IntRange(0, 100),
    help="Stop when more than so many percent of the answers are refusals or silence.",
)
@tenant_option
@json_option
def start_rollout(name: str, is_automatic: bool, failures_percent: int, tenant: str | None, **given: Any) -> None:
    """Change PLAN and tell the first 1 % of the running sessions. New logins have the new plan at once."""
    changes = _changes(given)
    with work(tenant) as job:
        result = job.do(
            rollouts.start,
            plan_id=plan_of(job, name).id,
            changes=changes,
            is_automatic=is_automatic,
            failures_percent=failures_percent,
        )
    if result.row is None:
        emit({"rollout": None}, ["Saved. No running session is concerned."])
    else:
        show_result("Saved, stage 1 has begun", result, rollout=result.row.id)


@rollout.command("status")
@click.argument("name", metavar="PLAN")
@tenant_option
@json_option
def rollout_status(name: str, tenant: str | None) -> None:
    """The last roll-outs of a plan with what the routers answered."""
    with work(tenant) as job:
        rows = [_rollout(job, row) for row in _of_plan(job, name)]
    head = ("id", "state", "stage", "sessions", "asked", "waiting", "done", "failed", "gone")
    emit({"items": rows}, table([[row[key] for key in head] for row in rows], head))


@rollout.command("continue")
@click.argument("rollout_id", type=int)
@tenant_option
@json_option
def continue_rollout(rollout_id: int, tenant: str | None) -> None:
    """Begin the next stage, or go on after a stop."""
    with work(tenant) as job:
        result = job.do(rollouts.advance, rollout_id=rollout_id)
    show_result(f"Stage {result.row.stage} has begun", result)


@rollout.command("stop")
@click.argument("rollout_id", type=int)
@tenant_option
@json_option
def stop_rollout(rollout_id: int, tenant: str | None) -> None:
    """Ask no more sessions; who has the new speed keeps it."""
    with work(tenant) as job:
        row = _rollout(job, job.do(rollouts.stop, rollout_id=rollout_id).row)
    show_fields(row)


def _of_plan(job: Work, name: str) -> Sequence[PlanRollout]:
    return rollouts.of_plan(job.session, actor=job.actor, plan_id=plan_of(job, name).id)


def _rollout(job: Work, row: PlanRollout) -> dict[str, Any]:
    counts = rollouts.counts(job.session, row)
    names = ("asked", "waiting", "done", "failed", "gone")
    return {
        "id": row.id,
        "state": row.state,
        "stage": f"{STAGES_PERCENT[row.stage - 1]} %",
        "is_automatic": row.is_automatic,
        "sessions": row.sessions,
        **{name: getattr(counts, name) for name in names},
        "started_at": row.started_at.isoformat(),
        "stopped_because": row.stopped_because,
    }
