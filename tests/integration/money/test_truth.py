"""Whatever happens to a customer's money, in any order: the books say what a few lines of arithmetic say."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from bss import invoices, payments, wallet
from bss.actor import Actor
from bss.failure import Failure
from db.engine import psycopg_of
from db.models import Customer, Invoice, Payment
from db.queries.books import wrong_in_books
from domain.lifecycle import IllegalMove
from integration.money.conftest import bill

AMOUNTS = st.sampled_from([1, 10, 30, 50, 60, 99, 100, 101, 150])
PLACES = st.integers(0, 4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("bill"), AMOUNTS, st.integers(1, 9)),
        st.tuples(st.just("pay"), AMOUNTS, st.none() | PLACES),
        st.tuples(st.just("credit"), AMOUNTS),
        st.tuples(st.just("debit"), AMOUNTS),
        st.tuples(st.just("cancel"), PLACES),
        st.tuples(st.just("refund"), PLACES),
        st.tuples(st.just("void"), PLACES),
        st.tuples(st.just("use_balance"), PLACES),
    ),
    min_size=1,
    max_size=14,
)
ASKED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


class Refused(Exception):
    """The truth refuses the step, and so must the books."""


@dataclass
class Bill:
    """An invoice as the truth knows it."""

    total: int
    due: int
    status: str = "unpaid"
    paid_by: int | None = None


@dataclass
class Truth:
    """One customer. An invoice is paid as a whole; credit pays the one due first, as long as it covers the next."""

    balance: int = 0
    bills: list[Bill] = field(default_factory=list)
    payments: list[tuple[int, str]] = field(default_factory=list)

    def apply(self) -> None:
        for one in sorted((one for one in self.bills if one.status == "unpaid"), key=lambda one: one.due):
            if one.total > self.balance:
                return
            self.settle(one, None)

    def settle(self, one: Bill, payment: int | None) -> None:
        self.balance -= one.total
        one.status, one.paid_by = "paid", payment

    def bill(self, total: int, due: int) -> None:
        self.bills.append(Bill(total, due))
        self.apply()

    def pay(self, amount: int, place: int | None) -> None:
        self.payments.append((amount, "completed"))
        self.balance += amount
        meant = None if place is None or not self.bills else self.bill_at(place)
        if meant is not None and meant.status == "unpaid" and amount >= meant.total:
            self.settle(meant, len(self.payments) - 1)
        self.apply()

    def credit(self, amount: int) -> None:
        self.balance += amount
        self.apply()

    def debit(self, amount: int) -> None:
        self.balance -= amount
        self.apply()

    def cancel(self, place: int) -> None:
        one = self.bill_at(place)
        if one.status != "unpaid":
            raise Refused
        one.status = "cancelled"

    def refund(self, place: int) -> None:
        self.undo(place, payment="refunded", bill="refunded")

    def void(self, place: int) -> None:
        self.undo(place, payment="cancelled", bill="unpaid")

    def undo(self, place: int, *, payment: str, bill: str) -> None:
        number = self.payment_at(place)
        amount, status = self.payments[number]
        paid = [one for one in self.bills if one.status == "paid" and one.paid_by == number]
        if status != "completed" or self.balance + sum(one.total for one in paid) < amount:
            raise Refused
        self.balance += sum(one.total for one in paid) - amount
        for one in paid:
            one.status, one.paid_by = bill, None
        self.payments[number] = (amount, payment)

    def use_balance(self, place: int) -> None:
        one = self.bill_at(place)
        if one.status != "unpaid" or self.balance < one.total:
            raise Refused
        self.settle(one, None)

    def bill_at(self, place: int) -> Bill:
        if not self.bills:
            raise Refused
        return self.bills[place % len(self.bills)]

    def payment_at(self, place: int) -> int:
        if not self.payments:
            raise Refused
        return place % len(self.payments)


class Books:
    """The same steps, taken by the use-cases."""

    def __init__(self, db: Session, actor: Actor, customer: Customer, now: datetime) -> None:
        self.db, self.actor, self.customer, self.now = db, actor, customer, now
        self.bills: list[Invoice] = []
        self.payments: list[Payment] = []
        self.steps = 0

    def do(self, use_case: Callable[..., Any], **given: Any) -> Any:
        self.steps += 1
        return use_case(self.db, actor=self.actor, now=self.now, **given)

    def bill(self, total: int, due: int) -> None:
        # One due day for each, so that the order is the truth's; later ones of a day come later.
        day = self.now.date() + timedelta(days=due * 100 + len(self.bills))
        self.bills.append(bill(self.db, self.actor, self.customer, total, due_date=day))

    def pay(self, amount: int, place: int | None) -> None:
        meant = None if place is None or not self.bills else self.bills[place % len(self.bills)].id
        received = self.do(
            payments.receive, customer_id=self.customer.id, amount=amount, method="cash", invoice_id=meant
        )
        self.payments.append(received.payment)

    def credit(self, amount: int) -> None:
        self.adjust("credit", amount)

    def debit(self, amount: int) -> None:
        self.adjust("debit", amount)

    def adjust(self, kind: str, amount: int) -> None:
        self.do(
            wallet.adjust, customer_id=self.customer.id, kind=kind, amount=amount, description="x", key=f"k{self.steps}"
        )

    def cancel(self, place: int) -> None:
        self.do(invoices.cancel, invoice_id=self.bills[place % len(self.bills)].id, reason="x")

    def refund(self, place: int) -> None:
        self.do(payments.refund, payment_id=self.payments[place % len(self.payments)].id, reason="x")

    def void(self, place: int) -> None:
        self.do(payments.void, payment_id=self.payments[place % len(self.payments)].id, reason="x")

    def use_balance(self, place: int) -> None:
        self.do(payments.pay_by_balance, invoice_id=self.bills[place % len(self.bills)].id)


def refuses(step: Callable[[], None], *kinds: type[Exception]) -> bool:
    try:
        step()
    except kinds:
        return True
    return False


@ASKED
@given(steps=STEPS)
def test_the_books_are_what_was_done(
    db: Session, actor: Actor, customer: Customer, now: datetime, steps: list[tuple[Any, ...]]
) -> None:
    beginning = db.begin_nested()
    try:
        truth, books = Truth(), Books(db, actor, customer, now)
        for name, *given_values in steps:
            is_possible = not refuses(lambda name=name, told=given_values: getattr(truth, name)(*told), Refused)
            if is_possible or _has_rows(books, name):
                _take(db, books, name, given_values, is_possible=is_possible)
            db.refresh(customer, ["balance"])
            assert customer.balance == Decimal(truth.balance), name
            assert [row.status for row in books.bills] == [one.status for one in truth.bills], name
            assert [row.status for row in books.payments] == [status for _, status in truth.payments], name
        assert wrong_in_books(psycopg_of(db)) == {}
    finally:
        beginning.rollback()


def _has_rows(books: Books, name: str) -> bool:
    """Whether there is something that the step could be refused for; without any row there is nothing to name."""
    return bool(books.payments if name in ("refund", "void") else books.bills)


def _take(db: Session, books: Books, name: str, told: list[Any], *, is_possible: bool) -> None:
    step = db.begin_nested()
    refused = refuses(lambda: getattr(books, name)(*told), Failure, IllegalMove)
    assert refused is not is_possible, (name, told)
    if refused:
        step.rollback()
        db.expire_all()
    else:
        step.commit()
