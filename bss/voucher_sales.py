"""Selling vouchers: by the provider or by an operator, with a receipt, the entry in the books and the commission.

Who buys a voucher gives no name: the receipt is the walk-in customer's, and the money is revenue at once. A sale can be
taken back as long as none of its vouchers was used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from bss import audit, commissions, fields
from bss.actor import Actor
from bss.billing_rules import rules_of
from bss.books import Event, book, take_back
from bss.failure import Conflict, Problem
from bss.invoices import document_number, today_of
from bss.rows import locked, tenant_of
from bss.vouchers import batch_of
from db.models import Payment, Voucher, VoucherBatch
from db.queries.vouchers import lock_for_sale, lock_sold_with, mark_sold, walk_in_id
from db.scope import everybodys
from domain import books
from domain.commission import shares
from domain.money import ZERO
from domain.payments import EXTERNAL, check_move

MAX_SOLD_AT_ONCE = 2000
PURPOSE = "voucher"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sale:
    """Vouchers that were sold together, the payment with its receipt, and what the operator earned by it."""

    payment: Payment
    vouchers: Sequence[Voucher]
    commission: Decimal


def sell(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    batch_id: int,
    count: int = 1,
    method: str = "cash",
    note: str = "",
) -> Sale:
    """Sell the next `count` unused vouchers of a batch at its price. Two who sell at once never sell the same one.

    Raises `Conflict` when there are fewer, or the batch has no price.
    """
    number = fields.whole(count, field="count", least=1, most=MAX_SOLD_AT_ONCE)
    fields.one_of(method, field="method", allowed=EXTERNAL)
    batch = batch_of(session, batch_id, actor=actor)
    if not batch.price:
        raise Conflict(Problem(field="", reason="the batch has no price", mend="give it one first"))
    sold = lock_for_sale(session, batch.id, count=number, now=now)
    if len(sold) < number:
        raise Conflict(
            Problem(field="count", reason=f"only {len(sold)} can be sold", mend="make more vouchers, or sell fewer")
        )
    payment = _payment(session, actor, now, batch, number, method, note)
    mark_sold(session, [row.id for row in sold], payment_id=payment.id, by=actor.name, now=now)
    commission = _earn(session, actor, now, batch, payment)
    new = {"batch": batch.name, "count": number, "amount": payment.amount, "commission": commission}
    audit.record(session, actor=actor, now=now, action="voucher.sold", entity=payment, new=new)
    session.flush()
    return Sale(payment=payment, vouchers=sold, commission=commission)


def take_back_sale(session: Session, *, actor: Actor, now: datetime, payment_id: int, reason: str) -> Sale:
    """Give the money back: the vouchers are for sale again. Raises `Conflict` when one of them was used."""
    why = fields.text(reason, field="reason", longest=255, required=True)
    payment = locked(session, Payment, payment_id, actor=actor)
    sold = lock_sold_with(session, payment.id)
    if payment.purpose != PURPOSE or not sold:
        raise Conflict(Problem(field="", reason="is no sale of vouchers", mend="choose one from the list"))
    if sold[0].batch_id is not None:
        batch_of(session, sold[0].batch_id, actor=actor)
    used = sum(row.state not in ("unused", "disabled", "expired") for row in sold)
    if used:
        mend = "disable the others instead"
        raise Conflict(Problem(field="", reason=f"{used} of them were used already", mend=mend))
    check_move(payment.status, "cancelled")
    if payment.entry_id is not None:
        # An operator's staff do not see the provider's books; that they may take back what they sold is decided above.
        with everybodys(session):
            take_back(session, actor=actor, now=now, entry_id=payment.entry_id, description=why)
    commissions.take_back_of(session, actor=actor, now=now, payment=payment, reason=why)
    mark_sold(session, [row.id for row in sold], payment_id=None, by=None, now=now)
    old, new = audit.set_fields(payment, {"status": "cancelled"})
    audit.record(
        session, actor=actor, now=now, action="voucher.sale_taken_back", entity=payment, old=old,
        new=new | {"reason": why, "count": len(sold)},
    )  # fmt: skip
    session.flush()
    return Sale(payment=payment, vouchers=sold, commission=ZERO)


def _payment(
    session: Session, actor: Actor, now: datetime, batch: VoucherBatch, count: int, method: str, note: str
) -> Payment:
    walk_in = walk_in_id(session, tenant_id=actor.tenant_id)
    if walk_in is None:
        raise Conflict(Problem(field="", reason="nobody buys vouchers yet", mend="make vouchers of a plan first"))
    today = today_of(session, actor=actor, now=now)
    amount, prefix = batch.price * count, rules_of(session, tenant_id=actor.tenant_id).receipt_prefix
    payment = Payment(
        tenant_id=actor.tenant_id, customer_id=walk_in, amount=amount,
        currency=tenant_of(session, actor=actor).currency, method=method, purpose=PURPOSE, category=batch.name,
        status="completed", paid_at=now, note=fields.text(note, field="note", longest=1000, lines=True),
        recorded_by=actor.name, recorded_by_user_id=actor.user_id, operator_id=batch.operator_id,
        receipt_number=document_number(session, tenant_id=actor.tenant_id, prefix=prefix, day=today),
    )  # fmt: skip
    session.add(payment)
    session.flush()
    event = Event(
        kind=books.PAYMENT, key=f"payment:{payment.id}", postings=books.sold(amount, what="voucher", method=method),
        reference_type="payment", reference_id=payment.id, description=f"{count} vouchers of {batch.name}",
    )  # fmt: skip
    payment.entry_id = book(session, actor=actor, now=now, event=event).id
    return payment


def _earn(session: Session, actor: Actor, now: datetime, batch: VoucherBatch, payment: Payment) -> Decimal:
    """The rate is the batch's own, and for its operator only."""
    if batch.operator_id is None:
        return ZERO
    parts = shares([(batch.operator_id, batch.commission_percent)], payment.amount, payment.currency)
    earned = commissions.earn_shares(session, actor=actor, now=now, payment=payment, parts=parts)
    return sum((row.amount for row in earned), ZERO)
