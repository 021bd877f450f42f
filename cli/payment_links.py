"""`lintas payment parked|link`: money at gateways that waits for a person, and links at which customers pay."""

from typing import Any

import click

from bss.gateways import links, parked
from cli.gateways import amount_of, customer_id_of, gateway_of, invoice_id_of, our_addresses
from cli.output import json_option, table
from cli.work import limit_option, newest, show_fields, show_list, tenant_option, work
from db.models import ParkedPayment, PaymentLink
from db.queries import gateways as queries
from domain.gateway import PARKED_STATES

note_option = click.option("--note", required=True, help="Why; kept with it.")


# --- parked money -------------------------------------------------------------------------------------------------


@click.group("parked")
def parked_group() -> None:
    """Money at gateways that waits for a person; one is named by its id."""


@parked_group.command("list")
@click.option("--status", type=click.Choice(PARKED_STATES), default="open", show_default=True)
@limit_option
@tenant_option
@json_option
def list_parked(status: str, limit: int, tenant: str | None) -> None:
    """What waits, the newest first."""
    with work(tenant) as job:
        page = queries.list_parked(job.session, tenant_id=job.tenant_id, wanted=newest(limit, "-id"), status=status)
        rows = [_parked(row) for row in page.items]
    head = ("id", "reason", "amount", "currency", "order_id", "transaction_id", "gateway")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


@parked_group.command("assign")
@click.argument("parked_id", metavar="ID", type=int)
@click.argument("customer_name", metavar="CUSTOMER")
@click.option("--invoice", "invoice_name", metavar="INVOICE", help="What it is for; otherwise it is the balance's.")
@click.option("--note", default="")
@tenant_option
@json_option
def assign_parked(parked_id: int, customer_name: str, invoice_name: str | None, note: str, tenant: str | None) -> None:
    """Book it as CUSTOMER's."""
    with work(tenant) as job:
        done = job.do(
            parked.assign,
            parked_id=parked_id,
            customer_id=customer_id_of(job, customer_name),
            invoice_id=None if invoice_name is None else invoice_id_of(job, invoice_name),
            note=note,
        )
        data = _parked(done.row)
    show_fields(data)


@parked_group.command("give-back")
@click.argument("parked_id", metavar="ID", type=int)
@note_option
@tenant_option
@json_option
def give_back_parked(parked_id: int, note: str, tenant: str | None) -> None:
    """Give it back over its gateway; nothing is booked."""
    with work(tenant) as job:
        data = _parked(job.do(parked.give_back, parked_id=parked_id, note=note))
    show_fields(data)


@parked_group.command("take-back")
@click.argument("parked_id", metavar="ID", type=int)
@note_option
@tenant_option
@json_option
def take_back_parked(parked_id: int, note: str, tenant: str | None) -> None:
    """The money has left already: take the payment out of the books, too."""
    with work(tenant) as job:
        data = _parked(job.do(parked.take_back, parked_id=parked_id, note=note).row)
    show_fields(data)


@parked_group.command("dismiss")
@click.argument("parked_id", metavar="ID", type=int)
@note_option
@tenant_option
@json_option
def dismiss_parked(parked_id: int, note: str, tenant: str | None) -> None:
    """Put it away without doing anything."""
    with work(tenant) as job:
        data = _parked(job.do(parked.dismiss, parked_id=parked_id, note=note))
    show_fields(data)


# --- links --------------------------------------------------------------------------------------------------------


@click.group("link")
def link_group() -> None:
    """Links at which customers pay; one is named by its id."""


