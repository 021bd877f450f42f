"""Money that comes in pays what it covers, once, and goes back the way it came."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bss import billing_rules, invoices, payments, wallet
from bss.actor import Actor
from bss.failure import Conflict, Invalid
from db.engine import psycopg_of
from db.models import Customer, Invoice, Subscription
from db.queries.books import balance_history
from domain.lifecycle import IllegalMove
from factories import make_customer
from integration.money.conftest import bill


def pay(
    db: Session, actor: Actor, customer: Customer, now: datetime, amount: object, **more: object
) -> payments.Received:
    return payments.receive(
        db, actor=actor, now=now, customer_id=customer.id, amount=amount, **({"method": "cash"} | more)
    )  # type: ignore[arg-type]


def balance(db: Session, customer: Customer) -> Decimal:
    db.refresh(customer, ["balance"])
    return customer.balance


def test_credit_on_an_empty_balance(db: Session, actor: Actor, customer: Customer, now: datetime) -> None:
    done = wallet.adjust(
        db, actor=actor, now=now, customer_id=customer.id, kind="credit", amount=50000, description="goodwill"
    )

    assert (done.previous, done.new) == (0, 50000)
    (row,) = balance_history(psycopg_of(db), tenant_id=actor.tenant_id, customer_id=customer.id)
    assert (row.type, row.amount, row.previous_balance, row.new_balance) == ("credit", 50000, 0, 50000)


def test_a_part_of_an_invoice_is_carried_over(db: Session, actor: Actor, customer: Customer, now: datetime) -> None:
    invoice = bill(db, actor, customer, 100000)

    received = pay(db, actor, customer, now, 60000, invoice_id=invoice.id)

    assert invoice.status == "unpaid"
    assert balance(db, customer) == 60000
    assert received.paid_invoice_ids == []
    (row,) = balance_history(psycopg_of(db), tenant_id=actor.tenant_id, customer_id=customer.id)
    assert row.type == "carry_over"

    pay(db, actor, customer, now, 40000, invoice_id=invoice.id)
    assert invoice.status == "paid"
    assert balance(db, customer) == 0


def test_numbers_of_invoices_and_receipts_begin_as_the_provider_wants(
    db: Session, actor: Actor, customer: Customer, now: datetime
) -> None:
    billing_rules.change(db, actor=actor, now=now, changes={"invoice_prefix": "fak", "receipt_prefix": "kwt"})

    invoice = bill(db, actor, customer, 1000)
    payment = pay(db, actor, customer, now, 1000).payment

    assert (invoice.invoice_number or "").startswith("FAK-20")
    assert (payment.receipt_number or "").startswith("KWT-20")


def test_what_is_too_much_is_credit(db: Session, actor: Actor, customer: Customer, now: datetime) -> None:
    invoice = bill(db, actor, customer, 100000)

    pay(db, actor, customer, now, 130000, invoice_id=invoice.id)

    assert invoice.status == "paid"
    assert balance(db, customer) == 30000


def test_an_invoice_is_paid_by_its_own_payment_also_beside_a_debt(
    db: Session, actor: Actor, customer: Customer, now: datetime
) -> None:
    wallet.adjust(db, actor=actor, now=now, customer_id=customer.id, kind="debit", amount=50000, description="old debt")
    invoice = bill(db, actor, customer, 100000)

    pay(db, actor, customer, now, 100000, invoice_id=invoice.id)

    assert invoice.status == "paid"
    assert balance(db, customer) == -50000


def test_credit_pays_the_invoice_that_is_due_first(
    db: Session, actor: Actor, customer: Customer, now: datetime
) -> None:
    later = bill(db, actor, customer, 50000, due_date=now.date() + timedelta(days=9))
    sooner = bill(db, actor, customer, 100000, due_date=now.date() + timedelta(days=2))

    pay(db, actor, customer, now, 60000)
    assert (sooner.status, later.status) == ("unpaid", "unpaid")

    pay(db, actor, customer, now, 50000)
    assert (sooner.status, later.status) == ("paid", "unpaid")
    assert balance(db, customer) == 10000


def test_a_provider_may_leave_credit_alone(db: Session, actor: Actor, customer: Customer, now: datetime) -> None:
    billing_rules.change(db, actor=actor, now=now, changes={"applies_balance": False})
    first, second = bill(db, actor, customer, 50000), bill(db, actor, customer, 50000)

    pay(db, actor, customer, now, 80000)
    assert (first.status, second.status) == ("unpaid", "unpaid")

    payments.pay_by_balance(db, actor=actor, now=now, invoice_id=second.id)
    assert (first.status, second.status) == ("unpaid", "paid")
    with pytest.raises(Conflict, match="is less than 50000"):
        payments.pay_by_balance(db, actor=actor, now=now, invoice_id=first.id)


@pytest.mark.parametrize("again", [1, 5])
def test_a_gateway_transaction_is_money_once(
    db: Session, actor: Actor, customer: Customer, now: datetime, again: int
) -> None:
    invoice = bill(db, actor, customer, 100000)
    told = {"method": "midtrans", "gateway": "midtrans", "gateway_transaction_id": "t-1", "invoice_id": invoice.id}

    first = pay(db, actor, customer, now, 100000, **told)
    repeats = [pay(db, actor, customer, now, 100000, **told) for _ in range(again)]

    assert first.is_new
    assert all(not repeat.is_new and repeat.payment is first.payment for repeat in repeats)
    assert balance(db, customer) == 0


def test_a_key_is_one_payment_and_another_amount_with_it_is_refused(
    db: Session, actor: Actor, customer: Customer, now: datetime
) -> None:
    pay(db, actor, customer, now, 5000, request_key="till-1/42")

    assert not pay(db, actor, customer, now, 5000, request_key="till-1/42").is_new
    with pytest.raises(Conflict, match="another amount"):
        pay(db, actor, customer, now, 6000, request_key="till-1/42")
    assert balance(db, customer) == 5000


@pytest.mark.parametrize("amount", ["0", "-5", "NaN", "1e400", "1,000", "0.5", "1000000000000000", None, True, 0.1])
def test_what_is_no_amount_is_refused(
    db: Session, actor: Actor, customer: Customer, now: datetime, amount: object
) -> None:
    with pytest.raises(Invalid):
        pay(db, actor, customer, now, amount)


def test_another_customers_invoice_is_not_paid(db: Session, actor: Actor, customer: Customer, now: datetime) -> None:
    invoice = bill(db, actor, make_customer(db, tenant_id=actor.tenant_id), 100000)

    with pytest.raises(Invalid, match="another customer's"):
        pay(db, actor, customer, now, 100000, invoice_id=invoice.id)


def test_a_refund_takes_back_the_payment_the_invoice_and_the_term(
    db: Session, actor: Actor, customer: Customer, subscription: Subscription, now: datetime
) -> None:
    ends = subscription.expires_at = now + timedelta(days=2)
    invoice = bill(db, actor, customer, 150000, subscription=subscription, kind="recurring", terms=1)
    received = pay(db, actor, customer, now, 150000, invoice_id=invoice.id)
    assert subscription.expires_at > ends + timedelta(days=27)

    payments.refund(db, actor=actor, now=now, payment_id=received.payment.id, reason="moved away")

    assert (received.payment.status, invoice.status) == ("refunded", "refunded")
    assert subscription.expires_at == ends
    assert balance(db, customer) == 0
    with pytest.raises(IllegalMove):
        payments.refund(db, actor=actor, now=now, payment_id=received.payment.id, reason="again")


def test_a_payment_that_never_came_leaves_its_invoice_open(
    db: Session, actor: Actor, customer: Customer, now: datetime
) -> None:
    invoice = bill(db, actor, customer, 100000)
    received = pay(db, actor, customer, now, 100000, invoice_id=invoice.id)

    payments.void(db, actor=actor, now=now, payment_id=received.payment.id, reason="bounced")
    assert (received.payment.status, invoice.status) == ("cancelled", "unpaid")

    pay(db, actor, customer, now, 100000, invoice_id=invoice.id)
    assert invoice.status == "paid"
    assert balance(db, customer) == 0


def test_money_that_was_used_since_is_not_given_back_twice(
    db: Session, actor: Actor, customer: Customer, now: datetime
) -> None:
    received = pay(db, actor, customer, now, 100000)
    bill(db, actor, customer, 80000)

    with pytest.raises(Conflict, match="only 20000"):
        payments.refund(db, actor=actor, now=now, payment_id=received.payment.id, reason="wants it back")


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_payments_in_any_order_end_in_the_same_books(
    db: Session, actor: Actor, customer: Customer, now: datetime, order: tuple[int, ...]
) -> None:
    first = bill(db, actor, customer, 100000, due_date=now.date() + timedelta(days=1))
    second = bill(db, actor, customer, 60000, due_date=now.date() + timedelta(days=2))
    third = bill(db, actor, customer, 50000, due_date=now.date() + timedelta(days=3))
    arriving: list[tuple[int, Invoice | None]] = [(50000, None), (60000, second), (60000, None), (30000, third)]

    for number in order:
        amount, invoice = arriving[number]
        key = f"p{number}"
        for _ in range(2):
            pay(db, actor, customer, now, amount, invoice_id=None if invoice is None else invoice.id, request_key=key)

    assert [invoice.status for invoice in (first, second, third)] == ["paid", "paid", "unpaid"]
    assert balance(db, customer) == 40000


def test_paying_brings_a_suspended_subscription_back_and_extends_it(
    db: Session, actor: Actor, customer: Customer, subscription: Subscription, now: datetime
) -> None:
    subscription.expires_at = now - timedelta(days=10)
    subscription.status, subscription.suspend_cause = "suspended", "overdue"
    due = (now - timedelta(days=10)).date()
    invoice = bill(db, actor, customer, 150000, subscription=subscription, kind="recurring", terms=1, due_date=due)

    pay(db, actor, customer, now, 150000, invoice_id=invoice.id)

    assert (subscription.status, subscription.suspend_cause) == ("active", None)
    assert subscription.expires_at > now + timedelta(days=27)


@pytest.mark.parametrize("cause", ["staff", "suspend_date", None])
def test_what_a_person_suspended_stays_suspended(
    db: Session, actor: Actor, customer: Customer, subscription: Subscription, now: datetime, cause: str | None
) -> None:
    subscription.expires_at = now + timedelta(days=10)
    subscription.status, subscription.suspend_cause = "suspended", cause
    invoice = bill(db, actor, customer, 150000, subscription=subscription)

    pay(db, actor, customer, now, 150000, invoice_id=invoice.id)

    assert subscription.status == "suspended"


def test_a_cancelled_invoice_keeps_its_number_and_owes_nothing(
    db: Session, actor: Actor, customer: Customer, now: datetime
) -> None:
    first = bill(db, actor, customer, 100000)
    invoices.cancel(db, actor=actor, now=now, invoice_id=first.id, reason="wrong plan")
    second = bill(db, actor, customer, 90000)

    assert first.status == "cancelled"
    assert int(str(second.invoice_number)[-4:]) == int(str(first.invoice_number)[-4:]) + 1
    pay(db, actor, customer, now, 90000)
    assert second.status == "paid"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_postings SET amount = amount + 1",
        "DELETE FROM ledger_postings",
        "UPDATE ledger_entries SET description = ''",
        "DELETE FROM ledger_entries",
        "UPDATE invoices SET total = total + 1, subtotal = subtotal + 1",
        "DELETE FROM invoices",
        "UPDATE payments SET amount = amount + 1",
        "DELETE FROM payments",
        "INSERT INTO ledger_postings (entry_id, account_id, amount) SELECT entry_id, id, 5 FROM ledger_postings",
        "INSERT INTO ledger_entries OVERRIDING SYSTEM VALUE SELECT * FROM ledger_entries",
    ],
)
def test_what_is_written_stays_as_it_was(
    db: Session, actor: Actor, customer: Customer, now: datetime, statement: str
) -> None:
    bill(db, actor, customer, 100000)
    pay(db, actor, customer, now, 100000)

    with pytest.raises(DBAPIError) as refused, db.begin_nested():
        db.execute(text(statement))

    assert isinstance(refused.value.orig, psycopg.errors.RaiseException | psycopg.errors.IntegrityError)
