"""Batches, sales, sheets, redeeming and PDF over HTTP."""

import base64
import io
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy.orm import Session

from bss import invoices, payments
from bss.actor import Actor
from db.models import Operator, ServicePlan, Tenant, User
from domain.invoices import Line
from factories import make_customer, make_plan
from runtime.settings import Settings
from webadmin.app import create_app

API = "/api/v1"


@pytest.fixture
def plan(db: Session, tenant: Tenant) -> ServicePlan:
    row = make_plan(db, tenant=tenant, connection_type="hotspot")
    db.commit()
    return row


def make(client: FlaskClient, plan: ServicePlan, **over: Any) -> list[dict[str, Any]]:
    body = {"service_plan_id": plan.id, "count": 4, "batch": "nov", "price": "5000.00", "validity_s": 86_400} | over
    answer = client.post(f"{API}/vouchers", json=body)
    assert answer.status_code == 201, answer.json
    return list(answer.json["items"])


def test_a_batch_is_read_changed_sold_and_its_sale_taken_back(
    db: Session, tenant: Tenant, plan: ServicePlan, client: FlaskClient
) -> None:
    operator = Operator(tenant_id=tenant.id, name="Toko Melati", level=10, commission_rate=Decimal(10))
    db.add(operator)
    db.commit()
    batch_id = make(client, plan)[0]["batch_id"]
    path = f"{API}/voucher-batches/{batch_id}"

    changed = client.patch(path, json={"price": "6000.00", "operator_id": operator.id})
    sale = client.post(f"{path}/sales", json={"count": 3, "method": "qris"})

    assert (changed.json["price"], changed.json["commission_percent"]) == ("6000.00", "10.00")
    assert sale.status_code == 201, sale.json
    assert (sale.json["amount"], sale.json["commission"], len(sale.json["vouchers"])) == ("18000.00", "1800.00", 3)
    assert client.get(path).json["counts"] == {"total": 4, "states": {"unused": 4}, "sold": 3, "for_sale": 1}
    assert client.get(f"{API}/vouchers?sold=true").json["pagination"]["total_items"] == 3
    receipt = client.get(f"{API}/payments/{sale.json['payment_id']}/receipt")
    assert (receipt.mimetype, receipt.data[:5], receipt.headers["Cache-Control"]) == (
        "application/pdf", b"%PDF-", "no-store",
    )  # fmt: skip
    back = client.post(f"{API}/voucher-sales/{sale.json['payment_id']}/take-back", json={"reason": "salah"})
    assert back.json["status"] == "cancelled"
    assert client.post(f"{path}/vouchers", json={"count": 1}).status_code == 201


def test_a_sheet_is_asked_for_followed_and_read(plan: ServicePlan, client: FlaskClient) -> None:
    batch_id = make(client, plan)[0]["batch_id"]
    path = f"{API}/voucher-batches/{batch_id}/sheets"

    sheet = client.post(path, json={"layout": "small", "qr": "none", "language": "en"})

    assert (sheet.status_code, sheet.json["state"], sheet.json["total_count"]) == (201, "done", 4)
    assert client.get(path).json["items"][0]["id"] == sheet.json["id"]
    assert client.get(f"{API}/voucher-sheets/{sheet.json['id']}").json["done_count"] == 4
    assert client.get(f"{API}/voucher-sheets/{sheet.json['id']}/pdf").data.startswith(b"%PDF-")
    assert client.post(path, json={"qr": "login"}).json["errors"][0]["field"] == "qr"


def test_a_voucher_is_redeemed_for_a_customer_once(
    db: Session, tenant: Tenant, plan: ServicePlan, client: FlaskClient
) -> None:
    customer = make_customer(db, tenant=tenant)
    db.commit()
    code = make(client, plan)[0]["code"]
    body = {"code": code, "customer_id": customer.id}

    done = client.post(f"{API}/vouchers/redeem", json=body)
    again = client.post(f"{API}/vouchers/redeem", json=body)

    assert done.status_code == 200, done.json
    redeemed = done.json["redeemed"]
    assert redeemed["voucher"]["state"] == "used"
    assert redeemed["added"] == {"validity_s": 86_400, "time_s": None, "data_bytes": None, "credit": None}
    assert redeemed["secret"]
    assert (again.status_code, again.json["errors"][0]["field"]) == (409, "code")


