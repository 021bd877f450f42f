"""Commissions: earned by what customers of operators pay, taken back with the payment, paid out to operators.

The rate is that of the moment of the payment and of the operator who had the customer then; `domain.commission` says
how it is shared with whoever stands above. Payments for single sales (`purpose` "other") bring none.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.books import Event, book, take_back
from bss.failure import Conflict, Problem
from bss.rows import find, tenant_of
from bss.wallet import payable
from db.engine import psycopg_of
from db.models import Commission, LedgerEntry, Operator, Payment
from db.queries.books import entry_of_event, postings_of
from db.queries.operator_money import lock_owed, standing_commissions, way_up
from db.scope import everybodys
from domain import books
from domain.commission import Share, shares
from domain.money import ZERO
from domain.payments import EXTERNAL

PAYOUT = "payout"
MAX_KEY = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class PaidOut:
    """A pay-out, whether it is new, and what the operator is still owed."""

    operator: Operator
    entry: LedgerEntry
    amount: Decimal
    owed: Decimal
    is_new: bool = True


def earn(session: Session, *, actor: Actor, now: datetime, payment: Payment) -> list[Commission]:
    """Book what a payment brings its customer's operator and those above. Comes last in a transaction: everybody who
    pays waits for the operator's account.
    """
    if payment.operator_id is None:
        return []
    way = way_up(psycopg_of(session), payment.operator_id)
    return earn_shares(
        session, actor=actor, now=now, payment=payment, parts=shares(way, payment.amount, payment.currency)
    )


def earn_shares(
    session: Session, *, actor: Actor, now: datetime, payment: Payment, parts: Sequence[Share]
) -> list[Commission]:
    """Book the shares of a payment, in the order of operators so that two payments never wait for each other."""
    return [_earn(session, actor, now, payment, part) for part in sorted(parts, key=lambda one: one.operator_id)]


def take_back_of(session: Session, *, actor: Actor, now: datetime, payment: Payment, reason: str) -> None:
    """Take back what a payment brought. Who was paid already owes it, and it comes off what he earns next."""
    with everybodys(session):
        for row in standing_commissions(session, payment.id):
            take_back(session, actor=actor, now=now, entry_id=row.entry_id, description=reason)
            row.reversed_at = now
        session.flush()


def pay_out(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    operator_id: int,
    amount: object,
    method: str = "cash",
    reference: str = "",
    request_key: str | None = None,
) -> PaidOut:
    """Record that an operator was paid. Raises `Conflict` when it is more than he is owed.

    Asked twice with one `request_key` it is booked once.
    """
    fields.one_of(method, field="method", allowed=EXTERNAL)
    sum_ = payable(amount, currency=tenant_of(session, actor=actor).currency)
    said = fields.text(reference, field="reference", longest=100)
    # His account is locked and not he: whoever books a commission holds the account when he comes to the operator.
    operator = find(session, Operator, operator_id, actor=actor)
    owed = lock_owed(psycopg_of(session), operator.id)
    key = f"payout:{_key(request_key)}" if request_key else f"payout:{operator.id}:{secrets.token_hex(8)}"
    known = entry_of_event(session, tenant_id=actor.tenant_id, event_key=key)
    if known is not None:
        return _same(session, operator, known, sum_, owed)
    if sum_ > owed:
        reason = f"he is owed {max(owed, ZERO)}"
        raise Conflict(Problem(field="amount", reason=reason, mend="pay at most that"))
    event = Event(
        kind=books.COMMISSION, key=key, postings=books.paid_out(operator.id, sum_, method=method),
        reference_type=PAYOUT, reference_id=operator.id, description=said,
    )  # fmt: skip
    entry = book(session, actor=actor, now=now, event=event)
    new = {"amount": sum_, "method": method, "reference": said}
    audit.record(session, actor=actor, now=now, action="operator.paid_out", entity=operator, new=new)
    return PaidOut(operator=operator, entry=entry, amount=sum_, owed=owed - sum_)


def _earn(session: Session, actor: Actor, now: datetime, payment: Payment, part: Share) -> Commission:
    event = Event(
        kind=books.COMMISSION, key=f"commission:{part.operator_id}:payment:{payment.id}",
        postings=books.earned(part.operator_id, part.amount), reference_type="payment", reference_id=payment.id,
        description=f"{part.rate} % of {payment.receipt_number}",
    )  # fmt: skip
    entry = book(session, actor=actor, now=now, event=event)
    row = Commission(
        tenant_id=actor.tenant_id, operator_id=part.operator_id, payment_id=payment.id, rate=part.rate,
        amount=part.amount, currency=payment.currency, entry_id=entry.id, earned_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def _key(request_key: str) -> str:
    return fields.text(request_key, field="request_key", longest=MAX_KEY, required=True)


def _same(session: Session, operator: Operator, known: LedgerEntry, amount: Decimal, owed: Decimal) -> PaidOut:
    moved = [posting for posting in postings_of(psycopg_of(session), known.id) if posting.amount > 0]
    if known.reference_id != operator.id or moved[0].amount != amount:
        reason = "another pay-out was recorded for the same request"
        raise Conflict(Problem(field="request_key", reason=reason, mend="send a new key for a new one"))
    return PaidOut(operator=operator, entry=known, amount=amount, owed=owed, is_new=False)
