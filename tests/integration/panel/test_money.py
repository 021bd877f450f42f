"""Money in the panel."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import Customer, Invoice, Payment, Subscription, User
from factories import make_user

LINE = {"lines-0-item_type": "equipment", "lines-0-description": "Cable", "lines-0-unit_price": "2.500",
        "lines-0-quantity": "20"}  # fmt: skip


def written(owner: FlaskClient, customer: Customer, db: Session, **over: str) -> Invoice:
    answer = owner.post(f"/customers/{customer.id}/invoices/new", data=LINE | over)
    assert answer.status_code == 303, answer.text
    db.expire_all()
    return db.scalars(select(Invoice).order_by(Invoice.id.desc())).first()  # type: ignore[return-value]


def test_an_invoice_is_written_and_paid_at_the_desk(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    invoice = written(owner, seeded.budi, db)
    assert (invoice.total, invoice.status) == (50000, "unpaid")
    assert "Cable" in owner.get(f"/invoices/{invoice.id}").text

    asked = owner.get(f"/customers/{seeded.budi.id}/pay?invoice={invoice.id}").text
    key = re.search(r'name="request_key"[^>]*value="([^"]+)"', asked)
    assert key is not None
    form = {"amount": "50.000", "method": "cash", "invoice_id": str(invoice.id), "request_key": key[1]}
    for _ in range(2):
        assert owner.post(f"/customers/{seeded.budi.id}/pay", data=form).status_code == 303

    db.expire_all()
    assert db.get_one(Invoice, invoice.id).status == "paid"
    assert len(db.scalars(select(Payment)).all()) == 1
    assert "recorded already" in owner.get(f"/customers/{seeded.budi.id}?tab=money").text


def test_lines_are_added_and_taken_away_without_losing_what_was_typed(owner: FlaskClient, seeded: Seeded) -> None:
    path = f"/customers/{seeded.budi.id}/invoices/new"

    more = owner.post(path, data=LINE | {"add_line": "1"})
    assert (more.status_code, more.text.count("unit_price")) > (200, 2)
    assert "Cable" in more.text

    fewer = owner.post(path, data=LINE | {"remove_line": "0"})
    assert "Cable" not in fewer.text


def test_what_is_wrong_stands_beside_its_box(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    refused = owner.post(f"/customers/{seeded.budi.id}/invoices/new", data=LINE | {"discount": "60000"})
    assert refused.status_code == 422
    assert "more than the lines" in refused.text

    refused = owner.post(f"/customers/{seeded.budi.id}/pay", data={"amount": "0", "method": "cash"})
    assert refused.status_code == 422
    assert 'id="amount-error"' in refused.text


def test_a_cancelled_invoice_says_why(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    invoice = written(owner, seeded.budi, db)

    assert owner.post(f"/invoices/{invoice.id}/cancel", data={"reason": ""}).status_code == 422
    assert owner.post(f"/invoices/{invoice.id}/cancel", data={"reason": "wrong plan"}).status_code == 303

    assert "wrong plan" in owner.get(f"/invoices/{invoice.id}").text


def test_a_payment_is_taken_back(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    owner.post(f"/customers/{seeded.budi.id}/pay", data={"amount": "5000", "method": "transfer"})
    payment = db.scalars(select(Payment)).one()

    assert owner.post(f"/payments/{payment.id}/void", data={"reason": "bounced"}).status_code == 303

    db.expire_all()
    assert db.get_one(Payment, payment.id).status == "cancelled"
    assert db.get_one(Customer, seeded.budi.id).balance == 0


def test_credit_is_given_and_renews(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    service = db.get_one(Subscription, seeded.service.id)
    service.expires_at, service.price = datetime.now(UTC) + timedelta(days=2), Decimal(150000)
    db.commit()
    before = service.expires_at
    form = {"kind": "credit", "amount": "150000", "description": "goodwill"}
    assert owner.post(f"/customers/{seeded.budi.id}/balance", data=form).status_code == 303
    assert "150" in owner.get(f"/subscriptions/{service.id}/renew").text

    assert owner.post(f"/subscriptions/{service.id}/renew", data={"terms": "1", "by": "balance"}).status_code == 303

    db.expire_all()
    after = db.get_one(Subscription, service.id).expires_at
    assert after is not None
    assert after > before
    assert "goodwill" in owner.get(f"/customers/{seeded.budi.id}?tab=money").text


def test_asking_what_a_renewal_costs_bills_nothing(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    service = db.get_one(Subscription, seeded.service.id)
    service.expires_at = datetime.now(UTC) + timedelta(days=2)
    db.commit()

    assert owner.get(f"/subscriptions/{service.id}/renew").status_code == 200

    assert db.scalars(select(Invoice)).all() == []


def test_rules_of_billing_are_saved(owner: FlaskClient) -> None:
    form = {"tax_percent": "11", "renewal_lead_days": "5", "due_days": "10", "remind_on": "-3, 0",
            "most_suspended_percent": "30", "applies_balance": "y",
            "expiry_remind_days": "5, 1", "invoice_prefix": "fak", "receipt_prefix": ""}  # fmt: skip
    assert owner.post("/settings/billing", data=form).status_code == 303

    page = owner.get("/settings/billing").text
    assert 'value="11"' in page
    assert 'value="-3, 0"' in page
    assert ('value="1, 5"' in page, 'value="FAK"' in page, 'value="RCP"' in page) == (True, True, True)
    assert owner.post("/settings/billing", data=form | {"tax_percent": "101"}).status_code == 422


def test_who_may_not_see_money_does_not(client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session) -> None:
    viewer = make_user(db, tenant=seeded.tenant, permissions=["view_customers"])
    db.commit()
    client = client_of(viewer)

    for path in ("/invoices", "/payments", f"/customers/{seeded.budi.id}/pay", "/settings/billing"):
        assert client.get(path).status_code == 403
    assert "Not for this account" in client.get(f"/customers/{seeded.budi.id}?tab=money").text


def test_the_billing_log_stands_with_the_invoice_and_the_customer(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    row = db.get_one(Subscription, seeded.service.id)
    row.expires_at = datetime.now(UTC) + timedelta(days=3)
    db.commit()
    owner.post(f"/subscriptions/{row.id}/renew", data={"terms": "1", "by": "cash"})
    invoice = db.scalars(select(Invoice).where(Invoice.subscription_id == row.id)).one()

    for address in (f"/invoices/{invoice.id}", f"/customers/{seeded.budi.id}?tab=money&subscription={row.id}",
                    f"/subscriptions/{row.id}/billing-log"):  # fmt: skip
        page = owner.get(address)
        assert page.status_code == 200
        assert "an invoice was paid" in page.text
        assert str(invoice.invoice_number) in page.text
