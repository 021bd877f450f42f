"""What is ended, or lowered, before its contract is over is warned about, and costs what its plan says."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import early_ending, plan_changes
from bss.actor import Actor
from bss.outcome import Changed
from db.models import AuditLog, Customer, Invoice, InvoiceItem, ServicePlan, Subscription
from factories import make_plan

FEE = Decimal(300000)
End = Callable[..., Changed[Subscription]]
ENDS = [early_ending.cancel, early_ending.terminate, early_ending.delete]


@pytest.fixture
def bound(db: Session, subscription: Subscription, now: datetime) -> Subscription:
    """Bound for a year, three months ago, with a term that ends in ten days."""
    subscription.plan.contract_period_months = 12
    subscription.plan.early_end_fee = FEE
    subscription.status = "active"
    subscription.activated_at = now - timedelta(days=90)
    subscription.expires_at = now + timedelta(days=10)
    subscription.customer.language = "en"
    db.flush()
    return subscription


def fees(db: Session) -> list[tuple[Decimal, str]]:
    rows = db.execute(
        select(Invoice.total, Invoice.status)
        .join(InvoiceItem, InvoiceItem.invoice_id == Invoice.id)
        .where(InvoiceItem.item_type == "penalty")
        .order_by(Invoice.id)
    )
    return [(row.total, row.status) for row in rows]


def actions(db: Session) -> set[str]:
    return set(db.scalars(select(AuditLog.action)))


@pytest.mark.parametrize("end", ENDS)
def test_ending_it_within_the_contract_bills_the_fee(
    db: Session, actor: Actor, now: datetime, bound: Subscription, end: End
) -> None:
    found = early_ending.breach_now(db, actor=actor, now=now, subscription=bound)

    end(db, actor=actor, now=now, subscription_id=bound.id)

    assert found is not None
    assert found.fee == FEE
    assert fees(db) == [(FEE, "unpaid")]
    item = db.scalars(select(InvoiceItem)).one()
    assert item.description.endswith("Ended before the end of the contract")


@pytest.mark.parametrize("end", ENDS)
def test_a_waived_fee_is_recorded_and_not_billed(
    db: Session, actor: Actor, now: datetime, bound: Subscription, end: End
) -> None:
    end(db, actor=actor, now=now, subscription_id=bound.id, waive_fee=True)

    assert fees(db) == []
    assert "subscription.early_end_fee_waived" in actions(db)


@pytest.mark.parametrize(
    "why", ["over", "no contract", "no fee", "never activated"]
)  # fmt: skip
def test_nothing_is_asked_where_no_contract_with_a_fee_is_broken(
    db: Session, actor: Actor, now: datetime, bound: Subscription, why: str
) -> None:
    if why == "over":
        bound.activated_at = now - timedelta(days=400)
    elif why == "no contract":
        bound.plan.contract_period_months = 0
    elif why == "no fee":
        bound.plan.early_end_fee = Decimal(0)
    else:
        bound.status, bound.activated_at = "pending", None
    db.flush()

    early_ending.terminate(db, actor=actor, now=now, subscription_id=bound.id)

    assert fees(db) == []


def test_a_contract_without_a_fee_is_still_warned_about(
    db: Session, actor: Actor, now: datetime, bound: Subscription
) -> None:
    bound.plan.early_end_fee = Decimal(0)

    found = early_ending.breach_now(db, actor=actor, now=now, subscription=bound)

    assert found is not None
    assert (found.fee, found.contract_end > now.date()) == (0, True)


def test_one_that_ends_with_its_term_pays_once_and_not_at_all_when_it_stays(
    db: Session, actor: Actor, now: datetime, bound: Subscription
) -> None:
    early_ending.cancel(db, actor=actor, now=now, subscription_id=bound.id, at_period_end=True)
    assert fees(db) == [(FEE, "unpaid")]

    early_ending.keep(db, actor=actor, now=now, subscription_id=bound.id)
    assert fees(db) == [(FEE, "cancelled")]

    early_ending.cancel(db, actor=actor, now=now, subscription_id=bound.id, at_period_end=True)
    early_ending.cancel(db, actor=actor, now=now, subscription_id=bound.id)
    assert fees(db) == [(FEE, "cancelled"), (FEE, "unpaid")]


def test_a_term_that_ends_after_the_contract_costs_nothing(
    db: Session, actor: Actor, now: datetime, bound: Subscription
) -> None:
    bound.activated_at = now - timedelta(days=360)
    bound.expires_at = now + timedelta(days=30)

    early_ending.cancel(db, actor=actor, now=now, subscription_id=bound.id, at_period_end=True)

    assert fees(db) == []


def test_a_customer_who_goes_pays_for_each_contract(
    db: Session, actor: Actor, now: datetime, customer: Customer, bound: Subscription
) -> None:
    customer.status = "active"
    db.flush()

    early_ending.terminate_customer(db, actor=actor, now=now, customer_id=customer.id)

    assert (bound.status, fees(db)) == ("terminated", [(FEE, "unpaid")])


def plan_for(db: Session, bound: Subscription, price: int) -> ServicePlan:
    return make_plan(db, tenant_id=bound.tenant_id, price=Decimal(price))


@pytest.mark.parametrize(("price", "is_asked"), [(100000, True), (150000, False), (250000, False)])
def test_only_a_cheaper_plan_breaks_the_contract(
    db: Session, actor: Actor, now: datetime, bound: Subscription, price: int, is_asked: bool
) -> None:
    plan = plan_for(db, bound, price)
    told = plan_changes.preview(db, actor=actor, now=now, subscription_id=bound.id, service_plan_id=plan.id)

    done = plan_changes.change(db, actor=actor, now=now, subscription_id=bound.id, service_plan_id=plan.id)

    assert (told.breach is not None) is is_asked
    assert (done.fee_invoice is not None) is is_asked
    assert [total for total, _ in fees(db)] == [FEE] * is_asked


def test_the_fee_of_a_change_that_is_taken_back_is_asked_for_no_longer(
    db: Session, actor: Actor, now: datetime, bound: Subscription
) -> None:
    given = {"subscription_id": bound.id, "service_plan_id": plan_for(db, bound, 100000).id}
    plan_changes.change(db, actor=actor, now=now, effective=plan_changes.NEXT_PERIOD, **given)
    assert fees(db) == [(FEE, "unpaid")]

    plan_changes.withdraw(db, actor=actor, now=now, subscription_id=bound.id)

    assert fees(db) == [(FEE, "cancelled")]
