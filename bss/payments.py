"""Money that comes in: recorded, booked, used for invoices, and given back.

One transaction from the money to the subscription: payment, books, invoice, term, and the row that brings a running
session into service. A request is recorded once, by its key or by its gateway's id; the customer's lock makes two of
them wait for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from sqlalchemy.orm import Session

from bss import audit, commissions, fields, invoices, referrals, topups
from bss.actor import Actor
from bss.billing_rules import rules_of
from bss.books import Event, book, take_back
from bss.failure import Conflict, Invalid, Problem, require_known
from bss.invoices import document_number, today_of
from bss.outcome import NO_EFFECT, Changed, Effect
from bss.rows import find, locked, referenced, tenant_of
from bss.settling import covers, pay_from_balance, restore, settle, unsettle
from bss.wallet import payable
from db.engine import psycopg_of
from db.models import Customer, Expense, Invoice, Payment
from db.queries.allowances import topups_of_invoice
from db.queries.books import (
    balance_of,
    invoices_paid_by,
    payment_of_gateway,
    payment_of_request,
    standing_settlement,
)
from domain import books
from domain.invoices import OPEN
from domain.payments import EXTERNAL, PURPOSES, check_move

# Income that is no package's, such as a sale of equipment: revenue at once, and nobody's balance.
OTHER = "other"
# Offered as categories of it; a provider may use words of its own.
INCOME_CATEGORIES = ("installation", "equipment", "relocation", "repair", "rent", "penalty", "other")
MAX_KEY = 120
_SHOWN = ("amount", "currency", "method", "invoice_id", "receipt_number", "reference", "gateway")


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A payment, whether it is new, which invoices are paid now, and what reaches running sessions."""

    payment: Payment
    is_new: bool
    paid_invoice_ids: Sequence[int] = ()
    effect: Effect = NO_EFFECT


class Details(TypedDict, total=False):
    """What may be said about a payment beside who paid how much, and how."""

    invoice_id: int | None
    purpose: str | None
    category: str
    expense_id: int | None
    reference: str
    gateway: str | None
    gateway_transaction_id: str | None
    gateway_status: str | None
    paid_at: datetime | None
    note: str
    request_key: str | None


_KNOWN = frozenset(Details.__annotations__)


def receive(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    amount: object,
    method: str,
    **details: Unpack[Details],
) -> Received:
    """Record that a customer paid. The money is his balance; it pays `invoice_id` at once when it is enough for it.

    With the `purpose` "other" it is income of a `category` instead and no balance changes; `expense_id` is what the
    sold thing had cost.

    Asked twice with one `request_key`, or one gateway transaction, it is recorded once, and answered alike.
    Raises `Conflict` when the second says another amount or customer.
    """
    require_known(details, _KNOWN)
    fields.one_of(method, field="method", allowed=EXTERNAL)
    sum_ = payable(amount, currency=tenant_of(session, actor=actor).currency)
    referenced(session, Customer, customer_id, actor=actor, field="customer_id")
    customer = locked(session, Customer, customer_id, actor=actor)
    known = _known(session, actor, details)
    if known is not None:
        return Received(payment=_same(known, customer, sum_), is_new=False)
    invoice_id = details.get("invoice_id")
    invoice = None if invoice_id is None else _invoice_of(session, actor, customer, invoice_id)
    payment = _payment(session, actor, now, customer, invoice, sum_, method, details)
    session.add(payment)
    session.flush()
    if payment.purpose == OTHER:
        _book_sale(session, actor, now, payment)
        return Received(payment=payment, is_new=True)
    received = _use(session, actor, now, customer, payment, invoice)
    rewarded = referrals.reward(session, actor=actor, now=now, payment=payment, customer=customer)
    commissions.earn(session, actor=actor, now=now, payment=payment)
    return replace(received, effect=received.effect + rewarded)


