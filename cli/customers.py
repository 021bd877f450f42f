"""`lintas customer`, `lintas subscription`, `lintas usage`."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from bss import customers, early_ending, first_bills, network, plan_changes, sessions, subscriptions
from bss.outcome import Changed
from bss.rows import tenant_of
from cli.output import emit, json_option, table
from cli.usage_check import now_command, percentage_line
from cli.work import Work, limit_option, newest, show_fields, show_list, show_result, tenant_option, work
from db.models import Customer, Subscription
from db.queries.customer_lists import CustomerFilter, page_of_customers
from db.queries.lists import SubscriptionFilter, page_of_subscriptions
from db.queries.named import customer_named, nas_named, plan_named, subscription_named
from db.queries.owned import owned_by
from db.queries.usage_reports import usage_by_day, usage_of_periods
from domain.access import rate_limit_now
from domain.entitlement import BY_STAFF, OVERDUE
from domain.lifecycle import CUSTOMER_STATUSES, SUBSCRIPTION_STATUSES
from domain.period import PERIOD_KINDS, period_at
from domain.standing import standings, usage_percentage
from domain.term import days_left

reason_option = click.option("--reason", default="", help="Why; kept with the change.")
waive_fee_option = click.option(
    "--waive-fee", is_flag=True, help="Ask for no fee where the contract is not over and its plan has one."
)


# --- customer -----------------------------------------------------------------------------------------------------


@click.group()
def customer() -> None:
    """Customers; one is named by its code or id."""


@customer.command("list")
@click.option("--search", help="Part of name, code, phone, e-mail or username.")
@click.option("--status", type=click.Choice(CUSTOMER_STATUSES))
@limit_option
@tenant_option
@json_option
def list_customers(search: str | None, status: str | None, limit: int, tenant: str | None) -> None:
    """Customers, newest first."""
    with work(tenant) as job:
        fits = CustomerFilter(search=search, status=status)
        page = page_of_customers(job.session, tenant_id=job.tenant_id, fits=fits, wanted=newest(limit, "-created_at"))
        owned = owned_by(job.session, [row.id for row in page.items])
        rows = [_customer(row, owned[row.id].total) for row in page.items]
    head = ("code", "name", "phone", "status", "subscriptions")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


@customer.command("suspend")
@click.argument("name", metavar="CUSTOMER")
@reason_option
@tenant_option
@json_option
def suspend_customer(name: str, reason: str, tenant: str | None) -> None:
    """Refuse all logins of a customer and end the sessions."""
    with work(tenant) as job:
        result = job.do(customers.suspend, customer_id=_customer_of(job, name).id, reason=reason)
    show_result("Suspended", result)


@customer.command("activate")
@click.argument("name", metavar="CUSTOMER")
@click.option("--with-subscriptions", is_flag=True, help="Also subscriptions that are suspended on their own.")
@tenant_option
@json_option
def activate_customer(name: str, with_subscriptions: bool, tenant: str | None) -> None:
    """Lift a block."""
    with work(tenant) as job:
        given = {"customer_id": _customer_of(job, name).id, "with_subscriptions": with_subscriptions}
        result = job.do(customers.activate, **given)
    show_result("Activated", result)


@customer.command("terminate")
@click.argument("name", metavar="CUSTOMER")
@reason_option
@waive_fee_option
@click.confirmation_option(prompt="This ends all subscriptions of the customer for good. Go on?")
@tenant_option
@json_option
def terminate_customer(name: str, reason: str, waive_fee: bool, tenant: str | None) -> None:
    """End the relation and all subscriptions, with the fee of each contract that is not over."""
    with work(tenant) as job:
        given = {"customer_id": _customer_of(job, name).id, "reason": reason, "waive_fee": waive_fee}
        result = job.do(early_ending.terminate_customer, **given)
    show_result("Terminated", result)


# --- subscription -------------------------------------------------------------------------------------------------


@click.group()
def subscription() -> None:
    """Subscriptions; one is named by its username, code or id."""


@subscription.command("list")
@click.option("--search", help="Part of username, code, address or MAC.")
@click.option("--status", type=click.Choice(SUBSCRIPTION_STATUSES))
@click.option("--customer", "customer_name", metavar="CUSTOMER")
@click.option("--plan", "plan_name", metavar="PLAN")
@click.option("--nas", "nas_name", metavar="ROUTER")
@click.option("--type", "connection_type", type=click.Choice(subscriptions.CONNECTION_TYPES))
@click.option("--expiring", "days", type=click.IntRange(0, 3650), help="Whose term ends within so many days.")
@limit_option
@tenant_option
@json_option
def list_subscriptions(
    search: str | None,
    status: str | None,
    customer_name: str | None,
    plan_name: str | None,
    nas_name: str | None,
    connection_type: str | None,
    days: int | None,
    limit: int,
    tenant: str | None,
) -> None:
    """Subscriptions, newest first."""
    with work(tenant) as job:
        fits = SubscriptionFilter(
            search=search,
            status=status,
            customer_id=None if customer_name is None else _customer_of(job, customer_name).id,
            service_plan_id=None if plan_name is None else _plan_id(job, plan_name),
            nas_server_id=None if nas_name is None else _nas_id(job, nas_name),
            connection_type=connection_type,
            expires_after=None if days is None else job.now,
            expires_before=None if days is None else job.now + timedelta(days=days),
        )
        page = page_of_subscriptions(
            job.session, tenant_id=job.tenant_id, fits=fits, wanted=newest(limit, "-created_at")
        )
        rows = [_subscription(row) for row in page.items]
    head = ("code", "username", "customer", "plan", "status", "expires_at")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


@subscription.command("show")
@click.argument("name", metavar="SUBSCRIPTION")
@tenant_option
@json_option
def show_subscription(name: str, tenant: str | None) -> None:
    """One subscription, with the rate that a login gets now."""
    with work(tenant) as job:
        row = _subscription_of(job, name)
        profile = network.profile_of(job.session, row.id)
        live = network.live_sessions(job.session, row.id)
        rate = rate_limit_now(profile, job.now) or "unlimited"
        show_fields(_subscription(row) | _agreed(row) | {"rate_limit": rate, "online_sessions": len(live)})


@subscription.command("add")
@click.argument("username")
@click.option("--customer", "customer_name", required=True, metavar="CUSTOMER")
@click.option("--plan", "plan_name", required=True, metavar="PLAN")
@click.option("--nas", "nas_name", metavar="ROUTER")
@click.option("--password-file", type=click.File(), help="File with the password; without it one is made and shown.")
@click.option("--assigned-ip")
@click.option("--never-expires", is_flag=True)
@click.option("--postpaid", "is_postpaid", is_flag=True, help="Billed at the end of each month; its term has no end.")
@click.option("--pending", is_flag=True, help="Do not activate it yet.")
@click.option("--price", help="Instead of the plan's.")
@click.option("--setup-fee", help="Instead of the plan's.")
@click.option("--installation-fee", help="Billed once, with the first invoice.")
@click.option("--installation-address", metavar="TEXT")
@click.option("--installation-date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")
@click.option("--start-date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE")
@click.option("--bill-now", is_flag=True, help="Write the invoice of the first term, with all fees, at once.")
@tenant_option
@json_option
def add_subscription(
    username: str,
    customer_name: str,
    plan_name: str,
    nas_name: str | None,
    password_file: Any,
    pending: bool,
    tenant: str | None,
    **given: Any,
) -> None:
    """Add a subscription that logs in as USERNAME."""
    details = {name: value for name, value in given.items() if value is not None}
    for name in ("installation_date", "start_date"):
        if name in details:
            details[name] = details[name].date()
    with work(tenant) as job:
        issued = job.do(
            first_bills.create,
            customer_id=_customer_of(job, customer_name).id,
            service_plan_id=_plan_id(job, plan_name),
            nas_server_id=None if nas_name is None else _nas_id(job, nas_name),
            username=username,
            password=None if password_file is None else password_file.read().rstrip("\n"),
            activate=not pending,
            **details,
        )
    show_result("Added", issued, id=issued.row.id, code=issued.row.subscription_code)


@subscription.command("activate")
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--never-expires", is_flag=True, help="A first activation: its term has no end.")
@click.option("--bill-now", is_flag=True, help="A first activation: write the invoice of its term at once.")
@tenant_option
@json_option
def activate_subscription(name: str, tenant: str | None, **given: Any) -> None:
    """Let it log in."""
    _verb("Activated", first_bills.activate, name, tenant, **given)


@subscription.command("suspend")
@click.argument("name", metavar="SUBSCRIPTION")
@reason_option
@click.option("--until-paid", is_flag=True, help="It comes back by itself when what is owed is paid.")
@tenant_option
@json_option
def suspend_subscription(name: str, reason: str, until_paid: bool, tenant: str | None) -> None:
    """Refuse its logins and end its sessions."""
    cause = OVERDUE if until_paid else BY_STAFF
    _verb("Suspended", subscriptions.suspend, name, tenant, reason=reason, cause=cause)


@subscription.command("disable")
@click.argument("name", metavar="SUBSCRIPTION")
@reason_option
@tenant_option
@json_option
def disable_subscription(name: str, reason: str, tenant: str | None) -> None:
    """Take it out of service by hand."""
    _verb("Disabled", subscriptions.disable, name, tenant, reason=reason)


@subscription.command("terminate")
@click.argument("name", metavar="SUBSCRIPTION")
@reason_option
@waive_fee_option
@click.confirmation_option(prompt="This ends the subscription for good. Go on?")
@tenant_option
@json_option
def terminate_subscription(name: str, reason: str, waive_fee: bool, tenant: str | None) -> None:
    """End it for good, with the fee of a contract that is not over."""
    _verb("Terminated", early_ending.terminate, name, tenant, reason=reason, waive_fee=waive_fee)


@subscription.command("disconnect")
@click.argument("name", metavar="SUBSCRIPTION")
@tenant_option
@json_option
def disconnect_subscription(name: str, tenant: str | None) -> None:
    """End its sessions; it may log in again at once."""
    _verb("Asked", sessions.disconnect_subscription, name, tenant)


@subscription.command("resend-speed")
@click.argument("name", metavar="SUBSCRIPTION")
@tenant_option
@json_option
def resend_speed(name: str, tenant: str | None) -> None:
    """Tell the routers of its sessions once more at which rate they should be."""
    _verb("Sent", sessions.resend_speed, name, tenant)


@subscription.command("change-plan")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("plan_name", metavar="PLAN")
@waive_fee_option
@tenant_option
@json_option
def change_plan(name: str, plan_name: str, waive_fee: bool, tenant: str | None) -> None:
    """Move it to another plan now, without counting days; 'move-to' counts them."""
    with work(tenant) as job:
        plan = job.found(plan_named(job.session, plan_name, tenant_id=job.tenant_id), "plan")
        row = _subscription_of(job, name)
        given = {"service_plan_id": plan.id, "prorated": False, "waive_fee": waive_fee}
        changed = job.do(plan_changes.change, subscription_id=row.id, **given)
        result = Changed(row=changed.subscription, effect=changed.effect)
    show_result("Plan changed", result)


@subscription.command("change-password")
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--password-file", type=click.File(), help="File with the password; without it one is made and shown.")
@tenant_option
@json_option
def change_password(name: str, password_file: Any, tenant: str | None) -> None:
    """Set a new service password and end its sessions."""
    password = None if password_file is None else password_file.read().rstrip("\n")
    _verb("Password changed", subscriptions.change_password, name, tenant, password=password)


@subscription.command("change-expiry")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("day", metavar="DATE|never")
@tenant_option
@json_option
def change_expiry(name: str, day: str, tenant: str | None) -> None:
    """Move the end of its term to the start of DATE (2026-11-30) in the provider's time zone, or remove it."""
    with work(tenant) as job:
        zone = ZoneInfo(tenant_of(job.session, actor=job.actor).timezone)
        result = job.do(
            subscriptions.change_expiry,
            subscription_id=_subscription_of(job, name).id,
            expires_at=None if day == "never" else _local(day, zone),
        )
    show_result("Term changed", result)


