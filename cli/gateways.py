"""`lintas payment gateways|orders|reconcile`: paying through gateways. Keys come from files or prompts."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from bss.gateways import accounts, orders, reconciling
from bss.gateways.addresses import Addresses, addresses
from cli.output import emit, json_option, table
from cli.work import Work, limit_option, newest, show_fields, show_list, tenant_option, work
from db.models import GatewayOrder, PaymentGateway
from db.queries import gateways as queries
from db.queries.named import customer_named, invoice_named
from db.queries.rows import find_row
from domain.gateway import KINDS, STATUSES
from gateways import ABOUT, FIELDS

# --- accounts at gateways -----------------------------------------------------------------------------------------


@click.group("gateways")
def accounts_group() -> None:
    """The provider's accounts at gateways; one is named by its name, kind or id."""


@accounts_group.command("list")
@tenant_option
@json_option
def list_gateways(tenant: str | None) -> None:
    """Every account, and the address at which each gateway tells what happened."""
    with work(tenant) as job:
        rows = [_account(row) for row in queries.gateways_of(job.session, tenant_id=job.tenant_id)]
    head = ("id", "name", "kind", "mode", "is_active", "tested_at", "problem")
    emit(rows, table([[row[name] for name in head] for row in rows], head) if rows else ["no gateway yet"])


@accounts_group.command("kinds")
@json_option
def list_kinds() -> None:
    """What can be added, and what each has to be told."""
    data = [
        {
            "kind": kind,
            "name": ABOUT[kind].name,
            "currencies": list(ABOUT[kind].currencies) or ["any"],
            "settings": [field.name for field in FIELDS[kind] if not field.is_secret],
            "keys": [field.name for field in FIELDS[kind] if field.is_secret],
        }
        for kind in KINDS
    ]
    rows = [
        [kind, ", ".join(ABOUT[kind].currencies) or "any", ", ".join(field.name for field in FIELDS[kind])]
        for kind in KINDS
    ]
    emit(data, table(rows, ("kind", "currencies", "is told")))


@accounts_group.command("add")
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--name", default="", help="What payers read; the gateway's own name otherwise.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting that is no key.")
@click.option("--keys-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON with its keys.")
@click.option("--production/--sandbox", "is_production", default=False, show_default=True)
@tenant_option
@json_option
def add_gateway(
    kind: str, name: str, settings: tuple[str, ...], keys_file: Path | None, is_production: bool, tenant: str | None
) -> None:
    """Enter an account; keys that no file gives are asked for."""
    values = _settings(settings) | _keys(kind, keys_file, ask=True)
    with work(tenant) as job:
        row = job.do(accounts.create, kind=kind, name=name, is_production=is_production, values=values)
        data = _account(row)
    show_fields(data)


@accounts_group.command("change")
@click.argument("name", metavar="GATEWAY")
@click.option("--name", "new_name", help="What payers read.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting that is no key.")
@click.option("--keys-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON with new keys.")
@click.option("--production/--sandbox", "is_production", default=None)
@click.option("--on/--off", "is_active", default=None, help="Whether payers are offered it.")
@tenant_option
@json_option
def change_gateway(
    name: str,
    new_name: str | None,
    settings: tuple[str, ...],
    keys_file: Path | None,
    is_production: bool | None,
    is_active: bool | None,
    tenant: str | None,
) -> None:
    """Change what is given; keys stay as they are otherwise."""
    with work(tenant) as job:
        row = gateway_of(job, name)
        values = _settings(settings) | _keys(row.kind, keys_file, ask=False)
        changed = job.do(
            accounts.change,
            gateway_id=row.id,
            name=new_name,
            is_production=is_production,
            is_active=is_active,
            values=values,
        )
        data = _account(changed)
    show_fields(data)


@accounts_group.command("test")
@click.argument("name", metavar="GATEWAY")
@tenant_option
@json_option
def test_gateway(name: str, tenant: str | None) -> None:
    """Ask it something harmless with the keys."""
    with work(tenant) as job:
        said = job.do(accounts.test, gateway_id=gateway_of(job, name).id)
    emit({"message": said}, [said])


@accounts_group.command("remove")
@click.argument("name", metavar="GATEWAY")
@tenant_option
@json_option
def remove_gateway(name: str, tenant: str | None) -> None:
    """Offer it to nobody any more; what was begun there is still watched."""
    with work(tenant) as job:
        row = job.do(accounts.remove, gateway_id=gateway_of(job, name).id)
    emit({"message": "removed", "name": row.name}, [f"{row.name}: removed"])


# --- orders -------------------------------------------------------------------------------------------------------


@click.group("orders")
def orders_group() -> None:
    """What was begun to be paid at gateways; one is named by its order id."""


