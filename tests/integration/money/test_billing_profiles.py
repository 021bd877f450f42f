"""How customers want to be billed: seen before it is saved, and billed for the days in between."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.billing import on_demand, profiles, runs, work
from bss.failure import Conflict, Failure, Invalid
from db.models import Customer, Subscription, Tenant
from factories import make_customer

JAKARTA = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


@pytest.fixture
def monthly(db: Session, subscription: Subscription) -> Subscription:
    subscription.expires_at = datetime(2026, 12, 5, 10, tzinfo=JAKARTA).astimezone(UTC)
    subscription.billing_day = 5
    db.flush()
    return subscription


def test_a_later_day_is_shown_confirmed_billed_and_the_term_is_that_much_longer(
    db: Session, actor: Actor, customer: Customer, monthly: Subscription
) -> None:
    whose = {"customer_id": customer.id, "subscription_id": monthly.id}
    told = profiles.preview(db, actor=actor, now=NOW, **whose, changes={"billing_day": 15})

    assert told.before is not None
    assert told.after is not None
    assert (told.before.on, told.after.on) == (date(2026, 11, 28), date(2026, 12, 8))
    assert (told.extra_days, told.charge, told.is_large) == (10, Decimal(50000), True)
    with pytest.raises(Conflict, match="a good deal"):
        profiles.save(db, actor=actor, now=NOW, **whose, changes={"billing_day": 15})

    saved = profiles.save(db, actor=actor, now=NOW, **whose, changes={"billing_day": 15}, is_confirmed=True)
    assert saved.invoice is not None
    assert (saved.invoice.kind, saved.invoice.total) == ("proration", 50000)
    assert monthly.expires_at == datetime(2026, 12, 15, 10, tzinfo=JAKARTA)
    assert monthly.billing_day == 15


@pytest.mark.parametrize(("cycle", "price"), [("yearly", 1800000), ("quarterly", 450000), ("daily", 5000)])
def test_another_cycle_has_its_own_price(
    db: Session, actor: Actor, customer: Customer, monthly: Subscription, cycle: str, price: int
) -> None:
    given = {"customer_id": customer.id, "subscription_id": monthly.id, "changes": {"billing_cycle": cycle}}
    assert profiles.preview(db, actor=actor, now=NOW, **given).is_large

    profiles.save(db, actor=actor, now=NOW, **given, is_confirmed=True)

    assert (monthly.billing_cycle, monthly.price) == (cycle, price)


def test_a_contact_needs_no_confirming_and_is_there_afterwards(db: Session, actor: Actor, customer: Customer) -> None:
    changes = {"contact_name": "Sri", "contact_email": "sri@example.net", "payment_method": "transfer"}

    profiles.save(db, actor=actor, now=NOW, customer_id=customer.id, changes=changes)

    profile, bill, payer = profiles.read(db, actor=actor, now=NOW, customer_id=customer.id)
    assert (profile.contact_name, profile.payment_method, bill, payer) == ("Sri", "transfer", None, customer.id)


def test_what_is_billed_already_keeps_its_day(
    db: Session, actor: Actor, customer: Customer, monthly: Subscription
) -> None:
    run = runs.start(db, actor=actor, now=NOW + timedelta(days=2))
    work.step(db, run_id=run.id, now=NOW)
    given = {"customer_id": customer.id, "subscription_id": monthly.id, "changes": {"billing_day": 20}}

    with pytest.raises(Conflict, match="is billed already"):
        profiles.save(db, actor=actor, now=NOW, **given, is_confirmed=True)


def test_only_a_child_lets_its_parent_pay(db: Session, actor: Actor, tenant: Tenant, customer: Customer) -> None:
    with pytest.raises(Invalid, match="nobody's family"):
        profiles.save(db, actor=actor, now=NOW, customer_id=customer.id, changes={"parent_pays": True})
    child = make_customer(db, tenant=tenant, parent_customer_id=customer.id)
    given = {"customer_id": child.id, "changes": {"parent_pays": True}}
    with pytest.raises(Conflict):
        profiles.save(db, actor=actor, now=NOW, **given)

    profiles.save(db, actor=actor, now=NOW, **given, is_confirmed=True)

    assert profiles.read(db, actor=actor, now=NOW, customer_id=child.id)[2] == customer.id


@pytest.mark.parametrize(
    "changes",
    [
        {"billing_day": 0}, {"billing_day": 32}, {"billing_day": True}, {"billing_cycle": "weekly"}, {"price": "1"},
        {"payment_method": "goats"}, {"contact_name": "x" * 256}, {"parent_pays": True}, {"parent_pays": "yes"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    db: Session, actor: Actor, customer: Customer, monthly: Subscription, changes: dict[str, object]
) -> None:
    with pytest.raises(Failure):
        profiles.save(
            db, actor=actor, now=NOW, customer_id=customer.id, subscription_id=monthly.id, changes=changes,
            is_confirmed=True,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "total"),
    [
        (date(2026, 11, 10), date(2026, 11, 25), 75000),
        (date(2026, 11, 5), date(2026, 12, 5), 150000),
        (date(2027, 2, 5), date(2027, 3, 5), 150000),
        (date(2026, 11, 5), date(2026, 11, 6), 5000),
    ],
)
def test_some_days_are_billed_by_the_day_and_a_whole_cycle_by_its_price(
    db: Session, actor: Actor, monthly: Subscription, first: date, last: date, total: int
) -> None:
    ends = monthly.expires_at
    days = {"subscription_id": monthly.id, "period_start": first, "period_end": last}
    assert on_demand.quote(db, actor=actor, now=NOW, **days).total == total

    invoice = on_demand.bill(db, actor=actor, now=NOW, **days, due_date=date(2027, 1, 1)).row

    assert (invoice.total, invoice.status, invoice.period_start, invoice.terms) == (total, "unpaid", first, 0)
    assert monthly.expires_at == ends


@pytest.mark.parametrize(("first", "last"), [(5, 5), (6, 5)])
def test_days_that_are_none_are_not_billed(
    db: Session, actor: Actor, monthly: Subscription, first: int, last: int
) -> None:
    with pytest.raises(Invalid, match="does not come after"):
        on_demand.bill(
            db, actor=actor, now=NOW, subscription_id=monthly.id, period_start=date(2026, 11, first),
            period_end=date(2026, 11, last),
        )  # fmt: skip