@subscription.command("set-speed")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("speed", metavar="DOWN/UP|plan")
@click.option("--hours", type=click.IntRange(1, 8760), help="For so long; without it until changed again.")
@tenant_option
@json_option
def set_speed(name: str, speed: str, hours: int | None, tenant: str | None) -> None:
    """Give it a speed of its own, in kbit/s from the customer's side (20000/10000), or the plan's again."""
    with work(tenant) as job:
        until = None if hours is None else job.now + timedelta(hours=hours)
        result = job.do(
            subscriptions.set_limits,
            subscription_id=_subscription_of(job, name).id,
            changes=_speed(speed) | ({} if speed == "plan" else {"speed_expires_at": until}),
        )
    show_result("Speed changed", result)


# --- usage --------------------------------------------------------------------------------------------------------


@click.group()
def usage() -> None:
    """Traffic of a subscription."""


@usage.command("show")
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 366))
@tenant_option
@json_option
def show_usage(name: str, days: int, tenant: str | None) -> None:
    """By local day, and of the running day, week, month and billing cycle."""
    with work(tenant) as job:
        row = _subscription_of(job, name)
        zone = ZoneInfo(tenant_of(job.session, actor=job.actor).timezone)
        today = job.now.astimezone(zone).date()
        found = usage_by_day(job.session, row.id, first=today - timedelta(days=days - 1), last=today)
        periods = [period_at(kind, job.now, zone, row.billing_day) for kind in PERIOD_KINDS]
        totals = usage_of_periods(job.session, row.id, periods)
        percentage = usage_percentage(standings(network.profile_of(job.session, row.id), job.now))
    cells = [
        [str(one.first_day), one.download_bytes, one.upload_bytes, one.total_bytes, one.seconds]
        for one in (*found, *totals.values())
    ]
    names = [*("" for _ in found), *totals]
    head = ("day", "down", "up", "total", "seconds", "")
    lines = table([[*cell, name] for cell, name in zip(cells, names, strict=True)], head)
    in_periods = {kind: _usage(one) for kind, one in totals.items()}
    emit(
        {"days": [_usage(one) for one in found], "periods": in_periods, "usage_percentage": percentage},
        [*lines, percentage_line(percentage)],
    )


