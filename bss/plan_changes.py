"""Another plan for a subscription, with what it costs: now, or when its term ends.

A change now is prorated: what is left of the old plan is given back, what is left of the period is paid by the new one.
The difference is an invoice, or credit. A change at the end of the term costs nothing by itself. A cheaper plan within
the contract asks for the fee of leaving it (`bss.early_ending`). Decides when and what; `bss.subscriptions.change_plan`
makes the change, `domain.proration` says what it costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, invoices, renewals
from bss.actor import Actor
from bss.billing_rules import rules_of
from bss.books import Event, book
from bss.early_ending import Breach, breach_by_lowering, charge, take_back
from bss.failure import Conflict, Failure, NotFound, Problem
from bss.outcome import NO_EFFECT, Effect
from bss.rows import find, locked, tenant_of
from bss.settling import pay_from_balance
from bss.subscriptions import change_plan
from bss.subscriptions.renewal import cycle_of
from bss.subscriptions.values import kind_for, plan_for_sale, require_not_over
from db.models import Customer, Invoice, PlanChange, ServicePlan, Subscription
from db.queries.plan_changes import changes_of, due_changes, waiting_change
from domain import books, line_words
from domain.invoices import Line, totals
from domain.lifecycle import IllegalMove
from domain.money import ZERO
from domain.proration import Proration, prorate
from domain.term import Cycle

NOW, NEXT_PERIOD = "now", "next_period"
EFFECTIVE = (NOW, NEXT_PERIOD)
MOST_SHOWN = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What a change of plan would cost now. `total` is with tax; below zero it is credit."""

    subscription: Subscription
    plan: ServicePlan
    proration: Proration
    total: Decimal
    currency: str
    # When the term ends and a change at its end would be made; None for one without an end.
    period_end: datetime | None
    # The contract that a change now breaks.
    breach: Breach | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanChanged:
    """The change, its invoice where something is to be paid, and what reaches running sessions."""

    row: PlanChange
    subscription: Subscription
    invoice: Invoice | None = None
    credited: Decimal = ZERO
    fee_invoice: Invoice | None = None
    effect: Effect = NO_EFFECT


def preview(session: Session, *, actor: Actor, now: datetime, subscription_id: int, service_plan_id: int) -> Preview:
    """What moving to the plan now would cost; writes nothing."""
    subscription = find(session, Subscription, subscription_id, actor=actor)
    plan = _plan(session, actor, subscription, service_plan_id)
    proration = _proration(session, actor, now, subscription, plan)
    tenant = tenant_of(session, actor=actor)
    return Preview(
        subscription=subscription, plan=plan, proration=proration, currency=tenant.currency,
        total=_with_tax(session, actor, proration.net), period_end=subscription.expires_at,
        breach=_breach(session, actor, subscription, plan, now),
    )  # fmt: skip


def change(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    service_plan_id: int,
    effective: str = NOW,
    prorated: bool = True,
    waive_fee: bool = False,
    version: int | None = None,
) -> PlanChanged:
    """Move the subscription to the plan, now or when its term ends; one change that waits is replaced by another.

    `prorated` false: a change now costs nothing until the next renewal. `waive_fee`: nothing is asked for a contract
    that it breaks.
    """
    unlocked = find(session, Subscription, subscription_id, actor=actor)
    customer = locked(session, Customer, unlocked.customer_id, actor=actor)
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    plan = _plan(session, actor, subscription, service_plan_id)
    _withdraw(session, actor, now, subscription)
    if effective == NEXT_PERIOD:
        return _schedule(session, actor, now, subscription, plan, waive_fee)
    breach = _breach(session, actor, subscription, plan, now)
    proration = _proration(session, actor, now, subscription, plan)
    row = _row(actor, subscription, plan, now, proration if prorated else None)
    session.add(row)
    session.flush()
    fee_invoice, effect = charge(
        session, actor=actor, now=now, subscription=subscription, breach=breach, waive_fee=waive_fee
    )
    changed = change_plan(
        session, actor=actor, now=now, subscription_id=subscription.id, service_plan_id=service_plan_id
    )
    invoice, credited, effect = None, ZERO, effect + changed.effect
    if prorated:
        invoice, credited, more = _charge(session, actor, now, customer, subscription, row, proration)
        effect += more
    effect += renewals.bill_anew(session, actor=actor, now=now, subscription=subscription)
    row.status, row.closed_at = "applied", now
    session.flush()
    return PlanChanged(
        row=row, subscription=subscription, invoice=invoice, credited=credited, fee_invoice=fee_invoice, effect=effect
    )


