"""Invoices: composed, issued, cancelled. Paying them is `bss.payments`' and `bss.settling`'s part.

An issued invoice has a number and stands in the books; what it says is never changed. A mistake is cancelled and made
again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, fields, topups
from bss.actor import Actor
from bss.billing_rules import BillingRules, rules_of
from bss.books import Event, book, take_back
from bss.failure import Conflict, Invalid, Problem
from bss.outcome import Changed, Effect
from bss.rows import find, locked, referenced, tenant_of
from bss.settling import pay_from_balance, restore
from db.engine import psycopg_of
from db.models import Customer, Invoice, InvoiceItem, Subscription, Tenant
from db.queries.numbers import next_numbers
from domain import books
from domain.codes import render_document
from domain.invoices import ITEM_TYPES, KINDS, ImpossibleInvoice, Line, Totals, check_move, totals
from domain.money import ZERO

MAX_DESCRIPTION = 255
MAX_DUE_DAYS = 3650
FEES = ("setup", "installation")
_SHOWN = (
    "kind", "subscription_id", "period_start", "period_end", "subtotal", "discount", "tax", "total", "due_date",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What an invoice is to say. `terms` is how many cycles of its subscription it pays for."""

    kind: str
    lines: Sequence[Line]
    subscription_id: int | None = None
    period: tuple[date, date] | None = None
    terms: int = 0
    due_date: date | None = None
    discount: Decimal = ZERO
    discount_note: str = ""
    notes: str = ""
    run_id: int | None = None
    # Names the request that this invoice is for, where one may come twice.
    request_key: str | None = None


def line_of(given: Mapping[str, Any], *, field: str = "lines") -> Line:
    """A line as somebody typed it; raises `Invalid`."""
    quantity = fields.money(given.get("quantity", "1"), field=f"{field}.quantity")
    price = given.get("unit_price")
    sign = -1 if isinstance(price, str | Decimal | int) and str(price).strip().startswith("-") else 1
    amount = fields.money(str(price).strip().removeprefix("-"), field=f"{field}.unit_price")
    return Line(
        item_type=fields.one_of(given.get("item_type", "other"), field=f"{field}.item_type", allowed=ITEM_TYPES),
        description=fields.text(
            given.get("description"), field=f"{field}.description", longest=MAX_DESCRIPTION, required=True
        ),
        unit_price=sign * amount,
        quantity=quantity,
    )


def create(
    session: Session, *, actor: Actor, now: datetime, customer_id: int, draft: Draft, issue_now: bool = True
) -> Changed[Invoice]:
    """Write an invoice, issued at once unless it is to stay a draft. Credit pays it at once where the rules say so."""
    fields.one_of(draft.kind, field="kind", allowed=KINDS)
    referenced(session, Customer, customer_id, actor=actor, field="customer_id")
    customer = locked(session, Customer, customer_id, actor=actor)
    _check_subscription(session, actor, customer, draft)
    tenant, rules = tenant_of(session, actor=actor), rules_of(session, tenant_id=actor.tenant_id)
    invoice = _compose(actor, tenant, rules, customer, draft, now)
    session.add(invoice)
    session.flush()
    _record(session, actor, now, "invoice.created", invoice, new=_shown(invoice))
    if not issue_now:
        return Changed(row=invoice)
    return Changed(row=invoice, effect=_issue(session, actor, now, customer, invoice, rules))


def issue(
    session: Session, *, actor: Actor, now: datetime, invoice_id: int, version: int | None = None
) -> Changed[Invoice]:
    """Give a draft its number and ask for the money."""
    customer, invoice = lock_pair(session, invoice_id, actor=actor, version=version)
    check_move(invoice.status, "unpaid")
    rules = rules_of(session, tenant_id=actor.tenant_id)
    return Changed(row=invoice, effect=_issue(session, actor, now, customer, invoice, rules))


