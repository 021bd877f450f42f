"""Recharging a subscription, as people do at a hotspot's counter: days, or a package of volume or online time.

Days cost what the plan says (`bss.renewals`). A package costs what is agreed, is billed and paid at once, and becomes
a top-up that lasts to the end of the running billing cycle or for good. Where its money goes back, or its invoice is
cancelled, the top-up goes too: what is unused of it is gone, what was used counts against the plan's own allowance.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from bss import fields, invoices, payments, renewals, topups
from bss.actor import Actor
from bss.failure import Invalid, Problem
from bss.invoices import today_of
from bss.outcome import NO_EFFECT, Effect
from bss.rows import find, locked, tenant_of
from bss.wallet import payable
from db.models import Customer, Invoice, Payment, QuotaTopup, Subscription
from domain import line_words
from domain.invoices import Line
from domain.payments import EXTERNAL

DAYS, DATA, TIME = "days", "data", "time"
KINDS = (DAYS, DATA, TIME)
WAYS = (renewals.BALANCE, *EXTERNAL)
# A petabyte, and ten years.
MAX_BYTES, MAX_S = 10**15, 10 * 366 * 86400


@dataclass(frozen=True, kw_only=True, slots=True)
class Recharged:
    """What was bought and how it was paid; `topup` is None for days, and when the same request came before."""

    subscription: Subscription
    invoice: Invoice
    payment: Payment | None = None
    topup: QuotaTopup | None = None
    effect: Effect = NO_EFFECT


def recharge(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    kind: str,
    amount: int,
    price: object = None,
    by: str = "cash",
    for_good: bool = False,
    request_key: str | None = None,
) -> Recharged:
    """Sell `amount` days, bytes ("data") or seconds ("time") and let them be used at once.

    `by`: "balance" takes the money, a way of paying records it. Asked twice with one `request_key` it is sold once.
    """
    fields.one_of(kind, field="kind", allowed=KINDS)
    fields.one_of(by, field="by", allowed=WAYS)
    given = {"actor": actor, "now": now, "subscription_id": subscription_id}
    if kind == DAYS:
        if price is not None:
            raise Invalid(Problem(field="price", reason="of days is the plan's", mend="leave it out"))
        done = renewals.add_days(session, **given, days=amount, by=by, request_key=request_key)  # type: ignore[arg-type]
        return Recharged(subscription=done.subscription, invoice=done.invoice, payment=done.payment, effect=done.effect)
    size = fields.whole(amount, field="amount", least=1, most=MAX_BYTES if kind == DATA else MAX_S)
    cost = payable(price, currency=tenant_of(session, actor=actor).currency, field="price")
    return _package(session, actor, now, subscription_id, kind, size, cost, by, for_good, request_key)


def _package(
    session: Session, actor: Actor, now: datetime, subscription_id: int, kind: str, size: int, cost: Decimal,
    by: str, for_good: bool, request_key: str | None,
) -> Recharged:  # fmt: skip
    unlocked = find(session, Subscription, subscription_id, actor=actor)
    customer = locked(session, Customer, unlocked.customer_id, actor=actor)
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    known = renewals.bought(session, actor, subscription, request_key)
    if known is not None:
        return Recharged(subscription=subscription, invoice=known.invoice, payment=known.payment)
    bytes_or_s: dict[str, Any] = {"amount_bytes": size} if kind == DATA else {"amount_s": size}
    topped = topups.add(
        session, actor=actor, now=now, subscription_id=subscription.id, kind=kind, for_good=for_good,
        note=f"sold for {cost}", **bytes_or_s,
    )  # fmt: skip
    said = f"{subscription.plan.name}, {size_words(kind, size, customer.language)}"
    line = Line(item_type="service", description=said, unit_price=cost)
    draft = invoices.Draft(
        kind="one_off", subscription_id=subscription.id, lines=[line],
        due_date=today_of(session, actor=actor, now=now), request_key=request_key,
    )  # fmt: skip
    written = invoices.create(session, actor=actor, now=now, customer_id=customer.id, draft=draft)
    topped.row.invoice_id = written.row.id
    payment, effect = _paid(session, actor, now, customer, written.row, by, request_key)
    return Recharged(
        subscription=subscription, invoice=written.row, payment=payment, topup=topped.row,
        effect=topped.effect + written.effect + effect,
    )  # fmt: skip


def _paid(
    session: Session, actor: Actor, now: datetime, customer: Customer, invoice: Invoice, by: str, key: str | None
) -> tuple[Payment | None, Effect]:
    if invoice.status == "paid":
        return None, NO_EFFECT
    if by == renewals.BALANCE:
        done = payments.pay_by_balance(session, actor=actor, now=now, invoice_id=invoice.id)
        return None, done.effect
    received = payments.receive(
        session, actor=actor, now=now, customer_id=customer.id, amount=invoice.total, method=by,
        invoice_id=invoice.id, request_key=key,
    )  # fmt: skip
    return received.payment, received.effect


def size_words(kind: str, size: int, language: str) -> str:
    """How much, as an invoice says it."""
    return line_words.online_time(size, language) if kind == TIME else line_words.volume(size, language)
