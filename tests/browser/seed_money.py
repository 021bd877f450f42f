"""Invoices, payments and vouchers for the seeded provider: written by the use-cases, so that the books agree."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss import invoices, operators, payments, vouchers
from bss.actor import Actor
from db.models import Customer, Invoice, Subscription
from domain.invoices import Line


def seed_money(session: Session, rows: Seeded, now: datetime) -> None:
    """A month's invoices for everybody with a subscription; most are paid, some late, Budi's is open."""
    actor = Actor.of_user(rows.owner)
    for number, customer in enumerate(rows.customers):
        service = session.query(Subscription).filter_by(customer_id=customer.id).first()
        if service is None or service.status == "terminated":
            continue
        late = 9 if number % 7 == 2 else -6
        invoice = _bill(session, actor, now, customer, service, due=(now - timedelta(days=late)).date())
        if number % 3 == 1:
            _pay(session, actor, now - timedelta(hours=number % 6), customer, invoice, number)
    _vouchers(session, actor, now, rows)
    session.flush()


def _bill(
    session: Session, actor: Actor, now: datetime, customer: Customer, service: Subscription, *, due: date
) -> Invoice:
    draft = invoices.Draft(
        kind="recurring",
        subscription_id=service.id,
        terms=1,
        period=(now.date(), (now + timedelta(days=30)).date()),
        lines=[Line(item_type="service", description="Internet", unit_price=service.price or Decimal(150_000))],
        due_date=due,
    )
    return invoices.create(session, actor=actor, now=now, customer_id=customer.id, draft=draft).row


def _pay(session: Session, actor: Actor, now: datetime, customer: Customer, invoice: Invoice, number: int) -> None:
    payments.receive(
        session, actor=actor, now=now, customer_id=customer.id, amount=invoice.total,
        method=("cash", "transfer")[number % 2], invoice_id=invoice.id,
    )  # fmt: skip


def _vouchers(session: Session, actor: Actor, now: datetime, rows: Seeded) -> None:
    shop = operators.create(session, actor=actor, now=now, name="Toko Melati", level=1, commission_rate="10")
    vouchers.create(
        session, actor=actor, now=now, count=50, service_plan_id=rows.plans[3].id, validity_s=86_400,
        batch="Daily, September", price="5000", operator_id=shop.id, prefix="HR-",
    )  # fmt: skip
