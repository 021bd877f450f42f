"""`lintas nas connect`, `look`, `secrets`, `queue`, `address-list` and what else is asked of a router's API."""

from dataclasses import asdict
from typing import Any

import click

from bss.router_api import access, orders, reading, secrets
from bss.router_api.parts import PARTS
from bss.router_api.reading import View
from cli.network import nas, nas_of, shown_nas
from cli.output import emit, json_option, table
from cli.work import tenant_option, work
from db.models import RouterOrder, RouterSecret
from db.queries.router_tables import orders_of, stored_secrets
from domain.router_secret import SECRET_SERVICES

# A person at a terminal waits longer than a page.
PATIENCE_S = 15.0
_WIDE = 60

router_argument = click.argument("name", metavar="ROUTER")


@nas.command("connect")
@click.argument("name", metavar="[ROUTER]", required=False)
@tenant_option
@json_option
def connect(name: str | None, tenant: str | None) -> None:
    """Log in at a router's API and say who it is.

    Without ROUTER the first router in use is asked, or, while there is none in the database, the one in the settings
    (LINTAS_ROUTER_HOST and its companions), which is called "environment".
    """
    with work(tenant) as job:
        row = shown_nas(job, name) if name else access.default_router(job.session, actor=job.actor)
        if row is None:
            raise click.ClickException("there is no router; add one, or set LINTAS_ROUTER_HOST")
        tested = job.do(reading.try_connection, nas_id=row.id)
    lines = [tested.message]
    if tested.fingerprint:
        lines.append(
            "Compare it with the router's (/certificate print detail); then: lintas nas trust ROUTER FINGERPRINT"
        )
    emit(asdict(tested), lines)
    if not tested.is_well:
        raise click.exceptions.Exit(1)


@nas.command("trust")
@router_argument
@click.argument("fingerprint")
@tenant_option
@json_option
def trust(name: str, fingerprint: str, tenant: str | None) -> None:
    """Say that the certificate with FINGERPRINT is the router's; no other is talked to from then on."""
    with work(tenant) as job:
        job.do(access.trust_certificate, nas_id=nas_of(job, name).id, fingerprint=fingerprint)
    emit({"trusted": fingerprint}, ["Trusted."])


@nas.command("look")
@router_argument
@click.argument("part", type=click.Choice(list(PARTS)))
@tenant_option
@json_option
def look(name: str, part: str, tenant: str | None) -> None:
    """What a router shows now, or said last: one PART of it."""
    with work(tenant) as job:
        view = job.do(reading.look, nas_id=shown_nas(job, name).id, part=part, wait_s=PATIENCE_S)
    emit(asdict(view), _lines_of(view))


def _lines_of(view: View) -> list[str]:
    said = [] if view.is_live else [f"{view.problem}; as it was at {view.taken_at or 'no time yet'}:"]
    if not view.rows:
        return [*said, "nothing"]
    head = [name for name in view.rows[0] if name != "id"]
    cells = [["" if row[name] is None else str(row[name])[:_WIDE] for name in head] for row in view.rows]
    more = [f"… and {view.total - len(view.rows)} more"] if view.total > len(view.rows) else []
    return [*said, *table(cells, head), *more]


@nas.command("traffic")
@router_argument
@click.option("--interface", default="ether1", show_default=True)
@tenant_option
@json_option
def traffic(name: str, interface: str, tenant: str | None) -> None:
    """What flows through an interface of a router now."""
    with work(tenant) as job:
        flow = reading.traffic(job.session, actor=job.actor, nas_id=shown_nas(job, name).id, interface=interface)
    emit(flow, [f"{word}  {value}" for word, value in flow.items()])


@nas.command("end-sessions")
@router_argument
@click.argument("username")
@tenant_option
@json_option
def end_sessions(name: str, username: str, tenant: str | None) -> None:
    """End what runs under USERNAME by the router's own tables, also what never reported here."""
    _order(tenant, name, orders.end_sessions, username=username)


@nas.command("forget-device")
@router_argument
@click.argument("mac")
@tenant_option
@json_option
def forget_device(name: str, mac: str, tenant: str | None) -> None:
    """Take away what ties a device to a router: hotspot cookies, bindings, lease."""
    _order(tenant, name, orders.forget_device, mac=mac)


