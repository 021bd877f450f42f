"""Income that is no package's, expenses, and the books as bookkeepers read them."""

from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from bss import bookkeeping, expenses, payments, wallet
from bss.actor import Actor
from bss.failure import Conflict, Invalid
from db.models import Customer, Expense
from db.queries.expenses import ExpenseFilter, expense_sums, income_for_expense
from db.queries.money_lists import totals_of_customer
from domain.lifecycle import IllegalMove
from domain.spreadsheet import as_csv
from integration.money.conftest import bill


def sell(db: Session, actor: Actor, customer: Customer, now: datetime, amount: int, **more: Any) -> payments.Received:
    given_: dict[str, Any] = {"method": "cash", "purpose": "other", "category": "Equipment"} | more
    return payments.receive(db, actor=actor, now=now, customer_id=customer.id, amount=amount, **given_)


def spend(db: Session, actor: Actor, now: datetime, amount: int = 80000, **more: Any) -> Expense:
    given_: dict[str, Any] = {"category": "Equipment"} | more
    return expenses.record(db, actor=actor, now=now, amount=amount, **given_).row


def accounts(db: Session, actor: Actor, now: datetime) -> dict[str, Decimal]:
    rows = bookkeeping.trial_balance(db, actor=actor, now=now).rows
    return {bookkeeping.account_code(row.kind, row.name): row.closing for row in rows if row.closing}


def balance(db: Session, customer: Customer) -> Decimal:
    db.refresh(customer, ["balance"])
    return customer.balance


def test_other_income_has_a_receipt_and_changes_no_balance(
    db: Session, actor: Actor, customer: Customer, now: datetime
) -> None:
    invoice = bill(db, actor, customer, 100000)
    done = sell(db, actor, customer, now, 100000)

    assert done.payment.receipt_number
    assert (done.payment.category, invoice.status, balance(db, customer)) == ("equipment", "unpaid", 0)
    found = accounts(db, actor, now)
    assert (found["money.cash"], found["revenue.equipment"]) == (100000, -100000)


def test_an_advance_is_balance_with_a_receipt(db: Session, actor: Actor, customer: Customer, now: datetime) -> None:
    done = payments.receive(
        db, actor=actor, now=now, customer_id=customer.id, amount=300000, method="transfer", purpose="advance"
    )

    assert (done.payment.purpose, balance(db, customer)) == ("advance", 300000)
    assert done.payment.receipt_number
    assert bill(db, actor, customer, 100000).status == "paid"


@pytest.mark.parametrize("undo", [payments.refund, payments.void])
def test_other_income_goes_back_whatever_the_balance_is(
    db: Session, actor: Actor, customer: Customer, now: datetime, undo: Any
) -> None:
    wallet.adjust(db, actor=actor, now=now, customer_id=customer.id, kind="debit", amount=5000, description="old debt")
    payment = sell(db, actor, customer, now, 100000).payment

    undo(db, actor=actor, now=now, payment_id=payment.id, reason="returned")

    found = accounts(db, actor, now)
    assert found.keys().isdisjoint({"money.cash", "revenue.equipment"})
    assert balance(db, customer) == -5000


def test_what_is_wrong_about_other_income_is_said(db: Session, actor: Actor, customer: Customer, now: datetime) -> None:
    expense, invoice = spend(db, actor, now), bill(db, actor, customer, 100)
    for field, wrong in (
        ("category", {"category": "  "}),
        ("invoice_id", {"invoice_id": invoice.id}),
        ("expense_id", {"expense_id": 10**9}),
        ("expense_id", {"expense_id": expense.id, "purpose": "recharge"}),
        ("purpose", {"purpose": "voucher"}),
    ):
        with pytest.raises(Invalid) as refused:
            sell(db, actor, customer, now, 100, **wrong)
        assert [problem.field for problem in refused.value.problems] == [field]


def test_income_is_linked_to_the_expense_that_it_pays_for(
    db: Session, actor: Actor, customer: Customer, now: datetime
) -> None:
    expense = spend(db, actor, now)
    sell(db, actor, customer, now, 60000, expense_id=expense.id)
    back = sell(db, actor, customer, now, 60000, expense_id=expense.id).payment
    payments.void(db, actor=actor, now=now, payment_id=back.id, reason="mistake")

    assert income_for_expense(db, expense.id) == 60000


