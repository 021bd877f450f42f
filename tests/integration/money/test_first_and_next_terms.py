"""What the first bill of a subscription is for, and the next one while a change of plan waits."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import first_bills, invoices, plan_changes, renewals, subscriptions
from bss.actor import Actor
from bss.billing import runs, work
from bss.failure import Conflict, Invalid
from db.models import Customer, Invoice, Subscription, Tenant
from factories import make_plan, make_subscription

pytestmark = pytest.mark.usefixtures("keys_file")
JAKARTA = ZoneInfo("Asia/Jakarta")


def invoices_of(db: Session, subscription: Subscription) -> list[Invoice]:
    chosen = select(Invoice).where(Invoice.subscription_id == subscription.id, Invoice.status != "cancelled")
    return list(db.scalars(chosen.order_by(Invoice.id)))


# --- the first bill ---------------------------------------------------------------------------------------------


def test_the_first_bill_is_for_the_first_term_with_both_fees(
    db: Session, actor: Actor, customer: Customer, tenant: Tenant, now: datetime
) -> None:
    plan = make_plan(db, tenant=tenant, price=Decimal(150000), setup_fee=Decimal(50000))
    issued = first_bills.create(
        db, actor=actor, now=now, customer_id=customer.id, service_plan_id=plan.id, username="new", bill_now=True,
        installation_fee="75000", installation_address="Jalan Melati 5", installation_date=now.date(),
    )  # fmt: skip

    (invoice,) = invoices_of(db, issued.row)
    assert [item.item_type for item in invoice.items] == ["service", "setup", "installation"]
    assert (invoice.total, invoice.period_start) == (275000, now.astimezone(JAKARTA).date())
    ends = issued.row.expires_at
    assert ends is not None
    assert invoice.period_end == ends.astimezone(JAKARTA).date()
    assert (issued.row.installation_address, issued.row.installation_date) == ("Jalan Melati 5", now.date())
    # Paying it moves no end: the first term runs already. The next bill has no fees any more.
    assert invoice.terms == 0
    billed = renewals.renew(db, actor=actor, now=now, subscription_id=issued.row.id, by="bill").invoice
    assert [item.item_type for item in billed.items] == ["service"]


def test_a_first_bill_needs_a_first_activation(
    db: Session, actor: Actor, customer: Customer, tenant: Tenant, subscription: Subscription, now: datetime
) -> None:
    plan = make_plan(db, tenant=tenant)
    with pytest.raises(Invalid, match="needs an active subscription"):
        first_bills.create(
            db, actor=actor, now=now, customer_id=customer.id, service_plan_id=plan.id, username="new",
            bill_now=True, activate=False,
        )  # fmt: skip
    subscription.status, subscription.activated_at = "suspended", now - timedelta(days=3)
    with pytest.raises(Invalid, match="is for a first activation"):
        first_bills.activate(db, actor=actor, now=now, subscription_id=subscription.id, bill_now=True)


def test_what_is_activated_later_is_billed_then(
    db: Session, actor: Actor, customer: Customer, tenant: Tenant, now: datetime
) -> None:
    waiting = make_subscription(
        db, tenant=tenant, customer=customer, plan=make_plan(db, tenant=tenant), status="pending", price=Decimal(150000)
    )

    first_bills.activate(db, actor=actor, now=now, subscription_id=waiting.id, bill_now=True)

    assert [row.total for row in invoices_of(db, waiting)] == [150000]


def test_a_plan_that_costs_nothing_has_no_first_bill(
    db: Session, actor: Actor, customer: Customer, tenant: Tenant, now: datetime
) -> None:
    plan = make_plan(db, tenant=tenant, price=Decimal(0))
    issued = first_bills.create(
        db, actor=actor, now=now, customer_id=customer.id, service_plan_id=plan.id, username="free", bill_now=True
    )
    assert invoices_of(db, issued.row) == []


def test_a_fee_that_was_billed_cannot_be_changed_and_one_taken_back_can(
    db: Session, actor: Actor, customer: Customer, subscription: Subscription, now: datetime
) -> None:
    subscription.expires_at, subscription.installation_fee = now + timedelta(days=2), Decimal(75000)
    billed = renewals.renew(db, actor=actor, now=now, subscription_id=subscription.id, by="bill").invoice
    with pytest.raises(Conflict, match="was billed on"):
        subscriptions.edit(
            db, actor=actor, now=now, subscription_id=subscription.id, changes={"installation_fee": "100000"}
        )

    invoices.cancel(db, actor=actor, now=now, invoice_id=billed.id, reason="wrong fee")
    subscriptions.edit(
        db, actor=actor, now=now, subscription_id=subscription.id, changes={"installation_fee": "100000"}
    )

    again = renewals.renew(db, actor=actor, now=now, subscription_id=subscription.id, by="bill").invoice
    assert again.total == 250000


# --- the next bill ----------------------------------------------------------------------------------------------


@pytest.fixture
def ending(db: Session, subscription: Subscription, now: datetime) -> Subscription:
    subscription.expires_at = now + timedelta(days=5)
    return subscription


def schedule(db: Session, actor: Actor, now: datetime, subscription: Subscription, plan_id: int) -> None:
    plan_changes.change(
        db, actor=actor, now=now, subscription_id=subscription.id, service_plan_id=plan_id, effective="next_period"
    )


def test_the_next_bill_is_over_the_plan_that_begins_then(
    db: Session, actor: Actor, customer: Customer, ending: Subscription, tenant: Tenant, now: datetime
) -> None:
    yearly = make_plan(db, tenant=tenant, name="Year", price=Decimal(1500000), billing_cycle="yearly")
    schedule(db, actor, now, ending, yearly.id)
    before = ending.expires_at
    assert before is not None

    paid = renewals.renew(db, actor=actor, now=now, subscription_id=ending.id, by="cash").invoice

    assert (paid.total, paid.items[0].description[:4]) == (1500000, "Year")
    # A year was paid for, so a year is given, although the plan changes only then.
    assert ending.expires_at is not None
    assert ending.expires_at.astimezone(JAKARTA).date() == before.astimezone(JAKARTA).date().replace(
        year=before.astimezone(JAKARTA).year + 1
    )
    plan_changes.apply_due(db, now=before)
    assert (ending.service_plan_id, ending.price, ending.billing_cycle) == (yearly.id, 1500000, "yearly")


@pytest.mark.parametrize("effective", ["now", "next_period"])
def test_an_open_bill_for_the_next_term_is_written_again(
    db: Session, actor: Actor, customer: Customer, ending: Subscription, tenant: Tenant, now: datetime, effective: str
) -> None:
    ending.installation_fee = Decimal(75000)
    first = renewals.renew(db, actor=actor, now=now, subscription_id=ending.id, by="bill").invoice
    bigger = make_plan(db, tenant=tenant, price=Decimal(250000))

    plan_changes.change(
        db, actor=actor, now=now, subscription_id=ending.id, service_plan_id=bigger.id, effective=effective,
        prorated=False,
    )  # fmt: skip

    assert first.status == "cancelled"
    (again,) = invoices_of(db, ending)
    assert (again.total, again.due_date, again.period_start) == (325000, first.due_date, first.period_start)


def test_a_change_that_is_withdrawn_gives_the_old_bill_back(
    db: Session, actor: Actor, customer: Customer, ending: Subscription, tenant: Tenant, now: datetime
) -> None:
    schedule(db, actor, now, ending, make_plan(db, tenant=tenant, price=Decimal(250000)).id)
    assert renewals.renew(db, actor=actor, now=now, subscription_id=ending.id, by="bill").invoice.total == 250000

    plan_changes.withdraw(db, actor=actor, now=now, subscription_id=ending.id)

    assert [row.total for row in invoices_of(db, ending)] == [150000]


def test_a_bill_that_says_it_already_stays(
    db: Session, actor: Actor, customer: Customer, ending: Subscription, tenant: Tenant, now: datetime
) -> None:
    schedule(db, actor, now, ending, make_plan(db, tenant=tenant, price=Decimal(250000)).id)
    billed = renewals.renew(db, actor=actor, now=now, subscription_id=ending.id, by="bill").invoice

    assert ending.expires_at is not None
    plan_changes.apply_due(db, now=ending.expires_at)

    assert billed.status == "unpaid"


def test_the_nightly_run_bills_the_plan_that_begins_then_and_nobody_who_leaves(
    db: Session, actor: Actor, customer: Customer, ending: Subscription, tenant: Tenant, now: datetime
) -> None:
    yearly = make_plan(db, tenant=tenant, name="Year", price=Decimal(1500000), billing_cycle="yearly")
    schedule(db, actor, now, ending, yearly.id)
    leaves = make_subscription(
        db, tenant=tenant, customer=customer, plan=ending.plan, price=Decimal(150000), expires_at=ending.expires_at
    )
    subscriptions.cancel(db, actor=actor, now=now, subscription_id=leaves.id, at_period_end=True)

    run = runs.start(db, actor=actor, now=now, kind="nightly")
    work.drive(db, run_id=run.id, clock=lambda: now)

    (invoice,) = invoices_of(db, ending)
    assert (invoice.total, invoice.items[0].description[:4]) == (1500000, "Year")
    assert invoice.period_start is not None
    assert invoice.period_end == invoice.period_start.replace(year=invoice.period_start.year + 1)
    assert invoices_of(db, leaves) == []
    # The night writes nothing twice, and what it wrote is what a change at the end finds.
    assert ending.expires_at is not None
    plan_changes.apply_due(db, now=ending.expires_at)
    assert invoice.status == "unpaid"
