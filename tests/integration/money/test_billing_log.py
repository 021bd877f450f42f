"""What happened to a subscription's bills is told in order, each in a sentence, and nothing else is."""

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from bss import billing_log, invoices, payments, renewals, subscriptions
from bss.actor import Actor
from db.models import Customer, Subscription
from db.queries.paging import Wanted
from factories import make_subscription

NEWEST = Wanted(sort="-created_at", page_size=100)


def told(db: Session, actor: Actor, subscription: Subscription) -> list[str]:
    db.flush()
    entries, _ = billing_log.of_subscription(db, actor=actor, subscription_id=subscription.id, wanted=NEWEST)
    return [entry.message for entry in reversed(entries)]


def test_a_life_is_told_from_the_first_bill_to_the_end(
    db: Session, actor: Actor, now: datetime, subscription: Subscription
) -> None:
    subscription.expires_at = now + timedelta(days=3)
    db.flush()
    done = renewals.renew(db, actor=actor, now=now, subscription_id=subscription.id, by="cash")
    assert done.payment is not None
    payments.refund(db, actor=actor, now=now, payment_id=done.payment.id, reason="wrong customer")
    subscriptions.suspend(db, actor=actor, now=now, subscription_id=subscription.id, reason="overdue")
    subscriptions.change_password(db, actor=actor, now=now, subscription_id=subscription.id)
    number, receipt = done.invoice.invoice_number, done.payment.receipt_number

    said = told(db, actor, subscription)

    for sentence in (
        f"Invoice {number} over IDR 150000.00 was issued", f"Payment {receipt} of IDR 150000.00 came in",
        f"Invoice {number} over IDR 150000.00 was paid", "It was renewed",
        f"Payment {receipt} of IDR 150000.00 was given back", "It was suspended: overdue",
    ):  # fmt: skip
        assert sentence in said, said
    assert not any("password" in sentence for sentence in said)
    of_invoice, _ = billing_log.of_invoice(db, actor=actor, invoice_id=done.invoice.id, wanted=NEWEST)
    assert {entry.action for entry in of_invoice} >= {"invoice.issued", "invoice.paid", "payment.received"}
    assert all(entry.kind != "subscription" for entry in of_invoice)


def test_what_is_anothers_is_not_in_it(
    db: Session, actor: Actor, now: datetime, customer: Customer, subscription: Subscription
) -> None:
    other = make_subscription(db, tenant_id=actor.tenant_id, customer=customer, price=Decimal(99000))
    other.expires_at = now + timedelta(days=3)
    db.flush()
    renewals.renew(db, actor=actor, now=now, subscription_id=other.id, by="cash")

    assert told(db, actor, subscription) == []


def test_a_cancelled_invoice_says_why(db: Session, actor: Actor, now: datetime, subscription: Subscription) -> None:
    subscription.expires_at = now + timedelta(days=3)
    db.flush()
    done = renewals.renew(db, actor=actor, now=now, subscription_id=subscription.id, by="bill")
    invoices.cancel(db, actor=actor, now=now, invoice_id=done.invoice.id, reason="typed twice")

    assert told(db, actor, subscription)[-1].endswith("was cancelled: typed twice")