@orders_group.command("list")
@click.option("--status", type=click.Choice(STATUSES))
@click.option("--gateway", "gateway_name", metavar="GATEWAY")
@click.option("--search", default="", help="The beginning of an order's name, a transaction, or a customer.")
@limit_option
@tenant_option
@json_option
def list_orders(status: str | None, gateway_name: str | None, search: str, limit: int, tenant: str | None) -> None:
    """Orders, the newest first."""
    with work(tenant) as job:
        gateway_id = None if gateway_name is None else gateway_of(job, gateway_name).id
        page = queries.list_orders(
            job.session,
            tenant_id=job.tenant_id,
            wanted=newest(limit, "-id"),
            status=status,
            gateway_id=gateway_id,
            search=search,
        )
        names = queries.names_of(job.session, page.items)
        rows = [_order(row) | {"customer": names[row.id].code} for row in page.items]
    head = ("order_id", "customer", "amount", "gateway", "status", "created_at")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


@orders_group.command("show")
@click.argument("order_id", metavar="ORDER")
@click.option("--log", "with_log", is_flag=True, help="With everything that was said about it.")
@tenant_option
@json_option
def show_order(order_id: str, with_log: bool, tenant: str | None) -> None:
    """One order."""
    with work(tenant) as job:
        row = _order_of(job, order_id)
        said = queries.log_of_order(job.session, tenant_id=job.tenant_id, order_id=row.order_id) if with_log else ()
        data = _order(row) | {"restored_ms": queries.restored_ms(job.session, row)}
        log = [
            {
                "at": one.created_at,
                "event": one.event,
                "status": one.status,
                "claims": one.claims,
                "problem": one.problem,
                "took_ms": one.took_ms,
                "request": one.request,
                "response": one.response,
            }
            for one in said
        ]
    if not with_log:
        show_fields(data)
        return
    head = ("at", "event", "status", "claims", "problem")
    emit(data | {"log": log}, table([[one[name] or "" for name in head] for one in log], head))


@orders_group.command("create")
@click.argument("gateway_name", metavar="GATEWAY")
@click.option("--invoice", "invoice_name", metavar="INVOICE", help="The open invoice that is paid.")
@click.option("--customer", "customer_name", metavar="CUSTOMER", help="Whose balance is topped up.")
@click.option("--amount", help="By how much.")
@click.option("--phone", help="The payer's phone, for M-Pesa.")
@tenant_option
@json_option
def create_order(
    gateway_name: str,
    invoice_name: str | None,
    customer_name: str | None,
    amount: str | None,
    phone: str | None,
    tenant: str | None,
) -> None:
    """Begin a payment at GATEWAY and print where it is paid."""
    with work(tenant) as job:
        row = job.do(
            orders.place,
            gateway_id=gateway_of(job, gateway_name).id,
            at=our_addresses(),
            invoice_id=None if invoice_name is None else invoice_id_of(job, invoice_name),
            customer_id=None if customer_name is None else customer_id_of(job, customer_name),
            amount=None if amount is None else amount_of(amount),
            phone=phone,
        )
        data = _order(row) | {"redirect_url": row.redirect_url, "instructions": row.instructions}
    show_fields(data)


@orders_group.command("check")
@click.argument("order_id", metavar="ORDER")
@tenant_option
@json_option
def check_order(order_id: str, tenant: str | None) -> None:
    """Ask the gateway now, and take in what it says."""
    with work(tenant) as job:
        row = _order_of(job, order_id)
        job.do(orders.check, row_id=row.id)
        data = _order(_order_of(job, order_id))
    show_fields(data)


@orders_group.command("cancel")
@click.argument("order_id", metavar="ORDER")
@tenant_option
@json_option
def cancel_order(order_id: str, tenant: str | None) -> None:
    """Let nobody pay it any more."""
    with work(tenant) as job:
        job.do(orders.cancel, row_id=_order_of(job, order_id).id)
        data = _order(_order_of(job, order_id))
    show_fields(data)


@orders_group.command("refund")
@click.argument("order_id", metavar="ORDER")
@click.option("--reason", required=True, help="Why; the gateway is told, too.")
@tenant_option
@json_option
def refund_order(order_id: str, reason: str, tenant: str | None) -> None:
    """Give the whole amount back over the gateway, and book that."""
    with work(tenant) as job:
        job.do(orders.refund, row_id=_order_of(job, order_id).id, reason=reason)
        data = _order(_order_of(job, order_id))
    show_fields(data)


@orders_group.command("confirm")
@click.argument("order_id", metavar="ORDER")
@tenant_option
@json_option
def confirm_order(order_id: str, tenant: str | None) -> None:
    """A bank transfer has arrived on the account: book it."""
    with work(tenant) as job:
        job.do(orders.confirm, row_id=_order_of(job, order_id).id)
        data = _order(_order_of(job, order_id))
    show_fields(data)