def cancel(
    session: Session, *, actor: Actor, now: datetime, invoice_id: int, reason: str, version: int | None = None
) -> Changed[Invoice]:
    """Take an unpaid invoice back. It keeps its number; a period that it billed can be billed again."""
    why = fields.text(reason, field="reason", longest=255, required=True)
    customer, invoice = lock_pair(session, invoice_id, actor=actor, version=version)
    if invoice.status in ("paid", "refunded"):
        mend = "refund its payment instead"
        raise Conflict(Problem(field="status", reason=f"the invoice is {invoice.status}", mend=mend))
    check_move(invoice.status, "cancelled")
    if invoice.entry_id is not None:
        take_back(session, actor=actor, now=now, entry_id=invoice.entry_id, description=f"cancelled: {why}")
    old, new = audit.set_fields(invoice, {"status": "cancelled", "cancelled_at": now, "cancel_reason": why})
    _record(session, actor, now, "invoice.cancelled", invoice, old=old, new=new)
    _unmark_fees(session, actor, invoice)
    session.flush()
    effect = topups.take_back_of(session, actor=actor, now=now, invoice_id=invoice.id)
    return Changed(row=invoice, effect=effect + restore(session, actor=actor, now=now, customer=customer))


def change_due_date(
    session: Session, *, actor: Actor, now: datetime, invoice_id: int, due_date: date, version: int | None = None
) -> Changed[Invoice]:
    """Give more time, or less; an overdue invoice whose new day lies ahead is unpaid again."""
    customer, invoice = lock_pair(session, invoice_id, actor=actor, version=version)
    if invoice.status not in ("draft", "unpaid", "overdue"):
        raise Conflict(Problem(field="due_date", reason=f"the invoice is {invoice.status}"))
    today = today_of(session, actor=actor, now=now)
    if not today - timedelta(days=MAX_DUE_DAYS) <= due_date <= today + timedelta(days=MAX_DUE_DAYS):
        raise Invalid(Problem(field="due_date", reason="is more than ten years away", mend="check the year"))
    values: dict[str, Any] = {"due_date": due_date}
    if invoice.status == "overdue" and due_date >= today:
        values["status"] = "unpaid"
    old, new = audit.set_fields(invoice, values)
    _record(session, actor, now, "invoice.due_date_changed", invoice, old=old, new=new)
    session.flush()
    return Changed(row=invoice, effect=restore(session, actor=actor, now=now, customer=customer))


def lock_pair(
    session: Session, invoice_id: int, *, actor: Actor, version: int | None = None
) -> tuple[Customer, Invoice]:
    """The invoice and its customer, the customer locked first."""
    unlocked = find(session, Invoice, invoice_id, actor=actor)
    customer = locked(session, Customer, unlocked.customer_id, actor=actor)
    return customer, locked(session, Invoice, invoice_id, actor=actor, version=version)


def today_of(session: Session, *, actor: Actor, now: datetime) -> date:
    """The provider's local day."""
    return now.astimezone(ZoneInfo(tenant_of(session, actor=actor).timezone)).date()


def document_number(session: Session, *, tenant_id: int, prefix: str, day: date) -> str:
    """The next number of a kind of document on a day. It is given back when the transaction rolls back: no gaps."""
    period = f"{day:%Y%m%d}"
    numbers = next_numbers(psycopg_of(session), tenant_id=tenant_id, name=prefix, period=period)
    return render_document(prefix, period, numbers[0])


def _check_subscription(session: Session, actor: Actor, customer: Customer, draft: Draft) -> None:
    if draft.subscription_id is None:
        if draft.terms or draft.kind == "recurring":
            raise Invalid(Problem(field="subscription_id", reason="is missing", mend="say what is renewed"))
        return
    subscription = referenced(session, Subscription, draft.subscription_id, actor=actor, field="subscription_id")
    if subscription.customer_id != customer.id:
        reason = "belongs to another customer"
        raise Invalid(Problem(field="subscription_id", reason=reason, mend="choose one of this customer's"))


