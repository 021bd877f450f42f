"""One more term for a subscription by hand: billed, paid from the balance, or paid at the desk; and single days.

A renewal is an invoice for a period whose payment extends the term, so that it makes no difference who asks for it.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, fields, invoices, payments
from bss.actor import Actor
from bss.billing_rules import rules_of
from bss.failure import Conflict, Problem
from bss.outcome import NO_EFFECT, Changed, Effect
from bss.rows import find, locked, tenant_of
from bss.settling import restore
from bss.subscriptions.renewal import RENEWABLE, NextTerm, cycle_of, next_term
from bss.subscriptions.values import record
from db.models import Customer, Invoice, Payment, Subscription
from db.queries.books import invoice_of_request, open_renewal, payment_of_request, standing_settlement
from domain import billing, line_words
from domain.entitlement import days_added
from domain.invoices import Line
from domain.money import rounded
from domain.payments import EXTERNAL
from domain.term import Cycle, price_of_days

BILL, BALANCE = "bill", "balance"
WAYS = (BILL, BALANCE, *EXTERNAL)
MAX_TERMS, MAX_DAYS = 24, 366


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewed:
    """The invoice of the renewal, the payment if one was taken, and what reaches running sessions."""

    subscription: Subscription
    invoice: Invoice
    payment: Payment | None = None
    effect: Effect = NO_EFFECT


def renew(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    terms: int = 1,
    by: str = BALANCE,
    reference: str = "",
    request_key: str | None = None,
) -> Renewed:
    """Renew for so many terms. `by`: "bill" asks for the money, "balance" takes it, a way of paying records it.

    A renewal that is billed already is paid instead of writing a second invoice.
    """
    fields.whole(terms, field="terms", least=1, most=MAX_TERMS)
    fields.one_of(by, field="by", allowed=WAYS)
    customer, subscription = lock_renewable(session, actor, subscription_id)
    known = bought(session, actor, subscription, request_key)
    if known is not None:
        return known
    zone = ZoneInfo(tenant_of(session, actor=actor).timezone)
    term = next_term(session, subscription, zone)
    period = period_of_next(subscription, term, zone=zone, now=now, terms=terms)
    invoice = open_renewal(session, subscription.id)
    effect = NO_EFFECT
    if invoice is None or invoice.terms != terms:
        _require_none(invoice)
        draft = replace(draft_of(subscription, term, period, terms), request_key=request_key)
        written = invoices.create(session, actor=actor, now=now, customer_id=customer.id, draft=draft)
        invoice, effect = written.row, written.effect
    elif request_key is not None:
        invoice.request_key = request_key
        session.flush()
    payment = None
    if invoice.status != "paid" and by == BALANCE:
        effect += payments.pay_by_balance(session, actor=actor, now=now, invoice_id=invoice.id).effect
    elif invoice.status != "paid" and by != BILL:
        received = payments.receive(
            session, actor=actor, now=now, customer_id=customer.id, amount=invoice.total, method=by,
            invoice_id=invoice.id, reference=reference, request_key=request_key,
        )  # fmt: skip
        payment, effect = received.payment, effect + received.effect
    session.refresh(subscription)
    return Renewed(subscription=subscription, invoice=invoice, payment=payment, effect=effect)


def add_days(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    days: int,
    by: str = BALANCE,
    request_key: str | None = None,
) -> Renewed:
    """Sell single days: the plan's price per day, paid at once, and the term ends so much later."""
    fields.whole(days, field="days", least=1, most=MAX_DAYS)
    fields.one_of(by, field="by", allowed=tuple(way for way in WAYS if way != BILL))
    customer, subscription = lock_renewable(session, actor, subscription_id)
    known = bought(session, actor, subscription, request_key)
    if known is not None:
        return known
    tenant = tenant_of(session, actor=actor)
    zone = ZoneInfo(tenant.timezone)
    by_calendar = rules_of(session, tenant_id=tenant.id).days_by_calendar
    first = _first_added_day(subscription, now, days, zone)
    exact = price_of_days(subscription.price, cycle_of(subscription, zone), first, days, by_calendar=by_calendar)
    price = rounded(exact, tenant.currency)
    said = f"{subscription.plan.name}, {line_words.days(days, customer.language)}"
    line = Line(item_type="service", description=said, unit_price=price)
    draft = invoices.Draft(
        kind="one_off", subscription_id=subscription.id, lines=[line], due_date=_today(now, zone),
        request_key=request_key,
    )  # fmt: skip
    written = invoices.create(session, actor=actor, now=now, customer_id=customer.id, draft=draft)
    invoice, effect, payment = written.row, written.effect, None
    if invoice.status != "paid" and by == BALANCE:
        effect += payments.pay_by_balance(session, actor=actor, now=now, invoice_id=invoice.id).effect
    elif invoice.status != "paid":
        received = payments.receive(
            session, actor=actor, now=now, customer_id=customer.id, amount=invoice.total, method=by,
            invoice_id=invoice.id, request_key=request_key,
        )  # fmt: skip
        payment, effect = received.payment, effect + received.effect
    effect += _extend_by_days(session, actor, now, customer, subscription, invoice, days, zone)
    return Renewed(subscription=subscription, invoice=invoice, payment=payment, effect=effect)


