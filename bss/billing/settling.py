"""The last part of a portion: balances pay open invoices, the one that is due first in front.

Where nothing stopped for money this is done for all customers at once; who may come back into service by it is handled
as a payment at the desk is, one by one (`bss.settling`). A property test holds that both end in the same rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from bss import network
from bss.actor import Actor
from bss.billing.context import Context, Counts, Portion, audit_row
from bss.billing.issuing import post
from bss.rows import locked
from bss.settling import pay_from_balance
from db.engine import psycopg_of
from db.models import Customer
from db.queries import billing as queries
from db.queries.billing import Connection, OpenInvoice, SubscriptionRow
from domain import books
from domain.billing import RENEWED
from domain.desired import SESSION_TIMEOUT
from domain.entitlement import LIFTED_BY_PAYING, extended
from domain.money import ZERO
from domain.term import Cycle, anchor_day_of


@dataclass(kw_only=True, slots=True)
class _Paid:
    """Invoices that are paid together, and the ends of terms that this moves: before and after, by invoice."""

    invoices: list[OpenInvoice] = field(default_factory=list)
    moves: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)
    ends: dict[int, datetime] = field(default_factory=dict)


def apply_balances(session: Session, context: Context, portion: Portion) -> Counts:
    """Pay what the payers' balances cover."""
    connection, together, counts = psycopg_of(session), _Paid(), Counts()
    stopped = _may_come_back(portion)
    for payer in portion.payers.values():
        covered = _covered(context, portion.open_of.get(payer.id, ()), payer.balance)
        if not covered:
            continue
        if payer.id in stopped:
            counts += _one_by_one(session, context, portion, payer.id)
        else:
            _plan(context, portion, together, covered)
    if together.invoices:
        _write(connection, context, portion, together)
        _tell_sessions(session, context, together)
        total = sum((invoice.total for invoice in together.invoices), ZERO)
        counts += Counts(paid=len(together.invoices), paid_total=total)
    return counts


def _may_come_back(portion: Portion) -> set[int]:
    """Payers of somebody whose service stopped for money."""
    return {
        row.payer_id
        for row in portion.subscriptions.values()
        if row.status == "expired"
        or row.id in portion.suspended_ids
        or (row.status == "suspended" and row.suspend_cause in LIFTED_BY_PAYING)
    }


def _covered(context: Context, invoices: Sequence[OpenInvoice], balance: Decimal) -> list[OpenInvoice]:
    """The invoices that the balance pays, without going past one that it does not."""
    if not context.rules.applies_balance:
        return [invoice for invoice in invoices if invoice.total == ZERO]
    paid, left = [], balance
    for invoice in invoices:
        if invoice.total > left:
            break
        left -= invoice.total
        paid.append(invoice)
    return paid


def _one_by_one(session: Session, context: Context, portion: Portion, payer_id: int) -> Counts:
    session.expire_all()
    actor = Actor.system(tenant_id=context.tenant_id, name=context.actor_name)
    customer = locked(session, Customer, payer_id, actor=actor)
    before = customer.balance
    settled = pay_from_balance(session, actor=actor, now=context.now, customer=customer)
    session.flush()
    session.refresh(customer, ["balance"])
    out = [
        row.id
        for row in portion.subscriptions.values()
        if row.payer_id == payer_id and (row.status != "active" or row.id in portion.suspended_ids)
    ]
    back = queries.count_in_service(psycopg_of(session), out)
    return Counts(paid=len(settled.invoice_ids), paid_total=before - customer.balance, restored=back)


def _plan(context: Context, portion: Portion, together: _Paid, covered: Sequence[OpenInvoice]) -> None:
    """What paying these does to the terms that they are for."""
    for invoice in covered:
        together.invoices.append(invoice)
        row = portion.subscriptions.get(invoice.subscription_id or 0)
        end = None if row is None else together.ends.get(row.id, row.expires_at)
        if not invoice.terms or row is None or end is None:
            continue
        after = _extended(context, row, end, invoice.terms)
        together.moves[invoice.id] = (end, after)
        together.ends[row.id] = after


