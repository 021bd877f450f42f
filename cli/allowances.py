"""`lintas quota`, `lintas topup`, `lintas family`, and the hours and allowances of a plan."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from bss import families, plans, quotas, topups
from bss.network import profile_of
from bss.rows import tenant_of
from cli.allowance_text import HOURS, QUOTA, amount, hours, quota, reader
from cli.output import emit, json_option, table
from cli.work import Work, limit_option, newest, show_list, show_result, tenant_option, work
from db.models import Family, QuotaTopup, Subscription
from db.queries.allowances import (
    family_members,
    family_named,
    family_quotas,
    members_by_family,
    page_of_families,
    topups_of,
)
from db.queries.named import plan_named, subscription_named
from domain.standing import Standing, standings

quota_option = click.option(
    "--quota", "given", multiple=True, metavar=QUOTA, callback=reader(quota), help="An allowance; repeat for more."
)
clear_option = click.option("--clear", is_flag=True, help="None any more.")


# --- quota --------------------------------------------------------------------------------------------------------


@click.group("quota")
def quota_group() -> None:
    """Allowances of volume and time: what is left, and a subscription's own."""


@quota_group.command("show")
@click.argument("name", metavar="SUBSCRIPTION")
@tenant_option
@json_option
def show_quota(name: str, tenant: str | None) -> None:
    """What a subscription may still use, its family's allowances included."""
    with work(tenant) as job:
        row = _subscription_of(job, name)
        rows = [_standing(one) for one in standings(profile_of(job.session, row.id), job.now)]
    head = ("kind", "period", "limit", "used", "left", "percent", "action", "shared", "resets_at")
    emit({"items": rows}, table([[one[key] for key in head] for one in rows], head) if rows else ["No allowance."])


@quota_group.command("set")
@click.argument("name", metavar="SUBSCRIPTION")
@quota_option
@clear_option
@tenant_option
@json_option
def set_quota(name: str, given: list[dict[str, Any]], clear: bool, tenant: str | None) -> None:
    """Give a subscription allowances instead of its plan's; --clear gives the plan's back."""
    _one_of(given, clear, "--quota")
    with work(tenant) as job:
        result = job.do(quotas.set_own, subscription_id=_subscription_of(job, name).id, quotas=given)
    show_result("Allowances changed", result)


# --- plan ---------------------------------------------------------------------------------------------------------


@click.command("quota")
@click.argument("name", metavar="PLAN")
@quota_option
@clear_option
@click.option("--next-login", is_flag=True, help="Running sessions stay as they are until they log in again.")
@tenant_option
@json_option
def plan_quota(name: str, given: list[dict[str, Any]], clear: bool, next_login: bool, tenant: str | None) -> None:
    """Show the allowances of a plan, or replace them."""
    _show_or_replace("quotas", name, given, clear=clear, next_login=next_login, tenant=tenant)


@click.command("hours")
@click.argument("name", metavar="PLAN")
@click.option(
    "--hours",
    "given",
    multiple=True,
    metavar=HOURS,
    callback=reader(hours),
    help="Hours it may be used; repeat for more.",
)
@clear_option
@click.option("--next-login", is_flag=True, help="Running sessions stay as they are until they log in again.")
@tenant_option
@json_option
def plan_hours(name: str, given: list[dict[str, Any]], clear: bool, next_login: bool, tenant: str | None) -> None:
    """Show the hours of a plan, or replace them; without any it may be used at all times."""
    _show_or_replace("time_windows", name, given, clear=clear, next_login=next_login, tenant=tenant)


def _show_or_replace(
    field: str, name: str, given: list[dict[str, Any]], *, clear: bool, next_login: bool, tenant: str | None
) -> None:
    with work(tenant) as job:
        row = job.found(plan_named(job.session, name, tenant_id=job.tenant_id), "plan")
        if given or clear:
            changes = {field: [] if clear else given}
            result = job.do(plans.edit, plan_id=row.id, changes=changes, apply_live=not next_login)
        rows = plans.lists_of(row)[field]
    if given or clear:
        show_result("Saved", result)
    else:
        emit({"items": rows}, [_line(one) for one in rows] or ["None."])


# --- topup --------------------------------------------------------------------------------------------------------


@click.group()
def topup() -> None:
    """More volume or time for a subscription."""


@topup.command("add")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("how_much", metavar="AMOUNT")
@click.option("--until", metavar="DAY", help="The last day it is valid; else the end of the billing cycle.")
@click.option("--for-good", is_flag=True, help="It never ends.")
@click.option("--note", default="")
@tenant_option
@json_option
def add_topup(name: str, how_much: str, until: str | None, for_good: bool, note: str, tenant: str | None) -> None:
    """Add AMOUNT, such as 10GB or 2h; who was stopped or slowed for want of it is free at once."""
    values = amount(how_much) | {"for_good": for_good, "note": note}
    with work(tenant) as job:
        zone = ZoneInfo(tenant_of(job.session, actor=job.actor).timezone)
        end = None if until is None else _after(until, zone)
        result = job.do(topups.add, subscription_id=_subscription_of(job, name).id, valid_until=end, **values)
        row = _topup(result.row)
    show_result("Topped up", result, topup=row)


@topup.command("list")
@click.argument("name", metavar="SUBSCRIPTION")
@tenant_option
@json_option
def list_topups(name: str, tenant: str | None) -> None:
    """A subscription's top-ups, newest first."""
    with work(tenant) as job:
        rows = [_topup(row) for row in topups_of(job.session, _subscription_of(job, name).id)]
    head = ("id", "kind", "amount", "valid_from", "valid_until", "note", "created_by")
    emit({"items": rows}, table([[row[key] or "" for key in head] for row in rows], head))