def _payment(
    session: Session,
    actor: Actor,
    now: datetime,
    customer: Customer,
    invoice: Invoice | None,
    amount: Decimal,
    method: str,
    details: Details,
) -> Payment:
    purpose = _purpose(details.get("purpose"), invoice)
    return Payment(
        tenant_id=actor.tenant_id, customer_id=customer.id, invoice_id=None if invoice is None else invoice.id,
        subscription_id=None if invoice is None else invoice.subscription_id, amount=amount,
        currency=tenant_of(session, actor=actor).currency, method=method, purpose=purpose,
        category=_category(purpose, details.get("category", "")),
        expense_id=_expense(session, actor, purpose, details.get("expense_id")), operator_id=customer.operator_id,
        status="completed", reference=fields.text(details.get("reference", ""), field="reference", longest=100),
        gateway=details.get("gateway"), gateway_transaction_id=details.get("gateway_transaction_id"),
        gateway_status=details.get("gateway_status"), request_key=_key(details.get("request_key")),
        paid_at=_paid_at(details.get("paid_at"), now),
        note=fields.text(details.get("note", ""), field="note", longest=1000, lines=True),
        recorded_by=actor.name, recorded_by_user_id=actor.user_id,
        receipt_number=_receipt_number(session, actor, now),
    )  # fmt: skip


def _receipt_number(session: Session, actor: Actor, now: datetime) -> str:
    day, prefix = today_of(session, actor=actor, now=now), rules_of(session, tenant_id=actor.tenant_id).receipt_prefix
    return document_number(session, tenant_id=actor.tenant_id, prefix=prefix, day=day)


def refund(session: Session, *, actor: Actor, now: datetime, payment_id: int, reason: str) -> Changed[Payment]:
    """Give a payment back: the invoices that it paid are refunded, and their terms end where they did.

    What a gateway has to be asked for is asked before; this books it. Raises `Conflict` when the money has been used
    for something else since.
    """
    return _undo(session, actor, now, payment_id, reason, status="refunded")


def void(session: Session, *, actor: Actor, now: datetime, payment_id: int, reason: str) -> Changed[Payment]:
    """Take back a payment that never came: its invoices are open again. For what a gateway says came, refund it."""
    unlocked = find(session, Payment, payment_id, actor=actor)
    if unlocked.gateway is not None:
        raise Conflict(Problem(field="", reason="the gateway says that this was paid", mend="refund it instead"))
    return _undo(session, actor, now, payment_id, reason, status="cancelled")


def pay_by_balance(session: Session, *, actor: Actor, now: datetime, invoice_id: int) -> Changed[Invoice]:
    """Pay one open invoice out of the balance, whichever is due first; raises `Conflict` when it is not enough."""
    unlocked = find(session, Invoice, invoice_id, actor=actor)
    customer = locked(session, Customer, unlocked.customer_id, actor=actor)
    invoice = locked(session, Invoice, invoice_id, actor=actor)
    balance = balance_of(psycopg_of(session), customer.id)
    if balance < invoice.total:
        reason = f"the balance of {balance} is less than {invoice.total}"
        raise Conflict(Problem(field="invoice_id", reason=reason, mend="record a payment first"))
    effect = settle(session, actor=actor, now=now, invoice=invoice, payment=None)
    return Changed(row=invoice, effect=effect + restore(session, actor=actor, now=now, customer=customer))


def _known(session: Session, actor: Actor, details: Details) -> Payment | None:
    """The payment that this request, or this transaction of a gateway, became already."""
    gateway, transaction_id = details.get("gateway"), details.get("gateway_transaction_id")
    if (gateway is None) != (transaction_id is None):
        raise Invalid(Problem(field="gateway_transaction_id", reason="goes with a gateway, and a gateway with it"))
    if gateway is not None and transaction_id is not None:
        found = payment_of_gateway(session, tenant_id=actor.tenant_id, gateway=gateway, transaction_id=transaction_id)
        if found is not None:
            return found
    request_key = details.get("request_key")
    if request_key is None:
        return None
    return payment_of_request(session, tenant_id=actor.tenant_id, request_key=request_key)


def _same(known: Payment, customer: Customer, amount: Decimal) -> Payment:
    if known.customer_id != customer.id or known.amount != amount:
        reason = f"payment {known.id} was recorded for the same request with another amount or customer"
        raise Conflict(Problem(field="request_key", reason=reason, mend="send a new key for a new payment"))
    return known


def _key(request_key: str | None) -> str | None:
    return (
        None if request_key is None else fields.text(request_key, field="request_key", longest=MAX_KEY, required=True)
    )


