"""One more term, single days, and another plan: what each costs and what it does to the end of the term."""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from bss import billing_rules, invoices, payments, plan_changes, renewals, wallet
from bss.actor import Actor
from bss.failure import Conflict
from bss.subscriptions.renewal import next_term
from db.models import Customer, Subscription, Tenant
from domain.term import Cycle, end_of_term
from factories import make_plan

JAKARTA = ZoneInfo("Asia/Jakarta")


def credit(db: Session, actor: Actor, customer: Customer, now: datetime, amount: int) -> None:
    wallet.adjust(
        db, actor=actor, now=now, customer_id=customer.id, kind="credit", amount=amount, description="for the test"
    )


def one_month_on(end: datetime, terms: int = 1) -> datetime:
    cycle = Cycle(name="monthly", validity_days=30, anchor_day=end.astimezone(JAKARTA).day)
    for _ in range(terms):
        end = end_of_term(end, cycle=cycle, zone=JAKARTA)
    return end


@pytest.mark.parametrize("terms", [1, 3])
def test_a_renewal_from_the_balance(
    db: Session, actor: Actor, customer: Customer, subscription: Subscription, now: datetime, terms: int
) -> None:
    ends = subscription.expires_at = now + timedelta(days=2)
    credit(db, actor, customer, now, 150000 * terms)

    done = renewals.renew(db, actor=actor, now=now, subscription_id=subscription.id, terms=terms)

    assert done.invoice.status == "paid"
    assert subscription.expires_at == one_month_on(ends, terms)
    db.refresh(customer, ["balance"])
    assert customer.balance == 0


def test_a_renewal_that_the_balance_does_not_cover_is_refused(
    db: Session, actor: Actor, customer: Customer, subscription: Subscription, now: datetime
) -> None:
    subscription.expires_at = now + timedelta(days=2)
    credit(db, actor, customer, now, 149999)

    with pytest.raises(Conflict, match="is less than"), db.begin_nested():
        renewals.renew(db, actor=actor, now=now, subscription_id=subscription.id)


def test_a_renewal_at_the_desk_pays_what_is_billed_already(
    db: Session, actor: Actor, customer: Customer, subscription: Subscription, now: datetime
) -> None:
    ends = subscription.expires_at = now + timedelta(days=2)
    billed = renewals.renew(db, actor=actor, now=now, subscription_id=subscription.id, by="bill")
    assert (billed.invoice.status, subscription.expires_at) == ("unpaid", ends)

    paid = renewals.renew(db, actor=actor, now=now, subscription_id=subscription.id, by="cash")

    assert paid.invoice.id == billed.invoice.id
    assert subscription.expires_at == one_month_on(ends)


def test_set_up_and_installation_are_billed_once(
    db: Session, actor: Actor, customer: Customer, subscription: Subscription, now: datetime
) -> None:
    subscription.expires_at = now + timedelta(days=2)
    subscription.setup_fee, subscription.installation_fee = Decimal(50000), Decimal(200000)

    first = renewals.renew(db, actor=actor, now=now, subscription_id=subscription.id, by="cash").invoice
    second = renewals.renew(db, actor=actor, now=now, subscription_id=subscription.id, by="cash").invoice

    assert [item.item_type for item in first.items] == ["service", "setup", "installation"]
    assert (first.total, second.total) == (400000, 150000)
    assert second.period_start == first.period_end


def test_an_expired_subscription_is_renewed_from_today_and_comes_back(
    db: Session, actor: Actor, customer: Customer, subscription: Subscription, now: datetime
) -> None:
    subscription.status, subscription.expires_at = "expired", now - timedelta(days=20)

    done = renewals.renew(db, actor=actor, now=now, subscription_id=subscription.id, by="transfer")

    assert subscription.status == "active"
    assert subscription.expires_at == one_month_on(now)
    assert done.invoice.period_start == now.astimezone(JAKARTA).date()


@pytest.mark.parametrize("status", ["pending", "disabled", "terminated"])
def test_what_cannot_be_renewed_says_why(
    db: Session, actor: Actor, subscription: Subscription, now: datetime, status: str
) -> None:
    subscription.status, subscription.expires_at = status, now

    with pytest.raises(Conflict, match=f"the subscription is {status}"):
        renewals.renew(db, actor=actor, now=now, subscription_id=subscription.id)


def test_single_days_are_sold_by_the_rate_of_a_day(
    db: Session, actor: Actor, customer: Customer, subscription: Subscription, now: datetime
) -> None:
    subscription.status, subscription.expires_at = "expired", now - timedelta(days=1)

    done = renewals.add_days(db, actor=actor, now=now, subscription_id=subscription.id, days=3, by="cash")

    assert done.invoice.total == 15000
    assert (subscription.status, subscription.expires_at) == ("active", now + timedelta(days=3))
    assert done.payment is not None
    payments.refund(db, actor=actor, now=now, payment_id=done.payment.id, reason="mistake")
    assert subscription.expires_at == now - timedelta(days=1)


# --- another plan -----------------------------------------------------------------------------------------------


@pytest.fixture
def bigger(db: Session, tenant: Tenant) -> int:
    return make_plan(db, tenant=tenant, price=Decimal(250000)).id