@topup.command("remove")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("topup_id", type=int)
@tenant_option
@json_option
def remove_topup(name: str, topup_id: int, tenant: str | None) -> None:
    """Take a top-up back."""
    with work(tenant) as job:
        result = job.do(topups.remove, subscription_id=_subscription_of(job, name).id, topup_id=topup_id)
    show_result("Top-up removed", result)


# --- family -------------------------------------------------------------------------------------------------------


@click.group()
def family() -> None:
    """Subscriptions that use one allowance together; one is named by its name or id."""


@family.command("list")
@click.option("--search", help="Part of the name.")
@limit_option
@tenant_option
@json_option
def list_families(search: str | None, limit: int, tenant: str | None) -> None:
    """Families by name."""
    with work(tenant) as job:
        page = page_of_families(job.session, tenant_id=job.tenant_id, search=search, wanted=newest(limit, "name"))
        counts = members_by_family(job.session, [row.id for row in page.items])
        rows = [{"id": row.id, "name": row.name, "members": counts.get(row.id, 0)} for row in page.items]
    head = ("id", "name", "members")
    show_list(page, rows, lambda: table([[row[key] for key in head] for row in rows], head))


@family.command("show")
@click.argument("name", metavar="FAMILY")
@tenant_option
@json_option
def show_family(name: str, tenant: str | None) -> None:
    """A family, its allowances and its members."""
    with work(tenant) as job:
        row = _family_of(job, name)
        members = [one.username for one in family_members(job.session, row.id)]
        shared = quotas.as_given(family_quotas(job.session, row.id))
        data = {"id": row.id, "name": row.name, "members": members, "quotas": shared}
    emit(data, [f"{row.name} (id {row.id})", *map(_line, shared), *(f"  {member}" for member in members)])


@family.command("add")
@click.argument("name")
@quota_option
@tenant_option
@json_option
def add_family(name: str, given: list[dict[str, Any]], tenant: str | None) -> None:
    """Add a family called NAME."""
    with work(tenant) as job:
        row = job.do(families.create, name=name, quotas=given)
        data = {"id": row.id, "name": row.name}
    emit(data, [f"{data['name']} (id {data['id']})"])


@family.command("edit")
@click.argument("name", metavar="FAMILY")
@click.option("--name", "name_", help="Its new name.")
@quota_option
@clear_option
@tenant_option
@json_option
def edit_family(name: str, name_: str | None, given: list[dict[str, Any]], clear: bool, tenant: str | None) -> None:
    """Rename a family, or replace its allowances."""
    changes: dict[str, Any] = {} if name_ is None else {"name": name_}
    if given or clear:
        changes["quotas"] = [] if clear else given
    with work(tenant) as job:
        result = job.do(families.edit, family_id=_family_of(job, name).id, changes=changes)
    show_result("Saved", result)


@family.command("delete")
@click.argument("name", metavar="FAMILY")
@tenant_option
@json_option
def delete_family(name: str, tenant: str | None) -> None:
    """Remove a family that nobody is in."""
    with work(tenant) as job:
        row = job.do(families.delete, family_id=_family_of(job, name).id)
    emit({"deleted": row.id}, [f"Deleted {row.name}."])


@family.command("join")
@click.argument("name", metavar="FAMILY")
@click.argument("member", metavar="SUBSCRIPTION")
@tenant_option
@json_option
def join_family(name: str, member: str, tenant: str | None) -> None:
    """Let a subscription share the family's allowances."""
    _move(families.add_member, "Added", name, member, tenant)


@family.command("leave")
@click.argument("name", metavar="FAMILY")
@click.argument("member", metavar="SUBSCRIPTION")
@tenant_option
@json_option
def leave_family(name: str, member: str, tenant: str | None) -> None:
    """Take a subscription out of the family."""
    _move(families.remove_member, "Taken out", name, member, tenant)


def _move(use_case: Any, what: str, name: str, member: str, tenant: str | None) -> None:
    with work(tenant) as job:
        ids = {"family_id": _family_of(job, name).id, "subscription_id": _subscription_of(job, member).id}
        result = job.do(use_case, **ids)
    show_result(what, result)


# --- rows as commands show them -----------------------------------------------------------------------------------


def _one_of(given: list[dict[str, Any]], clear: bool, option: str) -> None:
    if bool(given) == clear:
        raise click.UsageError(f"give {option}, or --clear")


def _subscription_of(job: Work, name: str) -> Subscription:
    return job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription")


def _family_of(job: Work, name: str) -> Family:
    return job.found(family_named(job.session, name, tenant_id=job.tenant_id), "family")


def _after(day: str, zone: ZoneInfo) -> datetime:
    """The end of a local day."""
    try:
        return datetime.fromisoformat(day).replace(hour=0, minute=0, tzinfo=zone) + timedelta(days=1)
    except ValueError:
        raise click.BadParameter("write it like 2026-11-30", param_hint="--until") from None


def _standing(one: Standing) -> dict[str, Any]:
    return {
        "kind": one.quota.kind,
        "period": one.quota.period,
        "counts": one.quota.counts,
        "limit": one.limit,
        "used": one.used,
        "left": one.left,
        "percent": one.percent,
        "action": one.quota.action,
        "shared": one.quota.is_shared,
        "resets_at": None if one.resets_at is None else one.resets_at.isoformat(),
    }


def _topup(row: QuotaTopup) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "amount": row.amount,
        "valid_from": row.valid_from.isoformat(),
        "valid_until": None if row.valid_until is None else row.valid_until.isoformat(),
        "note": row.note,
        "created_by": row.created_by,
    }


def _line(given: dict[str, Any]) -> str:
    return "  ".join(f"{name}={value}" for name, value in given.items() if value is not None)