usage.add_command(now_command)


# --- rows as commands show them -----------------------------------------------------------------------------------


def _verb(what: str, use_case: Any, name: str, tenant: str | None, **given: Any) -> None:
    with work(tenant) as job:
        result = job.do(use_case, subscription_id=_subscription_of(job, name).id, **given)
    show_result(what, result)


def _customer_of(job: Work, name: str) -> Customer:
    return job.found(customer_named(job.session, name, tenant_id=job.tenant_id), "customer")


def _subscription_of(job: Work, name: str) -> Subscription:
    return job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription")


def _plan_id(job: Work, name: str) -> int:
    return job.found(plan_named(job.session, name, tenant_id=job.tenant_id), "plan").id


def _nas_id(job: Work, name: str) -> int:
    return job.found(nas_named(job.session, name, tenant_id=job.tenant_id), "router").id


def _customer(row: Customer, subscriptions: int) -> dict[str, Any]:
    return {
        "id": row.id,
        "code": row.customer_code,
        "name": row.name,
        "phone": row.phone,
        "email": row.email,
        "city": row.city,
        "status": row.status,
        "subscriptions": subscriptions,
    }


def _subscription(row: Subscription) -> dict[str, Any]:
    return {
        "id": row.id,
        "code": row.subscription_code,
        "username": row.username,
        "customer": row.customer.name,
        "plan": row.plan.name,
        "connection_type": row.connection_type,
        "status": row.status,
        "expires_at": None if row.expires_at is None else row.expires_at.isoformat(),
        "days_until_expiry": days_left(row.expires_at, datetime.now(UTC)),
        "cancel_at_period_end": row.cancel_at_period_end,
        "price": str(row.price),
        "assigned_ip": None if row.assigned_ip is None else str(row.assigned_ip),
        "mac_binding": row.mac_binding,
        "nas_binding": row.nas_binding,
    }


