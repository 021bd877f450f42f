"""`lintas subscription edit|cancel|keep|plan-changes|withdraw-plan`: what was agreed on, and how it ends."""

from typing import Any

import click

from bss import early_ending, plan_changes, subscriptions
from bss.subscriptions.values import EDITABLE
from cli.customers import reason_option, waive_fee_option
from cli.output import emit, json_option, table
from cli.work import Work, show_fields, show_result, tenant_option, work
from db.models import PlanChange, Subscription
from db.models.plans import BILLING_CYCLES
from db.queries.named import subscription_named

_subscription = click.argument("name", metavar="SUBSCRIPTION")


@click.command("edit")
@_subscription
@click.option("--username")
@click.option("--price", help="From the next bill on.")
@click.option("--setup-fee", help="Billed once, with the first invoice.")
@click.option("--billing-cycle", type=click.Choice(BILLING_CYCLES))
@click.option("--billing-day", type=click.IntRange(1, 31))
@click.option("--auto-renew/--no-auto-renew", default=None)
@click.option("--postpaid/--prepaid", "is_postpaid", default=None, help="Billed at the end of each month, or ahead.")
@click.option("--grace-days", "grace_period_days", type=click.IntRange(0, 365))
@click.option("--installation-address", metavar="TEXT")
@click.option("--installation-date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")
@click.option("--installation-fee", help="Billed once, with the first invoice.")
@click.option("--notes")
@click.option(
    "--keep",
    "kept",
    multiple=True,
    metavar="NAME=TEXT",
    help="Keep something besides; NAME= forgets it. May be repeated.",
)
@tenant_option
@json_option
def edit(name: str, kept: tuple[str, ...], tenant: str | None, **given: Any) -> None:
    """Change what was agreed on; another plan is 'move-to', another end of the term 'change-expiry'."""
    changes = {key: value for key, value in given.items() if key in EDITABLE and value is not None}
    if not changes and not kept:
        raise click.UsageError("nothing is to be changed: give at least one option")
    if "installation_date" in changes:
        changes["installation_date"] = changes["installation_date"].date()
    with work(tenant) as job:
        row = _row(job, name)
        more = {"metadata": _merged(row.details, kept)} if kept else {}
        result = job.do(subscriptions.edit, subscription_id=row.id, changes=changes | more)
    show_result("Saved", result)


def _merged(before: dict[str, Any], kept: tuple[str, ...]) -> dict[str, Any]:
    """What is kept, with what was said now."""
    pairs = [one.partition("=") for one in kept]
    if any(not name.strip() or not sign for name, sign, _ in pairs):
        raise click.UsageError("write --keep NAME=TEXT")
    wanted = before | {name.strip(): value for name, _, value in pairs}
    return {name: value for name, value in wanted.items() if value != ""}


@click.command("cancel")
@_subscription
@reason_option
@click.option("--at-period-end", is_flag=True, help="When its term ends, instead of now.")
@waive_fee_option
@click.confirmation_option(prompt="The customer leaves: this ends the subscription. Go on?")
@tenant_option
@json_option
def cancel(name: str, reason: str, at_period_end: bool, waive_fee: bool, tenant: str | None) -> None:
    """End it at the customer's wish; it is not renewed. 'keep' takes back one that waits for the end of the term."""
    with work(tenant) as job:
        given = {"reason": reason, "at_period_end": at_period_end, "waive_fee": waive_fee}
        result = job.do(early_ending.cancel, subscription_id=_row(job, name).id, **given)
    show_result("Ends with its term" if at_period_end else "Cancelled", result)


@click.command("keep")
@_subscription
@tenant_option
@json_option
def keep(name: str, tenant: str | None) -> None:
    """The customer stays after all: it does not end with its term."""
    with work(tenant) as job:
        result = job.do(early_ending.keep, subscription_id=_row(job, name).id)
    show_result("Kept", result)


@click.command("delete")
@_subscription
@reason_option
@waive_fee_option
@click.confirmation_option(prompt="This ends the subscription for good and takes it off the lists. Go on?")
@tenant_option
@json_option
def delete(name: str, reason: str, waive_fee: bool, tenant: str | None) -> None:
    """End it for good and take it off the lists; invoices and history stay."""
    with work(tenant) as job:
        given = {"subscription_id": _row(job, name).id, "reason": reason, "waive_fee": waive_fee}
        result = job.do(early_ending.delete, **given)
    show_result("Deleted", result)


@click.command("plan-changes")
@_subscription
@tenant_option
@json_option
def list_changes(name: str, tenant: str | None) -> None:
    """Its changes of plan, newest first, with the one that waits for the end of the term."""
    with work(tenant) as job:
        found = plan_changes.history(job.session, actor=job.actor, subscription_id=_row(job, name).id)
        rows = [_shown(row) for row in found]
    head = ("status", "effective_at", "old_plan", "new_plan", "credit", "charge", "requested_by", "problem")
    emit({"items": rows}, table([[row[key] or "" for key in head] for row in rows], head))


@click.command("withdraw-plan")
@_subscription
@tenant_option
@json_option
def withdraw(name: str, tenant: str | None) -> None:
    """Take back a change of plan that waits for the end of the term."""
    with work(tenant) as job:
        row = _shown(job.do(plan_changes.withdraw, subscription_id=_row(job, name).id))
    show_fields(row)


COMMANDS = (edit, cancel, keep, delete, list_changes, withdraw)


def _row(job: Work, name: str) -> Subscription:
    return job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription")


def _shown(row: PlanChange) -> dict[str, Any]:
    return {
        "id": row.id,
        "status": row.status,
        "effective_at": row.effective_at.isoformat(),
        "old_plan": row.old_plan.name,
        "new_plan": row.new_plan.name,
        "credit": str(row.credit),
        "charge": str(row.charge),
        "requested_by": row.requested_by,
        "problem": row.problem,
    }