def test_money_and_credentials(db: Session, tenant: Tenant, plan: ServicePlan, client: FlaskClient) -> None:
    customer = make_customer(db, tenant=tenant)
    db.commit()
    (voucher,) = make(client, plan, service_plan_id=None, validity_s=None, credit="50000.00", count=1)

    done = client.post(f"{API}/vouchers/redeem", json={"code": voucher["code"], "customer_id": customer.id})
    login = client.post(f"{API}/customers/{customer.id}/hotspot-credentials", json={"service_plan_id": plan.id})

    assert done.json["redeemed"]["added"]["credit"] == "50000.00"
    assert client.get(f"{API}/customers/{customer.id}").json["balance"] == "50000.00"
    assert (login.status_code, len(login.json["username"])) == (201, 7)


def test_whoever_guesses_codes_has_to_wait_and_who_knows_one_has_not(
    db: Session, tenant: Tenant, plan: ServicePlan, admin: User, settings: Settings, token_of: Callable[..., str]
) -> None:
    customer = make_customer(db, tenant=tenant)
    token = token_of(admin)
    db.commit()
    app: Flask = create_app(settings, TESTING=True, PROPAGATE_EXCEPTIONS=False)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    codes = [row["code"] for row in make(client, plan, count=3, validity_s=3600)]

    def redeem(code: str) -> int:
        return client.post(f"{API}/vouchers/redeem", json={"code": code, "customer_id": customer.id}).status_code

    try:
        assert redeem(codes[0]) == 200
        assert [redeem(f"guess-{number}") for number in range(10)] == [404] * 10
        assert redeem("guess-11") == 429
        assert redeem(codes[1]) == 429
    finally:
        app.extensions["lintas_engine"].dispose()


def test_an_invoice_is_read_as_pdf_and_another_providers_is_not_there(
    db: Session, tenant: Tenant, client: FlaskClient, client_of: Callable[..., FlaskClient], admin: User
) -> None:
    customer = make_customer(db, tenant=tenant)
    actor, now = Actor.system(tenant_id=tenant.id, name="test"), datetime.now(UTC)
    draft = invoices.Draft(kind="manual", lines=[Line(item_type="other", description="x", unit_price=Decimal(1000))])
    invoice = invoices.create(db, actor=actor, now=now, customer_id=customer.id, draft=draft).row
    payments.receive(db, actor=actor, now=now, customer_id=customer.id, amount="500", method="cash")
    db.commit()

    answer = client.get(f"{API}/invoices/{invoice.id}/pdf")

    assert answer.data.startswith(b"%PDF-")
    assert f"{invoice.invoice_number}.pdf" in answer.headers["Content-Disposition"]
    assert client.get(f"{API}/invoices/999999/pdf").status_code == 404
    assert client.get(f"{API}/payments/999999/receipt").status_code == 404
    assert client_of(admin, "view_customers").get(f"{API}/invoices/{invoice.id}/pdf").status_code == 403


def test_the_letterhead_is_changed_and_a_picture_that_is_none_refused(client: FlaskClient) -> None:
    out = io.BytesIO()
    Image.new("RGB", (60, 20), "#0f766e").save(out, "PNG")
    path = f"{API}/provider/letterhead"

    assert client.get(path).json["logo"] == ""
    changed = client.patch(path, json={"bank": "BCA 123", "logo": base64.b64encode(out.getvalue()).decode()})
    refused = client.patch(path, json={"logo": base64.b64encode(b"<svg/>").decode()})

    assert changed.json["bank"] == "BCA 123"
    assert changed.json["logo"].startswith("data:image/png;base64,")
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "logo")
