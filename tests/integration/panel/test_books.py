"""Expenses, the trial balance, commissions and other income in the panel."""

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import Customer, Expense, Operator, Payment


def spent(owner: FlaskClient, db: Session) -> Expense:
    form = {"category": "Fibre splices", "amount": "80.000", "method": "transfer", "spent_on": "2026-01-05"}
    answer = owner.post("/expenses/new", data=form | {"request_key": "a"})
    assert answer.status_code == 303, answer.text
    return db.scalars(select(Expense)).one()


def test_an_expense_is_recorded_found_and_taken_back(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    assert "No expenses yet" in owner.get("/expenses").text
    row = spent(owner, db)
    spent(owner, db)

    assert "fibre splices" in owner.get("/expenses?category=fibre+splices&since=2026-01-01").text
    assert "No expense fits" in owner.get("/expenses?q=nothing").text
    assert owner.post(f"/expenses/{row.id}/take-back", data={"reason": ""}).status_code == 422
    assert owner.post(f"/expenses/{row.id}/take-back", data={"reason": "twice"}).status_code == 303
    assert "twice" in owner.get(f"/expenses/{row.id}").text


def test_what_is_wrong_with_an_expense_stands_beside_its_box(owner: FlaskClient, seeded: Seeded) -> None:
    refused = owner.post("/expenses/new", data={"category": "rent", "amount": "0", "spent_on": "2099-01-01"})

    assert refused.status_code == 422
    assert 'id="amount-error"' in refused.text


def test_the_trial_balance_shows_accounts_and_gives_the_journal(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    spent(owner, db)

    shown = owner.get("/books?since=2026-01-01&until=2026-01-31")
    assert "fibre splices" in shown.text
    assert owner.get("/books?since=2026-02-01&until=2026-01-31").status_code == 422
    assert "fibre splices" in owner.get("/books/journal.csv?since=2026-01-01&until=2026-01-31").text
    assert owner.get("/books/journal.xlsx?since=2026-01-01&until=2026-01-31").get_data()[:2] == b"PK"


def test_other_income_is_recorded_on_the_customers_page(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    expense = spent(owner, db)
    path = f"/customers/{seeded.budi.id}/other-payment"
    assert "fibre splices" in owner.get(path).text
    form = {"category": "equipment", "amount": "100.000", "method": "cash", "expense_id": str(expense.id)}
    assert owner.post(path, data=form | {"amount": ""}).status_code == 422
    assert owner.post(path, data=form).status_code == 303

    payment = db.scalars(select(Payment)).one()
    assert (payment.purpose, payment.expense_id) == ("other", expense.id)
    assert "its expense" in owner.get(f"/payments/{payment.id}").text
    assert (
        "100.000" in owner.get(f"/expenses/{expense.id}").text or "100,000" in owner.get(f"/expenses/{expense.id}").text
    )


def test_an_operator_is_paid_what_he_is_owed(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    assert owner.get("/commissions").status_code == 200
    form = {"name": "North", "level": "10", "commission_rate": "10"}
    assert owner.post("/operators/new", data=form).status_code == 303
    north = db.scalars(select(Operator).where(Operator.name == "North")).one()
    seeded.budi.operator_id = north.id
    db.commit()
    owner.post(f"/customers/{seeded.budi.id}/pay", data={"amount": "50.000", "method": "cash", "is_advance": "y"})

    assert "North" in owner.get("/commissions").text
    pay = f"/commissions/{north.id}/pay"
    assert owner.post(pay, data={"amount": "6.000", "method": "cash"}).status_code == 422
    assert owner.post(pay, data={"amount": "5.000", "method": "cash"}).status_code == 303
    assert "paid out" in owner.get(f"/commissions/{north.id}").text
    assert db.scalars(select(Payment.purpose)).one() == "advance"


def test_a_new_customer_brings_a_debt_along(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    form = {"name": "Siti Aminah", "phone": "0812999888", "customer_type": "residential", "initial_balance": "-20.000"}
    answer = owner.post("/customers/new", data=form | {"language": "id", "connection_type": "", "nas_binding": "off"})

    assert answer.status_code == 303, answer.text
    assert db.scalars(select(Customer.balance).where(Customer.name == "Siti Aminah")).one() == -20000
