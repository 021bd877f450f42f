"""`lintas billing profile` and `bill`: how a customer wants to be billed, and a bill for some days."""

from datetime import datetime
from typing import Any

import click

from bss.billing import on_demand, profiles, suspend_dates
from cli.output import emit, json_option
from cli.work import Work, show_fields, tenant_option, work
from db.queries.named import customer_named, subscription_named
from domain.payments import METHODS
from domain.term import BILLING_CYCLES

_NAMES = ("payment_method", "contact_name", "contact_phone", "contact_email", "contact_address", "parent_pays")


@click.command("profile")
@click.argument("customer", metavar="CUSTOMER")
@click.option("--subscription", metavar="SUBSCRIPTION", help="One of his subscriptions, for day and cycle.")
@click.option("--day", "billing_day", type=click.IntRange(1, 31), help="The day of the month that terms turn on.")
@click.option("--cycle", "billing_cycle", type=click.Choice(BILLING_CYCLES))
@click.option("--pays-by", "payment_method", type=click.Choice(METHODS))
@click.option("--contact-name")
@click.option("--contact-phone")
@click.option("--contact-email")
@click.option("--contact-address")
@click.option("--parent-pays/--pays-alone", "parent_pays", default=None, help="Whether the head of the family pays.")
@click.option("--dry-run", is_flag=True, help="Only say what it would do to the next bill.")
@click.option("--confirm", is_flag=True, help="Save it although it changes the next bill a good deal.")
@tenant_option
@json_option
def profile(
    customer: str, subscription: str | None, dry_run: bool, confirm: bool, tenant: str | None, **given: Any
) -> None:
    """Show how CUSTOMER is billed, or change it."""
    changes = {name: value for name, value in given.items() if value is not None}
    with work(tenant) as job:
        whose = _whose(job, customer, subscription)
        if dry_run:
            told = _impact(job.do(profiles.preview, **whose, changes=changes))
            emit(told, [f"{name}: {value}" for name, value in told.items()] + ["Nothing was saved."])
            return
        if changes:
            job.do(profiles.save, **whose, changes=changes, is_confirmed=confirm)
        row, bill, payer_id = job.do(profiles.read, **whose)
        data = {name: getattr(row, name) for name in _NAMES} | {"payer_id": payer_id} | _bill("next_bill", bill)
    show_fields(data)


def _whose(job: Work, customer: str, subscription: str | None) -> dict[str, Any]:
    row = job.found(customer_named(job.session, customer, tenant_id=job.tenant_id), "customer")
    if subscription is None:
        return {"customer_id": row.id}
    own = job.found(subscription_named(job.session, subscription, tenant_id=job.tenant_id), "subscription")
    return {"customer_id": row.id, "subscription_id": own.id}


def _impact(told: profiles.Impact) -> dict[str, Any]:
    return {
        "extra_days": told.extra_days, "charge": str(told.charge), "payer_before": told.payer_before,
        "payer_after": told.payer_after, "is_large": told.is_large,
    } | _bill("before", told.before) | _bill("after", told.after)  # fmt: skip


def _bill(name: str, bill: profiles.Bill | None) -> dict[str, Any]:
    if bill is None:
        return {name: None}
    return {name: f"{bill.amount} on {bill.on}, {bill.cycle}, day {bill.billing_day}"}


@click.command("bill")
@click.argument("subscription", metavar="SUBSCRIPTION")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The first local day.")
@click.option("--until", "last", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The day after the last one.")
@click.option("--amount", help="Instead of the price of the days, before tax.")
@click.option("--due", type=click.DateTime(["%Y-%m-%d"]), help="Otherwise by the rules of billing.")
@click.option("--dry-run", is_flag=True, help="Only say what it would come to.")
@tenant_option
@json_option
def bill(
    subscription: str, first: datetime, last: datetime, amount: str | None, due: datetime | None, dry_run: bool,
    tenant: str | None,
) -> None:  # fmt: skip
    """Bill some days of SUBSCRIPTION: the first ones before a cycle, a part of one, or a whole one."""
    with work(tenant) as job:
        row = job.found(subscription_named(job.session, subscription, tenant_id=job.tenant_id), "subscription")
        days: dict[str, Any] = {
            "subscription_id": row.id, "period_start": first.date(), "period_end": last.date(), "amount": amount,
        }  # fmt: skip
        if dry_run:
            told = job.do(on_demand.quote, **days)
            data = {"days": told.days, "amount": str(told.amount), "tax": str(told.tax), "total": str(told.total)}
        else:
            done = job.do(on_demand.bill, **days, due_date=None if due is None else due.date()).row
            data = {"invoice_number": done.invoice_number, "total": str(done.total), "status": done.status}
    show_fields(data)


@click.command("suspend-date")
@click.argument("subscription", metavar="SUBSCRIPTION")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="The local day; without it the day is removed.")
@click.option("--every-month-on", "recurring_day", type=click.IntRange(1, 31), help="After it, on this day each month.")
@click.option("--dry-run", is_flag=True, help="Only say what it would mean.")
@tenant_option
@json_option
def suspend_date(
    subscription: str, day: datetime | None, recurring_day: int | None, dry_run: bool, tenant: str | None
) -> None:
    """Suspend SUBSCRIPTION on a day whatever was paid, once or every month."""
    with work(tenant) as job:
        row = job.found(subscription_named(job.session, subscription, tenant_id=job.tenant_id), "subscription")
        given: dict[str, Any] = {"subscription_id": row.id, "suspend_on": None if day is None else day.date()}
        told = job.do(suspend_dates.preview, **given)
        if not dry_run:
            job.do(suspend_dates.change, **given, recurring_day=recurring_day)
        data = {
            "suspend_on": told.suspend_on, "recurring_day": recurring_day, "before": told.now_on,
            "unused_days": told.unused_days, "unused_worth": str(told.unused_worth), "saved": not dry_run,
        }  # fmt: skip
    show_fields(data)
