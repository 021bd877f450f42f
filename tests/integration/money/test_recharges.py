"""A recharge at the counter is paid and can be used at once; asked twice it is sold once."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bss import billing_rules, invoices, payments, recharges, renewals, topups, wallet
from bss.actor import Actor
from bss.failure import Conflict, Invalid
from db.models import AuditLog, Customer, Invoice, Payment, QuotaTopup, Subscription


@pytest.fixture
def running(db: Session, subscription: Subscription, now: datetime) -> Subscription:
    subscription.expires_at = now + timedelta(days=10)
    db.flush()
    return subscription


def recharge(db: Session, actor: Actor, now: datetime, running: Subscription, **more: Any) -> recharges.Recharged:
    given: dict[str, Any] = {"kind": "data", "amount": 5 * 10**9, "price": 10000} | more
    return recharges.recharge(db, actor=actor, now=now, subscription_id=running.id, **given)


@pytest.mark.parametrize(
    ("kind", "amount", "words"),
    [("data", 5 * 10**9, "5 GB"), ("data", 1_500_000_000, "1.5 GB"), ("data", 50 * 10**6, "50 MB"),
     ("time", 7200, "2 hours"), ("time", 5400, "90 minutes")],
)  # fmt: skip
def test_a_package_is_paid_and_tops_up(
    db: Session, actor: Actor, now: datetime, running: Subscription, kind: str, amount: int, words: str
) -> None:
    running.customer.language = "en"
    done = recharge(db, actor, now, running, kind=kind, amount=amount)

    assert (done.invoice.status, done.invoice.total) == ("paid", 10000)
    assert done.invoice.items[0].description.endswith(words)
    assert done.payment is not None
    assert done.payment.receipt_number
    assert done.topup is not None
    assert (done.topup.kind, done.topup.amount) == (kind, amount)


def test_days_move_the_end_by_the_plans_rate(db: Session, actor: Actor, now: datetime, running: Subscription) -> None:
    before = running.expires_at
    done = recharge(db, actor, now, running, kind="days", amount=3, price=None)

    assert done.invoice.total == 15000
    assert before is not None
    assert running.expires_at == before + timedelta(days=3)


@pytest.mark.parametrize("by", ["cash", "balance"])
@pytest.mark.parametrize(("kind", "amount", "price"), [("data", 10**9, 10000), ("days", 2, None)])
def test_the_same_request_twice_buys_once(
    db: Session, actor: Actor, now: datetime, customer: Customer, running: Subscription, by: str, kind: str,
    amount: int, price: int | None,
) -> None:  # fmt: skip
    wallet.adjust(
        db, actor=actor, now=now, customer_id=customer.id, kind="credit", amount=50000, description="goodwill"
    )
    given = {"kind": kind, "amount": amount, "price": price, "by": by, "request_key": "a"}
    first = recharge(db, actor, now, running, **given)
    ends = running.expires_at
    second = recharge(db, actor, now, running, **given)

    assert second.invoice.id == first.invoice.id
    assert running.expires_at == ends
    assert db.scalar(select(func.count()).select_from(Invoice)) == 1
    assert db.scalar(select(func.count()).select_from(QuotaTopup)) == (1 if kind == "data" else 0)


def test_a_renewal_asked_for_twice_is_one_term(
    db: Session, actor: Actor, now: datetime, customer: Customer, running: Subscription
) -> None:
    wallet.adjust(
        db, actor=actor, now=now, customer_id=customer.id, kind="credit", amount=10**6, description="goodwill"
    )
    for _ in range(2):
        renewals.renew(db, actor=actor, now=now, subscription_id=running.id, request_key="a")

    assert db.scalar(select(func.count()).select_from(Invoice)) == 1
    for _ in range(2):
        renewals.renew(db, actor=actor, now=now, subscription_id=running.id, by="cash", request_key="b")
    assert db.scalar(select(func.count()).select_from(Invoice)) == 2
    assert db.scalar(select(func.count()).select_from(Payment)) <= 1


def test_what_is_wrong_is_said_and_what_is_not_paid_gives_nothing(
    db: Session, actor: Actor, now: datetime, running: Subscription
) -> None:
    for wrong in ({"price": None}, {"price": 0}, {"amount": 0}, {"kind": "air"}, {"by": "bill"},
                  {"kind": "days", "amount": 1}):  # fmt: skip
        with pytest.raises(Invalid):
            recharge(db, actor, now, running, **wrong)
    with pytest.raises(Conflict), db.begin_nested():
        recharge(db, actor, now, running, by="balance")
    assert db.scalar(select(func.count()).select_from(QuotaTopup)) == 0


def test_lines_are_in_the_customers_language(
    db: Session, actor: Actor, now: datetime, customer: Customer, running: Subscription
) -> None:
    customer.language = "id"
    days = recharge(db, actor, now, running, kind="days", amount=3, price=None)
    volume = recharge(db, actor, now, running, amount=1_500_000_000)

    assert days.invoice.items[0].description.endswith(", 3 hari")
    assert volume.invoice.items[0].description.endswith(", 1,5 GB")


def test_a_refund_takes_the_package_back(db: Session, actor: Actor, now: datetime, running: Subscription) -> None:
    done = recharge(db, actor, now, running)
    assert done.payment is not None

    payments.refund(db, actor=actor, now=now, payment_id=done.payment.id, reason="did not want it")

    assert done.invoice.status == "refunded"
    assert db.scalar(select(func.count()).select_from(QuotaTopup)) == 0
    assert db.scalars(select(AuditLog).where(AuditLog.action == "subscription.topup_removed")).one()


@pytest.mark.parametrize(("kind", "amount", "price"), [("data", 10**9, 10000), ("days", 2, None)])
def test_a_payment_that_never_came_leaves_no_recharge_and_nothing_to_pay(
    db: Session, actor: Actor, now: datetime, running: Subscription, kind: str, amount: int, price: int | None
) -> None:
    before = running.expires_at
    done = recharge(db, actor, now, running, kind=kind, amount=amount, price=price)
    assert done.payment is not None

    payments.void(db, actor=actor, now=now, payment_id=done.payment.id, reason="wrong customer")

    assert done.invoice.status == "cancelled"
    assert running.expires_at == before
    assert db.scalar(select(func.count()).select_from(QuotaTopup)) == 0


def test_what_was_taken_away_by_hand_before_is_no_hindrance(
    db: Session, actor: Actor, now: datetime, running: Subscription
) -> None:
    done = recharge(db, actor, now, running)
    assert done.payment is not None
    assert done.topup is not None
    topups.remove(db, actor=actor, now=now, subscription_id=running.id, topup_id=done.topup.id)

    payments.refund(db, actor=actor, now=now, payment_id=done.payment.id, reason="did not want it")

    assert done.invoice.status == "refunded"


def test_an_ordinary_bill_whose_payment_never_came_is_open_again(
    db: Session, actor: Actor, now: datetime, running: Subscription
) -> None:
    done = renewals.renew(db, actor=actor, now=now, subscription_id=running.id, by="cash")
    assert done.payment is not None

    payments.void(db, actor=actor, now=now, payment_id=done.payment.id, reason="typed twice")

    assert db.get_one(Invoice, done.invoice.id).status == "unpaid"


def test_a_package_whose_invoice_is_cancelled_goes_with_it(
    db: Session, actor: Actor, now: datetime, running: Subscription
) -> None:
    done = recharge(db, actor, now, running)
    other = recharge(db, actor, now, running, amount=10**9)
    assert done.payment is not None
    assert other.topup is not None
    payments.refund(db, actor=actor, now=now, payment_id=done.payment.id, reason="did not want it")

    assert db.scalars(select(QuotaTopup.id)).all() == [other.topup.id]
    with pytest.raises(Conflict, match="refund"):
        invoices.cancel(db, actor=actor, now=now, invoice_id=other.invoice.id, reason="no")


def test_days_go_by_the_calendar_where_the_provider_says_so(
    db: Session, actor: Actor, now: datetime, running: Subscription
) -> None:
    billing_rules.change(db, actor=actor, now=now, changes={"days_by_calendar": True})
    zone = ZoneInfo("Asia/Jakarta")
    running.expires_at = datetime(2027, 2, 1, 10, tzinfo=zone)
    db.flush()

    done = recharge(db, actor, now, running, kind="days", amount=14, price=None)

    assert done.invoice.total == 75000