def withdraw(session: Session, *, actor: Actor, now: datetime, subscription_id: int) -> PlanChange:
    """Take back a change that waits for the end of the term; raises `NotFound` when none does."""
    unlocked = find(session, Subscription, subscription_id, actor=actor)
    locked(session, Customer, unlocked.customer_id, actor=actor)
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    row = _withdraw(session, actor, now, subscription)
    if row is None:
        raise NotFound(Problem(field="", reason="no change of plan is waiting"))
    renewals.bill_anew(session, actor=actor, now=now, subscription=subscription)
    return row


def history(session: Session, *, actor: Actor, subscription_id: int) -> Sequence[PlanChange]:
    """The changes of plan of a subscription, newest first, at most `MOST_SHOWN`."""
    find(session, Subscription, subscription_id, actor=actor)
    return changes_of(session, subscription_id, limit=MOST_SHOWN)


def apply_due(session: Session, *, now: datetime, limit: int = 100) -> Sequence[PlanChanged]:
    """Make the changes whose time has come; one that cannot be made any more is marked failed and says why."""
    done = []
    for row in due_changes(session, now=now, limit=limit):
        actor = Actor.system(tenant_id=row.tenant_id, name=f"plan change of {row.requested_by}"[:255])
        subscription = session.get_one(Subscription, row.subscription_id)
        try:
            with session.begin_nested():
                changed = change_plan(
                    session, actor=actor, now=now, subscription_id=subscription.id, service_plan_id=row.new_plan_id
                )
        except (Failure, IllegalMove) as error:
            row.status, row.closed_at, row.problem = "failed", now, str(error)
            take_back(session, actor=actor, now=now, invoice_id=row.invoice_id, reason="the plan was not changed")
            continue
        row.status, row.closed_at = "applied", now
        done.append(PlanChanged(row=row, subscription=subscription, effect=changed.effect))
    session.flush()
    return done


def _plan(session: Session, actor: Actor, subscription: Subscription, service_plan_id: int) -> ServicePlan:
    require_not_over(subscription)
    if subscription.service_plan_id == service_plan_id:
        raise Conflict(Problem(field="service_plan_id", reason="is the plan it has already", mend="choose another"))
    plan = plan_for_sale(session, service_plan_id, actor=actor)
    kind_for(subscription.connection_type, plan)
    return plan


def _breach(
    session: Session, actor: Actor, subscription: Subscription, plan: ServicePlan, when: datetime
) -> Breach | None:
    zone = ZoneInfo(tenant_of(session, actor=actor).timezone)
    return breach_by_lowering(
        session, actor=actor, subscription=subscription, plan=plan, on=when.astimezone(zone).date()
    )  # fmt: skip


def _proration(
    session: Session, actor: Actor, now: datetime, subscription: Subscription, plan: ServicePlan
) -> Proration:
    """The price of the change today. A term that is over, or has no end, has nothing left of it."""
    tenant = tenant_of(session, actor=actor)
    zone = ZoneInfo(tenant.timezone)
    if subscription.expires_at is None or subscription.expires_at <= now or subscription.status == "pending":
        return Proration(days_left=0, days=0, credit=ZERO, charge=ZERO)
    old_cycle = cycle_of(subscription, zone)
    new_cycle = Cycle(name=plan.billing_cycle, validity_days=plan.validity_days, anchor_day=old_cycle.anchor_day)
    end = subscription.expires_at.astimezone(zone).date()
    return prorate(
        old_price=subscription.price, new_price=plan.price, old_cycle=old_cycle, new_cycle=new_cycle,
        period=(old_cycle.before(end), end), today=now.astimezone(zone).date(), currency=tenant.currency,
        by_calendar=rules_of(session, tenant_id=tenant.id).days_by_calendar,
    )  # fmt: skip


def _row(
    actor: Actor, subscription: Subscription, plan: ServicePlan, when: datetime, proration: Proration | None
) -> PlanChange:
    return PlanChange(
        tenant_id=actor.tenant_id, subscription_id=subscription.id, old_plan_id=subscription.service_plan_id,
        new_plan_id=plan.id, effective_at=when, requested_by=actor.name, status="pending",
        days_left=proration.days_left if proration else 0, credit=proration.credit if proration else ZERO,
        charge=proration.charge if proration else ZERO,
    )  # fmt: skip