@pytest.fixture
def in_the_middle(db: Session, subscription: Subscription, now: datetime) -> Subscription:
    """Half of a period of thirty days is left, whatever the day of the test."""
    subscription.billing_cycle = "custom"
    subscription.plan.billing_cycle, subscription.plan.validity_days = "custom", 30
    subscription.expires_at = now + timedelta(days=15)
    db.flush()
    return subscription


def test_a_bigger_plan_costs_the_difference_for_the_days_left(
    db: Session, actor: Actor, in_the_middle: Subscription, tenant: Tenant, now: datetime
) -> None:
    plan = make_plan(db, tenant=tenant, price=Decimal(250000), billing_cycle="custom", validity_days=30)
    told = plan_changes.preview(db, actor=actor, now=now, subscription_id=in_the_middle.id, service_plan_id=plan.id)
    assert (told.total, told.proration.days_left, told.proration.days) == (50000, 15, 30)

    done = plan_changes.change(db, actor=actor, now=now, subscription_id=in_the_middle.id, service_plan_id=plan.id)

    assert done.invoice is not None
    assert (done.invoice.total, done.invoice.kind, done.row.status) == (50000, "proration", "applied")
    assert (in_the_middle.service_plan_id, in_the_middle.price) == (plan.id, 250000)


def test_a_smaller_plan_gives_credit_with_its_tax(
    db: Session, actor: Actor, customer: Customer, in_the_middle: Subscription, tenant: Tenant, now: datetime
) -> None:
    billing_rules.change(db, actor=actor, now=now, changes={"tax_percent": "11"})
    plan = make_plan(db, tenant=tenant, price=Decimal(50000), billing_cycle="custom", validity_days=30)

    done = plan_changes.change(db, actor=actor, now=now, subscription_id=in_the_middle.id, service_plan_id=plan.id)

    assert (done.invoice, done.credited) == (None, 55500)
    db.refresh(customer, ["balance"])
    assert customer.balance == 55500


def test_a_change_without_proration_costs_nothing(
    db: Session, actor: Actor, in_the_middle: Subscription, bigger: int, now: datetime
) -> None:
    done = plan_changes.change(
        db, actor=actor, now=now, subscription_id=in_the_middle.id, service_plan_id=bigger, prorated=False
    )

    assert (done.invoice, done.credited) == (None, 0)


def test_the_same_plan_is_refused(db: Session, actor: Actor, in_the_middle: Subscription, now: datetime) -> None:
    with pytest.raises(Conflict, match="the plan it has already"):
        plan_changes.change(
            db, actor=actor, now=now, subscription_id=in_the_middle.id, service_plan_id=in_the_middle.service_plan_id
        )


def test_a_change_at_the_end_of_the_term_waits_for_it(
    db: Session, actor: Actor, in_the_middle: Subscription, bigger: int, now: datetime
) -> None:
    plan_changes.change(
        db, actor=actor, now=now, subscription_id=in_the_middle.id, service_plan_id=bigger, effective="next_period"
    )
    assert in_the_middle.service_plan_id != bigger
    assert plan_changes.apply_due(db, now=now + timedelta(days=14)) == []

    (done,) = plan_changes.apply_due(db, now=now + timedelta(days=15))

    assert (done.row.status, in_the_middle.service_plan_id) == ("applied", bigger)


def test_a_waiting_change_is_replaced_or_withdrawn(
    db: Session, actor: Actor, in_the_middle: Subscription, bigger: int, tenant: Tenant, now: datetime
) -> None:
    def schedule(plan_id: int) -> plan_changes.PlanChanged:
        return plan_changes.change(
            db, actor=actor, now=now, subscription_id=in_the_middle.id, service_plan_id=plan_id, effective="next_period"
        )

    first, second = schedule(bigger), schedule(make_plan(db, tenant=tenant).id)
    assert (first.row.status, second.row.status) == ("cancelled", "pending")

    plan_changes.withdraw(db, actor=actor, now=now, subscription_id=in_the_middle.id)
    assert plan_changes.apply_due(db, now=now + timedelta(days=15)) == []


def test_a_change_that_became_impossible_says_why(
    db: Session, actor: Actor, in_the_middle: Subscription, bigger: int, now: datetime
) -> None:
    done = plan_changes.change(
        db, actor=actor, now=now, subscription_id=in_the_middle.id, service_plan_id=bigger, effective="next_period"
    )
    done.row.new_plan.is_active = False

    assert plan_changes.apply_due(db, now=now + timedelta(days=15)) == []
    assert (done.row.status, done.row.problem) == (
        "failed", "is no longer sold: choose a plan that is active",
    )  # fmt: skip


def test_a_draft_is_no_money_until_it_is_issued(
    db: Session, actor: Actor, customer: Customer, subscription: Subscription, now: datetime
) -> None:
    subscription.expires_at = now + timedelta(days=2)
    term = next_term(db, subscription, JAKARTA)
    period = renewals.period_of_next(subscription, term, zone=JAKARTA, now=now)
    draft = renewals.draft_of(subscription, term, period, 1)
    invoice = invoices.create(db, actor=actor, now=now, customer_id=customer.id, draft=draft, issue_now=False).row
    assert (invoice.status, invoice.invoice_number, invoice.entry_id) == ("draft", None, None)

    invoices.issue(db, actor=actor, now=now, invoice_id=invoice.id)

    assert (invoice.status, str(invoice.invoice_number)[:4]) == ("unpaid", "INV-")