def _first_added_day(subscription: Subscription, now: datetime, days: int, zone: ZoneInfo) -> date:
    """The local day on which single days that are sold now begin."""
    if subscription.expires_at is None:
        raise ValueError("a subscription without an end is not sold days")
    end = days_added(
        status=subscription.status, expires_at=subscription.expires_at, now=now, days=days, zone=zone
    )  # fmt: skip
    return end.astimezone(zone).date() - timedelta(days=days)


def bill_anew(session: Session, *, actor: Actor, now: datetime, subscription: Subscription) -> Effect:
    """Let an open bill for the next term say what the next term is now: it is taken back and written again.

    The customer and the subscription are locked by the caller. What is billed for a term that is over stays.
    """
    invoice = open_renewal(session, subscription.id)
    if invoice is None or subscription.expires_at is None or subscription.status not in RENEWABLE:
        return NO_EFFECT
    zone = ZoneInfo(tenant_of(session, actor=actor).timezone)
    term = next_term(session, subscription, zone)
    period = period_of_next(subscription, term, zone=zone, now=now, terms=invoice.terms)
    if invoice.period_start != period[0] or _says(invoice, term, period):
        return NO_EFFECT
    reason = f"the next term is {term.plan_name}"
    effect = invoices.cancel(session, actor=actor, now=now, invoice_id=invoice.id, reason=reason[:255]).effect
    draft = draft_of(subscription, term, period, invoice.terms, due_date=invoice.due_date)
    written = invoices.create(session, actor=actor, now=now, customer_id=subscription.customer_id, draft=draft)
    return effect + written.effect


def bill_first_term(
    session: Session, *, actor: Actor, now: datetime, subscription: Subscription
) -> Changed[Invoice] | None:
    """Ask for the running term of a subscription that has just begun, with set-up and installation.

    None where nothing is to be asked for: it is billed afterwards, or costs nothing.
    """
    if subscription.is_postpaid:
        return None
    zone = ZoneInfo(tenant_of(session, actor=actor).timezone)
    first, end = _today(now, zone), subscription.expires_at
    period = None if end is None or end.astimezone(zone).date() <= first else (first, end.astimezone(zone).date())
    lines = [_service_line(subscription.plan.name, subscription.price, period, 1), *fee_lines(subscription)]
    if not any(line.unit_price for line in lines):
        return None
    # It pays for a term that runs already, so that paying it moves no end.
    draft = invoices.Draft(kind="one_off", subscription_id=subscription.id, period=period, lines=lines)
    return invoices.create(session, actor=actor, now=now, customer_id=subscription.customer_id, draft=draft)


def bought(session: Session, actor: Actor, subscription: Subscription, request_key: str | None) -> Renewed | None:
    """What a request with this key bought before; asked twice it buys once, however it is paid."""
    if request_key is None:
        return None
    fields.text(request_key, field="request_key", longest=payments.MAX_KEY, required=True)
    invoice = invoice_of_request(session, tenant_id=actor.tenant_id, request_key=request_key)
    if invoice is None:
        return None
    if invoice.subscription_id != subscription.id:
        reason = "the same request was for another subscription"
        raise Conflict(Problem(field="request_key", reason=reason, mend="send a new key for a new request"))
    payment = payment_of_request(session, tenant_id=actor.tenant_id, request_key=request_key)
    return Renewed(subscription=subscription, invoice=invoice, payment=payment)


