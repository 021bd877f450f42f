"""A new customer brings along what he has, or owes, elsewhere."""

from datetime import datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bss import accounts
from bss.actor import Actor
from bss.failure import Invalid
from db.engine import psycopg_of
from db.models import Customer, LedgerEntry
from db.queries.books import balance_history

pytestmark = pytest.mark.usefixtures("keys_file")


def made(db: Session, actor: Actor, now: datetime, balance: object) -> Customer:
    record = {"name": "Budi", "phone": "0812345678"}
    return accounts.create(db, actor=actor, now=now, customer=record, initial_balance=balance).customer


@pytest.mark.parametrize(
    ("given", "word", "amount"),
    [(Decimal("50000.00"), "credit", 50000), ("-20000", "debit", 20000), (75000, "credit", 75000)],
)
def test_what_is_brought_along_is_the_first_line_of_the_history(
    db: Session, actor: Actor, now: datetime, given: object, word: str, amount: int
) -> None:
    customer = made(db, actor, now, given)

    assert customer.balance == (amount if word == "credit" else -amount)
    (row,) = balance_history(psycopg_of(db), tenant_id=actor.tenant_id, customer_id=customer.id)
    assert (row.type, row.amount, row.previous_balance, row.description) == (word, amount, 0, "initial balance")


@pytest.mark.parametrize("nothing", [None, 0, "0.00", "-0"])
def test_nothing_brought_along_is_no_entry(db: Session, actor: Actor, now: datetime, nothing: object) -> None:
    assert made(db, actor, now, nothing).balance == 0
    assert db.scalar(select(func.count()).select_from(LedgerEntry)) == 0


@pytest.mark.parametrize("wrong", ["much", "--5", "1.234", "150.000", "1,5", "1e5", "NaN", "-1e99", "0.50"])
def test_what_is_no_amount_is_refused_by_name(db: Session, actor: Actor, now: datetime, wrong: str) -> None:
    with pytest.raises(Invalid) as refused, db.begin_nested():
        made(db, actor, now, wrong)

    assert [problem.field for problem in refused.value.problems] == ["initial_balance"]
