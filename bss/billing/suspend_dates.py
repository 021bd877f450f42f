"""The day on which a subscription is suspended whatever was paid, once or every month; what it costs is seen before.

`bss.billing.clock` suspends on the day, and notes some days before that it is near. Who is suspended by it comes back
by hand, or by moving the day.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.billing_rules import rules_of
from bss.failure import Invalid, Problem
from bss.outcome import Changed
from bss.rows import find, locked, tenant_of
from bss.subscriptions.renewal import cycle_of
from bss.subscriptions.values import record, require_not_over
from db.models import Subscription
from domain.money import ZERO, rounded
from domain.term import price_of_days

MOST_DAYS_AHEAD = 3650


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """What a day of suspension means: how many days of the running term were paid for and are not used."""

    now_on: date | None
    now_recurring_day: int | None
    suspend_on: date | None
    unused_days: int
    unused_worth: Decimal
    currency: str


def preview(session: Session, *, actor: Actor, now: datetime, subscription_id: int, suspend_on: date | None) -> Effect:
    """What it would mean; nothing is saved."""
    subscription = find(session, Subscription, subscription_id, actor=actor)
    tenant = tenant_of(session, actor=actor)
    zone = ZoneInfo(tenant.timezone)
    _check(suspend_on, now, zone)
    unused, worth = 0, ZERO
    if suspend_on is not None and subscription.expires_at is not None:
        unused = max(0, (subscription.expires_at.astimezone(zone).date() - suspend_on).days)
        by_calendar = rules_of(session, tenant_id=tenant.id).days_by_calendar
        cycle = cycle_of(subscription, zone)
        exact = price_of_days(subscription.price, cycle, suspend_on, unused, by_calendar=by_calendar)
        worth = rounded(exact, tenant.currency)
    return Effect(
        now_on=subscription.suspend_on, now_recurring_day=subscription.suspend_recurring_day, suspend_on=suspend_on,
        unused_days=unused, unused_worth=worth, currency=tenant.currency,
    )  # fmt: skip


def change(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    suspend_on: date | None,
    recurring_day: int | None = None,
    version: int | None = None,
) -> Changed[Subscription]:
    """Set the day, or remove it with None. `recurring_day`: after it, on this day of every month."""
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    require_not_over(subscription)
    _check(suspend_on, now, ZoneInfo(tenant_of(session, actor=actor).timezone))
    day = fields.optional_whole(recurring_day, field="recurring_day", least=1, most=31)
    if day is not None and suspend_on is None:
        mend = "say when it is suspended first"
        raise Invalid(Problem(field="recurring_day", reason="repeats nothing", mend=mend))
    old, new = audit.set_fields(subscription, {"suspend_on": suspend_on, "suspend_recurring_day": day})
    record(session, actor, now, "suspend_date_changed", subscription, old=old, new=new)
    session.flush()
    return Changed(row=subscription)


def _check(suspend_on: date | None, now: datetime, zone: ZoneInfo) -> None:
    if suspend_on is None:
        return
    today = now.astimezone(zone).date()
    if suspend_on < today:
        raise Invalid(Problem(field="suspend_on", reason="lies behind", mend="suspend it now instead"))
    if suspend_on > today + timedelta(days=MOST_DAYS_AHEAD):
        raise Invalid(Problem(field="suspend_on", reason="is more than ten years away", mend="check the year"))