def _compose(
    actor: Actor, tenant: Tenant, rules: BillingRules, customer: Customer, draft: Draft, now: datetime
) -> Invoice:
    sums = _sums(draft, rules, tenant.currency)
    today = now.astimezone(ZoneInfo(tenant.timezone)).date()
    return Invoice(
        tenant_id=actor.tenant_id, customer_id=customer.id, subscription_id=draft.subscription_id, kind=draft.kind,
        status="draft", period_start=draft.period[0] if draft.period else None,
        period_end=draft.period[1] if draft.period else None, terms=draft.terms, currency=tenant.currency,
        subtotal=sums.subtotal, discount=sums.discount,
        discount_note=fields.text(draft.discount_note, field="discount_note", longest=255),
        tax_percent=rules.tax_percent, tax_included=rules.tax_included, tax=sums.tax, total=sums.total,
        due_date=draft.due_date or today + timedelta(days=rules.due_days), run_id=draft.run_id,
        request_key=draft.request_key,
        notes=fields.text(draft.notes, field="notes", longest=2000, lines=True), created_by=actor.name, version=1,
        items=_items(draft.lines, sums),
    )  # fmt: skip


def _sums(draft: Draft, rules: BillingRules, currency: str) -> Totals:
    try:
        return totals(draft.lines, currency=currency, discount=draft.discount, tax=rules.tax)
    except ImpossibleInvoice as error:
        raise Invalid(Problem(field="lines", reason=str(error))) from None


def _items(lines: Sequence[Line], sums: Totals) -> list[InvoiceItem]:
    return [
        InvoiceItem(
            position=position, item_type=line.item_type, description=line.description, quantity=line.quantity,
            unit_price=line.unit_price, amount=amount,
        )
        for position, (line, amount) in enumerate(zip(lines, sums.amounts, strict=True), start=1)
    ]  # fmt: skip


def _issue(
    session: Session, actor: Actor, now: datetime, customer: Customer, invoice: Invoice, rules: BillingRules
) -> Effect:
    day = today_of(session, actor=actor, now=now)
    invoice.invoice_number = document_number(session, tenant_id=actor.tenant_id, prefix=rules.invoice_prefix, day=day)
    if invoice.total or invoice.discount:
        invoice.entry_id = book(session, actor=actor, now=now, event=_issued(invoice)).id
    old, new = audit.set_fields(invoice, {"status": "unpaid", "issued_at": now})
    _record(session, actor, now, "invoice.issued", invoice, old=old, new=new)
    _mark_fees(session, actor, now, invoice)
    session.flush()
    if not rules.applies_balance and invoice.total:
        return Effect()
    return pay_from_balance(session, actor=actor, now=now, customer=customer).effect


def _mark_fees(session: Session, actor: Actor, now: datetime, invoice: Invoice) -> None:
    """Set-up and installation are billed once."""
    if invoice.subscription_id is not None and any(item.item_type in FEES for item in invoice.items):
        subscription = locked(session, Subscription, invoice.subscription_id, actor=actor)
        subscription.fees_billed_at = subscription.fees_billed_at or now


def _unmark_fees(session: Session, actor: Actor, invoice: Invoice) -> None:
    """What was taken back with its invoice was not billed."""
    if invoice.issued_at is None or invoice.subscription_id is None:
        return
    if any(item.item_type in FEES for item in invoice.items):
        locked(session, Subscription, invoice.subscription_id, actor=actor).fees_billed_at = None


def _issued(invoice: Invoice) -> Event:
    return Event(
        kind=books.INVOICE, key=f"invoice:{invoice.id}", customer_id=invoice.customer_id,
        postings=books.invoiced(
            invoice.customer_id, revenue=_revenue(invoice), discount=invoice.discount, tax=invoice.tax
        ),
        subscription_id=invoice.subscription_id, reference_type="invoice", reference_id=invoice.id,
        description=str(invoice.invoice_number),
    )  # fmt: skip


def _revenue(invoice: Invoice) -> dict[str, Decimal]:
    lines = [
        Line(item_type=item.item_type, description="", unit_price=item.unit_price, quantity=item.quantity)
        for item in invoice.items
    ]
    rules = BillingRules(tax_percent=invoice.tax_percent, tax_included=invoice.tax_included)
    return dict(totals(lines, currency=invoice.currency, discount=invoice.discount, tax=rules.tax).revenue)


def _shown(invoice: Invoice) -> dict[str, Any]:
    return audit.snapshot(invoice, _SHOWN)


def _record(
    session: Session,
    actor: Actor,
    now: datetime,
    action: str,
    invoice: Invoice,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    audit.record(
        session, actor=actor, now=now, action=action, entity=invoice, customer_id=invoice.customer_id, old=old, new=new
    )
