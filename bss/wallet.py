"""A customer's balance: credit and debit by hand, its history, and invoices that it pays by itself."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.billing_rules import rules_of
from bss.books import Event, book
from bss.failure import Invalid, Problem
from bss.outcome import NO_EFFECT, Effect
from bss.rows import locked, tenant_of
from bss.settling import pay_from_balance
from db.engine import psycopg_of
from db.models import Customer, LedgerEntry
from db.queries.books import balance_of
from domain import books
from domain.money import is_payable

KINDS = (books.CREDIT, books.DEBIT)
REASONS = ("correction", "initial balance", "referral reward", "compensation", "opening", "voucher", "other")
_PLAIN = re.compile(r"-?\d{1,12}(\.\d{1,2})?", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Adjusted:
    """A balance before and after, the entry between them, and what credit has paid by itself."""

    customer: Customer
    entry: LedgerEntry
    previous: Decimal
    new: Decimal
    paid_invoice_ids: Sequence[int]
    effect: Effect = NO_EFFECT


def adjust(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    kind: str,
    amount: object,
    description: str,
    reason: str = "correction",
    key: str | None = None,
) -> Adjusted:
    """Give a customer credit or take it off; a debit may make a debt. `key`: done once, whoever asks twice."""
    fields.one_of(kind, field="kind", allowed=KINDS)
    fields.one_of(reason, field="reason", allowed=REASONS)
    text = fields.text(description, field="description", longest=255, required=True)
    currency = tenant_of(session, actor=actor).currency
    sum_ = payable(amount, currency=currency)
    customer = locked(session, Customer, customer_id, actor=actor)
    previous = balance_of(psycopg_of(session), customer.id)
    make = books.credited if kind == books.CREDIT else books.debited
    event = Event(
        kind=kind, key=key or f"adjust:{customer.id}:{now.isoformat()}:{actor.kind}:{actor.user_id}",
        postings=make(customer.id, sum_, name=reason), customer_id=customer.id, balance_word=kind,
        reference_type="adjustment", description=text,
    )  # fmt: skip
    entry = book(session, actor=actor, now=now, event=event)
    audit.record(
        session, actor=actor, now=now, action="customer.balance_changed", entity=customer, customer_id=customer.id,
        old={"balance": previous}, new={"kind": kind, "amount": sum_, "description": text},
    )  # fmt: skip
    rules = rules_of(session, tenant_id=actor.tenant_id)
    settled = pay_from_balance(session, actor=actor, now=now, customer=customer) if rules.applies_balance else None
    session.refresh(customer, ["balance"])
    return Adjusted(
        customer=customer, entry=entry, previous=previous, new=customer.balance,
        paid_invoice_ids=settled.invoice_ids if settled else (), effect=settled.effect if settled else NO_EFFECT,
    )  # fmt: skip


def begin(session: Session, *, actor: Actor, now: datetime, customer_id: int, amount: object) -> Adjusted | None:
    """Bring along what a new customer has elsewhere: above zero it is credit, below zero a debt, of nothing nothing."""
    text = f"{amount:f}" if isinstance(amount, Decimal) else str(amount).strip()
    # 150.000 is a hundred and fifty thousand to whoever writes rupiah, and a hundred and fifty to a computer.
    if not _PLAIN.fullmatch(text):
        mend = "write it like 150000 or -2500.50, without signs between thousands"
        raise Invalid(Problem(field="initial_balance", reason="is not an amount", mend=mend))
    is_debt = text.startswith("-")
    sum_ = fields.money(text.removeprefix("-"), field="initial_balance")
    if not sum_:
        return None
    payable(sum_, currency=tenant_of(session, actor=actor).currency, field="initial_balance")
    return adjust(
        session, actor=actor, now=now, customer_id=customer_id, kind=books.DEBIT if is_debt else books.CREDIT,
        amount=sum_, description="initial balance", reason="initial balance", key=f"initial:{customer_id}",
    )  # fmt: skip


def payable(amount: object, *, currency: str, field: str = "amount") -> Decimal:
    """An amount above zero that can be paid in the currency; raises `Invalid`."""
    clean = fields.money(amount, field=field)
    if clean <= 0:
        raise Invalid(Problem(field=field, reason="is not above zero", mend="enter what is paid"))
    if not is_payable(clean, currency):
        raise Invalid(Problem(field=field, reason=f"has fractions that {currency} has not", mend="round it"))
    return clean
