"""Orders at gateways: begun for an invoice or a top-up, asked about, cancelled, given back, confirmed by hand.

`place`, `check`, `cancel` and `refund` talk to the gateway: they commit before they ask and after, so that nothing is
locked while anybody waits. An order is written down before the gateway hears of it.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from bss import audit, fields, payments
from bss.actor import Actor
from bss.billing_rules import rules_of
from bss.failure import Conflict, Invalid, Problem
from bss.gateways.addresses import Addresses
from bss.gateways.booking import Applied, apply
from bss.gateways.opening import Opened, opened, placed, write_down
from bss.rows import find, locked, referenced, tenant_of
from bss.wallet import payable
from db.engine import psycopg_of
from db.models import Customer, GatewayOrder, Invoice, PaymentGateway, ServicePlan, Subscription
from db.queries import gateways as queries
from db.queries.books import balance_of
from domain.gateway import BOOKED, FIRST_CHECK, OPEN, later_status, order_id
from domain.invoices import OPEN as OPEN_INVOICES
from gateways import ABOUT, Created, GatewayError, NotOffered, Order, Payer, Standing, Unreachable

SUFFIX = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
# Whoever clicks twice gets the order that he has; one that ends sooner than this is replaced.
LEFT_AT_LEAST = timedelta(minutes=5)
STARTING = timedelta(seconds=60)
# A prompt on a phone is gone after two minutes.
PROMPT = timedelta(seconds=90)
# A prompt is answered within a minute or two.
PROMPT_CHECK = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class WhatFor:
    """What a payer wants to pay: an open invoice, or an amount for his balance."""

    customer: Customer
    invoice: Invoice | None
    amount: Decimal
    currency: str
    item: str


def amount_due(session: Session, invoice: Invoice, *, applies_balance: bool) -> Decimal:
    """What is still to be paid for an open invoice: all of it, less the balance where that is used for it first."""
    balance = balance_of(psycopg_of(session), invoice.customer_id)
    if balance <= 0 or (applies_balance and queries.first_open_invoice(session, invoice.customer_id) != invoice.id):
        return invoice.total
    return max(invoice.total - balance, Decimal(0))


def place(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    gateway_id: int,
    at: Addresses,
    invoice_id: int | None = None,
    customer_id: int | None = None,
    amount: object = None,
    phone: str | None = None,
    link_id: int | None = None,
) -> GatewayOrder:
    """Begin to pay an invoice, or an amount for a customer's balance; commits before the gateway is asked and after.

    Asked twice the same order comes back. Raises `Conflict` when the gateway refuses or does not answer: then nothing
    can be paid there, and another try makes a new order.
    """
    there = opened(session, gateway_id, actor=actor)
    _check_usable(there.row)
    what = what_for(session, actor=actor, invoice_id=invoice_id, customer_id=customer_id, amount=amount)
    _check_currency(there.row, what.currency)
    locked(session, Customer, what.customer.id, actor=actor)
    again, stale = _begun(session, there.row, what, now)
    if again is not None:
        session.commit()
        return again
    order = _new_order(session, actor, now, there.row, what, link_id)
    for old in stale:
        old.status, old.problem = later_status(old.status, "cancelled"), "replaced by a newer order"
    session.commit()
    return _tell(session, actor, now, there, order, _wanted(order, what, there.row, at, phone))


def what_for(
    session: Session,
    *,
    actor: Actor,
    invoice_id: int | None = None,
    customer_id: int | None = None,
    amount: object = None,
) -> WhatFor:
    """What is to be paid and how much of it is due; raises `Conflict` when nothing is."""
    tenant = tenant_of(session, actor=actor)
    if invoice_id is None:
        if customer_id is None:
            raise Invalid(Problem(field="invoice_id", reason="is missing", mend="name an invoice, or a customer"))
        customer = referenced(session, Customer, customer_id, actor=actor, field="customer_id")
        sum_ = payable(amount, currency=tenant.currency)
        item = f"{tenant.name}: {customer.customer_code}"
        return WhatFor(customer=customer, invoice=None, amount=sum_, currency=tenant.currency, item=item)
    invoice = referenced(session, Invoice, invoice_id, actor=actor, field="invoice_id")
    if invoice.status not in OPEN_INVOICES:
        raise Conflict(Problem(field="invoice_id", reason="is not open", mend="choose one that is"))
    rules = rules_of(session, tenant_id=actor.tenant_id)
    due = amount_due(session, invoice, applies_balance=rules.applies_balance)
    if due <= 0:
        raise Conflict(Problem(field="invoice_id", reason="is covered by the balance", mend="pay it from the balance"))
    customer = find(session, Customer, invoice.customer_id, actor=actor)
    item = _item(session, invoice)
    return WhatFor(customer=customer, invoice=invoice, amount=due, currency=invoice.currency, item=item)


def check(session: Session, *, actor: Actor, now: datetime, row_id: int) -> Applied:
    """Ask the gateway what became of an order, and take it in. Commits before it asks and after.

    Raises `Conflict` when the gateway does not answer; the order is then asked about again by itself.
    """
    order = find(session, GatewayOrder, row_id, actor=actor)
    there = opened(session, order.gateway_id, actor=actor)
    session.commit()
    standing = ask(session, there, order)
    applied = apply(session, actor=actor, now=now, row_id=row_id, standing=standing)
    session.commit()
    return applied


def cancel(session: Session, *, actor: Actor, now: datetime, row_id: int) -> Applied:
    """Let nobody pay an order any more. Commits before it asks and after; raises `Conflict` when the gateway will not.

    What the gateway then says of the order counts, so one that was paid in that moment is booked.
    """
    order = find(session, GatewayOrder, row_id, actor=actor)
    if order.status not in OPEN:
        raise Conflict(Problem(field="", reason="is over already"))
    there = opened(session, order.gateway_id, actor=actor)
    session.commit()
    _talk(session, there, order, lambda: there.gateway.cancel(placed(order)))
    standing = ask(session, there, order)
    applied = apply(session, actor=actor, now=now, row_id=row_id, standing=standing)
    _close(session, actor, now, row_id)
    session.commit()
    return applied


def refund(session: Session, *, actor: Actor, now: datetime, row_id: int, reason: str) -> Applied:
    """Give a payment back through its gateway, and book that. Commits before it asks and after.

    It is tried in the books first: money that has been used for something else is not given back. Raises `Conflict`.
    """
    order = find(session, GatewayOrder, row_id, actor=actor)
    why = fields.text(reason, field="reason", longest=200, required=True)
    if order.status != "paid" or order.payment_id is None:
        raise Conflict(Problem(field="", reason="is not paid"))
    there = opened(session, order.gateway_id, actor=actor)
    payments.refund(session, actor=actor, now=now, payment_id=order.payment_id, reason=why)
    session.rollback()
    order = find(session, GatewayOrder, row_id, actor=actor)
    session.commit()
    key = f"R-{order.order_id}"[:50]
    _talk(session, there, order, lambda: there.gateway.refund(placed(order), order.amount, key=key, reason=why))
    return _book_refund(session, actor, now, row_id, why)


def confirm(session: Session, *, actor: Actor, now: datetime, row_id: int, note: str = "") -> Applied:
    """Staff saw a bank transfer on the account's statement: book it. Never commits."""
    order = find(session, GatewayOrder, row_id, actor=actor)
    if ABOUT[order.gateway.kind].can_be_asked:
        raise Conflict(Problem(field="", reason="this gateway tells by itself what was paid", mend="ask it instead"))
    if order.status in BOOKED:
        raise Conflict(Problem(field="", reason="is paid already"))
    fields.text(note, field="note", longest=500)
    standing = Standing(
        status="paid",
        word="confirmed",
        order_id=order.order_id,
        transaction_id=order.order_id,
        amount=order.amount,
        currency=order.currency,
        payment_type="transfer",
        paid_at=now,
    )
    return apply(session, actor=actor, now=now, row_id=row_id, standing=standing)


