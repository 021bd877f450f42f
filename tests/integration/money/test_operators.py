"""Operators earn by what their customers pay, are paid, and owe what was taken back."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import commissions, operators, payments, transfers
from bss.actor import Actor
from bss.failure import Conflict, Invalid
from db.engine import psycopg_of
from db.models import Commission, Customer, Operator, Payment
from db.queries.books import wrong_in_books
from db.queries.operator_money import statement_of, sums_of_operators
from db.scope import use_operators
from domain.lifecycle import IllegalMove
from factories import make_customer

pytestmark = pytest.mark.usefixtures("keys_file")


@pytest.fixture
def north(db: Session, actor: Actor, now: datetime) -> Operator:
    return operators.create(db, actor=actor, now=now, name="North", level=10, commission_rate="8")


@pytest.fixture
def sub(db: Session, actor: Actor, now: datetime, north: Operator) -> Operator:
    return operators.create(
        db, actor=actor, now=now, name="North-1", level=30, parent_operator_id=north.id, commission_rate="5"
    )


@pytest.fixture
def customer(db: Session, actor: Actor, sub: Operator) -> Customer:
    return make_customer(db, tenant_id=actor.tenant_id, operator_id=sub.id)


@pytest.fixture
def owed(db: Session) -> Callable[[Operator], Decimal]:
    def ask(operator: Operator) -> Decimal:
        db.flush()
        return sums_of_operators(psycopg_of(db), [operator.id])[operator.id].owed

    return ask


def pay(db: Session, actor: Actor, customer: Customer, now: datetime, amount: int = 150000, **more: Any) -> Payment:
    given_ = {"method": "cash"} | more
    return payments.receive(db, actor=actor, now=now, customer_id=customer.id, amount=amount, **given_).payment


def test_a_payment_brings_its_operator_and_whoever_stands_above_a_share(
    db: Session, actor: Actor, now: datetime, customer: Customer, north: Operator, sub: Operator, owed: Any
) -> None:
    payment = pay(db, actor, customer, now)

    assert payment.operator_id == sub.id
    assert (owed(sub), owed(north)) == (7500, 4500)
    rows = db.scalars(select(Commission).order_by(Commission.rate.desc())).all()
    assert [(row.operator_id, row.rate, row.amount) for row in rows] == [(sub.id, 5, 7500), (north.id, 3, 4500)]


def test_the_rate_is_that_of_the_time(
    db: Session, actor: Actor, now: datetime, customer: Customer, sub: Operator, owed: Any
) -> None:
    pay(db, actor, customer, now)
    operators.edit(db, actor=actor, now=now, operator_id=sub.id, changes={"commission_rate": "1"})
    pay(db, actor, customer, now, 100000)

    assert owed(sub) == 7500 + 1000


@pytest.mark.parametrize("undo", [payments.refund, payments.void])
def test_what_goes_back_takes_its_commission_along(
    db: Session, actor: Actor, now: datetime, customer: Customer, north: Operator, sub: Operator, owed: Any, undo: Any
) -> None:
    kept, payment = pay(db, actor, customer, now, 100000), pay(db, actor, customer, now)

    undo(db, actor=actor, now=now, payment_id=payment.id, reason="mistake")

    assert (owed(sub), owed(north)) == (5000, 3000)
    standing = db.scalars(select(Commission.payment_id).where(Commission.reversed_at.is_(None))).all()
    assert set(standing) == {kept.id}


def test_a_customer_who_changes_hands_takes_only_later_commissions_along(
    db: Session, actor: Actor, now: datetime, customer: Customer, sub: Operator, owed: Any
) -> None:
    south = operators.create(db, actor=actor, now=now, name="South", level=10, commission_rate="10")
    first = pay(db, actor, customer, now)
    transfers.request(db, actor=actor, now=now, customer_id=customer.id, to_operator_id=south.id)
    pay(db, actor, customer, now)

    assert (owed(sub), owed(south)) == (7500, 15000)
    payments.refund(db, actor=actor, now=now, payment_id=first.id, reason="mistake")
    assert (owed(sub), owed(south)) == (0, 15000)


def test_single_sales_and_the_providers_own_customers_bring_none(
    db: Session, actor: Actor, now: datetime, customer: Customer, sub: Operator, owed: Any
) -> None:
    pay(db, actor, customer, now, purpose="other", category="equipment")
    pay(db, actor, make_customer(db, tenant_id=actor.tenant_id), now)

    assert owed(sub) == 0


def test_an_operator_is_paid_at_most_what_he_is_owed_and_once(
    db: Session, actor: Actor, now: datetime, customer: Customer, sub: Operator, owed: Any
) -> None:
    pay(db, actor, customer, now)
    ask: dict[str, Any] = {"actor": actor, "now": now, "operator_id": sub.id}
    with pytest.raises(Conflict, match="owed 7500"):
        commissions.pay_out(db, **ask, amount=7501)

    first = commissions.pay_out(db, **ask, amount=7000, method="transfer", request_key="a")
    again = commissions.pay_out(db, **ask, amount=7000, method="transfer", request_key="a")

    assert (first.is_new, again.is_new, owed(sub)) == (True, False, 500)
    with pytest.raises(Conflict, match="same request"):
        commissions.pay_out(db, **ask, amount=300, request_key="a")
    with pytest.raises(Invalid):
        commissions.pay_out(db, **ask, amount=0)
    rows = statement_of(psycopg_of(db), sub.id)
    assert [(row.kind, row.amount, row.owed) for row in rows] == [("payout", -7000, 500), ("commission", 7500, 7500)]


def test_who_was_paid_already_owes_what_is_taken_back(
    db: Session, actor: Actor, now: datetime, customer: Customer, sub: Operator, owed: Any
) -> None:
    payment = pay(db, actor, customer, now)
    commissions.pay_out(db, actor=actor, now=now, operator_id=sub.id, amount=7500)
    payments.refund(db, actor=actor, now=now, payment_id=payment.id, reason="mistake")

    assert owed(sub) == -7500
    with pytest.raises(Conflict, match="owed 0"):
        commissions.pay_out(db, actor=actor, now=now, operator_id=sub.id, amount=1)


@pytest.fixture
def of_sub(db: Session, actor: Actor, sub: Operator) -> Iterator[Actor]:
    use_operators(db, [sub.id])
    yield Actor(tenant_id=actor.tenant_id, kind="user", name="sub", operator_id=sub.id)
    use_operators(db, None)


def test_payments_at_an_operators_desk_bring_those_above_their_share_too(
    db: Session, now: datetime, customer: Customer, north: Operator, of_sub: Actor, owed: Any
) -> None:
    pay(db, of_sub, customer, now)

    assert owed(north) == 4500
    assert len(db.scalars(select(Commission)).all()) == 1


def test_an_operator_with_an_account_is_not_removed(
    db: Session, actor: Actor, now: datetime, customer: Customer, sub: Operator
) -> None:
    pay(db, actor, customer, now)
    transfers.request(db, actor=actor, now=now, customer_id=customer.id, to_operator_id=None)

    with pytest.raises(Conflict, match="account"):
        operators.delete(db, actor=actor, now=now, operator_id=sub.id)


KEYS = count(1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pay"), st.integers(1, 99999)),
        st.tuples(st.just("refund"), st.integers(0, 9)),
        st.tuples(st.just("void"), st.integers(0, 9)),
        st.tuples(st.just("pay_out"), st.integers(1, 5000)),
        st.tuples(st.just("rate"), st.integers(0, 100)),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(STEPS)
def test_what_an_operator_is_owed_is_what_he_earned_less_what_he_was_paid(
    db: Session, actor: Actor, now: datetime, sub: Operator, owed: Any, steps: list[tuple[str, int]]
) -> None:
    customer = make_customer(db, tenant_id=actor.tenant_id, operator_id=sub.id)
    begun, paid, made = owed(sub), 0, [pay(db, actor, customer, now, 1000)]
    for what, number in steps:
        with suppress(Conflict, IllegalMove), db.begin_nested():
            if what == "pay":
                made.append(pay(db, actor, customer, now, number))
            elif what in ("refund", "void"):
                undo = payments.refund if what == "refund" else payments.void
                undo(db, actor=actor, now=now, payment_id=made[number % len(made)].id, reason="mistake")
            elif what == "rate":
                operators.edit(db, actor=actor, now=now, operator_id=sub.id, changes={"commission_rate": number})
            else:
                ask: dict[str, Any] = {"operator_id": sub.id, "amount": number, "request_key": f"key-{next(KEYS)}"}
                commissions.pay_out(db, actor=actor, now=now, **ask)
                paid += number
    ids = [payment.id for payment in made if payment.status == "completed"]
    standing = db.scalars(select(Commission).where(Commission.operator_id == sub.id, Commission.reversed_at.is_(None)))
    rows = [row for row in standing if row.payment_id in {payment.id for payment in made}]
    assert {row.payment_id for row in rows} <= set(ids)
    assert owed(sub) - begun == sum(row.amount for row in rows) - paid
    assert wrong_in_books(psycopg_of(db)) == {}
