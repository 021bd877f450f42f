"""`lintas certificate`: what devices of 802.1X are given."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bss import certificates as use
from cli.output import emit, json_option, table
from cli.work import limit_option, newest, show_list, tenant_option, work
from db.models import IssuedCertificate
from db.queries.certificates import page_of_certificates
from db.queries.named import subscription_named
from runtime import certificates, files
from runtime.settings import get_settings


@click.group()
def certificate() -> None:
    """Certificates of 802.1X: this installation's authority, and those of customers (EAP-TLS)."""


@certificate.command()
@json_option
def authority() -> None:
    """Where the authority is that devices must trust, made now if there is none yet."""
    folder = certificates.ensure(get_settings().eap_folder, now=datetime.now(UTC))
    path = folder / certificates.CA_FILE
    data = {"authority": str(path), "server_name": certificates.SERVER_NAME, "pem": path.read_text()}
    lines = [f"Give devices {path} as the authority to trust,", f"and {certificates.SERVER_NAME} as the server's name."]
    emit(data, lines)


@certificate.command()
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--days", default=use.USUAL_DAYS, show_default=True, type=click.IntRange(1, certificates.MAX_CLIENT_DAYS))
@click.option(
    "--out",
    default=".",
    show_default=True,
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="Folder for the PKCS #12 file, which holds key, certificate and authority.",
)
@tenant_option
@json_option
def issue(name: str, days: int, out: Path, tenant: str | None) -> None:
    """Issue a certificate with which SUBSCRIPTION logs in without a password."""
    folder = get_settings().eap_folder
    with work(tenant) as job:
        row = job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription")
        made = job.do(use.issue, subscription_id=row.id, folder=folder, days=days)
        path = out / f"{row.subscription_code}.p12"
        files.write_private_bytes(path, made.bundle)
    data = {"file": str(path), "password": made.password, "name": made.name, "valid_until": made.valid_until}
    data["serial"] = made.serial
    emit(data, [f"{path}, for {made.name} until {made.valid_until:%Y-%m-%d}.", f"password: {made.password}"])


@certificate.command("list")
@click.option("--search", help="Part of a name, or a serial.")
@click.option("--revoked/--valid", default=None, help="Only these.")
@limit_option
@tenant_option
@json_option
def list_certificates(search: str | None, revoked: bool | None, limit: int, tenant: str | None) -> None:
    """Certificates of customers and routers that were issued, newest first."""
    with work(tenant) as job:
        page = page_of_certificates(
            job.session,
            tenant_id=job.tenant_id,
            search=search,
            revoked=revoked,
            wanted=newest(limit, "-created_at"),
        )
        rows = [_shown(row) for row in page.items]
    head = ("serial", "kind", "name", "valid_until", "revoked_at")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


@certificate.command()
@click.argument("text", metavar="SERIAL|NAME")
@tenant_option
@json_option
def revoke(text: str, tenant: str | None) -> None:
    """Revoke the certificate of a SERIAL, or every valid one of a NAME (username, or a router's number).

    It is in force within a second, and sessions of the subscription end.
    """
    with work(tenant) as job:
        done = job.do(use.revoke_called, text=text, folders=get_settings().authority_folders)
        rows = [_shown(one.row) for one in done]
    lines = [f"{row['serial']} of {row['name']} is revoked." for row in rows]
    emit({"items": rows, "session_changes": [n for one in done for n in one.effect.change_ids]}, lines)


def _shown(row: IssuedCertificate) -> dict[str, Any]:
    names = ("id", "serial", "kind", "name", "valid_until", "issued_by", "revoked_at", "revoked_by")
    return {name: getattr(row, name) for name in names}
