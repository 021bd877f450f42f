"""How a customer, or one of his subscriptions, wants to be billed: day, cycle, contact, way of paying, and who pays.

What a change does to the next bill is shown before it is saved; a large one is saved only when somebody says that he
has seen it. A billing day further on makes the running term longer, and the days are billed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, fields, invoices
from bss.actor import Actor
from bss.billing_rules import BillingRules, rules_of
from bss.failure import Conflict, Invalid, Problem, require_known
from bss.outcome import NO_EFFECT, Effect
from bss.rows import find, locked, tenant_of
from bss.subscriptions.renewal import cycle_of
from bss.subscriptions.values import apply_limits, record, require_not_over
from db.models import BillingProfile, Customer, Invoice, Subscription
from db.queries.billing_runs import payer_of, profile_of
from db.queries.books import open_renewal
from domain import line_words
from domain.billing import moved_to_day, price_of_cycle, renewal
from domain.desired import SESSION_TIMEOUT
from domain.invoices import Line, totals
from domain.money import ZERO, rounded
from domain.payments import METHODS
from domain.term import BILLING_CYCLES, Cycle, price_of_days

CONTACT = {"contact_name": 255, "contact_phone": 20, "contact_email": 255, "contact_address": 500}
OF_TERM = frozenset({"billing_day", "billing_cycle"})
OF_PROFILE = frozenset({*CONTACT, "payment_method", "parent_pays"})
# Of a bill as it was; a change of more than this is one that somebody should have seen.
LARGE_PERCENT = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """The next bill: on which local day it is written, for how much with tax, and which end of a term it follows."""

    on: date | None
    amount: Decimal
    price: Decimal
    cycle: str
    billing_day: int
    ends_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Impact:
    """What saving would do: the next bill before and after, and what the days in between cost (before tax)."""

    before: Bill | None
    after: Bill | None
    extra_days: int = 0
    charge: Decimal = ZERO
    payer_before: int | None = None
    payer_after: int | None = None

    @property
    def is_large(self) -> bool:
        """Whether somebody must say that he has seen it."""
        if self.payer_before != self.payer_after or self.charge > ZERO:
            return True
        if self.before is None or self.after is None or self.before.cycle != self.after.cycle:
            return self.before is not self.after
        return abs(self.after.amount - self.before.amount) * 100 > self.before.amount * LARGE_PERCENT


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """The profile as it is now, what that did, and the invoice of the days in between."""

    profile: BillingProfile
    impact: Impact
    invoice: Invoice | None = None
    effect: Effect = NO_EFFECT


def read(
    session: Session, *, actor: Actor, now: datetime, customer_id: int, subscription_id: int | None = None
) -> tuple[BillingProfile, Bill | None, int]:
    """The profile (an empty one where none was saved), the next bill, and who pays."""
    customer = find(session, Customer, customer_id, actor=actor)
    subscription = None if subscription_id is None else _own(session, actor, customer, subscription_id)
    profile = profile_of(session, customer.id, subscription_id) or _empty(actor, customer.id, subscription_id)
    bill = None if subscription is None else _bill(session, actor, now, subscription, {})
    return profile, bill, payer_of(session, customer.id)


def preview(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    subscription_id: int | None = None,
    changes: Mapping[str, Any],
) -> Impact:
    """What saving the changes would do; nothing is saved. Raises `Invalid`."""
    customer = find(session, Customer, customer_id, actor=actor)
    subscription = None if subscription_id is None else _own(session, actor, customer, subscription_id)
    return _impact(session, actor, now, customer, subscription, _clean(customer, subscription, changes))


def save(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    subscription_id: int | None = None,
    changes: Mapping[str, Any],
    is_confirmed: bool = False,
) -> Saved:
    """Save the changes; raises `Conflict` for a large one that nobody confirmed."""
    customer = locked(session, Customer, customer_id, actor=actor)
    subscription = None if subscription_id is None else _own(session, actor, customer, subscription_id, lock=True)
    clean = _clean(customer, subscription, changes)
    impact = _impact(session, actor, now, customer, subscription, clean)
    if impact.is_large and not is_confirmed:
        reason = "this changes the next bill a good deal"
        raise Conflict(Problem(field="is_confirmed", reason=reason, mend="look at the preview, and confirm"))
    profile = _write(session, actor, now, customer, subscription_id, clean)
    invoice, effect = None, NO_EFFECT
    if subscription is not None and OF_TERM & clean.keys():
        _require_nothing_billed(session, subscription)
        invoice, effect = _move(session, actor, now, customer, subscription, impact)
    session.flush()
    return Saved(profile=profile, impact=impact, invoice=invoice, effect=effect)


def _own(
    session: Session, actor: Actor, customer: Customer, subscription_id: int, *, lock: bool = False
) -> Subscription:
    get = locked if lock else find
    subscription: Subscription = get(session, Subscription, subscription_id, actor=actor)
    if subscription.customer_id != customer.id:
        reason = "belongs to another customer"
        raise Invalid(Problem(field="subscription_id", reason=reason, mend="choose one of this customer's"))
    require_not_over(subscription)
    return subscription


def _clean(customer: Customer, subscription: Subscription | None, changes: Mapping[str, Any]) -> dict[str, Any]:
    require_known(changes, OF_PROFILE | (OF_TERM if subscription is not None else frozenset()))
    clean: dict[str, Any] = {}
    for name, value in changes.items():
        if name in CONTACT:
            clean[name] = fields.optional_text(value, field=name, longest=CONTACT[name])
        elif name == "payment_method":
            clean[name] = None if not value else fields.one_of(value, field=name, allowed=METHODS)
        elif name == "billing_day":
            clean[name] = fields.whole(value, field=name, least=1, most=31)
        elif name == "billing_cycle":
            clean[name] = fields.one_of(value, field=name, allowed=BILLING_CYCLES)
        else:
            clean[name] = _parent_pays(customer, subscription, value)
    return clean


def _parent_pays(customer: Customer, subscription: Subscription | None, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Invalid(Problem(field="parent_pays", reason="is neither yes nor no"))
    if value and subscription is not None:
        raise Invalid(Problem(field="parent_pays", reason="is for all of a customer's subscriptions"))
    if value and customer.parent_customer_id is None:
        mend = "put the customer into a family first"
        raise Invalid(Problem(field="parent_pays", reason="the customer belongs to nobody's family", mend=mend))
    return value


def next_bill(session: Session, *, actor: Actor, now: datetime, subscription: Subscription) -> Bill:
    """What is billed next for a subscription as it is, and on which day; `on` is None where its term has no end."""
    return _bill(session, actor, now, subscription, {})


def _impact(
    session: Session,
    actor: Actor,
    now: datetime,
    customer: Customer,
    subscription: Subscription | None,
    clean: Mapping[str, Any],
) -> Impact:
    pays = payer_of(session, customer.id)
    after_pays = pays
    if "parent_pays" in clean:
        after_pays = (customer.parent_customer_id or customer.id) if clean["parent_pays"] else customer.id
    if subscription is None:
        return Impact(before=None, after=None, payer_before=pays, payer_after=after_pays)
    before = _bill(session, actor, now, subscription, {})
    after = _bill(session, actor, now, subscription, clean)
    extra, charge = 0, ZERO
    if before.ends_at is not None and after.ends_at is not None:
        extra = (after.ends_at.date() - before.ends_at.date()).days
        tenant = tenant_of(session, actor=actor)
        cycle = cycle_of(subscription, ZoneInfo(tenant.timezone))
        by_calendar = rules_of(session, tenant_id=tenant.id).days_by_calendar
        exact = price_of_days(subscription.price, cycle, before.ends_at.date(), extra, by_calendar=by_calendar)
        charge = rounded(exact, tenant.currency)
    return Impact(
        before=before, after=after, extra_days=extra, charge=charge, payer_before=pays, payer_after=after_pays
    )


def _bill(session: Session, actor: Actor, now: datetime, subscription: Subscription, clean: Mapping[str, Any]) -> Bill:
    tenant, rules = tenant_of(session, actor=actor), rules_of(session, tenant_id=actor.tenant_id)
    zone = ZoneInfo(tenant.timezone)
    day = clean.get("billing_day", subscription.billing_day)
    cycle = clean.get("billing_cycle", subscription.billing_cycle)
    old, new = (
        Cycle(name=name, validity_days=subscription.plan.validity_days, anchor_day=day)
        for name in (subscription.billing_cycle, cycle)
    )
    price = subscription.price if old == new else price_of_cycle(subscription.price, old, new, tenant.currency)
    ends_at = subscription.expires_at
    if ends_at is not None and "billing_day" in clean and day != subscription.billing_day:
        ends_at = moved_to_day(ends_at, day, zone)
    fees = (
        ()
        if subscription.fees_billed_at
        else (("setup", subscription.setup_fee), ("installation", subscription.installation_fee))
    )
    if ends_at is None:
        return Bill(on=None, amount=price, price=price, cycle=cycle, billing_day=day, ends_at=None)
    next_one = renewal(
        expires_at=ends_at, billing_day=day, cycle=cycle, validity_days=subscription.plan.validity_days, zone=zone,
        plan_name=subscription.plan.name, price=price, fees=fees,
    )  # fmt: skip
    amount = totals(next_one.lines, currency=tenant.currency, tax=rules.tax).total
    on = max(now.astimezone(zone).date(), next_one.due_date - timedelta(days=_lead(rules, cycle)))
    return Bill(on=on, amount=amount, price=price, cycle=cycle, billing_day=day, ends_at=ends_at)


def _lead(rules: BillingRules, cycle: str) -> int:
    return 0 if cycle == "daily" else rules.renewal_lead_days


def _write(
    session: Session,
    actor: Actor,
    now: datetime,
    customer: Customer,
    subscription_id: int | None,
    clean: Mapping[str, Any],
) -> BillingProfile:
    profile = profile_of(session, customer.id, subscription_id)
    if profile is None:
        profile = _empty(actor, customer.id, subscription_id)
        session.add(profile)
        session.flush()
    old, new = audit.set_fields(profile, {name: value for name, value in clean.items() if name in OF_PROFILE})
    session.flush()
    if new:
        audit.record(
            session, actor=actor, now=now, action="billing_profile.changed", entity=profile, customer_id=customer.id,
            old=old, new=new,
        )  # fmt: skip
    return profile


def _move(
    session: Session, actor: Actor, now: datetime, customer: Customer, subscription: Subscription, impact: Impact
) -> tuple[Invoice | None, Effect]:
    if impact.after is None:
        return None, NO_EFFECT
    after = impact.after
    values = {
        "billing_day": after.billing_day, "billing_cycle": after.cycle, "price": after.price,
        "expires_at": after.ends_at,
    }  # fmt: skip
    old, new = audit.set_fields(subscription, values)
    if not new:
        return None, NO_EFFECT
    record(session, actor, now, "billing_changed", subscription, old=old, new=new)
    session.flush()
    invoice, effect = None, NO_EFFECT
    if impact.charge > ZERO:
        line = Line(
            item_type="proration",
            description=f"{subscription.plan.name}, {line_words.days(impact.extra_days, customer.language)}",
            unit_price=impact.charge,
        )  # fmt: skip
        draft = invoices.Draft(kind="proration", subscription_id=subscription.id, lines=[line])
        written = invoices.create(session, actor=actor, now=now, customer_id=customer.id, draft=draft)
        invoice, effect = written.row, written.effect
    if subscription.status == "active" and "expires_at" in new:
        effect += apply_limits(session, actor, now, subscription, also=frozenset({SESSION_TIMEOUT}))
    return invoice, effect


def _require_nothing_billed(session: Session, subscription: Subscription) -> None:
    billed = open_renewal(session, subscription.id)
    if billed is not None:
        reason = f"its next term is billed already (invoice {billed.invoice_number})"
        raise Conflict(Problem(field="billing_day", reason=reason, mend="have it paid, or cancel it first"))


def _empty(actor: Actor, customer_id: int, subscription_id: int | None) -> BillingProfile:
    return BillingProfile(
        tenant_id=actor.tenant_id, customer_id=customer_id, subscription_id=subscription_id, parent_pays=False,
        version=1,
    )  # fmt: skip