def _agreed(row: Subscription) -> dict[str, Any]:
    """What was agreed on and done at the beginning."""
    names = (
        "setup_fee", "billing_cycle", "billing_day", "auto_renew", "is_postpaid", "start_date", "installation_address",
        "installation_date", "installation_fee", "fees_billed_at", "suspend_reason", "suspend_cause", "notes",
    )  # fmt: skip
    said: dict[str, Any] = {name: None if (value := getattr(row, name)) is None else str(value) for name in names}
    return said | {"metadata": row.details}


def _usage(row: Any) -> dict[str, Any]:
    return {
        "first_day": str(row.first_day),
        "download_bytes": row.download_bytes,
        "upload_bytes": row.upload_bytes,
        "seconds": row.seconds,
    }


def _local(day: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.fromisoformat(day).replace(tzinfo=zone)
    except ValueError:
        raise click.BadParameter("write it like 2026-11-30, or 'never'") from None


def _speed(text: str) -> dict[str, Any]:
    if text == "plan":
        return {"download_kbps": None, "upload_kbps": None}
    down, slash, up = text.partition("/")
    if not (slash and down.isdigit() and up.isdigit()):
        raise click.BadParameter("write it in kbit/s like 20000/10000 (down/up), or 'plan'")
    return {"download_kbps": int(down), "upload_kbps": int(up)}
