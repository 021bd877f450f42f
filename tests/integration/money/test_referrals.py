"""Who recommends a customer gets credit when that one first pays: once, and not longer than the payment stands."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import billing_rules, payments, referrals
from bss.actor import Actor
from bss.failure import Invalid
from db.engine import psycopg_of
from db.models import Customer, Payment, ReferralReward
from db.queries.books import balance_history
from db.queries.referrals import rewards_of
from factories import make_customer

REWARD = 25000


@pytest.fixture(autouse=True)
def rule(db: Session, actor: Actor, now: datetime) -> None:
    billing_rules.change(db, actor=actor, now=now, changes={"referral_reward": REWARD})


@pytest.fixture
def referred(db: Session, customer: Customer) -> Customer:
    return make_customer(db, tenant_id=customer.tenant_id, referred_by_id=customer.id)


def pay(db: Session, actor: Actor, customer: Customer, now: datetime, **more: Any) -> Payment:
    given = {"method": "cash", "amount": 100000} | more
    return payments.receive(db, actor=actor, now=now, customer_id=customer.id, **given).payment


def balance(db: Session, customer: Customer) -> object:
    db.refresh(customer, ["balance"])
    return customer.balance


def test_the_first_payment_rewards_and_no_other(
    db: Session, actor: Actor, now: datetime, customer: Customer, referred: Customer
) -> None:
    pay(db, actor, referred, now, purpose="other", category="equipment")
    assert balance(db, customer) == 0
    first = pay(db, actor, referred, now, request_key="a")
    pay(db, actor, referred, now, request_key="a")
    pay(db, actor, referred, now)

    assert balance(db, customer) == REWARD
    (row,) = rewards_of(db, customer.id)
    assert (row.referred_id, row.payment_id, row.amount) == (referred.id, first.id, REWARD)
    (moved,) = balance_history(psycopg_of(db), tenant_id=actor.tenant_id, customer_id=customer.id)
    assert moved.description == f"for recommending {referred.customer_code}"


@pytest.mark.parametrize("undo", [payments.refund, payments.void])
def test_a_reward_goes_with_its_payment_and_comes_with_the_next(
    db: Session, actor: Actor, now: datetime, customer: Customer, referred: Customer, undo: Any
) -> None:
    payment = pay(db, actor, referred, now)

    undo(db, actor=actor, now=now, payment_id=payment.id, reason="mistake")
    assert balance(db, customer) == 0

    pay(db, actor, referred, now)
    assert balance(db, customer) == REWARD
    assert [row.reversed_at is None for row in rewards_of(db, customer.id)] == [True, False]


def test_who_had_paid_before_there_was_a_rule_brings_none(
    db: Session, actor: Actor, now: datetime, customer: Customer, referred: Customer
) -> None:
    billing_rules.change(db, actor=actor, now=now, changes={"referral_reward": 0})
    pay(db, actor, referred, now)
    billing_rules.change(db, actor=actor, now=now, changes={"referral_reward": REWARD})
    pay(db, actor, referred, now)

    assert balance(db, customer) == 0


def test_nobody_earns_by_his_own_family_and_nobody_who_is_gone(
    db: Session, actor: Actor, now: datetime, customer: Customer, referred: Customer
) -> None:
    member = make_customer(db, tenant_id=customer.tenant_id, referred_by_id=customer.id, parent_customer_id=customer.id)
    pay(db, actor, member, now)
    customer.deleted_at = now
    db.flush()
    pay(db, actor, referred, now)

    assert db.scalars(select(ReferralReward)).all() == []


def test_a_reward_of_fractions_or_below_nothing_is_refused(db: Session, actor: Actor, now: datetime) -> None:
    for wrong in (-1, "1.234", "much"):
        with pytest.raises(Invalid):
            billing_rules.change(db, actor=actor, now=now, changes={"referral_reward": wrong})
    assert referrals.__doc__
