"""Paying invoices out of a balance, and what that does to service.

An invoice is paid as a whole. The customer is locked by the caller; his invoices are locked here, then subscriptions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.books import Event, book, take_back
from bss.failure import Conflict, Problem
from bss.outcome import NO_EFFECT, Effect
from bss.rows import locked, tenant_of
from bss.subscriptions.renewal import Extended, bring_back, extend, take_back_extension
from db.engine import psycopg_of
from db.models import Customer, Invoice, InvoiceSettlement, Payment
from db.queries.books import balance_of, debts_of_customer, lock_open_invoices, standing_settlement
from domain import books
from domain.dunning import Action, Debt, decide
from domain.invoices import check_move


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """Invoices that were paid, and what reaches running sessions."""

    invoice_ids: Sequence[int] = ()
    effect: Effect = NO_EFFECT


def pay_from_balance(session: Session, *, actor: Actor, now: datetime, customer: Customer) -> Settled:
    """Pay open invoices, the one that is due first in front, as long as the balance covers the next.

    It stops at the first that is not covered: were it left out for a smaller one, the order in which money came in
    would decide what is paid.
    """
    paid: list[int] = []
    effect = NO_EFFECT
    left = balance_of(psycopg_of(session), customer.id)
    for invoice in lock_open_invoices(session, customer.id):
        if invoice.total > left:
            break
        effect += settle(session, actor=actor, now=now, invoice=invoice, payment=None)
        left -= invoice.total
        paid.append(invoice.id)
    if paid:
        effect += restore(session, actor=actor, now=now, customer=customer)
    return Settled(invoice_ids=paid, effect=effect)


def settle(session: Session, *, actor: Actor, now: datetime, invoice: Invoice, payment: Payment | None) -> Effect:
    """Pay a locked open invoice out of its customer's balance, and extend the subscription that it renews."""
    check_move(invoice.status, "paid")
    entry = None
    if invoice.total:
        event = Event(
            kind=books.SETTLEMENT, key=_settlement_key(invoice),
            postings=books.settled(invoice.customer_id, invoice.total), customer_id=invoice.customer_id,
            subscription_id=invoice.subscription_id, balance_word="debit", reference_type="invoice",
            reference_id=invoice.id, description=str(invoice.invoice_number),
        )  # fmt: skip
        entry = book(session, actor=actor, now=now, event=event)
    old, new = audit.set_fields(invoice, {"status": "paid", "paid_at": now})
    extended = extend(session, actor=actor, now=now, invoice=invoice) if invoice.terms else Extended()
    session.add(
        InvoiceSettlement(
            invoice_id=invoice.id, payment_id=None if payment is None else payment.id,
            entry_id=None if entry is None else entry.id, amount=invoice.total, settled_at=now,
            extended_from=extended.before, extended_to=extended.after,
        )
    )  # fmt: skip
    _record(session, actor, now, "invoice.paid", invoice, old=old, new=new)
    session.flush()
    return extended.effect


def unsettle(session: Session, *, actor: Actor, now: datetime, invoice: Invoice, reason: str) -> Effect:
    """Take back that an invoice was paid: the money is in the balance again, and the term ends where it did.

    The invoice's state is the caller's to set.
    """
    settlement = standing_settlement(session, invoice.id)
    if settlement is None:
        raise Conflict(Problem(field="", reason="the invoice is not paid"))
    settlement.reversed_at = now
    if settlement.entry_id is not None:
        take_back(
            session, actor=actor, now=now, entry_id=settlement.entry_id, description=reason, balance_word="credit"
        )
    session.flush()
    return take_back_extension(session, actor=actor, now=now, invoice=invoice, settlement=settlement)


def restore(session: Session, *, actor: Actor, now: datetime, customer: Customer) -> Effect:
    """Bring back into service what had stopped for money that is paid now."""
    session.flush()
    today = now.astimezone(ZoneInfo(tenant_of(session, actor=actor).timezone)).date()
    effect = NO_EFFECT
    for row in debts_of_customer(psycopg_of(session), customer.id):
        debt = Debt(
            status=row.status, suspend_cause=row.suspend_cause,
            is_in_term=row.expires_at is None or row.expires_at > now, oldest_due=row.oldest_due,
            grace_days=row.grace_days, owed=row.owed, credit_limit=row.credit_limit,
        )  # fmt: skip
        if decide(debt, today, remind_on=()).action is Action.RESTORE:
            # Those whom he pays for are locked after him.
            own = row.customer_id == customer.id
            owner = customer if own else locked(session, Customer, row.customer_id, actor=actor)
            effect += bring_back(session, actor=actor, now=now, customer=owner, subscription_id=row.subscription_id)
    return effect


def _settlement_key(invoice: Invoice) -> str:
    """An invoice may be paid again after its payment went back."""
    return f"settle:{invoice.id}:{invoice.version}"


def _record(
    session: Session, actor: Actor, now: datetime, action: str, invoice: Invoice, *, old: object, new: object
) -> None:
    audit.record(
        session, actor=actor, now=now, action=action, entity=invoice, customer_id=invoice.customer_id,
        old=old, new=new,  # type: ignore[arg-type]
    )  # fmt: skip


def covers(amount: Decimal, balance: Decimal, total: Decimal, *, applies_balance: bool) -> bool:
    """Whether a payment for an invoice pays it at once.

    What it lacks stays in the balance. Where balances pay by themselves, the invoice that is due first is next.
    """
    return amount >= total or (not applies_balance and balance >= total)
