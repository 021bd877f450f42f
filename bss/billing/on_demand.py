"""A bill for some days of a subscription, whenever somebody wants one: the first days before a cycle, a part of one.

The price of the days is the subscription's by the day; it moves no end of a term, and says nothing about renewals.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import fields, invoices
from bss.actor import Actor
from bss.billing_rules import rules_of
from bss.failure import Invalid, Problem
from bss.outcome import Changed
from bss.rows import find, tenant_of
from bss.subscriptions.renewal import cycle_of
from bss.subscriptions.values import require_not_over
from db.models import Invoice, Subscription
from domain.billing import service_line
from domain.invoices import Line, totals
from domain.money import ZERO, rounded
from domain.term import price_of_days

MOST_DAYS, MOST_DAYS_AWAY = 1100, 3650


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """What a bill for these half-open local days would say."""

    period: tuple[date, date]
    days: int
    amount: Decimal
    tax: Decimal
    total: Decimal
    currency: str


def quote(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    period_start: date,
    period_end: date,
    amount: object = None,
) -> Quote:
    """What it would come to; nothing is written. `amount` instead of the price of the days, before tax."""
    line, period = _line(session, actor, now, subscription_id, period_start, period_end, amount)
    tenant, rules = tenant_of(session, actor=actor), rules_of(session, tenant_id=actor.tenant_id)
    sums = totals([line], currency=tenant.currency, tax=rules.tax)
    return Quote(
        period=period, days=(period[1] - period[0]).days, amount=line.unit_price, tax=sums.tax, total=sums.total,
        currency=tenant.currency,
    )  # fmt: skip


def bill(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    period_start: date,
    period_end: date,
    amount: object = None,
    due_date: date | None = None,
    notes: str = "",
) -> Changed[Invoice]:
    """Write and issue the bill; `due_date` is by the rules of billing where none is given."""
    line, period = _line(session, actor, now, subscription_id, period_start, period_end, amount)
    subscription = find(session, Subscription, subscription_id, actor=actor)
    draft = invoices.Draft(
        kind="one_off", subscription_id=subscription.id, period=period, lines=[line], due_date=due_date, notes=notes
    )
    return invoices.create(session, actor=actor, now=now, customer_id=subscription.customer_id, draft=draft)


def _line(
    session: Session, actor: Actor, now: datetime, subscription_id: int, first: date, last: date, amount: object
) -> tuple[Line, tuple[date, date]]:
    subscription = find(session, Subscription, subscription_id, actor=actor)
    require_not_over(subscription)
    if not 0 < (last - first).days <= MOST_DAYS:
        mend = f"use the day after the last one, at most {MOST_DAYS} days later"
        raise Invalid(Problem(field="period_end", reason="does not come after the first day", mend=mend))
    if abs((first - now.date()).days) > MOST_DAYS_AWAY:
        raise Invalid(Problem(field="period_start", reason="is more than ten years away", mend="check the year"))
    tenant = tenant_of(session, actor=actor)
    if amount is not None:
        price = fields.money(amount, field="amount")
    else:
        cycle = cycle_of(subscription, ZoneInfo(tenant.timezone))
        # A whole cycle costs its price, however many days it has.
        is_whole = cycle.after(first) == last
        by_calendar = rules_of(session, tenant_id=tenant.id).days_by_calendar
        days = (last - first).days
        some = price_of_days(subscription.price, cycle, first, days, by_calendar=by_calendar)
        price = rounded(subscription.price if is_whole else some, tenant.currency)
    if price <= ZERO:
        raise Invalid(Problem(field="amount", reason="comes to nothing", mend="give an amount"))
    return service_line(subscription.plan.name, (first, last), price), (first, last)