@nas.command("orders")
@router_argument
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 200))
@tenant_option
@json_option
def list_orders(name: str, limit: int, tenant: str | None) -> None:
    """What was ordered on a router, the newest first, and what came of it."""
    with work(tenant) as job:
        rows = [_order_row(row) for row in orders_of(job.session, nas_of(job, name).id, limit=limit)]
    head = ("id", "kind", "key", "status", "attempts", "result", "problem")
    emit({"items": rows}, table([[row[word] or "" for word in head] for row in rows], head))


def _order_row(row: RouterOrder) -> dict[str, Any]:
    words = ("id", "kind", "key", "reason", "requested_by", "status", "attempts", "result", "problem")
    moments = ("created_at", "next_attempt_at", "finished_at")
    return {word: getattr(row, word) for word in words} | {
        word: None if getattr(row, word) is None else getattr(row, word).isoformat() for word in moments
    }


def _order(tenant: str | None, name: str, use_case: Any, **arguments: Any) -> None:
    from runtime.tasks import nudge_routers

    with work(tenant) as job:
        placed = job.do(use_case, nas_id=nas_of(job, name).id, **arguments)
    nudge_routers()
    emit({"order_id": placed.order_id}, [f"Ordered ({placed.order_id}); see: lintas nas orders {name}"])


# --- secrets ----------------------------------------------------------------------------------------------------------


@nas.group("secrets")
def secrets_group() -> None:
    """Names and passwords that a router keeps by itself."""


@secrets_group.command("list")
@router_argument
@click.option("--search", default="", help="Part of the name.")
@tenant_option
@json_option
def list_secrets(name: str, search: str, tenant: str | None) -> None:
    """Stored secrets of a router; 'lintas nas look ROUTER ppp-secrets' shows what it has."""
    with work(tenant) as job:
        rows = [_secret_row(row) for row in stored_secrets(job.session, nas_of(job, name).id, search=search)]
    head = ("username", "service", "profile", "is_disabled", "origin", "synced_at", "comment")
    emit({"items": rows}, table([["" if row[word] is None else row[word] for word in head] for row in rows], head))


def _secret_row(row: RouterSecret) -> dict[str, Any]:
    words = ("id", "username", "subscription_id", "service", "profile", "local_address", "remote_address", "comment")
    return {word: getattr(row, word) for word in (*words, "is_disabled", "origin")} | {
        "synced_at": None if row.synced_at is None else row.synced_at.isoformat()
    }


@secrets_group.command("save")
@router_argument
@click.argument("username")
@click.option("--password-file", type=click.File(), help="File with the password; needed for a new one.")
@click.option("--service", type=click.Choice(SECRET_SERVICES))
@click.option("--profile")
@click.option("--remote-address")
@click.option("--local-address")
@click.option("--comment")
@tenant_option
@json_option
def save_secret(name: str, username: str, password_file: Any, tenant: str | None, **given: Any) -> None:
    """Add a secret to a router, or change one."""
    values = {word: value for word, value in given.items() if value is not None}
    if password_file is not None:
        values["password"] = password_file.read().rstrip("\r\n")
    _order(tenant, name, secrets.save, username=username, values=values)


@secrets_group.command("enable")
@router_argument
@click.argument("username")
@tenant_option
@json_option
def enable_secret(name: str, username: str, tenant: str | None) -> None:
    """Switch a secret on."""
    _order(tenant, name, secrets.set_state, username=username, is_disabled=False)


@secrets_group.command("disable")
@router_argument
@click.argument("username")
@tenant_option
@json_option
def disable_secret(name: str, username: str, tenant: str | None) -> None:
    """Switch a secret off, and end what runs under it."""
    _order(tenant, name, secrets.set_state, username=username, is_disabled=True)


@secrets_group.command("remove")
@router_argument
@click.argument("username")
@tenant_option
@json_option
def remove_secret(name: str, username: str, tenant: str | None) -> None:
    """Take a secret away from a router."""
    _order(tenant, name, secrets.remove, username=username)