def _purpose(purpose: str | None, invoice: Invoice | None) -> str:
    usual = "recharge" if invoice is None else "invoice"
    if purpose == OTHER and invoice is not None:
        raise Invalid(Problem(field="invoice_id", reason="is not paid by other income", mend="leave one of them out"))
    return fields.one_of(purpose or usual, field="purpose", allowed=tuple(one for one in PURPOSES if one != "voucher"))


def _category(purpose: str, given: str) -> str:
    clean = " ".join(str(given).lower().split()) if purpose == OTHER else given
    return fields.text(clean, field="category", longest=50, required=purpose == OTHER)


def _expense(session: Session, actor: Actor, purpose: str, expense_id: int | None) -> int | None:
    if expense_id is None:
        return None
    if purpose != OTHER:
        raise Invalid(Problem(field="expense_id", reason="goes with other income only", mend="leave it out"))
    return referenced(session, Expense, expense_id, actor=actor, field="expense_id").id


def _book_sale(session: Session, actor: Actor, now: datetime, payment: Payment) -> None:
    """Other income: money against revenue of its category."""
    event = Event(
        kind=books.PAYMENT, key=f"payment:{payment.id}",
        postings=books.sold(payment.amount, what=payment.category, method=payment.method),
        customer_id=payment.customer_id, reference_type="payment", reference_id=payment.id,
        description=str(payment.receipt_number),
    )  # fmt: skip
    payment.entry_id = book(session, actor=actor, now=now, event=event).id
    _record(session, actor, now, "payment.received", payment, new=_shown(payment) | {"category": payment.category})
    session.flush()


def _paid_at(paid_at: datetime | None, now: datetime) -> datetime:
    moment = now if paid_at is None else fields.moment(paid_at, field="paid_at")
    if moment > now:
        raise Invalid(Problem(field="paid_at", reason="lies ahead", mend="use the day on which it came"))
    return moment


def _invoice_of(session: Session, actor: Actor, customer: Customer, invoice_id: int) -> Invoice:
    referenced(session, Invoice, invoice_id, actor=actor, field="invoice_id")
    invoice = locked(session, Invoice, invoice_id, actor=actor)
    if invoice.customer_id != customer.id:
        raise Invalid(Problem(field="invoice_id", reason="is another customer's", mend="choose one of this customer's"))
    return invoice


def _use(
    session: Session, actor: Actor, now: datetime, customer: Customer, payment: Payment, invoice: Invoice | None
) -> Received:
    """Book the money and pay with it."""
    is_partial = invoice is not None and invoice.status in OPEN and payment.amount < invoice.total
    event = Event(
        kind=books.PAYMENT, key=f"payment:{payment.id}",
        postings=books.received(customer.id, payment.amount, method=payment.method), customer_id=customer.id,
        subscription_id=payment.subscription_id, balance_word="carry_over" if is_partial else "credit",
        reference_type="payment", reference_id=payment.id, description=str(payment.receipt_number),
    )  # fmt: skip
    payment.entry_id = book(session, actor=actor, now=now, event=event).id
    _record(session, actor, now, "payment.received", payment, new=_shown(payment))
    effect, paid = _pay_for(session, actor, now, customer, payment, invoice)
    rules = rules_of(session, tenant_id=actor.tenant_id)
    if rules.applies_balance:
        more = pay_from_balance(session, actor=actor, now=now, customer=customer)
        effect, paid = effect + more.effect, [*paid, *more.invoice_ids]
    effect += restore(session, actor=actor, now=now, customer=customer)
    return Received(payment=payment, is_new=True, paid_invoice_ids=paid, effect=effect)


def _pay_for(
    session: Session, actor: Actor, now: datetime, customer: Customer, payment: Payment, invoice: Invoice | None
) -> tuple[Effect, list[int]]:
    if invoice is None or invoice.status not in OPEN:
        return NO_EFFECT, []
    rules = rules_of(session, tenant_id=actor.tenant_id)
    balance = balance_of(psycopg_of(session), customer.id)
    if not covers(payment.amount, balance, invoice.total, applies_balance=rules.applies_balance):
        return NO_EFFECT, []
    return settle(session, actor=actor, now=now, invoice=invoice, payment=payment), [invoice.id]


