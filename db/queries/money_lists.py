"""Lists of invoices and payments with their filters, and the sums above them."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from db.models import Customer, Invoice, Payment, Subscription
from db.queries.paging import Page, Wanted, fetch_page
from domain.invoices import OPEN
from domain.payments import EXTERNAL

INVOICE_SORTS: dict[str, Any] = {
    "created_at": Invoice.created_at,
    "due_date": Invoice.due_date,
    "total": Invoice.total,
    # Drafts, which have no number yet, come first.
    "number": func.coalesce(Invoice.invoice_number, ""),
}
PAYMENT_SORTS: dict[str, Any] = {
    "paid_at": Payment.paid_at,
    "amount": Payment.amount,
    "receipt": func.coalesce(Payment.receipt_number, ""),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class InvoiceFilter:
    """Which invoices; empty filters leave out nothing. `search` is part of a number, or of the customer."""

    search: str | None = None
    status: str | None = None
    is_open: bool = False
    kind: str | None = None
    customer_id: int | None = None
    subscription_id: int | None = None
    due_before: date | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentFilter:
    """Which payments. `search` is part of a receipt's number, of a reference, or of the customer."""

    search: str | None = None
    status: str | None = None
    method: str | None = None
    customer_id: int | None = None
    invoice_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def page_of_invoices(session: Session, *, tenant_id: int, fits: InvoiceFilter, wanted: Wanted) -> Page[Invoice]:
    """Invoices of a provider."""
    statement = _invoices(select(Invoice).where(Invoice.tenant_id == tenant_id), fits)
    return fetch_page(session, statement, sorts=INVOICE_SORTS, row_id=Invoice.id, wanted=wanted)


def open_sums(
    session: Session, *, tenant_id: int, today: date, customer_id: int | None = None
) -> tuple[int, Decimal, Decimal]:
    """How many invoices are open, what they add up to, and how much of that is past its due day."""
    overdue = func.coalesce(func.sum(Invoice.total).filter(Invoice.due_date < today), 0)
    statement = select(func.count(), func.coalesce(func.sum(Invoice.total), 0), overdue).where(
        Invoice.tenant_id == tenant_id, Invoice.status.in_(OPEN)
    )
    if customer_id is not None:
        statement = statement.where(Invoice.customer_id == customer_id)
    count, total, late = session.execute(statement).one()
    return int(count), Decimal(total), Decimal(late)


def totals_of_customer(session: Session, customer_id: int) -> tuple[Decimal, Decimal]:
    """What a customer's paid invoices add up to, and what he has paid from outside less what went back to him."""
    billed = select(func.coalesce(func.sum(Invoice.total), 0)).where(
        Invoice.customer_id == customer_id, Invoice.status == "paid"
    )
    paid = select(func.coalesce(func.sum(Payment.amount), 0)).where(
        Payment.customer_id == customer_id, Payment.status == "completed", Payment.method.in_(EXTERNAL)
    )
    return Decimal(session.scalar(billed) or 0), Decimal(session.scalar(paid) or 0)


def page_of_payments(session: Session, *, tenant_id: int, fits: PaymentFilter, wanted: Wanted) -> Page[Payment]:
    """Payments of a provider."""
    statement = _payments(select(Payment).where(Payment.tenant_id == tenant_id), fits)
    return fetch_page(session, statement, sorts=PAYMENT_SORTS, row_id=Payment.id, wanted=wanted)


def paid_sum(session: Session, *, tenant_id: int, fits: PaymentFilter) -> Decimal:
    """What the completed ones among the payments add up to."""
    statement = _payments(select(Payment.amount).where(Payment.tenant_id == tenant_id), fits)
    inner = statement.where(Payment.status == "completed").order_by(None).subquery()
    return Decimal(session.scalar(select(func.coalesce(func.sum(inner.c.amount), 0))) or 0)