def _schedule(
    session: Session, actor: Actor, now: datetime, subscription: Subscription, plan: ServicePlan, waive_fee: bool
) -> PlanChanged:
    if subscription.expires_at is None or subscription.expires_at <= now:
        reason = "the term has no end ahead"
        raise Conflict(Problem(field="effective", reason=reason, mend="make the change now"))
    row = _row(actor, subscription, plan, subscription.expires_at, None)
    session.add(row)
    session.flush()
    new = {"plan": plan.name, "effective_at": row.effective_at}
    _record(session, actor, now, "subscription.plan_change_scheduled", subscription, new)
    breach = _breach(session, actor, subscription, plan, row.effective_at)
    fee_invoice, effect = charge(
        session, actor=actor, now=now, subscription=subscription, breach=breach, waive_fee=waive_fee
    )
    row.invoice_id = None if fee_invoice is None else fee_invoice.id
    effect += renewals.bill_anew(session, actor=actor, now=now, subscription=subscription)
    return PlanChanged(row=row, subscription=subscription, fee_invoice=fee_invoice, effect=effect)


def _withdraw(session: Session, actor: Actor, now: datetime, subscription: Subscription) -> PlanChange | None:
    row = waiting_change(session, subscription.id)
    if row is None:
        return None
    row.status, row.closed_at = "cancelled", now
    _record(session, actor, now, "subscription.plan_change_withdrawn", subscription, {"plan": row.new_plan.name})
    take_back(session, actor=actor, now=now, invoice_id=row.invoice_id, reason="the plan is not changed")
    session.flush()
    return row


def _with_tax(session: Session, actor: Actor, net: Decimal) -> Decimal:
    rules, currency = rules_of(session, tenant_id=actor.tenant_id), tenant_of(session, actor=actor).currency
    line = Line(item_type="proration", description="", unit_price=abs(net))
    total = totals([line], currency=currency, tax=rules.tax).total
    return total if net >= 0 else -total


def _charge(
    session: Session,
    actor: Actor,
    now: datetime,
    customer: Customer,
    subscription: Subscription,
    row: PlanChange,
    proration: Proration,
) -> tuple[Invoice | None, Decimal, Effect]:
    """The difference as an invoice or as credit."""
    if proration.net > 0:
        changed = invoices.create(
            session, actor=actor, now=now, customer_id=customer.id, draft=_draft(subscription, row, proration)
        )
        row.invoice_id = changed.row.id
        return changed.row, ZERO, changed.effect
    if proration.net < 0:
        return None, *_give_back(session, actor, now, customer, subscription, row, -proration.net)
    return None, ZERO, NO_EFFECT


def _draft(subscription: Subscription, row: PlanChange, proration: Proration) -> invoices.Draft:
    days = line_words.days_of(proration.days_left, proration.days, subscription.customer.language)
    return invoices.Draft(
        kind="proration",
        subscription_id=subscription.id,
        lines=[
            Line(item_type="proration", description=f"{row.new_plan.name}, {days}", unit_price=proration.charge),
            Line(item_type="proration", description=f"{row.old_plan.name}, {days}", unit_price=-proration.credit),
        ],
    )


def _give_back(
    session: Session,
    actor: Actor,
    now: datetime,
    customer: Customer,
    subscription: Subscription,
    row: PlanChange,
    amount: Decimal,
) -> tuple[Decimal, Effect]:
    rules, currency = rules_of(session, tenant_id=actor.tenant_id), tenant_of(session, actor=actor).currency
    line = Line(item_type="proration", description="", unit_price=amount)
    sums = totals([line], currency=currency, tax=rules.tax)
    event = Event(
        kind=books.CREDIT, key=f"plan_change:{row.id}",
        postings=books.noted(customer.id, revenue=dict(sums.revenue), tax=sums.tax), customer_id=customer.id,
        subscription_id=subscription.id, balance_word="credit", reference_type="plan_change", reference_id=row.id,
        description=f"{row.old_plan.name} to {row.new_plan.name}",
    )  # fmt: skip
    row.entry_id = book(session, actor=actor, now=now, event=event).id
    if not rules.applies_balance:
        return sums.total, NO_EFFECT
    return sums.total, pay_from_balance(session, actor=actor, now=now, customer=customer).effect


def _record(
    session: Session, actor: Actor, now: datetime, action: str, subscription: Subscription, new: dict[str, Any]
) -> None:
    audit.record(
        session, actor=actor, now=now, action=action, entity=subscription, customer_id=subscription.customer_id, new=new
    )
