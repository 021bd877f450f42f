"""Invoices and receipts on paper, in the customer's language, as the books have them."""

from collections.abc import Callable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.failure import Conflict, Invalid, Problem
from bss.gateways.links import hash_of
from bss.letterhead import on_paper
from bss.rows import find, tenant_of
from bss.vouchers import WALK_IN_NAME
from db.models import Customer, Invoice, Payment, Subscription, Tenant
from db.queries.gateways import link_with_hash
from paper import documents
from paper.picture import MAX_QR_TEXT
from paper.press import PaperFailure

_WITH_RECEIPT = ("completed", "refunded", "cancelled")


def invoice_pdf(session: Session, *, actor: Actor, invoice_id: int, payment_link: str = "") -> bytes:
    """An invoice; a draft says that it is one. `payment_link`: where it is paid, as a QR code too while it is open."""
    invoice = find(session, Invoice, invoice_id, actor=actor)
    if payment_link:
        _require_link(session, invoice, payment_link)
    customer, tenant = find(session, Customer, invoice.customer_id, actor=actor), tenant_of(session, actor=actor)
    zone = ZoneInfo(tenant.timezone)
    return _printed(
        lambda: documents.invoice_pdf(
            documents.Invoice(
                letterhead=on_paper(session, actor=actor),
                language=customer.language,
                currency=invoice.currency,
                number=invoice.invoice_number or "",
                state=invoice.status,
                customer=_party(customer),
                issued_on=(invoice.issued_at or invoice.created_at).astimezone(zone).date(),
                due_on=invoice.due_date,
                period=_period(invoice),
                service=_service(session, invoice.subscription_id),
                lines=[
                    documents.Line(
                        description=item.description, quantity=item.quantity, unit_price=item.unit_price,
                        amount=item.amount,
                    )
                    for item in invoice.items
                ],
                subtotal=invoice.subtotal,
                discount=invoice.discount,
                discount_note=invoice.discount_note,
                tax=invoice.tax,
                tax_percent=invoice.tax_percent or None,
                total=invoice.total,
                paid_on=None if invoice.paid_at is None else invoice.paid_at.astimezone(zone).date(),
                payment_link=payment_link,
                note=invoice.notes,
            )
        )
    )  # fmt: skip


def receipt_pdf(session: Session, *, actor: Actor, payment_id: int) -> bytes:
    """The receipt of a payment; when its money went back it says that it is void. Raises `Conflict` without one."""
    payment = find(session, Payment, payment_id, actor=actor)
    if payment.status not in _WITH_RECEIPT or payment.receipt_number is None:
        reason = f"a payment that is {payment.status} has no receipt"
        raise Conflict(Problem(field="", reason=reason, mend="wait until the money has come"))
    tenant = tenant_of(session, actor=actor)
    payer, language = _payer(session, actor, payment, tenant)
    invoice = None if payment.invoice_id is None else session.get(Invoice, payment.invoice_id)
    paid_at = payment.paid_at.astimezone(ZoneInfo(tenant.timezone))
    return _printed(
        lambda: documents.receipt_pdf(
            documents.Receipt(
                letterhead=on_paper(session, actor=actor),
                language=language,
                currency=payment.currency,
                number=payment.receipt_number or "",
                customer=payer,
                amount=payment.amount,
                method=payment.method,
                paid_on=paid_at.date(),
                paid_at_time=f"{paid_at:%H:%M}",
                purpose=payment.category if payment.purpose in ("voucher", "other") else "",
                invoice_number=(invoice.invoice_number or "") if invoice is not None else "",
                received_by=payment.recorded_by,
                note=payment.note,
                is_reversed=payment.status != "completed",
            )
        )
    )


def _require_link(session: Session, invoice: Invoice, address: str) -> None:
    """Only a link that was made here for this very invoice gets onto it: whoever scans it is asked for money."""
    link = link_with_hash(session, hash_of(address.rsplit("/", 1)[-1])) if len(address) <= MAX_QR_TEXT else None
    if link is None or link.invoice_id != invoice.id or not address.startswith(("https://", "http://")):
        mend = "make a payment link for it first"
        raise Invalid(Problem(field="payment_link", reason="is no link to pay this invoice", mend=mend))


def _printed(make: Callable[[], bytes]) -> bytes:
    try:
        return make()
    except PaperFailure as error:
        mend = "try it again in a moment"
        raise Conflict(Problem(field="", reason=f"the paper could not be printed: {error}", mend=mend)) from error


def _payer(session: Session, actor: Actor, payment: Payment, tenant: Tenant) -> tuple[documents.Party, str]:
    """Who paid, and the language in which it is written. Who buys a voucher gives no name."""
    if payment.purpose == "voucher":
        return documents.Party(name=WALK_IN_NAME), tenant.locale
    customer = find(session, Customer, payment.customer_id, actor=actor)
    return _party(customer), customer.language


def _party(customer: Customer) -> documents.Party:
    place = " ".join(part for part in (customer.postal_code, customer.city) if part)
    lines = [customer.address, place]
    return documents.Party(
        name=customer.company_name or customer.name,
        code=customer.customer_code,
        address="\n".join(line for line in lines if line),
        contact=customer.phone or "",
    )


def _period(invoice: Invoice) -> tuple[date, date] | None:
    """First and last day: the books have the day after it."""
    if invoice.period_start is None or invoice.period_end is None:
        return None
    return invoice.period_start, invoice.period_end - timedelta(days=1)


def _service(session: Session, subscription_id: int | None) -> str:
    subscription = None if subscription_id is None else session.get(Subscription, subscription_id)
    return "" if subscription is None else subscription.username