def actor_for(order: GatewayOrder) -> Actor:
    """Who acts when somebody who pays looks how it stands."""
    return Actor(tenant_id=order.tenant_id, kind="customer", name=f"payer of {order.order_id}")


def ask(session: Session, there: Opened, order: GatewayOrder) -> Standing:
    """The gateway's own word on an order, written into the log; commits a refusal to the log and raises `Conflict`."""
    standing: list[Standing] = []
    _talk(session, there, order, lambda: standing.append(there.gateway.status(placed(order))))
    return standing[0]


def _talk(session: Session, there: Opened, order: GatewayOrder, talk: Callable[[], object]) -> None:
    try:
        talk()
    except GatewayError as error:
        write_down(session, there, order_id=order.order_id)
        session.commit()
        field = Problem(field="", reason=str(error), mend="try again in a moment" if _may_help(error) else "")
        raise Conflict(field) from None
    write_down(session, there, order_id=order.order_id)


def _may_help(error: GatewayError) -> bool:
    return isinstance(error, Unreachable)


def _book_refund(session: Session, actor: Actor, now: datetime, row_id: int, why: str) -> Applied:
    order = locked(session, GatewayOrder, row_id, actor=actor)
    if order.payment_id is None or order.status == "refunded":
        session.commit()
        return Applied(order=order)
    undone = payments.refund(session, actor=actor, now=now, payment_id=order.payment_id, reason=why)
    order.refunded_amount = order.amount
    _set_status(session, actor, now, order, "refunded")
    session.commit()
    return Applied(order=order, effect=undone.effect)


