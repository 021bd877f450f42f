"""`lintas certificate`: what devices of 802.1X are given."""

from datetime import UTC, datetime
from pathlib import Path

import click

from bss import certificates as use
from cli.output import emit, json_option
from cli.work import tenant_option, work
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
    folder = certificates.ensure(get_settings().eap_folder, now=datetime.now(UTC))
    with work(tenant) as job:
        row = job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription")
        made = job.do(use.issue, subscription_id=row.id, folder=folder, days=days)
        path = out / f"{row.subscription_code}.p12"
        files.write_private_bytes(path, made.bundle)
    data = {"file": str(path), "password": made.password, "name": made.name, "valid_until": made.valid_until}
    emit(data, [f"{path}, for {made.name} until {made.valid_until:%Y-%m-%d}.", f"password: {made.password}"])
