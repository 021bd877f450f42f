"""Paper at a terminal: `lintas invoice pdf`, `lintas payment receipt`, `lintas provider letterhead`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bss import letterhead as use
from bss import printing
from cli.output import emit, json_option
from cli.work import show_fields, tenant_option, work
from db.models import Letterhead
from db.queries.named import invoice_named, payment_named
from paper.press import PaperFailure

file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command("pdf")
@click.argument("number")
@file_argument
@click.option("--payment-link", default="", help="Where it is paid; a QR code while it is open.")
@tenant_option
@json_option
def invoice_pdf(number: str, file: Path, payment_link: str, tenant: str | None) -> None:
    """Write the invoice NUMBER as PDF into FILE, in the customer's language."""
    with work(tenant) as job:
        row = job.found(invoice_named(job.session, number, tenant_id=job.tenant_id), "invoice")
        body = printing.invoice_pdf(job.session, actor=job.actor, invoice_id=row.id, payment_link=payment_link)
    _said(file, body)


@click.command("receipt")
@click.argument("number")
@file_argument
@tenant_option
@json_option
def receipt_pdf(number: str, file: Path, tenant: str | None) -> None:
    """Write the receipt of the payment NUMBER as PDF into FILE, in the customer's language."""
    with work(tenant) as job:
        row = job.found(payment_named(job.session, number, tenant_id=job.tenant_id), "payment")
        body = printing.receipt_pdf(job.session, actor=job.actor, payment_id=row.id)
    _said(file, body)


@click.command("letterhead")
@click.option("--address", help="Several lines with \\n.")
@click.option("--contact", help="Phone, e-mail, web.")
@click.option("--tax-id", help="Tax number.")
@click.option("--bank", help="How to pay by transfer; several lines with \\n.")
@click.option("--footer", help="At the foot of each page.")
@click.option("--logo", "logo_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A picture.")
@click.option("--no-logo", is_flag=True, help="Take the logo off.")
@click.option("--hotspot", "hotspot_login_url", help="Login page of the hotspot, for QR codes on vouchers.")
@click.option("--voucher-note", help="What every voucher says, such as how to connect.")
@tenant_option
@json_option
def letterhead(logo_file: Path | None, no_logo: bool, tenant: str | None, **given: str | None) -> None:
    """Show what stands on invoices, receipts and vouchers, or change what is given; '' takes one off."""
    changes: dict[str, Any] = {name: value.replace("\\n", "\n") for name, value in given.items() if value is not None}
    if no_logo:
        changes["logo"] = ""
    if logo_file is not None:
        changes["logo"] = logo_file.read_bytes()
    with work(tenant) as job:
        row = job.do(use.change, changes=changes) if changes else use.letterhead_of(job.session, actor=job.actor)
        show_fields(_shown(row))


def written(file: Path, make: Callable[[], bytes]) -> int:
    """Write what is printed into a file; how many bytes."""
    try:
        body = make()
    except PaperFailure as error:
        raise click.ClickException(f"the paper could not be printed: {error}") from None
    return file.write_bytes(body)


def _said(file: Path, body: bytes) -> None:
    size = file.write_bytes(body)
    emit({"file": str(file), "bytes": size}, [f"{file}: {size} bytes"])


def _shown(row: Letterhead) -> dict[str, Any]:
    shown = {name: getattr(row, name) for name in sorted(use.EDITABLE)}
    return shown | {"logo": "yes" if row.logo else ""}