def _close(session: Session, actor: Actor, now: datetime, row_id: int) -> None:
    """The gateway lets nobody pay it any more, or never knew that anybody might."""
    order = locked(session, GatewayOrder, row_id, actor=actor)
    if order.status in OPEN:
        _set_status(session, actor, now, order, "cancelled")


def _set_status(session: Session, actor: Actor, now: datetime, order: GatewayOrder, status: str) -> None:
    old, new = audit.set_fields(order, {"status": status})
    audit.record(
        session, actor=actor, now=now, action=f"gateway_order.{status}", entity=order, customer_id=order.customer_id,
        old=old, new=new,
    )  # fmt: skip
    session.flush()


def _check_usable(row: PaymentGateway) -> None:
    if row.deleted_at is not None or not row.is_active:
        raise Conflict(Problem(field="gateway_id", reason="is not in use", mend="choose another"))


def _check_currency(row: PaymentGateway, currency: str) -> None:
    takes = ABOUT[row.kind].currencies
    if takes and currency not in takes:
        raise Conflict(Problem(field="gateway_id", reason=f"does not take {currency}", mend="choose another"))


def _begun(
    session: Session, row: PaymentGateway, what: WhatFor, now: datetime
) -> tuple[GatewayOrder | None, list[GatewayOrder]]:
    """The order that the payer has already, or those that a new one replaces."""
    invoice_id = what.invoice.id if what.invoice is not None else None
    begun = queries.open_orders(session, gateway_id=row.id, customer_id=what.customer.id, invoice_id=invoice_id)
    stale: list[GatewayOrder] = []
    for order in begun:
        age = now - order.created_at
        if order.status == "created" and age < STARTING and order.amount == what.amount:
            reason = "a payment is being started at this gateway"
            raise Conflict(Problem(field="", reason=reason, mend="look again in a moment"))
        lives = order.expires_at - now > LEFT_AT_LEAST if row.kind != "mpesa" else age < PROMPT
        if order.status == "pending" and lives and order.amount == what.amount:
            return order, []
        # Another amount for the balance is another wish, not the same one again.
        if invoice_id is not None and row.kind != "mpesa":
            stale.append(order)
    return None, stale


