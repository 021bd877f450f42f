"""The nightly run: its order, what it bills, what stops it, and that a crash or a second one changes nothing."""

import dataclasses
import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bss import billing_rules, renewals, wallet
from bss.actor import Actor
from bss.billing import runs, work
from bss.failure import Conflict, Invalid
from db.engine import make_engine, psycopg_of
from db.models import (
    BillingProfile,
    BillingRun,
    BillingRunSuspension,
    Customer,
    CustomerNotice,
    Invoice,
    LedgerEntry,
    ServicePlan,
    SessionChange,
    Subscription,
    Tenant,
)
from db.queries.books import balance_of
from factories import make_customer, make_nas, make_plan, make_session, make_subscription, make_tenant
from integration.money.conftest import bill

JAKARTA = ZoneInfo("Asia/Jakarta")
# Ten in the morning there.
NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)
TODAY = date(2026, 11, 27)


@pytest.fixture
def plan(db: Session, keys_file: object, tenant: Tenant) -> ServicePlan:
    return make_plan(db, tenant=tenant, price=Decimal(150000), grace_period_days=7, name="Home 20")


@pytest.fixture
def sell(db: Session, tenant: Tenant, plan: ServicePlan) -> Callable[..., Subscription]:
    """An active subscription whose term ends in so many days, of a customer of its own."""

    def make(days: float = 3, **over: Any) -> Subscription:
        values: dict[str, Any] = {
            "tenant": tenant,
            "plan": plan,
            "price": Decimal(150000),
            "expires_at": NOW + timedelta(days=days),
        } | over
        if not {"customer", "customer_id"} & values.keys():
            values["customer"] = make_customer(db, tenant=tenant)
        row = make_subscription(db, **values)
        row.billing_day = over.get("billing_day", row.expires_at.astimezone(JAKARTA).day if row.expires_at else 1)
        db.flush()
        return row

    return make


def run_it(
    db: Session, actor: Actor, *, now: datetime = NOW, limit: int = 1000, is_allowed: bool = False, **over: Any
) -> BillingRun:
    """A run from beginning to end, as a worker does it."""
    run = runs.start(db, actor=actor, now=now, **over)
    if is_allowed and run.status == "stopped":
        runs.go_on(db, actor=actor, now=now, run_id=run.id, reason="the server was away")
    db.commit()
    work.drive(db, run_id=run.id, clock=lambda: now, limit=limit)
    db.refresh(run)
    return run


def invoices_of(db: Session, subscription: Subscription) -> list[Invoice]:
    db.expire_all()
    return list(db.scalars(select(Invoice).where(Invoice.subscription_id == subscription.id).order_by(Invoice.id)))


def due(days: int) -> date:
    return TODAY + timedelta(days=days)


# --- what it bills ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "over", "is_billed"),
    [
        (6, {}, True),
        (7, {}, True),
        (8, {}, False),
        (-1, {}, True),
        (-8, {}, False),
        (3, {"auto_renew": False}, False),
        (3, {"status": "suspended"}, False),
        (3, {"status": "expired"}, False),
        (3, {"is_postpaid": True}, False),
    ],
)
def test_a_term_that_ends_soon_is_billed(
    db: Session, actor: Actor, sell: Callable[..., Subscription], days: float, over: dict[str, Any], is_billed: bool
) -> None:
    subscription = sell(days, **over)

    run_it(db, actor)

    assert bool(invoices_of(db, subscription)) is is_billed


