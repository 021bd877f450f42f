"""What happened to a subscription's bills: entries of the audit log about it, its invoices and their payments."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.models import AuditLog, Invoice, InvoiceSettlement, Payment
from db.queries.lists import AUDIT_SORTS
from db.queries.paging import Page, Wanted, fetch_page

# The newest documents; more of them nobody reads, and ids stand in the statement so that the index is used.
MOST_DOCUMENTS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """Whose entries are wanted."""

    subscription_ids: Sequence[int] = ()
    invoice_ids: Sequence[int] = ()
    payment_ids: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """An invoice or a payment as an entry names it."""

    number: str | None
    amount: Decimal
    currency: str


def about_subscription(session: Session, subscription_id: int) -> About:
    """The subscription with its newest invoices and what they were paid with."""
    invoices = session.scalars(
        select(Invoice.id)
        .where(Invoice.subscription_id == subscription_id)
        .order_by(Invoice.id.desc())
        .limit(MOST_DOCUMENTS)
    ).all()
    own = session.scalars(
        select(Payment.id)
        .where(Payment.subscription_id == subscription_id)
        .order_by(Payment.id.desc())
        .limit(MOST_DOCUMENTS)
    ).all()
    payments = sorted({*own, *_paid_with(session, invoices)})
    return About(subscription_ids=[subscription_id], invoice_ids=invoices, payment_ids=payments)


def about_invoice(session: Session, invoice_id: int) -> About:
    """The invoice, what named it, and what it was paid with."""
    named = session.scalars(select(Payment.id).where(Payment.invoice_id == invoice_id).limit(MOST_DOCUMENTS)).all()
    return About(invoice_ids=[invoice_id], payment_ids=sorted({*named, *_paid_with(session, [invoice_id])}))


def page_of_billing_log(
    session: Session, *, tenant_id: int, about: About, actions: Collection[str], wanted: Wanted
) -> Page[AuditLog]:
    """The entries; of the subscription itself only those `actions`."""
    is_one = or_(
        (AuditLog.entity_type == "subscriptions")
        & AuditLog.entity_id.in_(about.subscription_ids)
        & AuditLog.action.in_(actions),
        (AuditLog.entity_type == "invoices") & AuditLog.entity_id.in_(about.invoice_ids),
        (AuditLog.entity_type == "payments") & AuditLog.entity_id.in_(about.payment_ids),
    )
    statement = select(AuditLog).where(AuditLog.tenant_id == tenant_id, is_one)
    return fetch_page(session, statement, sorts=AUDIT_SORTS, row_id=AuditLog.id, wanted=wanted)


def documents_of(session: Session, rows: Iterable[AuditLog]) -> dict[tuple[str, int], Document]:
    """The invoices and payments that entries are about."""
    wanted: dict[str, set[int]] = {"invoices": set(), "payments": set()}
    for row in rows:
        if row.entity_type in wanted and row.entity_id is not None:
            wanted[row.entity_type].add(row.entity_id)
    invoices = select(Invoice.id, Invoice.invoice_number, Invoice.total, Invoice.currency)
    payments = select(Payment.id, Payment.receipt_number, Payment.amount, Payment.currency)
    found = {}
    for kind, statement, key in (("invoices", invoices, Invoice.id), ("payments", payments, Payment.id)):
        for id_, number, amount, currency in session.execute(statement.where(key.in_(wanted[kind]))):
            found[kind, id_] = Document(number=number, amount=amount, currency=currency)
    return found


def _paid_with(session: Session, invoice_ids: Sequence[int]) -> list[int]:
    is_one = InvoiceSettlement.invoice_id.in_(invoice_ids) & InvoiceSettlement.payment_id.is_not(None)
    return [id_ for id_ in session.scalars(select(InvoiceSettlement.payment_id).where(is_one)) if id_ is not None]