def _extended(context: Context, row: SubscriptionRow, end: datetime, terms: int) -> datetime:
    anchor = anchor_day_of(end.astimezone(context.zone).date(), row.billing_day)
    cycle = Cycle(name=row.billing_cycle, validity_days=row.validity_days, anchor_day=anchor)
    extension = extended(
        status=row.status, expires_at=end, cycle=cycle, zone=context.zone, now=context.now,
        keeps_days=context.rules.keeps_days, terms=terms,
    )  # fmt: skip
    return extension.expires_at


def _write(connection: Connection, context: Context, portion: Portion, paid: _Paid) -> None:
    entries = _book(connection, context, paid.invoices)
    queries.mark_paid(connection, [invoice.id for invoice in paid.invoices], now=context.now)
    nothing = (None, None)
    queries.copy_rows(connection, "invoice_settlements", [
        (invoice.id, entries.get(invoice.id), invoice.total, context.now, *paid.moves.get(invoice.id, nothing))
        for invoice in paid.invoices
    ])  # fmt: skip
    if paid.ends:
        queries.move_ends(connection, paid.ends, now=context.now)
    _audit(connection, context, portion, paid)
    queries.note(
        connection, [_notice(portion, invoice, paid) for invoice in paid.invoices if invoice.id in paid.moves],
        tenant_id=context.tenant_id, now=context.now,
    )  # fmt: skip


def _book(connection: Connection, context: Context, invoices: Sequence[OpenInvoice]) -> Mapping[int, int]:
    """The settlement of each invoice about money, by invoice."""
    about = [invoice for invoice in invoices if invoice.total]
    ids = queries.new_ids(connection, "ledger_entries", len(about))
    queries.copy_rows(connection, "ledger_entries", [
        (
            id_, context.tenant_id, books.SETTLEMENT, f"settle:{invoice.id}:{invoice.version}", context.now,
            invoice.customer_id, invoice.subscription_id, "debit", "invoice", invoice.id,
            invoice.invoice_number, context.actor_name,
        )
        for id_, invoice in zip(ids, about, strict=True)
    ])  # fmt: skip
    written = [
        (id_, books.settled(invoice.customer_id, invoice.total)) for id_, invoice in zip(ids, about, strict=True)
    ]
    post(connection, context, written)
    return {invoice.id: id_ for id_, invoice in zip(ids, about, strict=True)}


def _audit(connection: Connection, context: Context, portion: Portion, paid: _Paid) -> None:
    rows = [
        audit_row(
            context, action="invoice.paid", entity_type="invoices", entity_id=invoice.id,
            customer_id=invoice.customer_id, old={"status": invoice.status, "paid_at": None},
            new={"status": "paid", "paid_at": context.now},
        )
        for invoice in paid.invoices
    ]  # fmt: skip
    for invoice in paid.invoices:
        if invoice.id in paid.moves and invoice.subscription_id is not None:
            before, after = paid.moves[invoice.id]
            row = portion.subscriptions[invoice.subscription_id]
            rows.append(
                audit_row(
                    context,
                    action="subscription.renewed",
                    entity_type="subscriptions",
                    entity_id=row.id,
                    customer_id=row.customer_id,
                    old={"expires_at": before},
                    new={"expires_at": after},
                )
            )
    queries.copy_rows(connection, "audit_logs", rows)


def _notice(portion: Portion, invoice: OpenInvoice, paid: _Paid) -> dict[str, object]:
    row = portion.subscriptions[invoice.subscription_id or 0]
    facts = {"total": str(invoice.total), "expires_at": paid.moves[invoice.id][1].isoformat()}
    return {
        "kind": RENEWED, "notice_key": f"{RENEWED}:{invoice.id}:{invoice.version}", "customer_id": row.customer_id,
        "subscription_id": row.id, "invoice_id": invoice.id, "days": None, "facts": facts,
    }  # fmt: skip


def _tell_sessions(session: Session, context: Context, paid: _Paid) -> None:
    """Running sessions learn that they may last longer."""
    running = queries.online(psycopg_of(session), list(paid.ends))
    if running:
        actor = Actor.system(tenant_id=context.tenant_id, name=context.actor_name)
        also = frozenset({SESSION_TIMEOUT})
        network.apply_limits(session, actor=actor, now=context.now, subscription_ids=running, also=also)