def test_an_expense_stands_on_its_day_until_it_is_taken_back(db: Session, actor: Actor, now: datetime) -> None:
    row = spend(db, actor, now, spent_on=now.date() - timedelta(days=40), category="  Band WIDTH ")
    again = spend(db, actor, now, 5000, category="rent", request_key="a")
    assert spend(db, actor, now, 5000, category="rent", request_key="a").id == again.id
    with pytest.raises(Conflict):
        spend(db, actor, now, 6000, category="rent", request_key="a")

    everything = ExpenseFilter()
    assert expense_sums(db, tenant_id=actor.tenant_id, fits=everything) == [("band width", 1, 80000), ("rent", 1, 5000)]
    this_month = bookkeeping.trial_balance(db, actor=actor, now=now, first=now.date() - timedelta(days=5))
    moved = {row.name: (row.opening, row.debit) for row in this_month.rows if row.kind == "expense"}
    assert moved == {"band width": (80000, 0), "rent": (0, 5000)}

    expenses.take_back_expense(db, actor=actor, now=now, expense_id=row.id, reason="twice")
    assert expense_sums(db, tenant_id=actor.tenant_id, fits=everything) == [("rent", 1, 5000)]
    with pytest.raises(Conflict):
        expenses.take_back_expense(db, actor=actor, now=now, expense_id=row.id, reason="twice")


def test_an_expense_of_tomorrow_is_refused(db: Session, actor: Actor, now: datetime) -> None:
    with pytest.raises(Invalid):
        spend(db, actor, now, spent_on=now.date() + timedelta(days=2))


def test_no_cell_of_the_journal_is_a_formula_and_a_span_has_an_end(db: Session, actor: Actor, now: datetime) -> None:
    spend(db, actor, now, description='=HYPERLINK("http://evil")', reference="+1")

    text = as_csv(bookkeeping.journal(db, actor=actor, now=now, as_what="csv"))

    assert "'=HYPERLINK" in text
    with pytest.raises(Invalid):
        bookkeeping.journal(db, actor=actor, now=now, first=now.date() - timedelta(days=400), as_what="csv")


KEYS = count(1)
STEPS = st.lists(
    st.tuples(st.sampled_from(["pay", "sell", "spend", "bill", "credit", "refund"]), st.integers(1, 10**6)),
    max_size=10,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(STEPS)
def test_whatever_happened_debits_are_credits_and_the_journal_is_the_trial_balance(
    db: Session, actor: Actor, customer: Customer, now: datetime, steps: list[tuple[str, int]]
) -> None:
    made = [sell(db, actor, customer, now, 10).payment]
    for what, amount in steps:
        if what == "pay":
            ask: dict[str, Any] = {"customer_id": customer.id, "amount": amount, "method": "cash"}
            made.append(payments.receive(db, actor=actor, now=now, **ask).payment)
        elif what == "sell":
            made.append(sell(db, actor, customer, now, amount).payment)
        elif what == "spend":
            spend(db, actor, now, amount)
        elif what == "bill":
            bill(db, actor, customer, amount)
        elif what == "credit":
            ask = {"customer_id": customer.id, "kind": "credit", "amount": amount, "description": "goodwill"}
            wallet.adjust(db, actor=actor, now=now, key=f"credit-{next(KEYS)}", **ask)
        else:
            payment = made[amount % len(made)]
            with suppress(Conflict, IllegalMove), db.begin_nested():
                payments.refund(db, actor=actor, now=now, payment_id=payment.id, reason="back")

    trial = bookkeeping.trial_balance(db, actor=actor, now=now)
    rows = list(bookkeeping.journal(db, actor=actor, now=now, as_what="csv"))[1:]
    assert trial.debit == trial.credit
    assert sum(row.closing for row in trial.rows) == 0
    assert sum(row[6] or 0 for row in rows) == trial.debit
    assert sum(row[7] or 0 for row in rows) == trial.credit
    by_entry: dict[int, Decimal] = {}
    for row in rows:
        by_entry[row[1]] = by_entry.get(row[1], Decimal(0)) + (row[6] or 0) - (row[7] or 0)
    assert set(by_entry.values()) <= {0}


def test_a_customers_totals_are_paid_invoices_and_what_stayed_of_what_came(
    db: Session, actor: Actor, customer: Customer, now: datetime
) -> None:
    bill(db, actor, customer, 100000)
    bill(db, actor, customer, 70000)
    for amount in (100000, 50000):
        ask: dict[str, Any] = {"customer_id": customer.id, "amount": amount, "method": "cash"}
        last = payments.receive(db, actor=actor, now=now, **ask).payment
    payments.refund(db, actor=actor, now=now, payment_id=last.id, reason="back")
    wallet.adjust(db, actor=actor, now=now, customer_id=customer.id, kind="credit", amount=5, description="goodwill")

    assert totals_of_customer(db, customer.id) == (100000, 100000)
