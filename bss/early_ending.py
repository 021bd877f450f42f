"""What is ended, or lowered, before its contract is over: the warning, and the fee where the plan has one.

The contract is that of the plan that the subscription has, from its activation on. Decides when a fee is asked for; the
endings themselves are `bss.subscriptions`' and `bss.customers`'. What a job, an import or an action on many ends asks
for nothing: a fee is what a person agreed on with a customer.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import customers, invoices, subscriptions
from bss.actor import Actor
from bss.invoices import today_of
from bss.outcome import NO_EFFECT, Changed, Effect
from bss.rows import find, locked, tenant_of
from bss.subscriptions.values import record
from db.models import Customer, Invoice, ServicePlan, Subscription
from db.queries.books import open_invoices_of_requests
from db.queries.subscriptions import lock_unfinished_of_customer
from domain import line_words
from domain.invoices import OPEN, Line
from domain.term import contract_end, monthly_price

ITEM_TYPE = "penalty"


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """A contract that is not over yet: when it would be, and what leaving it costs; a fee of 0 is only a warning."""

    contract_end: date
    fee: Decimal


def breach_of(session: Session, *, actor: Actor, subscription: Subscription, leaves_on: date) -> Breach | None:
    """The contract that ending it on a local day breaks, or None."""
    plan = subscription.plan
    zone = ZoneInfo(tenant_of(session, actor=actor).timezone)
    end = contract_end(subscription.activated_at, plan.contract_period_months, zone)
    if end is None or leaves_on >= end or subscription.status in ("pending", "cancelled", "terminated"):
        return None
    return Breach(contract_end=end, fee=plan.early_end_fee)


def breach_now(session: Session, *, actor: Actor, now: datetime, subscription: Subscription) -> Breach | None:
    """The contract that ending it today breaks, or None. One that ends with its term was dealt with."""
    if subscription.cancel_at_period_end:
        return None
    return breach_of(session, actor=actor, subscription=subscription, leaves_on=today_of(session, actor=actor, now=now))


def breach_by_lowering(
    session: Session, *, actor: Actor, subscription: Subscription, plan: ServicePlan, on: date
) -> Breach | None:
    """The contract that moving to a plan breaks that costs less in a month, or None."""
    before = monthly_price(
        subscription.price, billing_cycle=subscription.billing_cycle, validity_days=subscription.plan.validity_days
    )
    after = monthly_price(plan.price, billing_cycle=plan.billing_cycle, validity_days=plan.validity_days)
    return breach_of(session, actor=actor, subscription=subscription, leaves_on=on) if after < before else None


def charge(
    session: Session, *, actor: Actor, now: datetime, subscription: Subscription, breach: Breach | None,
    waive_fee: bool, request_key: str | None = None,
) -> tuple[Invoice | None, Effect]:  # fmt: skip
    """Bill the fee of a breach, unless there is none; that it was waived is recorded."""
    if breach is None or not breach.fee:
        return None, NO_EFFECT
    if waive_fee:
        facts = {"fee": breach.fee, "contract_end": breach.contract_end}
        record(session, actor, now, "early_end_fee_waived", subscription, new=facts)
        return None, NO_EFFECT
    said = f"{subscription.plan.name}: {line_words.fee('early_end', subscription.customer.language)}"
    line = Line(item_type=ITEM_TYPE, description=said[: invoices.MAX_DESCRIPTION], unit_price=breach.fee)
    draft = invoices.Draft(kind="one_off", subscription_id=subscription.id, lines=[line], request_key=request_key)
    written = invoices.create(session, actor=actor, now=now, customer_id=subscription.customer_id, draft=draft)
    return written.row, written.effect


def cancel(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, at_period_end: bool = False,
    waive_fee: bool = False, version: int | None = None, **given: Any,
) -> Changed[Subscription]:  # fmt: skip
    """What `bss.subscriptions.cancel` does, with the fee. `keep` takes the fee of one that has not ended back."""
    subscription = _locked(session, actor, subscription_id, version)
    found = breach_now(session, actor=actor, now=now, subscription=subscription)
    key = None
    if at_period_end and subscription.expires_at is not None:
        zone = ZoneInfo(tenant_of(session, actor=actor).timezone)
        leaves_on = subscription.expires_at.astimezone(zone).date()
        found = breach_of(session, actor=actor, subscription=subscription, leaves_on=leaves_on)
        key = f"{_key(subscription)}{subscription.version}"
    changed = subscriptions.cancel(
        session, actor=actor, now=now, subscription_id=subscription_id, at_period_end=at_period_end, **given
    )
    return _with_fee(session, actor, now, changed, found, waive_fee, key)


def keep(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, version: int | None = None
) -> Changed[Subscription]:
    """What `bss.subscriptions.keep` does; a fee for leaving that is not paid yet is asked for no longer."""
    _locked(session, actor, subscription_id, version)
    changed = subscriptions.keep(session, actor=actor, now=now, subscription_id=subscription_id)
    effect = changed.effect
    for invoice in open_invoices_of_requests(session, tenant_id=actor.tenant_id, prefix=_key(changed.row)):
        cancelled = invoices.cancel(session, actor=actor, now=now, invoice_id=invoice.id, reason="the customer stays")
        effect += cancelled.effect
    return replace(changed, effect=effect)


def terminate(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, waive_fee: bool = False,
    version: int | None = None, **given: Any,
) -> Changed[Subscription]:  # fmt: skip
    """What `bss.subscriptions.terminate` does, with the fee."""
    subscription = _locked(session, actor, subscription_id, version)
    found = breach_now(session, actor=actor, now=now, subscription=subscription)
    changed = subscriptions.terminate(session, actor=actor, now=now, subscription_id=subscription_id, **given)
    return _with_fee(session, actor, now, changed, found, waive_fee)


def delete(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, waive_fee: bool = False, **given: Any
) -> Changed[Subscription]:
    """What `bss.subscriptions.delete` does, with the fee where that ends it."""
    effect = NO_EFFECT
    if find(session, Subscription, subscription_id, actor=actor).status != "terminated":
        ended = terminate(session, actor=actor, now=now, subscription_id=subscription_id, waive_fee=waive_fee, **given)
        effect = ended.effect
    changed = subscriptions.delete(session, actor=actor, now=now, subscription_id=subscription_id)
    return replace(changed, effect=effect + changed.effect)


def terminate_customer(
    session: Session, *, actor: Actor, now: datetime, customer_id: int, waive_fee: bool = False, **given: Any
) -> Changed[Customer]:
    """What `bss.customers.terminate` does, with the fee of each contract that it breaks."""
    locked(session, Customer, customer_id, actor=actor)
    rows = lock_unfinished_of_customer(session, customer_id)
    found = [(row, breach_now(session, actor=actor, now=now, subscription=row)) for row in rows]
    changed = customers.terminate(session, actor=actor, now=now, customer_id=customer_id, **given)
    effect = changed.effect
    for row, breach in found:
        effect += charge(
            session, actor=actor, now=now, subscription=row, breach=breach, waive_fee=waive_fee
        )[1]  # fmt: skip
    return replace(changed, effect=effect)


def _locked(session: Session, actor: Actor, subscription_id: int, version: int | None) -> Subscription:
    unlocked = find(session, Subscription, subscription_id, actor=actor)
    locked(session, Customer, unlocked.customer_id, actor=actor)
    return locked(session, Subscription, subscription_id, actor=actor, version=version)


def _with_fee(
    session: Session, actor: Actor, now: datetime, changed: Changed[Subscription], breach: Breach | None,
    waive_fee: bool, request_key: str | None = None,
) -> Changed[Subscription]:  # fmt: skip
    _, effect = charge(
        session, actor=actor, now=now, subscription=changed.row, breach=breach, waive_fee=waive_fee,
        request_key=request_key,
    )  # fmt: skip
    return replace(changed, effect=changed.effect + effect)


def _key(subscription: Subscription) -> str:
    """Names the fees of one that ends with its term, so that they are found when it stays."""
    return f"ends-early:{subscription.id}:"


def take_back(session: Session, *, actor: Actor, now: datetime, invoice_id: int | None, reason: str) -> Effect:
    """Ask no longer for a fee of a change that is not made, as far as it is not paid."""
    invoice = None if invoice_id is None else session.get(Invoice, invoice_id)
    if invoice is None or invoice.status not in OPEN:
        return NO_EFFECT
    return invoices.cancel(session, actor=actor, now=now, invoice_id=invoice.id, reason=reason).effect