@secrets_group.command("sync")
@router_argument
@click.argument("username", required=False)
@tenant_option
@json_option
def sync_secrets(name: str, username: str | None, tenant: str | None) -> None:
    """Carry one secret, or all that should be there, to a router again."""
    from runtime.tasks import nudge_routers

    if username is not None:
        _order(tenant, name, secrets.push, username=username)
        return
    with work(tenant) as job:
        count = job.do(secrets.push_all, nas_id=nas_of(job, name).id)
    nudge_routers()
    emit({"ordered": count}, [f"{count} secrets are on their way."])


@secrets_group.command("import")
@router_argument
@tenant_option
@json_option
def import_secrets(name: str, tenant: str | None) -> None:
    """Take a router's secrets into the database, matched to subscriptions by name; the router stays as it is."""
    with work(tenant) as job:
        done = job.do(secrets.import_all, nas_id=nas_of(job, name).id)
    text = f"{done.found} found, {done.matched} belong to subscriptions, {done.stored} stored anew"
    emit(asdict(done), [text, *(f"no subscription: {one}" for one in done.unmatched)])


@secrets_group.command("drift")
@router_argument
@tenant_option
@json_option
def drift(name: str, tenant: str | None) -> None:
    """How a router's secrets differ from what they should be; 'sync' brings them back."""
    with work(tenant) as job:
        told = job.do(secrets.drift, nas_id=nas_of(job, name).id)
    rows = told.as_rows()
    lines = [f"{row['kind']:<10} {row['username']}  {', '.join(row['words'])}".rstrip() for row in rows]
    emit({"equal": told.equal, "differences": rows}, [f"{told.equal} as they should be", *lines])


# --- queues and lists -------------------------------------------------------------------------------------------------


@nas.group("queue")
def queue_group() -> None:
    """Simple queues on a router; pairs are upload/download, as RouterOS has them."""


@queue_group.command("put")
@router_argument
@click.argument("queue_name", metavar="NAME")
@click.option("--target", required=True, help="Address or network.")
@click.option("--max-limit", help="Like 5M/10M.")
@click.option("--burst-limit")
@click.option("--burst-threshold")
@click.option("--burst-time", help="Like 8s/8s.")
@click.option("--priority", help="1 to 8.")
@click.option("--comment")
@tenant_option
@json_option
def put_queue(name: str, queue_name: str, tenant: str | None, **given: Any) -> None:
    """Have a queue NAME on a router, new or changed."""
    _order(tenant, name, _put_queue, queue={"name": queue_name} | given)


def _put_queue(session: Any, *, queue: dict[str, Any], **arguments: Any) -> orders.Ordered:
    return orders.put_queue(session, **arguments, **queue)


@queue_group.command("remove")
@router_argument
@click.argument("queue_name", metavar="NAME")
@tenant_option
@json_option
def remove_queue(name: str, queue_name: str, tenant: str | None) -> None:
    """Take a queue away."""
    _order(tenant, name, _remove_queue, queue={"name": queue_name})


def _remove_queue(session: Any, *, queue: dict[str, Any], **arguments: Any) -> orders.Ordered:
    return orders.remove_queue(session, **arguments, **queue)


@nas.group("address-list")
def list_group() -> None:
    """Addresses in a router's firewall address lists."""


@list_group.command("put")
@router_argument
@click.argument("list_name", metavar="LIST")
@click.argument("address")
@click.option("--timeout-s", type=click.IntRange(1, orders.MAX_TIMEOUT_S), help="Seconds; without it for good.")
@click.option("--comment", default="")
@tenant_option
@json_option
def put_entry(name: str, list_name: str, address: str, timeout_s: int | None, comment: str, tenant: str | None) -> None:
    """Have ADDRESS in LIST."""
    entry = {"list_name": list_name, "address": address, "timeout_s": timeout_s, "comment": comment}
    _order(tenant, name, orders.put_list_entry, **entry)


@list_group.command("remove")
@router_argument
@click.argument("list_name", metavar="LIST")
@click.argument("address")
@tenant_option
@json_option
def remove_entry(name: str, list_name: str, address: str, tenant: str | None) -> None:
    """Take ADDRESS out of LIST."""
    _order(tenant, name, orders.remove_list_entry, list_name=list_name, address=address)