def lock_renewable(session: Session, actor: Actor, subscription_id: int) -> tuple[Customer, Subscription]:
    """The subscription with its customer, locked; raises `Conflict` for one that cannot be renewed."""
    unlocked = find(session, Subscription, subscription_id, actor=actor)
    customer = locked(session, Customer, unlocked.customer_id, actor=actor)
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    if subscription.status not in RENEWABLE:
        mend = "activate it first" if subscription.status in ("pending", "disabled") else "add a new subscription"
        raise Conflict(Problem(field="status", reason=f"the subscription is {subscription.status}", mend=mend))
    if subscription.expires_at is None:
        reason = "its term has no end, so there is nothing to renew"
        raise Conflict(Problem(field="expires_at", reason=reason, mend="write an invoice instead"))
    return customer, subscription


def period_of_next(
    subscription: Subscription, term: NextTerm, *, zone: ZoneInfo, now: datetime, terms: int = 1
) -> tuple[date, date]:
    """The local days that the next terms are for: from the end of the running one, or from today where it stopped."""
    if subscription.expires_at is None:
        raise ValueError("a subscription without an end has no next period")
    has_stopped = subscription.status in ("expired", "suspended") and subscription.expires_at <= now
    cycle = term.cycle
    first = _today(now, zone) if has_stopped else subscription.expires_at.astimezone(zone).date()
    if has_stopped:
        cycle = Cycle(name=cycle.name, validity_days=cycle.validity_days, anchor_day=first.day)
    last = first
    for _ in range(terms):
        last = cycle.after(last)
    return first, last


def draft_of(
    subscription: Subscription, term: NextTerm, period: tuple[date, date], terms: int, *, due_date: date | None = None
) -> invoices.Draft:
    """The invoice of a renewal; set-up and installation are on the first one."""
    service = _service_line(term.plan_name, term.price, period, terms)
    return invoices.Draft(
        kind="recurring", subscription_id=subscription.id, period=period, terms=terms,
        due_date=due_date or period[0], lines=[service, *fee_lines(subscription)],
    )  # fmt: skip


def fee_lines(subscription: Subscription) -> list[Line]:
    """What is billed once, if it was not yet."""
    if subscription.fees_billed_at is not None:
        return []
    fees = (("setup", subscription.setup_fee), ("installation", subscription.installation_fee))
    return billing.fee_lines(fees, subscription.customer.language)


def _service_line(plan_name: str, price: Decimal, period: tuple[date, date] | None, terms: int) -> Line:
    description = plan_name if period is None else f"{plan_name} {period[0]:%Y-%m-%d} - {period[1]:%Y-%m-%d}"
    return Line(item_type="service", description=description, unit_price=price, quantity=Decimal(terms))


def _says(invoice: Invoice, term: NextTerm, period: tuple[date, date]) -> bool:
    """Whether the invoice is for that term already."""
    service = next((item for item in invoice.items if item.item_type == "service"), None)
    is_same = service is not None and service.unit_price == term.price and term.plan_name in service.description
    return is_same and invoice.period_end == period[1]


def _require_none(invoice: Invoice | None) -> None:
    if invoice is not None:
        reason = f"a renewal of {invoice.terms} terms is billed already (invoice {invoice.invoice_number})"
        raise Conflict(Problem(field="terms", reason=reason, mend="cancel it, or pay it first"))


def _today(now: datetime, zone: ZoneInfo) -> date:
    return now.astimezone(zone).date()


def _extend_by_days(
    session: Session,
    actor: Actor,
    now: datetime,
    customer: Customer,
    subscription: Subscription,
    invoice: Invoice,
    days: int,
    zone: ZoneInfo,
) -> Effect:
    before = subscription.expires_at
    if before is None:
        return NO_EFFECT
    end = days_added(status=subscription.status, expires_at=before, now=now, days=days, zone=zone)
    old, new = audit.set_fields(subscription, {"expires_at": end})
    record(session, actor, now, "renewed", subscription, old=old, new=new)
    settlement = standing_settlement(session, invoice.id)
    if settlement is not None:
        settlement.extended_from, settlement.extended_to = before, end
    session.flush()
    return restore(session, actor=actor, now=now, customer=customer)
