"""`lintas garden` and `lintas voucher`."""

from datetime import datetime
from typing import Any

import click

from bss import gardens, vouchers
from cli.output import emit, json_option, table
from cli.work import limit_option, newest, show_fields, show_list, tenant_option, work
from db.models import Voucher, WalledGarden
from db.queries.gardens import gardens_of_tenant
from db.queries.named import plan_named
from db.queries.vouchers import page_of_vouchers, voucher_by_code
from domain.access import REASONS
from domain.garden import ANY_REASON
from domain.spreadsheet import as_csv
from domain.voucher import VOUCHER_STATES

ANY = "any"
reason_argument = click.argument("reason", type=click.Choice([ANY, *gardens.REASONS[1:]]))


@click.group()
def garden() -> None:
    """Walled gardens: where customers end who would be refused for something that can be mended."""


@garden.command("list")
@tenant_option
@json_option
def list_gardens(tenant: str | None) -> None:
    """Every garden; `any` is for each reason without its own."""
    with work(tenant) as job:
        rows = [_garden(row) for row in gardens_of_tenant(job.session, job.tenant_id)]
    head = ("reason", "address_list", "ip_pool", "download_kbps", "upload_kbps", "is_active")
    emit({"items": rows}, table([["" if row[name] is None else row[name] for name in head] for row in rows], head))


@garden.command("set")
@reason_argument
@click.option("--address-list", help="Firewall address list that the router redirects; '' for none.")
@click.option("--pool", "ip_pool", help="Address pool on the router; '' for none.")
@click.option("--down", "download_kbps", type=int, help="Download in kbit/s; 512 in a new garden.")
@click.option("--up", "upload_kbps", type=int, help="Upload in kbit/s; 512 in a new garden.")
@click.option("--page", "redirect_url", help="Page that a hotspot shows; '' for none.")
@click.option("--session", "session_timeout_s", type=int, help="Seconds until the next login; 3600 in a new garden.")
@click.option("--on/--off", "is_active", default=None, help="Whether it is used.")
@tenant_option
@json_option
def set_garden(reason: str, tenant: str | None, **given: Any) -> None:
    """Make or change the garden for REASON; what is not given stays."""
    values = {name: value for name, value in given.items() if value is not None}
    with work(tenant) as job:
        row = job.do(gardens.put, reason=_reason(reason), values=values)
        show_fields(_garden(row))


@garden.command("remove")
@reason_argument
@tenant_option
@json_option
def remove_garden(reason: str, tenant: str | None) -> None:
    """Refuse again who would end there; who is in it is let out within a minute."""
    with work(tenant) as job:
        job.do(gardens.remove, reason=_reason(reason))
    emit({"removed": reason}, [f"There is no garden for {reason} any more."])


def _reason(word: str) -> str:
    return ANY_REASON if word == ANY else word


def _garden(row: WalledGarden) -> dict[str, Any]:
    reason = ANY if row.reason == ANY_REASON else row.reason
    about = {"reason": reason, "meaning": REASONS.get(row.reason, "every reason without its own garden")}
    return about | {name: getattr(row, name) for name in sorted(gardens.EDITABLE)}


@click.group()
def voucher() -> None:
    """Vouchers: codes that log in at a hotspot."""


@voucher.command("create")
@click.argument("plan_name", metavar="PLAN")
@click.option("--count", default=1, show_default=True, type=click.IntRange(1, vouchers.MAX_AT_ONCE))
@click.option("--hours", type=click.FloatRange(min=0.1), help="Valid so long from its first login.")
@click.option("--batch", default="", help="A name to find them by; without one the batch gets a number.")
@click.option("--prefix", default="", help="Comes before every code, such as HOT-.")
@click.option("--bind", "binds_mac", is_flag=True, help="Only for the device that uses it first.")
@click.option("--sell-until", type=click.DateTime(), help="Not used by then (UTC), it never can be.")
@tenant_option
@json_option
def create_vouchers(
    plan_name: str,
    count: int,
    hours: float | None,
    batch: str,
    prefix: str,
    binds_mac: bool,
    sell_until: datetime | None,
    tenant: str | None,
) -> None:
    """Make vouchers of the hotspot plan PLAN; the codes are printed."""
    with work(tenant) as job:
        plan = job.found(plan_named(job.session, plan_name, tenant_id=job.tenant_id), "plan")
        made = job.do(
            vouchers.create,
            service_plan_id=plan.id,
            count=count,
            validity_s=None if hours is None else int(hours * 3600),
            batch=batch,
            prefix=prefix,
            binds_mac=binds_mac,
            sell_until=None if sell_until is None else sell_until.replace(tzinfo=job.now.tzinfo),
        )
        rows = [_voucher(row) for row in made]
    emit({"items": rows}, [row["code"] for row in rows])


@voucher.command("list")
@click.option("--state", type=click.Choice(VOUCHER_STATES))
@click.option("--batch")
@limit_option
@tenant_option
@json_option
def list_vouchers(state: str | None, batch: str | None, limit: int, tenant: str | None) -> None:
    """Vouchers, newest first."""
    with work(tenant) as job:
        wanted = newest(limit, "-created_at")
        page = page_of_vouchers(job.session, tenant_id=job.tenant_id, state=state, batch=batch, wanted=wanted)
        rows = [_voucher(row) for row in page.items]
    head = ("code", "batch", "state", "first_used_at", "valid_until")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


code_argument = click.argument("code", required=False)
batch_option = click.option("--batch", help="Every voucher of this batch instead of one.")


@voucher.command("disable")
@code_argument
@batch_option
@tenant_option
@json_option
def disable_voucher(code: str | None, batch: str | None, tenant: str | None) -> None:
    """Take the voucher CODE, or a whole batch, out of use; their sessions end."""
    _set_disabled(code, batch, tenant, disabled=True)


@voucher.command("enable")
@code_argument
@batch_option
@tenant_option
@json_option
def enable_voucher(code: str | None, batch: str | None, tenant: str | None) -> None:
    """Give the voucher CODE, or a whole batch, back, with the time it has left."""
    _set_disabled(code, batch, tenant, disabled=False)


@voucher.command("export")
@click.argument("batch")
@tenant_option
@json_option
def export_vouchers(batch: str, tenant: str | None) -> None:
    """Print a batch as CSV, codes included; the audit log says who took them."""
    with work(tenant) as job:
        head, *rows = job.do(vouchers.export, batch=batch)
    emit({"items": [dict(zip(head, row, strict=True)) for row in rows]}, as_csv([head, *rows]).splitlines())


def _set_disabled(code: str | None, batch: str | None, tenant: str | None, *, disabled: bool) -> None:
    if (code is None) == (batch is None):
        raise click.UsageError("name a CODE, or a batch with --batch")
    with work(tenant) as job:
        if batch is not None:
            done = job.do(vouchers.set_batch_disabled, batch=batch, disabled=disabled)
            data = {"batch": done.batch, "changed": done.changed, "session_changes": list(done.effect.change_ids)}
            what = "disabled" if disabled else "given back"
            emit(data, [f"{done.changed} vouchers of {done.batch} {what}; {done.effect}."])
            return
        row = job.found(voucher_by_code(job.session, code or "", tenant_id=job.tenant_id), "voucher")
        changed = job.do(vouchers.set_disabled, voucher_id=row.id, disabled=disabled)
        show_fields(_voucher(changed.row))


def _voucher(row: Voucher) -> dict[str, Any]:
    names = ("code", "batch", "state", "validity_s", "binds_mac", "sell_until", "first_used_at", "valid_until")
    return {"id": row.id, **{name: getattr(row, name) for name in names}}
