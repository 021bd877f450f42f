"""What the clock brings besides the night: ends of terms, days of suspension, limits, renewals, reminders, books."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bss import billing_rules, wallet
from bss.actor import Actor
from bss.billing import clock, suspend_dates, tasks
from bss.failure import Invalid
from db.engine import psycopg_of
from db.models import AuditLog, Customer, CustomerNotice, Invoice, SessionChange, Subscription, Tenant
from db.queries import jobs
from factories import make_customer, make_nas, make_plan, make_session, make_subscription
from integration.money.conftest import bill
from monitoring import alarms
from runtime.settings import Settings
from runtime.tasks import app

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
TODAY = date(2026, 11, 27)


@pytest.fixture
def sell(db: Session, keys_file: object, tenant: Tenant) -> Callable[..., Subscription]:
    plan = make_plan(db, tenant=tenant, price=Decimal(150000), grace_period_days=0)

    def make(expires_at: datetime | None = NOW + timedelta(days=20), **over: Any) -> Subscription:
        values: dict[str, Any] = {
            "tenant": tenant, "plan": plan, "price": Decimal(150000), "expires_at": expires_at,
        } | over  # fmt: skip
        if "customer" not in values:
            values["customer"] = make_customer(db, tenant=tenant)
        return make_subscription(db, **values)

    return make


def at(moment: datetime = NOW) -> Callable[[], datetime]:
    return lambda: moment


def kinds(db: Session) -> list[str]:
    return list(db.scalars(select(CustomerNotice.kind).order_by(CustomerNotice.id)))


# --- terms that end -----------------------------------------------------------------------------------------------


def test_what_ended_an_hour_ago_without_renewal_is_expired_disconnected_and_told(
    db: Session, tenant: Tenant, sell: Callable[..., Subscription]
) -> None:
    row = sell(NOW - timedelta(hours=1), auto_renew=False)
    make_session(db, row, make_nas(db, tenant=tenant))

    done = clock.expire_accounts(db, tenant, clock=at())

    db.expire_all()
    assert (done.changed, done.asked, done.stopped) == (1, 1, [])
    assert (row.status, row.customer.status, row.version) == ("expired", "expired", 2)
    assert db.execute(select(SessionChange.kind, SessionChange.reason)).all() == [("disconnect", "expire")]
    assert "subscription.expired" in db.scalars(select(AuditLog.action)).all()
    assert kinds(db) == ["expired"]
    assert clock.expire_accounts(db, tenant, clock=at()).changed == 0


@pytest.mark.parametrize(
    ("over", "status"),
    [
        ({"grace_period_days": 2}, "active"),
        ({"grace_period_days": 2, "cancel_at_period_end": True}, "cancelled"),
        ({"expires_at": NOW + timedelta(seconds=1)}, "active"),
        ({"expires_at": None}, "active"),
        ({"status": "suspended"}, "suspended"),
    ],
)
def test_grace_and_wishes_are_heeded(
    db: Session, tenant: Tenant, sell: Callable[..., Subscription], over: dict[str, Any], status: str
) -> None:
    row = sell(**({"expires_at": NOW - timedelta(days=1)} | over))

    clock.expire_accounts(db, tenant, clock=at())

    db.refresh(row)
    assert row.status == status


@pytest.mark.parametrize("job", ["expire_accounts", "suspend_on_dates", "hold_to_limits"])
def test_a_clock_that_jumped_ends_nobodys_service(
    db: Session, tenant: Tenant, actor: Actor, sell: Callable[..., Subscription], job: str
) -> None:
    rows = [sell(suspend_on=TODAY + timedelta(days=200)) for _ in range(30)]
    if job == "hold_to_limits":
        for row in rows:
            row.customer.credit_limit = Decimal(1)
            bill(db, actor, row.customer, 100)
    db.commit()
    ahead = at(NOW + timedelta(days=400))

    done = getattr(clock, job)(db, tenant, clock=ahead)

    db.expire_all()
    assert {row.status for row in rows} == {"active"}
    assert len(done.stopped) == 1
    assert getattr(clock, job)(db, tenant, clock=ahead, allowed=True).changed == 30


# --- days of suspension -------------------------------------------------------------------------------------------


def test_a_day_of_suspension_suspends_whatever_was_paid_and_repeats_where_it_should(
    db: Session, tenant: Tenant, sell: Callable[..., Subscription]
) -> None:
    once, monthly, later = (
        sell(suspend_on=TODAY),
        sell(suspend_on=TODAY, suspend_recurring_day=31),
        sell(suspend_on=TODAY + timedelta(days=3)),
    )

    done = clock.suspend_on_dates(db, tenant, clock=at())

    db.expire_all()
    assert done.changed == 2
    assert [(row.status, row.suspend_cause, row.suspend_on) for row in (once, monthly, later)] == [
        ("suspended", "suspend_date", None),
        ("suspended", "suspend_date", date(2026, 12, 31)),
        ("active", None, TODAY + timedelta(days=3)),
    ]
    assert kinds(db) == ["suspend_ahead"]
    assert clock.suspend_on_dates(db, tenant, clock=at()).changed == 0
    assert kinds(db) == ["suspend_ahead"]


# --- limits and renewals ------------------------------------------------------------------------------------------


def test_only_those_over_their_limit_are_held_to_it(
    db: Session, tenant: Tenant, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    over, under, late = sell(), sell(), sell()
    for row, limit, total in ((over, 100, 101), (under, 100, 100)):
        row.customer.credit_limit = Decimal(limit)
        bill(db, actor, row.customer, total)
    bill(db, actor, late.customer, 100, subscription=late, due_date=TODAY - timedelta(days=99))
    db.commit()

    done = clock.hold_to_limits(db, tenant, clock=at())

    db.expire_all()
    assert done.changed == 1
    assert [row.status for row in (over, under, late)] == ["suspended", "active", "active"]


def test_what_ends_before_the_next_night_is_renewed_out_of_the_balance_and_nobody_else_is_billed(
    db: Session, tenant: Tenant, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    soon = NOW + timedelta(hours=5)
    rich, poor, later = sell(soon), sell(soon), sell(NOW + timedelta(days=4))
    daily = sell(soon, billing_cycle="daily", price=Decimal(5000))
    for row in (rich, later, daily):
        wallet.adjust(
            db, actor=actor, now=NOW, customer_id=row.customer_id, kind="credit", amount=160000, description="x"
        )
    wallet.adjust(db, actor=actor, now=NOW, customer_id=poor.customer_id, kind="credit", amount=100, description="x")

    counts = clock.renew_from_balances(db, tenant, clock=at())

    db.expire_all()
    assert (counts.invoiced, counts.paid) == (2, 2)
    assert daily.expires_at == soon + timedelta(days=1)
    assert rich.expires_at > soon + timedelta(days=27)
    billed = set(db.scalars(select(Invoice.subscription_id)))
    assert billed == {rich.id, daily.id}
    assert clock.renew_from_balances(db, tenant, clock=at()).invoiced == 0


def test_the_end_of_a_term_is_noted_a_week_three_days_and_a_day_before_each_once(
    db: Session, tenant: Tenant, sell: Callable[..., Subscription]
) -> None:
    sell(NOW + timedelta(days=8))
    told = [clock.note_expiring(db, tenant, clock=at(NOW + timedelta(days=day))) for day in range(10) for _ in range(2)]

    assert sum(told) == 3
    days = db.scalars(select(CustomerNotice.days).order_by(CustomerNotice.id)).all()
    assert days == [-7, -3, -1]


def test_a_provider_says_himself_how_long_before_its_end_a_term_is_noted(
    db: Session, tenant: Tenant, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    sell(NOW + timedelta(days=8))
    billing_rules.change(db, actor=actor, now=NOW, changes={"expiry_remind_days": [5, 0]})
    told = [clock.note_expiring(db, tenant, clock=at(NOW + timedelta(days=day))) for day in range(10)]

    assert sum(told) == 2
    assert db.scalars(select(CustomerNotice.days).order_by(CustomerNotice.id)).all() == [-5, 0]


# --- the books, and what jobs leave behind ------------------------------------------------------------------------


def test_books_that_do_not_agree_raise_an_alarm_until_they_do(
    db: Session, settings: Settings, actor: Actor, customer: Customer
) -> None:
    bill(db, actor, customer, 100)
    db.commit()

    def check() -> set[str]:
        app.tasks["bss.books"].apply(throw=True)
        with psycopg.connect(settings.database_url, autocommit=True) as other:
            alarms.watch(other, datetime.now(UTC))
            return {row[0] for row in other.execute("SELECT code FROM alarms WHERE cleared_at IS NULL")}

    assert check() == set()
    db.execute(text("ALTER TABLE customers DISABLE TRIGGER USER"))
    db.execute(text("UPDATE customers SET balance = 5"))
    db.commit()
    assert check() == {"books_wrong"}
    (run, before) = jobs.runs(psycopg_of(db), name="bss.books")
    assert (run.outcome, before.outcome) == ("stopped", "done")
    assert "customers whose balance is not their account's" in run.said
    db.execute(text("UPDATE customers SET balance = 0"))
    db.commit()
    assert check() == set()


def test_a_night_begins_by_itself_and_is_worked_on(
    db: Session, settings: Settings, tenant: Tenant, sell: Callable[..., Subscription]
) -> None:
    row = sell(datetime.now(UTC) + timedelta(days=2))
    db.commit()

    first, second = tasks.run_billing(), tasks.run_billing()

    assert first["started"] >= 1
    assert first["worked_on"] >= 1
    assert second == {"started": 0, "worked_on": 0}
    assert db.scalars(select(Invoice.subscription_id)).all() == [row.id]


def test_a_day_of_suspension_is_seen_set_repeated_and_removed(
    db: Session, tenant: Tenant, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    row = sell(NOW + timedelta(days=20), billing_day=17)
    day = TODAY + timedelta(days=5)

    told = suspend_dates.preview(db, actor=actor, now=NOW, subscription_id=row.id, suspend_on=day)
    assert (told.unused_days, told.unused_worth) == (15, 75000)
    suspend_dates.change(db, actor=actor, now=NOW, subscription_id=row.id, suspend_on=day, recurring_day=2)
    clock.suspend_on_dates(db, tenant, clock=at(NOW + timedelta(days=5)))
    db.refresh(row)
    assert (row.status, row.suspend_on) == ("suspended", date(2027, 1, 2))

    suspend_dates.change(db, actor=actor, now=NOW, subscription_id=row.id, suspend_on=None)
    assert (row.suspend_on, row.suspend_recurring_day) == (None, None)


@pytest.mark.parametrize(
    ("day", "recurring"),
    [(TODAY - timedelta(days=1), None), (TODAY + timedelta(days=9999), None), (None, 5), (TODAY, 32)],
)
def test_a_day_of_suspension_that_makes_no_sense_is_refused(
    db: Session, actor: Actor, sell: Callable[..., Subscription], day: date | None, recurring: int | None
) -> None:
    with pytest.raises(Invalid):
        suspend_dates.change(
            db, actor=actor, now=NOW, subscription_id=sell().id, suspend_on=day, recurring_day=recurring
        )