@link_group.command("create")
@click.option("--invoice", "invoice_name", metavar="INVOICE", help="The open invoice that is paid.")
@click.option("--customer", "customer_name", metavar="CUSTOMER", help="Whose balance is topped up.")
@click.option("--amount", help="By how much.")
@click.option("--days", type=click.IntRange(1, links.MOST_DAYS), default=links.USUAL_DAYS, show_default=True)
@click.option("--gateway", "gateway_names", multiple=True, metavar="GATEWAY", help="Offer only these.")
@tenant_option
@json_option
def create_link(
    invoice_name: str | None,
    customer_name: str | None,
    amount: str | None,
    days: int,
    gateway_names: tuple[str, ...],
    tenant: str | None,
) -> None:
    """Make a link for an invoice, or for an amount to a balance. It is printed now and never again."""
    with work(tenant) as job:
        issued = job.do(
            links.create,
            invoice_id=None if invoice_name is None else invoice_id_of(job, invoice_name),
            customer_id=None if customer_name is None else customer_id_of(job, customer_name),
            amount=None if amount is None else amount_of(amount),
            days=days,
            gateway_ids=[gateway_of(job, name).id for name in gateway_names] or None,
        )
        data = {"url": our_addresses().link(issued.secret)} | _link(issued.row)
    show_fields(data)


@link_group.command("list")
@click.option("--customer", "customer_name", metavar="CUSTOMER")
@click.option("--invoice", "invoice_name", metavar="INVOICE")
@limit_option
@tenant_option
@json_option
def list_links(customer_name: str | None, invoice_name: str | None, limit: int, tenant: str | None) -> None:
    """Links with how often they were opened, the newest first."""
    with work(tenant) as job:
        page = queries.list_links(
            job.session,
            tenant_id=job.tenant_id,
            wanted=newest(limit, "-id"),
            customer_id=None if customer_name is None else customer_id_of(job, customer_name),
            invoice_id=None if invoice_name is None else invoice_id_of(job, invoice_name),
        )
        rows = [_link(row) | {"state": links.state_of(job.session, row, job.now)} for row in page.items]
    head = ("id", "state", "invoice_id", "amount", "opened", "tried", "expires_at")
    show_list(
        page, rows, lambda: table([["" if row[name] is None else row[name] for name in head] for row in rows], head)
    )


@link_group.command("withdraw")
@click.argument("link_id", metavar="ID", type=int)
@tenant_option
@json_option
def withdraw_link(link_id: int, tenant: str | None) -> None:
    """Let nobody pay by it any more."""
    with work(tenant) as job:
        data = _link(job.do(links.withdraw, link_id=link_id))
    show_fields(data)


@link_group.command("sent")
@click.argument("link_id", metavar="ID", type=int)
@click.argument("channel", type=click.Choice(links.CHANNELS))
@tenant_option
@json_option
def mark_link_sent(link_id: int, channel: str, tenant: str | None) -> None:
    """Note by which way it went to the customer."""
    with work(tenant) as job:
        data = _link(job.do(links.mark_sent, link_id=link_id, channel=channel))
    show_fields(data)


# --- shared ---------------------------------------------------------------------------------------------------------


def _parked(row: ParkedPayment) -> dict[str, Any]:
    return {
        "id": row.id,
        "reason": row.reason,
        "status": row.status,
        "gateway": row.gateway.name,
        "amount": f"{row.amount:.2f}",
        "currency": row.currency,
        "expected": None if row.expected is None else f"{row.expected:.2f}",
        "order_id": row.order_id,
        "transaction_id": row.transaction_id,
        "payer": row.payer,
        "payment_id": row.payment_id,
        "paid_at": row.paid_at,
        "resolved_by": row.resolved_by,
        "note": row.note,
    }


def _link(row: PaymentLink) -> dict[str, Any]:
    return {
        "id": row.id,
        "customer_id": row.customer_id,
        "invoice_id": row.invoice_id,
        "amount": None if row.amount is None else f"{row.amount:.2f}",
        "expires_at": row.expires_at,
        "withdrawn_at": row.withdrawn_at,
        "paid_at": row.paid_at,
        "opened": row.open_count,
        "tried": row.click_count,
        "sent_via": row.sent_via,
    }
