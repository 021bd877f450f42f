"""Money that waits for a person: given to a customer, given back, or put away with a note.

Nothing here guesses. Whoever resolves it is named, and each row is resolved once.
"""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit, fields, payments
from bss.actor import Actor
from bss.failure import Conflict, Problem
from bss.gateways.opening import Opened, opened, write_down
from bss.outcome import Changed
from bss.rows import find, locked, tenant_of
from db.models import GatewayOrder, ParkedPayment
from db.queries import gateways as queries
from domain.gateway import BOOKED, later_status, method_of
from gateways import GatewayError, Placed

# The money is with the gateway and in nobody's account yet; of the others it has left already.
WITH_US = frozenset({"unknown_order", "amount", "currency", "unconfirmed", "not_booked"})


def assign(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    parked_id: int,
    customer_id: int,
    invoice_id: int | None = None,
    note: str = "",
) -> Changed[ParkedPayment]:
    """Book parked money as a customer's, for an invoice when one is named; what is too little stays as his balance."""
    row = _open(session, actor, parked_id)
    if row.reason not in WITH_US:
        raise Conflict(Problem(field="", reason="is money that has left", mend="take the payment back in the books"))
    tenant = tenant_of(session, actor=actor)
    if row.currency != tenant.currency:
        reason = f"is {row.currency}, and the books are in {tenant.currency}"
        raise Conflict(Problem(field="", reason=reason, mend="give it back, or dismiss it with a note"))
    received = payments.receive(
        session,
        actor=actor,
        now=now,
        customer_id=customer_id,
        amount=row.amount,
        method=method_of(row.gateway.kind, row.payment_type),
        invoice_id=invoice_id,
        gateway=row.gateway.kind,
        gateway_transaction_id=row.transaction_id,
        gateway_status=row.reason,
        paid_at=row.paid_at,
        reference=row.order_id,
        note=note,
    )
    row.payment_id = received.payment.id
    _finish_order(session, row, received.payment.id, now)
    queries.mark_links_paid(session, invoice_ids=list(received.paid_invoice_ids), link_id=None, now=now)
    _resolve(session, actor, now, row, "assigned", note, customer_id=customer_id)
    return Changed(row=row, effect=received.effect)


def take_back(session: Session, *, actor: Actor, now: datetime, parked_id: int, note: str) -> Changed[ParkedPayment]:
    """The money has left over the gateway or the payer's bank: take the payment back in the books, too."""
    row = _open(session, actor, parked_id)
    if row.reason in WITH_US or row.payment_id is None:
        raise Conflict(Problem(field="", reason="is no payment of the books", mend="assign, give back or dismiss it"))
    undone = payments.refund(session, actor=actor, now=now, payment_id=row.payment_id, reason=note)
    order = _order(session, row)
    if order is not None:
        order.status = later_status(order.status, "refunded")
    _resolve(session, actor, now, row, "refunded", note, customer_id=undone.row.customer_id)
    return Changed(row=row, effect=undone.effect)


def give_back(session: Session, *, actor: Actor, now: datetime, parked_id: int, note: str) -> ParkedPayment:
    """Give money back through its gateway that was never booked. Commits before the gateway is asked and after."""
    row = _open(session, actor, parked_id)
    fields.text(note, field="note", longest=200, required=True)
    if row.reason not in WITH_US or row.reason == "unconfirmed":
        raise Conflict(Problem(field="", reason="cannot be given back from here", mend="do it at the gateway"))
    there = opened(session, row.gateway_id, actor=actor)
    wanted = Placed(
        order_id=row.order_id,
        reference=row.reference or row.transaction_id,
        amount=row.amount,
        currency=row.currency,
        transaction_id=row.transaction_id,
        is_paid=True,
    )
    session.commit()
    _ask(session, there, row, lambda: there.gateway.refund(wanted, row.amount, key=f"P-{row.id}", reason=note))
    row = _open(session, actor, parked_id)
    order = _order(session, row)
    if order is not None and order.status not in BOOKED:
        order.status, order.next_check_at = later_status(order.status, "cancelled"), None
    _resolve(session, actor, now, row, "refunded", note)
    session.commit()
    return row


def dismiss(session: Session, *, actor: Actor, now: datetime, parked_id: int, note: str) -> ParkedPayment:
    """Put it away without doing anything; the note says why."""
    row = _open(session, actor, parked_id)
    fields.text(note, field="note", longest=500, required=True)
    _resolve(session, actor, now, row, "dismissed", note)
    return row


def _open(session: Session, actor: Actor, parked_id: int) -> ParkedPayment:
    find(session, ParkedPayment, parked_id, actor=actor)
    row = locked(session, ParkedPayment, parked_id, actor=actor)
    if row.status != "open":
        raise Conflict(Problem(field="", reason="was dealt with already", mend="look at who did it"))
    return row


def _order(session: Session, row: ParkedPayment) -> GatewayOrder | None:
    if row.gateway_order_id is None:
        return None
    return session.get(GatewayOrder, row.gateway_order_id, with_for_update={"of": GatewayOrder})


def _finish_order(session: Session, row: ParkedPayment, payment_id: int, now: datetime) -> None:
    order = _order(session, row)
    if order is not None and order.status not in BOOKED:
        order.status, order.payment_id, order.paid_at = "paid", payment_id, row.paid_at or now
        order.transaction_id, order.next_check_at = row.transaction_id, None


def _ask(session: Session, there: Opened, row: ParkedPayment, talk: Callable[[], object]) -> None:
    try:
        talk()
    except GatewayError as error:
        write_down(session, there, order_id=row.order_id)
        session.commit()
        raise Conflict(Problem(field="", reason=str(error))) from None
    write_down(session, there, order_id=row.order_id)


def _resolve(
    session: Session,
    actor: Actor,
    now: datetime,
    row: ParkedPayment,
    status: str,
    note: str,
    *,
    customer_id: int | None = None,
) -> None:
    row.status, row.resolved_at, row.resolved_by = status, now, actor.name
    row.note = fields.text(note, field="note", longest=500)
    new = {"status": status, "note": row.note, "amount": row.amount}
    audit.record(
        session, actor=actor, now=now, action=f"parked_payment.{status}", entity=row, customer_id=customer_id, new=new
    )
    session.flush()