# --- reconciliation -----------------------------------------------------------------------------------------------


@click.command("reconcile")
@click.option("--all", "everything", is_flag=True, help="Ask about every order that may still be paid, due or not.")
@click.option("--dry-run", is_flag=True, help="Say which orders are due, and ask nobody.")
@tenant_option
@json_option
def reconcile(everything: bool, dry_run: bool, tenant: str | None) -> None:
    """Ask gateways about orders whose end nobody told, as the job does by itself."""
    from runtime.tasks import nudge_coa

    with work(tenant) as job:
        if dry_run:
            due = reconciling.would_ask(job.session, now=job.now)
            emit({"due": due}, due or ["nothing is due"])
            return
        done = reconciling.reconcile(
            job.session,
            clock=lambda: datetime.now(UTC),
            tenant_id=job.tenant_id,
            everything=everything,
            on_effect=nudge_coa,
        )
    data = {"asked": done.asked, "paid": done.paid, "parked": done.parked, "failed": done.failed}
    emit(data, [f"{done.asked} asked about: {done.paid} paid, {done.parked} parked, {done.failed} without an answer"])


# --- shared -------------------------------------------------------------------------------------------------------


def our_addresses() -> Addresses:
    """Where payers and gateways reach this installation."""
    from runtime.settings import get_settings

    settings = get_settings()
    return addresses(settings.public_url, f"http://{settings.panel_host}:{settings.panel_port}")


def _settings(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{pair!r}: write NAME=VALUE", param_hint="--set")
        if name in {field.name for fields in FIELDS.values() for field in fields if field.is_secret}:
            raise click.BadParameter(f"{name} is a key: give it by --keys-file or when asked", param_hint="--set")
        found[name] = value
    return found


def _keys(kind: str, path: Path | None, *, ask: bool) -> dict[str, str]:
    """Keys never come as arguments, where every user of the machine can read them."""
    given: dict[str, str] = {}
    if path is not None:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise click.BadParameter("is no JSON object", param_hint="--keys-file") from None
        if not isinstance(data, dict):
            raise click.BadParameter("is no JSON object", param_hint="--keys-file")
        given = {str(name): str(value) for name, value in data.items()}
    wanted = [field.name for field in FIELDS[kind] if field.is_secret and field.name not in given]
    if ask:
        given |= {name: str(click.prompt(name, hide_input=True)) for name in wanted}
    return given


def amount_of(text: str) -> Decimal:
    """An amount as it was typed."""
    try:
        return Decimal(text)
    except ArithmeticError:
        raise click.BadParameter(f"{text!r} is no amount: write it like 150000 or 2500.50") from None


def gateway_of(job: Work, name: str) -> PaymentGateway:
    """By name, id or kind."""
    return job.found(queries.gateway_named(job.session, name, tenant_id=job.tenant_id), "gateway")


def _order_of(job: Work, order_id: str) -> GatewayOrder:
    found = queries.order_named(job.session, tenant_id=job.tenant_id, order_id=order_id)
    row_id = int(order_id) if found is None and order_id.isdecimal() and len(order_id) < 19 else 0
    return job.found(found or find_row(job.session, GatewayOrder, row_id, tenant_id=job.tenant_id), "order")


def invoice_id_of(job: Work, name: str) -> int:
    """By number or id."""
    return job.found(invoice_named(job.session, name, tenant_id=job.tenant_id), "invoice").id


def customer_id_of(job: Work, name: str) -> int:
    """By code or id."""
    return job.found(customer_named(job.session, name, tenant_id=job.tenant_id), "customer").id


def _account(row: PaymentGateway) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "mode": "production" if row.is_production else "sandbox",
        "is_active": row.is_active,
        "settings": row.settings,
        "webhook_url": our_addresses().webhook(row.public_key) if ABOUT[row.kind].has_webhook else None,
        "tested_at": row.tested_at,
        "problem": row.problem,
        "last_webhook_at": row.last_webhook_at,
    }


def _order(row: GatewayOrder) -> dict[str, Any]:
    return {
        "id": row.id,
        "order_id": row.order_id,
        "gateway": row.gateway.name,
        "customer_id": row.customer_id,
        "invoice_id": row.invoice_id,
        "amount": f"{row.amount:.2f}",
        "currency": row.currency,
        "status": row.status,
        "gateway_status": row.gateway_status,
        "payment_type": row.payment_type,
        "transaction_id": row.transaction_id,
        "payment_id": row.payment_id,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "paid_at": row.paid_at,
        "next_check_at": row.next_check_at,
        "problem": row.problem,
    }