def _new_order(
    session: Session, actor: Actor, now: datetime, row: PaymentGateway, what: WhatFor, link_id: int | None
) -> GatewayOrder:
    label = what.invoice.invoice_number if what.invoice is not None else f"TOP-{what.customer.customer_code}"
    suffix = "".join(secrets.choice(SUFFIX) for _ in range(6))
    order = GatewayOrder(
        tenant_id=actor.tenant_id,
        gateway_id=row.id,
        gateway=row,
        order_id=order_id(label or f"INV-{what.customer.customer_code}", suffix),
        customer_id=what.customer.id,
        invoice_id=None if what.invoice is None else what.invoice.id,
        link_id=link_id,
        purpose="recharge" if what.invoice is None else "invoice",
        amount=what.amount,
        currency=what.currency,
        status="created",
        page_key=secrets.token_urlsafe(24),
        expires_at=now + timedelta(seconds=ABOUT[row.kind].lifetime_s),
        next_check_at=now + FIRST_CHECK,
        created_at=now,
        created_by=actor.name,
    )
    session.add(order)
    session.flush()
    new = audit.snapshot(order, ("order_id", "amount", "currency", "invoice_id"))
    audit.record(
        session, actor=actor, now=now, action="gateway_order.created", entity=order, customer_id=what.customer.id,
        new=new,
    )  # fmt: skip
    session.flush()
    return order


def _wanted(order: GatewayOrder, what: WhatFor, row: PaymentGateway, at: Addresses, phone: str | None) -> Order:
    customer = what.customer
    return Order(
        order_id=order.order_id,
        amount=order.amount,
        currency=order.currency,
        item=what.item,
        payer=Payer(name=customer.name, email=customer.email, phone=phone or customer.phone),
        account=customer.customer_code,
        finish_url=at.ending(order.page_key, "finish"),
        error_url=at.ending(order.page_key, "error"),
        pending_url=at.ending(order.page_key, "pending"),
        notify_url=at.webhook(row.public_key),
        lifetime_s=ABOUT[row.kind].lifetime_s,
    )


def _tell(
    session: Session, actor: Actor, now: datetime, there: Opened, order: GatewayOrder, wanted: Order
) -> GatewayOrder:
    """Tell the gateway, and keep what it said. An order that it may or may not have is watched all the same."""
    try:
        created = there.gateway.create(wanted)
    except GatewayError as error:
        order = locked(session, GatewayOrder, order.id, actor=actor)
        order.problem = str(error)[:300]
        # Without an answer the order may be there, unless the gateway names it in a way that only the answer tells.
        order.next_check_at = order.next_check_at if isinstance(error, Unreachable) else None
        _set_status(session, actor, now, order, later_status(order.status, "failed"))
        write_down(session, there, order_id=order.order_id)
        session.commit()
        mend = "try again, or choose another way to pay" if not isinstance(error, NotOffered) else ""
        raise Conflict(Problem(field="", reason=str(error), mend=mend)) from None
    order = locked(session, GatewayOrder, order.id, actor=actor)
    _keep(order, created, now)
    write_down(session, there, order_id=order.order_id)
    session.commit()
    return order


def _keep(order: GatewayOrder, created: Created, now: datetime) -> None:
    order.reference, order.redirect_url = created.reference[:255], created.redirect_url
    order.instructions = dict(created.instructions)
    order.status = later_status(order.status, "pending")
    order.expires_at = created.expires_at or order.expires_at
    if order.gateway.kind == "mpesa":
        order.next_check_at = now + PROMPT_CHECK


def _item(session: Session, invoice: Invoice) -> str:
    """What the payer reads: the plan, and the number of the invoice."""
    number = invoice.invoice_number or ""
    if invoice.subscription_id is None:
        return number
    subscription = session.get(Subscription, invoice.subscription_id)
    plan = None if subscription is None else session.get(ServicePlan, subscription.service_plan_id)
    return number if plan is None else f"{plan.name[: 48 - len(number)]} {number}"