def test_the_invoice_is_for_the_next_term_at_the_subscriptions_price(
    db: Session, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    subscription = sell(4, price=Decimal(99000))

    run = run_it(db, actor)

    (invoice,) = invoices_of(db, subscription)
    end = date(2026, 12, 1)
    assert (invoice.period_start, invoice.period_end, invoice.due_date) == (end, date(2027, 1, 1), end)
    assert (invoice.kind, invoice.status, invoice.terms, invoice.run_id) == ("recurring", "unpaid", 1, run.id)
    assert (invoice.total, invoice.issued_at) == (99000, NOW)
    assert [item.description for item in invoice.items] == ["Home 20 2026-12-01 - 2027-01-01"]
    assert invoice.invoice_number == "INV-20261127-0001"
    assert (run.status, run.invoiced, run.invoiced_total, run.done) == ("done", 1, 99000, run.total)


def test_fees_are_lines_of_the_first_invoice_only(db: Session, actor: Actor, sell: Callable[..., Subscription]) -> None:
    subscription = sell(3, setup_fee=Decimal(50000), installation_fee=Decimal(75000))
    wallet.adjust(
        db, actor=actor, now=NOW, customer_id=subscription.customer_id, kind="credit", amount=500000, description="x"
    )

    run_it(db, actor)
    run_it(db, actor, now=NOW + timedelta(days=30), is_allowed=True)

    first, second = invoices_of(db, subscription)
    assert [(item.item_type, item.amount) for item in first.items] == [
        ("service", 150000), ("setup", 50000), ("installation", 75000),
    ]  # fmt: skip
    assert [item.item_type for item in second.items] == ["service"]


def test_tax_is_on_it_as_on_any_other_invoice(db: Session, actor: Actor, sell: Callable[..., Subscription]) -> None:
    billing_rules.change(db, actor=actor, now=NOW, changes={"tax_percent": "11"})
    subscription = sell(3)

    run_it(db, actor)

    (invoice,) = invoices_of(db, subscription)
    assert (invoice.subtotal, invoice.tax, invoice.total) == (150000, 16500, 166500)


@pytest.mark.parametrize("anchor", [28, 29, 30, 31])
def test_months_turn_on_the_day_they_began_with(
    db: Session, actor: Actor, sell: Callable[..., Subscription], anchor: int
) -> None:
    first = datetime(2027, 1, anchor, 10, tzinfo=JAKARTA)
    subscription = sell(0, expires_at=first.astimezone(UTC), billing_day=anchor)
    wallet.adjust(
        db, actor=actor, now=NOW, customer_id=subscription.customer_id, kind="credit", amount=2000000, description="x"
    )
    now = first.astimezone(UTC) - timedelta(days=2)
    for _ in range(5):
        run_it(db, actor, now=now, is_allowed=True)
        db.refresh(subscription)
        now = subscription.expires_at - timedelta(days=2)

    periods = [(invoice.period_start, invoice.period_end) for invoice in invoices_of(db, subscription)]
    assert all(one[1] == next_[0] for one, next_ in itertools.pairwise(periods))
    assert [period[0].day for period in periods] == [anchor, 28, anchor, min(anchor, 30), anchor]


def test_a_price_that_changes_between_portions_is_billed_as_it_is_then(
    db: Session, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    first, second = sell(3), sell(3)
    run = runs.start(db, actor=actor, now=NOW)
    db.commit()
    work.step(db, run_id=run.id, now=NOW, limit=1)
    db.commit()
    second.price = Decimal(175000)
    db.commit()

    work.drive(db, run_id=run.id, clock=lambda: NOW, limit=1)

    assert [invoices_of(db, row)[0].total for row in (first, second)] == [150000, 175000]
    assert run.invoiced_total == 325000


def test_an_end_that_was_moved_brings_no_second_invoice(
    db: Session, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    subscription = sell(3)
    run_it(db, actor)
    subscription.expires_at += timedelta(days=2)
    db.commit()

    run_it(db, actor, now=NOW + timedelta(days=1))

    assert len(invoices_of(db, subscription)) == 1


# --- due, overdue, suspended --------------------------------------------------------------------------------------


def test_an_invoice_due_today_is_unpaid_after_the_run_and_overdue_tomorrow(
    db: Session, actor: Actor, customer: Customer
) -> None:
    invoice = bill(db, actor, customer, 100000, due_date=TODAY)

    run_it(db, actor)
    assert invoice.status == "unpaid"

    run = run_it(db, actor, now=NOW + timedelta(days=1))
    db.refresh(invoice)
    assert (invoice.status, run.marked_overdue) == ("overdue", 1)


@pytest.mark.parametrize(("late", "status"), [(7, "active"), (8, "suspended")])
def test_who_is_past_his_grace_is_suspended_and_disconnected(
    db: Session, actor: Actor, sell: Callable[..., Subscription], late: int, status: str
) -> None:
    subscription = sell(20)
    make_session(db, subscription, make_nas(db, tenant_id=subscription.tenant_id))
    bill(db, actor, subscription.customer, 150000, subscription=subscription, due_date=due(-late))

    run = run_it(db, actor)

    db.refresh(subscription)
    assert subscription.status == status
    assert run.suspended == (status == "suspended")
    asked = db.scalars(select(SessionChange).where(SessionChange.subscription_id == subscription.id)).all()
    assert [change.kind for change in asked] == (["disconnect"] if status == "suspended" else [])
    if status == "suspended":
        assert subscription.suspend_cause == "overdue"
        row = db.scalars(select(BillingRunSuspension)).one()
        assert (row.run_id, row.days_late, row.owed) == (run.id, 8, 150000)


def test_who_owes_more_than_his_limit_is_suspended(
    db: Session, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    subscription = sell(20)
    subscription.customer.credit_limit = Decimal(100000)
    bill(db, actor, subscription.customer, 150000, due_date=due(20))

    run_it(db, actor)

    db.refresh(subscription)
    assert (subscription.status, subscription.suspend_cause) == ("suspended", "credit_limit")


def test_who_has_the_money_is_not_cut_off_before_it_is_used(
    db: Session, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    billing_rules.change(db, actor=actor, now=NOW, changes={"applies_balance": False})
    subscription = sell(20)
    invoice = bill(db, actor, subscription.customer, 150000, subscription=subscription, due_date=due(-30))
    wallet.adjust(
        db, actor=actor, now=NOW, customer_id=subscription.customer_id, kind="credit", amount=150000, description="x"
    )
    billing_rules.change(db, actor=actor, now=NOW, changes={"applies_balance": True})

    run = run_it(db, actor)

    db.expire_all()
    assert (subscription.status, invoice.status, run.suspended, run.paid) == ("active", "paid", 0, 1)


def test_reminders_are_noted_once(db: Session, actor: Actor, sell: Callable[..., Subscription]) -> None:
    subscription = sell(20)
    invoice = bill(db, actor, subscription.customer, 150000, subscription=subscription, due_date=due(3))

    for _ in range(2):
        run_it(db, actor)
    for days in (1, 2, 3, 6):
        run_it(db, actor, now=NOW + timedelta(days=days))

    notices = db.scalars(select(CustomerNotice).order_by(CustomerNotice.id)).all()
    assert [(notice.kind, notice.days, notice.invoice_id) for notice in notices] == [
        ("invoice_due", -3, invoice.id), ("invoice_due", 0, invoice.id), ("invoice_overdue", 3, invoice.id),
    ]  # fmt: skip


# --- balances -----------------------------------------------------------------------------------------------------


def test_a_balance_that_covers_the_renewal_pays_it(
    db: Session, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    subscription = sell(3)
    ends = subscription.expires_at
    make_session(db, subscription, make_nas(db, tenant_id=subscription.tenant_id))
    wallet.adjust(
        db, actor=actor, now=NOW, customer_id=subscription.customer_id, kind="credit", amount=200000, description="x"
    )

    run = run_it(db, actor)

    db.refresh(subscription)
    (invoice,) = invoices_of(db, subscription)
    assert (invoice.status, run.paid, run.paid_total) == ("paid", 1, 150000)
    assert subscription.expires_at == ends + timedelta(days=30)
    assert balance_of(psycopg_of(db), subscription.customer_id) == 50000
    assert db.scalars(select(SessionChange.kind)).all() == ["coa"]


def test_a_daily_term_is_billed_on_its_last_day_and_only_when_the_balance_pays_it(
    db: Session, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    rich, poor, early = (sell(days, billing_cycle="daily", price=Decimal(5000)) for days in (0.2, 0.2, 1.2))
    for row in (rich, early):
        wallet.adjust(
            db, actor=actor, now=NOW, customer_id=row.customer_id, kind="credit", amount=12000, description="x"
        )

    run_it(db, actor)

    assert [len(invoices_of(db, row)) for row in (rich, poor, early)] == [1, 0, 0]
    assert rich.expires_at == NOW + timedelta(days=1.2)


def test_paying_from_the_balance_is_the_same_for_many_as_for_one(
    db: Session, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    """The set-based way and the verb that payments use, on twins."""
    twins = [sell(5) for _ in range(2)]
    for twin in twins:
        bill(db, actor, twin.customer, 150000, subscription=twin, kind="recurring", terms=1, due_date=due(5))
        bill(db, actor, twin.customer, 40000, due_date=due(6))
        bill(db, actor, twin.customer, 90000, due_date=due(9))
    billing_rules.change(db, actor=actor, now=NOW, changes={"applies_balance": False})
    for twin in twins:
        wallet.adjust(
            db, actor=actor, now=NOW, customer_id=twin.customer_id, kind="credit", amount=200000, description="x"
        )
    billing_rules.change(db, actor=actor, now=NOW, changes={"applies_balance": True})
    many, one = twins
    # A stopped subscription beside it makes the run go the way of single payments.
    stopped = sell(10, customer=one.customer, status="suspended", suspend_cause="overdue")

    run = run_it(db, actor)

    db.expire_all()
    assert [invoice.status for invoice in invoices_of(db, many)] == ["paid"]
    assert many.expires_at == one.expires_at
    assert stopped.status == "active"
    assert (run.paid, run.paid_total, run.restored) == (4, 380000, 1)
    told = [_story(db, twin.customer_id) for twin in twins]
    assert told[0] == told[1]


def _story(db: Session, customer_id: int) -> list[Any]:
    """What the books say about a customer, without ids."""
    rows = db.execute(
        text(
            "SELECT e.kind, e.balance_word, a.kind, p.amount, i.status, s.amount, s.extended_from, s.extended_to"
            " FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id JOIN ledger_accounts a"
            " ON a.id = p.account_id LEFT JOIN invoices i ON e.reference_type = 'invoice' AND i.id = e.reference_id"
            " LEFT JOIN invoice_settlements s ON s.entry_id = e.id WHERE e.customer_id = :id ORDER BY p.id"
        ),
        {"id": customer_id},
    )
    return [tuple(row) for row in rows]


# --- families -----------------------------------------------------------------------------------------------------


def test_the_head_of_a_family_gets_and_pays_the_invoices_of_the_others(
    db: Session, actor: Actor, sell: Callable[..., Subscription], tenant: Tenant
) -> None:
    head = make_customer(db, tenant=tenant)
    child = make_customer(db, tenant=tenant, parent_customer_id=head.id)
    db.add(BillingProfile(tenant_id=tenant.id, customer_id=child.id, parent_pays=True))
    subscription = sell(3, customer=child)
    ends = subscription.expires_at
    run_it(db, actor)
    (invoice,) = invoices_of(db, subscription)
    assert (invoice.customer_id, invoice.status) == (head.id, "unpaid")

    run_it(db, actor, now=NOW + timedelta(days=11))
    db.refresh(subscription)
    assert subscription.status == "suspended"

    wallet.adjust(db, actor=actor, now=NOW, customer_id=head.id, kind="credit", amount=150000, description="x")
    db.commit()
    db.expire_all()
    assert (invoice.status, subscription.status) == ("paid", "active")
    assert subscription.expires_at > ends


# --- crashes, and two at once -------------------------------------------------------------------------------------

_SET = """
SELECT i.invoice_number, c.customer_code, s.username, i.kind, i.status, i.period_start, i.period_end, i.terms,
    i.subtotal, i.tax, i.total, i.due_date, i.issued_at, i.paid_at, i.notes, i.created_by LIKE 'billing run%',
    (SELECT string_agg(concat_ws('|', t.position, t.item_type, t.description, t.quantity, t.unit_price, t.amount), ';'
        ORDER BY t.position) FROM invoice_items t WHERE t.invoice_id = i.id),
    (SELECT string_agg(concat_ws('|', a.kind, a.name, p.amount), ';' ORDER BY a.kind, a.name, p.amount)
        FROM ledger_postings p JOIN ledger_accounts a ON a.id = p.account_id WHERE p.entry_id = i.entry_id),
    s.status, s.expires_at
FROM invoices i JOIN customers c ON c.id = i.customer_id LEFT JOIN subscriptions s ON s.id = i.subscription_id
WHERE i.tenant_id = :tenant ORDER BY i.invoice_number
"""
CUSTOMERS = 9


def _provider(db: Session) -> Actor:
    """A provider whose night has something of everything in it."""
    tenant = make_tenant(db)
    actor = Actor.system(tenant_id=tenant.id, name="test")
    plan = make_plan(db, tenant=tenant, price=Decimal(150000), name="Home 20")
    for number in range(CUSTOMERS):
        customer = make_customer(db, tenant=tenant, customer_code=f"C{number}", name=f"C{number}")
        subscription = make_subscription(
            db, tenant=tenant, customer=customer, plan=plan, price=Decimal(150000 + number), username=f"u{number}",
            expires_at=NOW + timedelta(days=number % 8), billing_day=(NOW + timedelta(days=number % 8)).day,
        )  # fmt: skip
        if number % 3 == 1:
            bill(db, actor, customer, 30000, subscription=subscription, due_date=due(-8 - number))
        if number % 3 == 2:
            wallet.adjust(
                db, actor=actor, now=NOW, customer_id=customer.id, kind="credit", amount=160000, description="x"
            )
    db.commit()
    return actor


def _set(db: Session, actor: Actor) -> list[Any]:
    return [tuple(row) for row in db.execute(text(_SET), {"tenant": actor.tenant_id})]


class Killed(BaseException):
    """Stands for kill -9: nothing of the open transaction is left."""


@pytest.mark.parametrize("where", [1, 3, 5, 7, 9])
@pytest.mark.parametrize("moment", ["before_commit", "in_portion"])
def test_a_run_that_was_killed_and_gone_on_with_is_one_clean_run(
    db: Session, keys_file: object, monkeypatch: pytest.MonkeyPatch, where: int, moment: str
) -> None:
    clean, broken = _provider(db), _provider(db)
    run_it(db, clean, limit=1)
    run = runs.start(db, actor=broken, now=NOW)
    db.commit()
    steps = itertools.count(1)
    writing = work.portions.work

    def killed_within(*args: Any, **named: Any) -> Any:
        counts = writing(*args, **named)
        if next(steps) == where:
            raise Killed
        return counts

    if moment == "in_portion":
        monkeypatch.setattr(work.portions, "work", killed_within)
        with pytest.raises(Killed):
            work.drive(db, run_id=run.id, clock=lambda: NOW, limit=1)
        monkeypatch.setattr(work.portions, "work", writing)
    else:
        for _ in range(where):
            work.step(db, run_id=run.id, now=NOW, limit=1)
            db.commit()
        work.step(db, run_id=run.id, now=NOW, limit=1)
    db.rollback()

    work.drive(db, run_id=run.id, clock=lambda: NOW, limit=2)
    run_it(db, broken, limit=3)

    assert _set(db, clean) == _set(db, broken)
    assert len(_set(db, clean)) == CUSTOMERS
    assert _numbers(db, clean) == _numbers(db, broken)


def _numbers(db: Session, actor: Actor) -> list[Any]:
    run = db.scalars(select(BillingRun).where(BillingRun.tenant_id == actor.tenant_id, ~BillingRun.is_dry)).one()
    counted = (
        "marked_overdue", "suspended", "reminded", "invoiced", "invoiced_total", "paid", "paid_total", "restored",
        "skipped", "total", "to_suspend", "active",
    )  # fmt: skip
    return [getattr(run, name) for name in counted]


def test_a_dry_run_has_exactly_the_numbers_of_the_run_and_leaves_nothing(db: Session, keys_file: object) -> None:
    actor = _provider(db)
    before = _set(db, actor)

    dry = run_it(db, actor, is_dry=True, limit=2)
    assert _set(db, actor) == before
    real = run_it(db, actor)

    told = [field.name for field in dataclasses.fields(work.Counts)]
    assert {name: getattr(dry, name) for name in told} == {name: getattr(real, name) for name in told}
    assert real.suspended
    assert real.paid
    assert _set(db, actor) != before


def test_two_schedulers_start_one_run_and_two_workers_do_it_once(db: Session, db_url: str, keys_file: object) -> None:
    actor = _provider(db)
    engine = make_engine(db_url)
    with Session(engine, expire_on_commit=False) as other:
        first = runs.start(db, actor=actor, now=NOW)
        db.commit()
        second = runs.start(other, actor=actor, now=NOW)
        other.commit()
        assert first.id == second.id

        assert work.step(db, run_id=first.id, now=NOW, limit=1) is work.Step.MORE
        assert work.step(other, run_id=first.id, now=NOW, limit=1) is work.Step.ELSEWHERE
        other.rollback()
        db.commit()
        for turn in itertools.cycle((other, db)):
            outcome = work.step(turn, run_id=first.id, now=NOW, limit=1)
            turn.commit()
            if outcome is work.Step.OVER:
                break
    engine.dispose()

    assert db.scalar(select(func.count()).where(Invoice.run_id == first.id)) == 6
    assert db.scalar(select(func.count()).select_from(BillingRun)) == 1


# --- what stops it ------------------------------------------------------------------------------------------------


@pytest.fixture
def many_late(db: Session, actor: Actor, sell: Callable[..., Subscription]) -> list[Subscription]:
    """Twelve of thirty are late: too many to cut off without asking."""
    rows = [sell(20) for _ in range(30)]
    for row in rows[:12]:
        bill(db, actor, row.customer, 150000, subscription=row, due_date=due(-30))
    db.commit()
    return rows


def test_a_run_that_would_cut_off_too_many_stops_and_says_so(
    db: Session, actor: Actor, many_late: list[Subscription]
) -> None:
    run = run_it(db, actor)

    assert (run.status, run.stopped_because, run.suspended, run.done) == ("stopped", "too_many", 0, 0)
    assert runs.why_stopped(run).startswith("would suspend 40 % of all subscriptions (12 of 30): stopped")
    with pytest.raises(Invalid, match="is missing"):
        runs.go_on(db, actor=actor, now=NOW, run_id=run.id)

    runs.go_on(db, actor=actor, now=NOW, run_id=run.id, reason="they are all of one estate")
    db.commit()
    work.drive(db, run_id=run.id, clock=lambda: NOW)

    assert (run.status, run.suspended) == ("done", 12)
    assert run.continue_reason == "they are all of one estate"


def test_a_person_may_let_it_go_on_without_suspending(db: Session, actor: Actor, many_late: list[Subscription]) -> None:
    run = run_it(db, actor)
    runs.go_on(db, actor=actor, now=NOW, run_id=run.id, reason="bank was closed", suspends=False)
    db.commit()
    work.drive(db, run_id=run.id, clock=lambda: NOW)

    assert (run.status, run.suspended, run.marked_overdue) == ("done", 0, 12)


def test_debts_that_appear_while_it_runs_do_not_slip_past_the_bound(
    db: Session, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    rows = [sell(3) for _ in range(30)]
    run = runs.start(db, actor=actor, now=NOW)
    for row in rows:
        bill(db, actor, row.customer, 1000, subscription=row, due_date=due(-60))
    db.commit()

    work.drive(db, run_id=run.id, clock=lambda: NOW)

    assert (run.status, run.stopped_because, run.suspended) == ("stopped", "too_many", 0)


def test_a_run_is_undone_for_exactly_those_who_are_still_suspended_by_it(
    db: Session, actor: Actor, many_late: list[Subscription]
) -> None:
    by_hand = many_late[20]
    by_hand.status, by_hand.suspend_cause, by_hand.suspended_at = "suspended", "staff", NOW
    run = run_it(db, actor)
    runs.go_on(db, actor=actor, now=NOW, run_id=run.id, reason="yes")
    db.commit()
    work.drive(db, run_id=run.id, clock=lambda: NOW)
    db.expire_all()
    again, ended = many_late[0], many_late[1]
    again.suspended_at, again.suspend_cause = NOW + timedelta(hours=1), "overdue"
    ended.status = "terminated"
    db.commit()

    runs.undo(db, actor=actor, now=NOW, run_id=run.id, reason="the bank's file was late")
    db.commit()
    work.drive(db, run_id=run.id, clock=lambda: NOW, limit=5)

    db.expire_all()
    assert [row.status for row in many_late[:12]] == ["suspended", "terminated"] + ["active"] * 10
    assert by_hand.status == "suspended"
    assert (run.status, run.undone_restored) == ("undone", 10)
    assert run.finished_at is not None
    assert run_it(db, actor).id == run.id
    with pytest.raises(Conflict):
        runs.undo(db, actor=actor, now=NOW, run_id=run.id, reason="again")


def test_a_stopped_run_goes_on_where_it_was(db: Session, keys_file: object) -> None:
    actor = _provider(db)
    run = runs.start(db, actor=actor, now=NOW)
    work.step(db, run_id=run.id, now=NOW, limit=1)
    runs.stop(db, actor=actor, now=NOW, run_id=run.id)
    db.commit()
    assert work.step(db, run_id=run.id, now=NOW) is work.Step.OVER
    done = run.done

    runs.go_on(db, actor=actor, now=NOW, run_id=run.id)
    db.commit()
    work.drive(db, run_id=run.id, clock=lambda: NOW)

    assert 0 < done < run.done == run.total


@pytest.mark.parametrize(("jump", "because"), [(400, "clock_ahead"), (-2, "clock_back")])
def test_a_clock_that_jumped_starts_nothing_by_itself(db: Session, keys_file: object, jump: int, because: str) -> None:
    actor = _provider(db)
    run_it(db, actor)
    before = _set(db, actor)

    run = run_it(db, actor, now=NOW + timedelta(days=jump))

    assert (run.status, run.stopped_because) == ("stopped", because)
    assert _set(db, actor) == before


def test_a_later_run_takes_over_what_an_older_one_left(db: Session, keys_file: object) -> None:
    actor = _provider(db)
    older = runs.start(db, actor=actor, now=NOW)
    work.step(db, run_id=older.id, now=NOW, limit=1)
    db.commit()

    run_it(db, actor, now=NOW + timedelta(days=1))

    db.refresh(older)
    assert (older.status, older.stopped_because) == ("stopped", "later_run")
    with pytest.raises(Conflict, match="later run"):
        runs.go_on(db, actor=actor, now=NOW, run_id=older.id, reason="x")


# --- those who pay afterwards -------------------------------------------------------------------------------------


def test_a_month_is_billed_on_its_last_day_for_the_days_that_were_used(
    db: Session, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    began = datetime(2026, 11, 16, 12, tzinfo=JAKARTA)
    subscription = sell(0, expires_at=None, is_postpaid=True, activated_at=began, billing_day=1)
    run_it(db, actor, kind="postpaid")
    assert not invoices_of(db, subscription)

    for day in (datetime(2026, 11, 30, 3, tzinfo=UTC), datetime(2026, 12, 1, 3, tzinfo=UTC)):
        run_it(db, actor, now=day, kind="postpaid")
    # Nobody was there on New Year's Eve.
    run_it(db, actor, now=datetime(2027, 1, 2, 3, tzinfo=UTC), kind="postpaid")

    first, second = invoices_of(db, subscription)
    assert (first.period_start, first.period_end, first.total) == (date(2026, 11, 16), date(2026, 12, 1), 75000)
    assert (second.period_start, second.period_end, second.total) == (date(2026, 12, 1), date(2027, 1, 1), 150000)
    assert (first.due_date, first.terms) == (date(2026, 12, 7), 0)


def test_a_renewal_by_hand_and_one_of_a_run_say_the_same(
    db: Session, actor: Actor, sell: Callable[..., Subscription]
) -> None:
    fees = {"setup_fee": Decimal(50000), "installation_fee": Decimal(75000)}
    by_hand, by_run = sell(3, auto_renew=False, **fees), sell(3, **fees)
    renewals.renew(db, actor=actor, now=NOW, subscription_id=by_hand.id, by="bill")

    run_it(db, actor)

    told = []
    for row in (by_hand, by_run):
        (invoice,) = invoices_of(db, row)
        entry = db.get_one(LedgerEntry, invoice.entry_id)
        lines = [(item.item_type, item.description, item.quantity, item.amount) for item in invoice.items]
        said = entry.description == invoice.invoice_number
        sums = (invoice.kind, invoice.terms, invoice.period_start, invoice.period_end, invoice.due_date, invoice.total)
        told.append((lines, sums, said, entry.kind, row.fees_billed_at is not None))
    assert told[0] == told[1]