def paid_by_method(
    session: Session, *, tenant_id: int, since: datetime, until: datetime
) -> list[tuple[str, int, Decimal]]:
    """Completed payments of a span by way of paying: how many, and their sum."""
    rows = session.execute(
        select(Payment.method, func.count(), func.sum(Payment.amount))
        .where(
            Payment.tenant_id == tenant_id,
            Payment.status == "completed",
            Payment.paid_at >= since,
            Payment.paid_at < until,
        )
        .group_by(Payment.method)
        .order_by(func.sum(Payment.amount).desc())
    )
    return [(method, int(count), Decimal(total)) for method, count, total in rows]


def paid_by_day(
    session: Session, *, tenant_id: int, since: datetime, until: datetime, zone_name: str
) -> dict[date, Decimal]:
    """What came in from outside on each local day of a span; days without money are not among them."""
    day = func.date(func.timezone(zone_name, Payment.paid_at))
    statement = select(day, func.sum(Payment.amount)).where(
        Payment.tenant_id == tenant_id,
        Payment.status == "completed",
        Payment.method.in_(EXTERNAL),
        Payment.paid_at >= since,
        Payment.paid_at < until,
    )
    return {row[0]: row[1] for row in session.execute(statement.group_by(day))}


def names_of_customers(session: Session, customer_ids: set[int]) -> dict[int, tuple[str, str]]:
    """Code and name of customers by id."""
    rows = session.execute(
        select(Customer.id, Customer.customer_code, Customer.name).where(Customer.id.in_(customer_ids))
    )
    return {number: (code, name) for number, code, name in rows}


def usernames_of(session: Session, subscription_ids: set[int]) -> dict[int, str]:
    """Usernames of subscriptions by id."""
    rows = session.execute(select(Subscription.id, Subscription.username).where(Subscription.id.in_(subscription_ids)))
    return dict(rows.all())


def open_of_customer(session: Session, customer_id: int) -> list[Invoice]:
    """A customer's open invoices, the one that is due first in front."""
    return list(
        session.scalars(
            select(Invoice)
            .where(Invoice.customer_id == customer_id, Invoice.status.in_(OPEN))
            .order_by(Invoice.due_date, Invoice.id)
        )
    )


def _invoices(statement: Select[Any], fits: InvoiceFilter) -> Select[Any]:
    if fits.search:
        pattern = f"%{_escaped(fits.search)}%"
        of_customers = select(Customer.id).where(
            or_(Customer.name.ilike(pattern, escape="\\"), Customer.customer_code.ilike(pattern, escape="\\"))
        )
        statement = statement.where(
            or_(Invoice.invoice_number.ilike(pattern, escape="\\"), Invoice.customer_id.in_(of_customers))
        )
    if fits.is_open:
        statement = statement.where(Invoice.status.in_(OPEN))
    if fits.due_before is not None:
        statement = statement.where(Invoice.due_date < fits.due_before)
    for column, value in (
        (Invoice.status, fits.status),
        (Invoice.kind, fits.kind),
        (Invoice.customer_id, fits.customer_id),
        (Invoice.subscription_id, fits.subscription_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    return statement


def _payments(statement: Select[Any], fits: PaymentFilter) -> Select[Any]:
    if fits.search:
        pattern = f"%{_escaped(fits.search)}%"
        of_customers = select(Customer.id).where(
            or_(Customer.name.ilike(pattern, escape="\\"), Customer.customer_code.ilike(pattern, escape="\\"))
        )
        statement = statement.where(
            or_(
                Payment.receipt_number.ilike(pattern, escape="\\"),
                Payment.reference.ilike(pattern, escape="\\"),
                Payment.customer_id.in_(of_customers),
            )
        )
    if fits.since is not None:
        statement = statement.where(Payment.paid_at >= fits.since)
    if fits.until is not None:
        statement = statement.where(Payment.paid_at < fits.until)
    for column, value in (
        (Payment.status, fits.status),
        (Payment.method, fits.method),
        (Payment.customer_id, fits.customer_id),
        (Payment.invoice_id, fits.invoice_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    return statement


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
