"""What a gateway said about an order becomes true here: order, payment, books, invoice and service in one transaction.

Called with what the gateway itself answered, never with what a webhook claims. Whoever comes second finds it done.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bss import audit, payments
from bss.actor import Actor
from bss.failure import Failure
from bss.outcome import NO_EFFECT, Effect
from bss.rows import locked
from db.models import GatewayOrder, PaymentGateway
from db.queries import gateways as queries
from domain.gateway import (
    BOOKED,
    MAX_ORDER_ID,
    OPEN,
    Sum,
    later_status,
    method_of,
    mismatch,
    next_check,
    not_begun_in_time,
)
from domain.lifecycle import IllegalMove
from gateways import ABOUT, Standing
from gateways.interface import CHARGED_BACK, UNKNOWN

# A gateway that told us of a payment its own API does not know yet is asked again soon.
SOON = timedelta(seconds=30)
# A customer has one or two sessions.
MOST_CHANGES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """What came of it: the order, whether money was booked just now, whether it was parked, and who must be woken."""

    order: GatewayOrder | None
    is_booked: bool = False
    parked_id: int | None = None
    effect: Effect = NO_EFFECT


def apply(session: Session, *, actor: Actor, now: datetime, row_id: int, standing: Standing) -> Applied:
    """Take a status into an order. Any news in any order and number end in the same books."""
    order = locked(session, GatewayOrder, row_id, actor=actor)
    order.checked_at = now
    if standing.status == UNKNOWN:
        _nothing_known(session, actor, now, order)
        return Applied(order=order)
    order.gateway_status = standing.word[:60]
    order.payment_type = standing.payment_type[:50] or order.payment_type
    if standing.status == CHARGED_BACK:
        order.next_check_at = None
        return Applied(order=order, parked_id=_park(session, actor, now, order, standing, "charged_back"))
    if standing.status not in BOOKED:
        _move(session, actor, now, order, standing.status)
        return Applied(order=order)
    return _paid(session, actor, now, order, standing)


def of_nobody(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    gateway: PaymentGateway,
    standing: Standing,
    reason: str = "unknown_order",
    payer: str = "",
) -> int | None:
    """Park money that is for no order of ours; returns the parked row, None when it lies there already."""
    if standing.amount is None or standing.currency is None or not standing.transaction_id:
        return None
    order_id = (standing.order_id or "")[:MAX_ORDER_ID]
    parked = queries.park(
        session, **_parked_values(gateway, standing, now), reason=reason, order_id=order_id, payer=payer[:200]
    )
    if parked is not None:
        new = {"reason": reason, "amount": standing.amount, "currency": standing.currency, "order_id": order_id}
        audit.record(session, actor=actor, now=now, action="payment.parked", entity=gateway, new=new)
        session.flush()
    return parked


def _paid(session: Session, actor: Actor, now: datetime, order: GatewayOrder, standing: Standing) -> Applied:
    effect, is_booked = NO_EFFECT, False
    if order.status not in BOOKED:
        reason = _suspect(order, standing)
        if reason is None:
            booked = _book(session, actor, now, order, standing)
            if booked is None:
                reason = "not_booked"
            else:
                effect, is_booked = booked.effect, booked.is_new
        if reason is not None:
            _move(session, actor, now, order, "held")
            return Applied(order=order, parked_id=_park(session, actor, now, order, standing, reason))
    parked = None
    if standing.refunded > order.refunded_amount:
        given_back = _given_back(session, actor, now, order, standing)
        if given_back is None:
            parked = _park(session, actor, now, order, standing, "refunded_there")
        else:
            effect += given_back
    order.next_check_at = None
    return Applied(order=order, is_booked=is_booked, parked_id=parked, effect=effect)


def _suspect(order: GatewayOrder, standing: Standing) -> str | None:
    if standing.amount is None or standing.currency is None or not standing.transaction_id:
        return "not_booked"
    ordered = Sum(amount=order.amount, currency=order.currency)
    return mismatch(ordered, Sum(amount=standing.amount, currency=standing.currency))


def _book(
    session: Session, actor: Actor, now: datetime, order: GatewayOrder, standing: Standing
) -> payments.Received | None:
    """Book the payment; None when the books refuse it, with the reason on the order."""
    kind = order.gateway.kind
    try:
        with session.begin_nested():
            received = payments.receive(
                session,
                actor=actor,
                now=now,
                customer_id=order.customer_id,
                amount=order.amount,
                method=method_of(kind, standing.payment_type),
                invoice_id=order.invoice_id,
                gateway=kind,
                gateway_transaction_id=standing.transaction_id,
                gateway_status=standing.word[:40],
                # The gateway's clock may be ahead of ours.
                paid_at=min(standing.paid_at or now, now),
                reference=order.order_id,
            )
    except (Failure, IllegalMove) as refusal:
        order.problem = str(refusal)[:300]
        return None
    order.payment_id, order.transaction_id = received.payment.id, standing.transaction_id
    order.paid_at, order.problem = received.payment.paid_at, ""
    order.told_at, order.change_ids = now, list(received.effect.change_ids[:MOST_CHANGES]) or None
    _move(session, actor, now, order, "paid")
    paid = received.paid_invoice_ids
    queries.mark_links_paid(session, invoice_ids=list(paid), link_id=order.link_id, now=now)
    return received


def _given_back(
    session: Session, actor: Actor, now: datetime, order: GatewayOrder, standing: Standing
) -> Effect | None:
    """Book a refund that was made at the gateway; None for a part of it, or when the books refuse it."""
    if standing.refunded != order.amount or order.payment_id is None:
        return None
    try:
        with session.begin_nested():
            undone = payments.refund(
                session, actor=actor, now=now, payment_id=order.payment_id, reason="refunded at the gateway"
            )
    except (Failure, IllegalMove) as refusal:
        order.problem = str(refusal)[:300]
        return None
    order.refunded_amount = standing.refunded
    _move(session, actor, now, order, "refunded")
    return undone.effect


def _nothing_known(session: Session, actor: Actor, now: datetime, order: GatewayOrder) -> None:
    if order.status in OPEN and not_begun_in_time(now=now, expires_at=order.expires_at):
        _move(session, actor, now, order, "expired")
    else:
        order.next_check_at = _next(order, now)


def _move(session: Session, actor: Actor, now: datetime, order: GatewayOrder, told: str) -> None:
    """Let the order say more than it did; what says less changes nothing."""
    status = later_status(order.status, told)
    order.next_check_at = None if status in BOOKED else _next(order, now)
    if status == order.status:
        return
    old, new = audit.set_fields(order, {"status": status})
    audit.record(
        session, actor=actor, now=now, action=f"gateway_order.{status}", entity=order, customer_id=order.customer_id,
        old=old, new=new,
    )  # fmt: skip
    session.flush()


def _next(order: GatewayOrder, now: datetime) -> datetime | None:
    if not ABOUT[order.gateway.kind].can_be_asked:
        return order.expires_at + timedelta(hours=2) if order.status in OPEN and now < order.expires_at else None
    return next_check(now=now, created_at=order.created_at, expires_at=order.expires_at)


def _park(
    session: Session, actor: Actor, now: datetime, order: GatewayOrder, standing: Standing, reason: str
) -> int | None:
    if standing.amount is None or standing.currency is None:
        return None
    parked = queries.park(
        session,
        **_parked_values(order.gateway, standing, now),
        reason=reason,
        gateway_order_id=order.id,
        order_id=order.order_id,
        reference=order.reference,
        expected=order.amount,
        payment_id=order.payment_id,
        detail=order.problem,
    )
    if parked is not None:
        audit.record(
            session, actor=actor, now=now, action="payment.parked", entity=order, customer_id=order.customer_id,
            new={"reason": reason, "amount": standing.amount, "currency": standing.currency},
        )  # fmt: skip
        session.flush()
    return parked


def _parked_values(gateway: PaymentGateway, standing: Standing, now: datetime) -> dict[str, object]:
    return {
        "tenant_id": gateway.tenant_id,
        "gateway_id": gateway.id,
        "transaction_id": (standing.transaction_id or standing.order_id or "")[:100],
        "amount": standing.amount,
        "currency": standing.currency,
        "payment_type": standing.payment_type[:50],
        "paid_at": min(standing.paid_at or now, now),
    }
