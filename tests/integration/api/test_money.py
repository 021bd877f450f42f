"""Money over HTTP: text, exact, once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import Customer, Subscription, Tenant
from factories import make_customer, make_plan, make_subscription

ITEM = {"item_type": "equipment", "description": "Cable", "quantity": "20", "unit_price": "2500.00"}


@pytest.fixture
def customer(db: Session, tenant: Tenant) -> Customer:
    return make_customer(db, tenant=tenant)


@pytest.fixture
def subscription(db: Session, keys_file: object, tenant: Tenant, customer: Customer) -> Subscription:
    plan = make_plan(db, tenant=tenant, price=Decimal(150000))
    ends = datetime.now(UTC) + timedelta(days=2)
    return make_subscription(db, tenant=tenant, customer=customer, plan=plan, price=Decimal(150000), expires_at=ends)


def write(client: FlaskClient, customer: Customer, **over: object) -> dict[str, object]:
    answer = client.post("/api/v1/invoices", json={"customer_id": customer.id, "items": [ITEM]} | over)
    assert answer.status_code == 201, answer.json
    invoice: dict[str, object] = answer.json["invoice"]
    return invoice


def test_an_invoice_is_written_and_paid(customer: Customer, client: FlaskClient) -> None:
    invoice = write(client, customer)
    assert (invoice["total"], invoice["status"]) == ("50000.00", "unpaid")

    paid = client.post(
        f"/api/v1/invoices/{invoice['id']}/mark-paid", json={"method": "transfer", "reference": "BCA 12"}
    )

    assert paid.status_code == 201
    assert paid.json["paid_invoice_ids"] == [invoice["id"]]
    assert client.get(f"/api/v1/invoices/{invoice['id']}").json["status"] == "paid"
    listed = client.get("/api/v1/payments", query_string={"search": "bca 12"}).json
    assert (len(listed["items"]), listed["summary"]["total_paid"]) == (1, "50000.00")


def test_a_draft_waits_until_it_is_issued(customer: Customer, client: FlaskClient) -> None:
    invoice = write(client, customer, is_draft=True)
    assert (invoice["status"], invoice["invoice_number"]) == ("draft", None)

    issued = client.post(f"/api/v1/invoices/{invoice['id']}/issue")

    assert issued.json["invoice"]["status"] == "unpaid"
    assert client.get("/api/v1/invoices", query_string={"is_open": True}).json["summary"] == {
        "open_invoices": 1,
        "open_total": "50000.00",
        "overdue_total": "0.00",
    }


def test_one_key_is_one_payment(customer: Customer, client: FlaskClient) -> None:
    body = {"customer_id": customer.id, "amount": "7000.00"}
    answers = [client.post("/api/v1/payments", json=body, headers={"Idempotency-Key": "till-7"}) for _ in range(3)]

    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true", "true"]
    assert len({answer.json["payment"]["id"] for answer in answers}) == 1
    changed = client.post("/api/v1/payments", json=body | {"amount": "8.00"}, headers={"Idempotency-Key": "till-7"})
    assert changed.status_code == 422
    balance = client.get(f"/api/v1/customers/{customer.id}/balance").json
    assert (balance["balance"], len(balance["history"])) == ("7000.00", 1)


@pytest.mark.parametrize("amount", [7000, 7000.5, "1e5", "-5.00", "1,000", "NaN", "0.001", "", "0.00", "0.50"])
def test_what_is_no_amount_of_rupiah_is_refused(customer: Customer, client: FlaskClient, amount: object) -> None:
    answer = client.post("/api/v1/payments", json={"customer_id": customer.id, "amount": amount})

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "amount"


def test_balances_are_changed_with_a_word_why(customer: Customer, client: FlaskClient) -> None:
    path = f"/api/v1/customers/{customer.id}/balance"
    assert client.post(path, json={"kind": "debit", "amount": "5000.00"}).status_code == 422

    done = client.post(path, json={"kind": "debit", "amount": "5000.00", "description": "old debt"})

    assert (done.status_code, done.json["previous"], done.json["new"]) == (201, "0.00", "-5000.00")


def test_a_renewal_at_the_desk_and_its_refund(subscription: Subscription, client: FlaskClient) -> None:
    path = f"/api/v1/subscriptions/{subscription.id}"
    before = client.get(path).json["expires_at"]

    done = client.post(f"{path}/renew", json={"by": "cash"})
    assert done.status_code == 201, done.json
    assert done.json["expires_at"] > before

    payment = done.json["payment"]["id"]
    assert client.post(f"/api/v1/payments/{payment}/refund", json={"reason": "moved"}).status_code == 200
    assert client.get(path).json["expires_at"] == before
    assert client.post(f"/api/v1/payments/{payment}/refund", json={"reason": "again"}).status_code == 409


def test_another_plan_is_previewed_and_scheduled(
    db: Session, tenant: Tenant, subscription: Subscription, client: FlaskClient
) -> None:
    plan = make_plan(db, tenant=tenant, price=Decimal(300000))
    db.commit()
    path = f"/api/v1/subscriptions/{subscription.id}/plan-change"

    answer = client.get(path, query_string={"service_plan_id": plan.id})
    assert answer.status_code == 200, answer.json
    told = answer.json
    assert Decimal(told["total"]) == Decimal(told["charge"]) - Decimal(told["credit"]) > 0

    asked = client.post(path, json={"service_plan_id": plan.id, "effective": "next_period"})
    assert (asked.status_code, asked.json["plan_change"]["status"]) == (201, "pending")
    assert client.delete(path).json["status"] == "cancelled"
    assert client.delete(path).status_code == 404


def test_rules_of_billing(client: FlaskClient) -> None:
    given = {"tax_percent": "11.00", "remind_on": [3, -3], "expiry_remind_days": [2], "receipt_prefix": "kw"}
    changed = client.patch("/api/v1/billing-rules", json=given)

    assert (changed.json["expiry_remind_days"], changed.json["receipt_prefix"]) == ([2], "KW")
    assert client.patch("/api/v1/billing-rules", json={"invoice_prefix": "A-B"}).status_code == 422
    assert (changed.json["tax_percent"], changed.json["remind_on"]) == ("11.00", [-3, 3])
    assert client.patch("/api/v1/billing-rules", json={"tax_percent": "101.00"}).status_code == 422


def test_the_billing_log_of_a_subscription_and_an_invoice(subscription: Subscription, client: FlaskClient) -> None:
    renewed = client.post(f"/api/v1/subscriptions/{subscription.id}/renew", json={"by": "cash"}).json

    log = client.get(f"/api/v1/subscriptions/{subscription.id}/billing-log", query_string={"page_size": 2}).json
    of_invoice = client.get(f"/api/v1/invoices/{renewed['invoice']['id']}/billing-log").json

    assert (len(log["items"]), log["pagination"]["total_items"] >= 4) == (2, True)
    paid = next(entry for entry in of_invoice["items"] if entry["action"] == "invoice.paid")
    number = renewed["invoice"]["invoice_number"]
    assert paid["message"] == f"Invoice {number} over IDR 150000.00 was paid"
    assert (paid["kind"], paid["amount"], paid["currency"]) == ("invoice", "150000.00", "IDR")
    assert client.get("/api/v1/invoices/999999/billing-log").status_code == 404
