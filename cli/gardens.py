"""`lintas garden`."""

from typing import Any

import click

from bss import gardens
from cli.output import emit, json_option, table
from cli.work import show_fields, tenant_option, work
from db.models import WalledGarden
from db.queries.gardens import gardens_of_tenant
from domain.access import REASONS
from domain.garden import ANY_REASON

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
