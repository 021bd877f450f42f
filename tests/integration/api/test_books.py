"""Expenses, the books, commissions and rewards over HTTP."""

import re
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import Tenant
from factories import make_customer

API = "/api/v1"


@pytest.fixture
def north(client: FlaskClient) -> int:
    made = client.post(f"{API}/operators", json={"name": "North", "level": 10, "commission_rate": "10.00"})
    return int(made.get_json()["id"])


def said(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_json()


def test_an_expense_is_recorded_once_shown_and_taken_back(client: FlaskClient) -> None:
    body = {"category": "Bandwidth", "amount": "2500000.00", "description": "=1+1"}
    first = said(client.post(f"{API}/expenses", json=body, headers={"Idempotency-Key": "a"}), 201)
    again = said(client.post(f"{API}/expenses", json=body, headers={"Idempotency-Key": "a"}), 201)
    assert first["id"] == again["id"]

    listed = said(client.get(f"{API}/expenses?category=bandwidth"))
    assert listed["summary"] == {
        "total": "2500000.00", "categories": [{"category": "bandwidth", "count": 1, "total": "2500000.00"}],
    }  # fmt: skip
    assert said(client.get(f"{API}/expenses/{first['id']}"))["income"] == "0.00"

    trial = said(client.get(f"{API}/books/trial-balance"))
    assert trial["debit"] == trial["credit"] == "2500000.00"
    assert "'=1+1" in client.get(f"{API}/books/journal.csv").get_data(as_text=True)
    assert client.get(f"{API}/books/journal.xlsx").get_data()[:2] == b"PK"

    back = said(client.post(f"{API}/expenses/{first['id']}/take-back", json={"reason": "twice"}))
    assert back["reversed_at"]
    assert client.post(f"{API}/expenses/{first['id']}/take-back", json={"reason": "twice"}).status_code == 409


@pytest.mark.parametrize("query", ["since=2026-13-01", "since=2027-01-01&until=2026-01-01", "since=1900-01-01"])
def test_days_that_are_none_are_refused(client: FlaskClient, query: str) -> None:
    assert client.get(f"{API}/books/trial-balance?{query}").status_code == 422


def test_other_income_pays_for_its_expense(client: FlaskClient, db: Session, tenant: Tenant) -> None:
    customer = make_customer(db, tenant=tenant)
    db.commit()
    expense = said(client.post(f"{API}/expenses", json={"category": "equipment", "amount": "80000.00"}), 201)
    body = {
        "customer_id": customer.id, "amount": "100000.00", "purpose": "other", "category": "equipment",
        "expense_id": expense["id"],
    }  # fmt: skip
    made = said(client.post(f"{API}/payments", json=body), 201)["payment"]

    assert (made["purpose"], made["expense_id"]) == ("other", expense["id"])
    assert said(client.get(f"{API}/expenses/{expense['id']}"))["income"] == "100000.00"
    assert said(client.get(f"{API}/customers/{customer.id}/balance"))["balance"] == "0.00"
    assert client.post(f"{API}/payments", json=body | {"category": ""}).status_code == 422


def test_an_operator_earns_and_is_paid(client: FlaskClient, db: Session, tenant: Tenant, north: int) -> None:
    customer = make_customer(db, tenant=tenant, operator_id=north)
    db.commit()
    said(client.post(f"{API}/payments", json={"customer_id": customer.id, "amount": "150000.00"}), 201)

    (row,) = said(client.get(f"{API}/commissions?operator_id={north}"))["items"]
    assert (row["rate"], row["amount"]) == ("10.00", "15000.00")
    key = {"Idempotency-Key": "b"}
    paid = [
        said(client.post(f"{API}/operators/{north}/payouts", json={"amount": "10000.00"}, headers=key), 201)
        for _ in range(2)
    ]
    assert paid[0] == paid[1]
    account = said(client.get(f"{API}/operators/{north}/account"))
    assert (account["earned"], account["paid_out"], account["owed"]) == ("15000.00", "10000.00", "5000.00")
    assert [one["kind"] for one in account["history"]] == ["payout", "commission"]
    refused = client.post(f"{API}/operators/{north}/payouts", json={"amount": "5000.01"})
    assert refused.status_code in (409, 422)
    assert [one["owed"] for one in said(client.get(f"{API}/operator-accounts"))["items"]] == ["5000.00"]


def test_a_reward_is_listed(client: FlaskClient, db: Session, tenant: Tenant) -> None:
    by = make_customer(db, tenant=tenant)
    referred = make_customer(db, tenant=tenant, referred_by_id=by.id)
    db.commit()
    assert said(client.patch(f"{API}/billing-rules", json={"referral_reward": "25000.00"}))
    said(client.post(f"{API}/payments", json={"customer_id": referred.id, "amount": "150000.00"}), 201)

    (row,) = said(client.get(f"{API}/customers/{by.id}/rewards"))["items"]
    assert (row["referred_id"], Decimal(row["amount"]), row["reversed_at"]) == (referred.id, 25000, None)


def test_a_new_customer_brings_a_debt_along(client: FlaskClient) -> None:
    made = said(
        client.post(f"{API}/customers", json={"name": "Budi", "phone": "0812345678", "initial_balance": "-150000"}), 201
    )

    assert made["balance"] == "-150000.00"


def test_sums_may_have_more_digits_than_any_amount(client: FlaskClient) -> None:
    document = client.get(f"{API}/openapi.json").get_json()["components"]["schemas"]
    sums = [document["TrialOut"]["properties"][side]["pattern"] for side in ("debit", "credit")]

    assert all(re.fullmatch(pattern, "1055739300490.00") for pattern in sums)
    assert re.fullmatch(document["AccountRowOut"]["properties"]["closing"]["pattern"], "-1055739300490.00")