def _undo(
    session: Session, actor: Actor, now: datetime, payment_id: int, reason: str, *, status: str
) -> Changed[Payment]:
    why = fields.text(reason, field="reason", longest=255, required=True)
    unlocked = find(session, Payment, payment_id, actor=actor)
    customer = locked(session, Customer, unlocked.customer_id, actor=actor)
    payment = locked(session, Payment, payment_id, actor=actor)
    check_move(payment.status, status)
    effect = NO_EFFECT
    for invoice in invoices_paid_by(session, payment.id):
        is_recharge = _is_recharge(session, invoice)
        effect += unsettle(session, actor=actor, now=now, invoice=invoice, reason=why)
        _reopen(session, actor, now, invoice, refunded=status == "refunded", reason=why)
        if status == "refunded":
            effect += topups.take_back_of(session, actor=actor, now=now, invoice_id=invoice.id)
        elif is_recharge:
            # What it bought is gone with the money that never came, so nothing is asked for it either.
            effect += invoices.cancel(session, actor=actor, now=now, invoice_id=invoice.id, reason=why).effect
    referrals.take_back_of(session, actor=actor, now=now, payment=payment, reason=why)
    balance = balance_of(psycopg_of(session), customer.id)
    if payment.purpose != OTHER and balance < payment.amount:
        left = f"only {balance} of {payment.amount} is left of it"
        raise Conflict(Problem(field="", reason=left, mend="cancel what the rest was used for, or give credit first"))
    _book_undone(session, actor, now, payment, why, status)
    values: dict[str, Any] = {"status": status}
    if status == "refunded":
        values["refunded_at"] = now
    old, new = audit.set_fields(payment, values)
    commissions.take_back_of(session, actor=actor, now=now, payment=payment, reason=why)
    _record(session, actor, now, f"payment.{'voided' if status == 'cancelled' else status}", payment, old=old, new=new)
    session.flush()
    return Changed(row=payment, effect=effect)


def _is_recharge(session: Session, invoice: Invoice) -> bool:
    """Whether what it paid for is used from the moment of paying: a package, or single days."""
    settlement = standing_settlement(session, invoice.id)
    has_days = settlement is not None and settlement.extended_to is not None and not invoice.terms
    return has_days or bool(topups_of_invoice(session, invoice.id))


def _book_undone(session: Session, actor: Actor, now: datetime, payment: Payment, why: str, status: str) -> None:
    if status == "cancelled" and payment.entry_id is not None:
        word = None if payment.purpose == OTHER else "debit"
        take_back(session, actor=actor, now=now, entry_id=payment.entry_id, description=why, balance_word=word)
        return
    is_sale = payment.purpose == OTHER
    sold = books.sold(payment.amount, what=payment.category, method=payment.method)
    event = Event(
        kind=books.REFUND, key=f"refund:{payment.id}",
        postings=books.reversed_of(sold) if is_sale
        else books.refunded(payment.customer_id, payment.amount, method=payment.method),
        customer_id=payment.customer_id, subscription_id=payment.subscription_id,
        balance_word=None if is_sale else "debit",
        reference_type="payment", reference_id=payment.id, description=why,
    )  # fmt: skip
    book(session, actor=actor, now=now, event=event)


def _reopen(session: Session, actor: Actor, now: datetime, invoice: Invoice, *, refunded: bool, reason: str) -> None:
    """A refunded invoice is asked for no longer; one whose payment never came is open again."""
    if refunded:
        if invoice.entry_id is not None:
            take_back(session, actor=actor, now=now, entry_id=invoice.entry_id, description=f"refunded: {reason}")
        old, new = audit.set_fields(invoice, {"status": "refunded"})
    else:
        status = "overdue" if invoice.due_date < today_of(session, actor=actor, now=now) else "unpaid"
        old, new = audit.set_fields(invoice, {"status": status, "paid_at": None})
    audit.record(
        session, actor=actor, now=now, action=f"invoice.{'refunded' if refunded else 'reopened'}", entity=invoice,
        customer_id=invoice.customer_id, old=old, new=new,
    )  # fmt: skip
    session.flush()


def _shown(payment: Payment) -> dict[str, Any]:
    return audit.snapshot(payment, _SHOWN)


def _record(session: Session, actor: Actor, now: datetime, action: str, payment: Payment, **values: Any) -> None:
    audit.record(
        session, actor=actor, now=now, action=action, entity=payment, customer_id=payment.customer_id, **values
    )
