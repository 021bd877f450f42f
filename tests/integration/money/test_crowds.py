"""Many at once: a balance is never spent twice, an operator never paid twice, a reward never given twice."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from bss import billing_rules, commissions, operators, payments, recharges, wallet
from bss.actor import Actor
from bss.failure import Conflict
from db.engine import make_engine, psycopg_of, use_tenant
from db.models import Customer, Invoice, InvoiceSettlement, Payment, QuotaTopup, ReferralReward, Subscription
from db.queries.books import balance_history, wrong_in_books
from db.queries.operator_money import sums_of_operators
from domain.lifecycle import IllegalMove
from factories import make_customer
from integration.money.conftest import bill

THREADS = 50
Deed = Callable[[Session], object]


@pytest.fixture
def engine(db_url: str) -> Iterator[Engine]:
    made = make_engine(db_url, pool_size=THREADS)
    yield made
    made.dispose()


def together(engine: Engine, actor: Actor, deeds: list[Deed]) -> Counter[str]:
    """Each deed in a thread and a transaction of its own, all begun at the same moment."""
    begin = threading.Barrier(len(deeds))

    def work(deed: Deed) -> str:
        with Session(engine, expire_on_commit=False) as session:
            use_tenant(session, actor.tenant_id)
            begin.wait(60)
            try:
                deed(session)
                session.commit()
            except (Conflict, IllegalMove):
                return "refused"
            except Exception as error:  # noqa: BLE001 - whatever happens is counted and told
                return f"{type(error).__name__}: {error}"[:300]
            return "done"

    with ThreadPoolExecutor(len(deeds)) as threads:
        return Counter(threads.map(work, deeds))


@pytest.mark.timeout(600)
def test_fifty_who_spend_one_balance_never_take_it_below_nothing(
    db: Session, engine: Engine, actor: Actor, now: datetime, customer: Customer, subscription: Subscription
) -> None:
    billing_rules.change(db, actor=actor, now=now, changes={"applies_balance": False})
    ask = {"customer_id": customer.id, "kind": "credit", "amount": 100000, "description": "prepaid"}
    wallet.adjust(db, actor=actor, now=now, **ask)  # type: ignore[arg-type]
    bills = [bill(db, actor, customer, 7000).id for _ in range(20)]
    db.commit()

    def pay(invoice_id: int) -> Deed:
        return lambda session: payments.pay_by_balance(session, actor=actor, now=now, invoice_id=invoice_id)

    def buy(session: Session) -> object:
        return recharges.recharge(
            session, actor=actor, now=now, subscription_id=subscription.id, kind="data", amount=10**9, price=7000,
            by="balance",
        )  # fmt: skip

    done = together(engine, actor, [*(pay(one) for one in bills), *(pay(one) for one in bills), *([buy] * 10)])

    assert set(done) <= {"done", "refused"}, done
    assert done["done"] == 14
    db.expire_all()
    assert db.get_one(Customer, customer.id).balance == 100000 - 14 * 7000
    history = balance_history(psycopg_of(db), tenant_id=actor.tenant_id, customer_id=customer.id, limit=200)
    assert min(row.new_balance for row in history) >= 0
    paid = db.scalar(select(func.count()).select_from(InvoiceSettlement))
    assert paid == db.scalar(select(func.count()).select_from(Invoice).where(Invoice.status == "paid")) == 14
    bought = db.scalar(select(func.count()).select_from(QuotaTopup))
    assert bought == db.scalar(select(func.count()).select_from(Invoice).where(Invoice.kind == "one_off"))


@pytest.mark.timeout(600)
def test_an_operator_who_is_paid_by_twenty_at_once_gets_what_he_is_owed_and_no_more(
    db: Session, engine: Engine, actor: Actor, now: datetime
) -> None:
    north = operators.create(db, actor=actor, now=now, name="North", level=10, commission_rate="5")
    payers = [make_customer(db, tenant_id=actor.tenant_id, operator_id=north.id).id for _ in range(5)]
    db.commit()

    def pay(customer_id: int) -> Deed:
        ask = {"customer_id": customer_id, "amount": 150000, "method": "cash", "request_key": f"desk-{customer_id}"}
        return lambda session: payments.receive(session, actor=actor, now=now, **ask)  # type: ignore[arg-type]

    def pay_out(session: Session) -> object:
        return commissions.pay_out(session, actor=actor, now=now, operator_id=north.id, amount=4000)

    first = together(engine, actor, [pay(one) for one in payers * 4])
    assert first == {"done": 20}
    second = together(engine, actor, [pay_out] * 20)

    assert second == {"done": 9, "refused": 11}
    assert db.scalar(select(func.count()).select_from(Payment)) == 5
    db.expire_all()
    sums = sums_of_operators(psycopg_of(db), [north.id])[north.id]
    assert (sums.earned, sums.paid_out, sums.owed) == (37500, 36000, 1500)
    assert wrong_in_books(psycopg_of(db)) == {}


@pytest.mark.timeout(600)
def test_pay_outs_and_payments_at_once_do_not_hold_each_other(
    db: Session, engine: Engine, actor: Actor, now: datetime
) -> None:
    north = operators.create(db, actor=actor, now=now, name="North", level=10, commission_rate="8")
    below = operators.create(
        db, actor=actor, now=now, name="North-1", level=30, parent_operator_id=north.id, commission_rate="5"
    )
    payers = [make_customer(db, tenant_id=actor.tenant_id, operator_id=below.id).id for _ in range(15)]
    ask = {"customer_id": payers[0], "amount": 10**7, "method": "cash"}
    payments.receive(db, actor=actor, now=now, **ask)  # type: ignore[arg-type]
    db.commit()

    def pay(customer_id: int) -> Deed:
        return lambda session: payments.receive(
            session, actor=actor, now=now, customer_id=customer_id, amount=150000, method="cash"
        )

    def pay_out(operator_id: int) -> Deed:
        return lambda session: commissions.pay_out(session, actor=actor, now=now, operator_id=operator_id, amount=1000)

    deeds = [pay(one) for one in payers] + [pay_out(one) for one in (north.id, below.id) for _ in range(8)]
    assert together(engine, actor, deeds) == {"done": 31}

    db.expire_all()
    sums = sums_of_operators(psycopg_of(db), [north.id, below.id])
    assert sums[below.id].owed == 500000 + 15 * 7500 - 8000
    assert sums[north.id].owed == 300000 + 15 * 4500 - 8000


@pytest.mark.timeout(600)
def test_ten_first_payments_at_once_bring_one_reward(
    db: Session, engine: Engine, actor: Actor, now: datetime, customer: Customer
) -> None:
    billing_rules.change(db, actor=actor, now=now, changes={"referral_reward": 25000})
    referred = make_customer(db, tenant_id=actor.tenant_id, referred_by_id=customer.id).id
    db.commit()

    def pay(session: Session) -> object:
        return payments.receive(session, actor=actor, now=now, customer_id=referred, amount=1000, method="cash")

    assert together(engine, actor, [pay] * 10) == {"done": 10}

    db.expire_all()
    assert db.scalar(select(func.count()).select_from(ReferralReward)) == 1
    assert db.get_one(Customer, customer.id).balance == Decimal(25000)
