"""A term that was paid for: where it ends now, and back into service.

Which term follows which is `domain.entitlement`'s to say. The customer and his invoice are locked by the caller.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, network
from bss.actor import Actor
from bss.billing_rules import rules_of
from bss.customers import BLOCKING_STATUSES, roll_up
from bss.outcome import NO_EFFECT, Effect
from bss.rows import locked, tenant_of
from bss.subscriptions.values import apply_limits, disconnect, record
from db.models import Customer, Invoice, InvoiceSettlement, Subscription
from db.queries.plan_changes import change_at_end
from domain.desired import SESSION_TIMEOUT
from domain.entitlement import extended
from domain.lifecycle import check_subscription_move
from domain.term import Cycle, anchor_day_of

RENEWABLE = frozenset({"active", "suspended", "expired"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Extended:
    """The end of a term before and after it was paid for; both None where there was nothing to move."""

    before: datetime | None = None
    after: datetime | None = None
    effect: Effect = NO_EFFECT


@dataclass(frozen=True, kw_only=True, slots=True)
class NextTerm:
    """What the term after the running one is: its plan, its price, and how long it is."""

    plan_name: str
    price: Decimal
    cycle: Cycle


def extend(session: Session, *, actor: Actor, now: datetime, invoice: Invoice) -> Extended:
    """Move the end of the invoice's subscription by the terms that it pays for."""
    if invoice.subscription_id is None:
        return Extended()
    subscription = locked(session, Subscription, invoice.subscription_id, actor=actor)
    if subscription.expires_at is None or subscription.status not in RENEWABLE:
        return Extended()
    return move_end(session, actor=actor, now=now, subscription=subscription, terms=invoice.terms)


def move_end(session: Session, *, actor: Actor, now: datetime, subscription: Subscription, terms: int) -> Extended:
    """Extend a locked subscription that has an end by so many terms."""
    zone = ZoneInfo(tenant_of(session, actor=actor).timezone)
    before = subscription.expires_at
    if before is None:
        return Extended()
    extension = extended(
        status=subscription.status,
        expires_at=before,
        cycle=next_term(session, subscription, zone).cycle,
        zone=zone,
        now=now,
        keeps_days=rules_of(session, tenant_id=actor.tenant_id).keeps_days,
        terms=terms,
    )
    values: dict[str, Any] = {"expires_at": extension.expires_at}
    if extension.new_anchor_day is not None:
        values["billing_day"] = extension.new_anchor_day
    old, new = audit.set_fields(subscription, values)
    record(session, actor, now, "renewed", subscription, old=old, new=new)
    session.flush()
    effect = NO_EFFECT
    if subscription.status == "active":
        effect = apply_limits(session, actor, now, subscription, also=frozenset({SESSION_TIMEOUT}))
    return Extended(before=before, after=extension.expires_at, effect=effect)


def cycle_of(subscription: Subscription, zone: ZoneInfo) -> Cycle:
    """The cycle that the subscription is billed by, with the day its months turn on."""
    anchor = subscription.billing_day
    if subscription.expires_at is not None:
        anchor = anchor_day_of(subscription.expires_at.astimezone(zone).date(), subscription.billing_day)
    return Cycle(name=subscription.billing_cycle, validity_days=subscription.plan.validity_days, anchor_day=anchor)


def next_term(session: Session, subscription: Subscription, zone: ZoneInfo) -> NextTerm:
    """The plan's next term; the new plan's where a change of plan waits for the end of this one."""
    own, end = cycle_of(subscription, zone), subscription.expires_at
    change = None if end is None else change_at_end(session, subscription.id, end)
    if change is None:
        return NextTerm(plan_name=subscription.plan.name, price=subscription.price, cycle=own)
    plan = change.new_plan
    cycle = Cycle(name=plan.billing_cycle, validity_days=plan.validity_days, anchor_day=own.anchor_day)
    return NextTerm(plan_name=plan.name, price=plan.price, cycle=cycle)


def bring_back(session: Session, *, actor: Actor, now: datetime, customer: Customer, subscription_id: int) -> Effect:
    """Put a subscription that had stopped for money back into service; a blocked customer's stays out."""
    if customer.status in BLOCKING_STATUSES and customer.status != "suspended":
        return NO_EFFECT
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    check_subscription_move(subscription.status, "active")
    values = {"status": "active", "suspend_reason": None, "suspend_cause": None, "suspended_at": None}
    old, new = audit.set_fields(subscription, values)
    record(session, actor, now, "activated", subscription, old=old, new=new)
    roll_up(session, actor=actor, now=now, customer=customer)
    return network.leave_garden(session, actor=actor, now=now, subscription_ids=[subscription.id])


def take_back_extension(
    session: Session, *, actor: Actor, now: datetime, invoice: Invoice, settlement: InvoiceSettlement
) -> Effect:
    """End the term where it did before the invoice was paid, unless somebody has moved it since."""
    if invoice.subscription_id is None or settlement.extended_to is None:
        return NO_EFFECT
    subscription = locked(session, Subscription, invoice.subscription_id, actor=actor)
    if subscription.expires_at != settlement.extended_to:
        return NO_EFFECT
    old, new = audit.set_fields(subscription, {"expires_at": settlement.extended_from})
    record(session, actor, now, "renewal_taken_back", subscription, old=old, new=new)
    session.flush()
    if subscription.status != "active":
        return NO_EFFECT
    is_over = settlement.extended_from is not None and settlement.extended_from <= now
    if is_over:
        return disconnect(session, actor, now, subscription, "expire")
    return apply_limits(session, actor, now, subscription, also=frozenset({SESSION_TIMEOUT}))
