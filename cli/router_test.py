"""`lintas nas test` and `lintas nas edit`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bss import nas as routers
from bss import router_test
from bss.router_test import RouterReport
from cli.network import nas, nas_of
from cli.output import emit, json_option
from cli.work import show_result, tenant_option, work
from db.models.nas import PROVISIONING_MODES

_SIGNS = {"ok": "ok", "bad": "BAD", "unknown": "?"}


@nas.command("test")
@click.argument("name", metavar="ROUTER")
@tenant_option
@json_option
def test_nas(name: str, tenant: str | None) -> None:
    """How a router does: packets, secret, clock, reports, counters, and whether its CoA port answers."""
    from coa.connection import connect
    from coa.probe import probe_due
    from runtime.settings import get_settings

    settings = get_settings()
    with work(tenant) as job:
        nas_id = nas_of(job, name).id
        job.do(router_test.ask, nas_id=nas_id)
    with connect(settings.database_url) as connection:
        probe_due(connection, clock=lambda: datetime.now(UTC), bind=settings.coa_bind)
    with work(tenant) as job:
        told = router_test.report(job.session, actor=job.actor, now=datetime.now(UTC), nas_id=nas_id)
    emit(_report(told), _lines(told))


def _report(told: RouterReport) -> dict[str, Any]:
    return {
        "nas_id": told.nas_id,
        "name": told.name,
        "findings": [
            {
                "check": line.check,
                "verdict": line.verdict,
                "seen": line.reason,
                "mend": line.mend,
                "at": None if line.at is None else line.at.isoformat(),
            }
            for line in told.findings
        ],
    }


def _lines(told: RouterReport) -> list[str]:
    lines = []
    for line in told.findings:
        at = "" if line.at is None else f" ({line.at.isoformat(timespec='seconds')})"
        lines.append(f"{_SIGNS[line.verdict]:<4}{line.check:<10} {line.reason}{at}")
        if line.verdict != "ok" and line.mend:
            lines.append(f"{'':<15}-> {line.mend}")
    return lines


@nas.command("certificate")
@click.argument("name", metavar="ROUTER")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--days", default=825, show_default=True, type=click.IntRange(1, 3650), help="How long it is valid.")
@tenant_option
@json_option
def certificate(name: str, folder: Path, days: int, tenant: str | None) -> None:
    """Write ROUTER's certificate for RADIUS over TLS into FOLDER: router.pem, router.key and ca.pem."""
    from bss.certificates import issue_router
    from runtime.certificates import CA_FILE
    from runtime.files import private_dir, write_private
    from runtime.settings import get_settings

    authority = get_settings().radsec_folder
    with work(tenant) as job:
        made = job.do(issue_router, nas_id=nas_of(job, name).id, folder=authority, days=days)
    private_dir(folder)
    texts = {
        "router.pem": made.certificate_pem,
        "router.key": made.key_pem,
        "ca.pem": (authority / CA_FILE).read_text(),
    }
    for file, text in texts.items():
        write_private(folder / file, text)
    files = [str(folder / file) for file in texts]
    emit({"files": files, "valid_until": made.valid_until.isoformat()}, [*files, f"valid until {made.valid_until:%F}"])


@nas.command("edit")
@click.argument("name", metavar="ROUTER")
@click.option("--name", "name_", help="Its new name.")
@click.option("--host", help="The address its packets come from.")
@click.option("--coa-port", type=click.IntRange(1, 65535))
@click.option("--routeros", "routeros_version", type=click.Choice([6, 7]))
@click.option("--require-message-auth/--no-require-message-auth", "require_message_authenticator", default=None)
@click.option("--input-is", "acct_input_is", type=click.Choice(routers.INPUT_IS))
@click.option("--location")
@click.option(
    "--service-map", metavar="JSON", help='Detected service to the one it is, like {"other": "hotspot"}; {} for none.'
)
@click.option(
    "--provisioning",
    "provisioning_mode",
    type=click.Choice(PROVISIONING_MODES),
    help="Where names and passwords are kept: with RADIUS, on the router, or in both places.",
)
@click.option("--api-username", help="Account for the router's API.")
@click.option("--api-password-file", type=click.File(), help="File with its password.")
@click.option("--api-port", type=click.IntRange(1, 65535), help="Usually 8728, or 8729 with TLS.")
@click.option("--api-tls/--no-api-tls", default=None)
@click.option("--local-address", help="The router's end of a PPP connection, for secrets that it keeps.")
@click.option("--latitude", type=click.FloatRange(-90, 90))
@click.option("--longitude", type=click.FloatRange(-180, 180))
@tenant_option
@json_option
def edit_nas(name: str, name_: str | None, service_map: str | None, tenant: str | None, **given: Any) -> None:
    """Change a router; the RADIUS server takes it up within seconds."""
    file, local_address = given.pop("api_password_file"), given.pop("local_address")
    changes = {key: value for key, value in given.items() if value is not None}
    if file is not None:
        changes["api_password"] = file.read().rstrip("\r\n")
    if local_address is not None:
        changes["configuration"] = {"local_address": local_address}
    if name_ is not None:
        changes["name"] = name_
    if service_map is not None:
        changes["service_map"] = _mapping(service_map)
    if not changes:
        raise click.UsageError("nothing is to be changed: give at least one option")
    with work(tenant) as job:
        result = job.do(routers.edit, nas_id=nas_of(job, name).id, changes=changes)
    show_result("Saved", result)


def _mapping(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"is not JSON: {error}", param_hint="--service-map") from None
