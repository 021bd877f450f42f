"""Selling, printing and redeeming vouchers in the panel; the letterhead, invoices and receipts."""

import base64
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss import invoices, payments, vouchers
from bss.actor import Actor
from db.models import (
    AuditLog,
    Customer,
    Letterhead,
    Operator,
    Payment,
    ServicePlan,
    User,
    Voucher,
    VoucherBatch,
    VoucherSheet,
)
from domain.invoices import Line
from factories import make_customer, make_plan, make_user

NOW = datetime.now(UTC)


@pytest.fixture
def actor(seeded: Seeded) -> Actor:
    return Actor.system(tenant_id=seeded.tenant.id, name="test")


@pytest.fixture
def plan(db: Session, seeded: Seeded) -> ServicePlan:
    return make_plan(db, tenant=seeded.tenant, connection_type="hotspot", name="Hotspot harian")


@pytest.fixture
def batch(db: Session, plan: ServicePlan, actor: Actor) -> VoucherBatch:
    vouchers.create(
        db, actor=actor, now=NOW, service_plan_id=plan.id, count=5, batch="nov", price="5000", validity_s=86_400
    )
    db.commit()
    return db.scalars(select(VoucherBatch)).one()


@pytest.fixture
def customer(db: Session, seeded: Seeded) -> Customer:
    row = make_customer(db, tenant=seeded.tenant, name="Dewi Lestari")
    db.commit()
    return row


def test_a_batch_shows_how_it_stands_is_edited_and_grows(
    owner: FlaskClient, db: Session, seeded: Seeded, batch: VoucherBatch
) -> None:
    operator = Operator(tenant_id=seeded.tenant.id, name="Toko Melati", level=10, commission_rate=Decimal("7.5"))
    db.add(operator)
    db.commit()
    path = f"/vouchers/batches/{batch.id}"

    saved = owner.post(
        f"{path}/edit", data={"name": "november", "price": "6.000", "operator_id": str(operator.id), "note": "pasar"}
    )
    grown = owner.post(f"{path}/add", data={"count": "2"})

    assert (saved.status_code, grown.status_code) == (303, 200)
    page = owner.get(path).text
    for said in ("november", "Toko Melati", "7.5 % commission", "Rp 6,000", "1 d from first use", "pasar"):
        assert said in page
    assert "Toko Melati" in owner.get("/vouchers/batches?q=nov").text
    assert owner.post(f"{path}/edit", data={"name": "", "price": "1"}).status_code == 422
    assert owner.get("/vouchers/batches/999999").status_code == 404


def test_vouchers_are_sold_with_a_receipt_and_the_sale_is_taken_back(
    owner: FlaskClient, db: Session, batch: VoucherBatch
) -> None:
    path = f"/vouchers/batches/{batch.id}/sell"

    sold = owner.post(path, data={"count": "2", "method": "cash"})
    payment = db.scalars(select(Payment)).one()
    receipt = owner.get(f"/payments/{payment.id}/receipt")
    back = owner.post(f"/vouchers/sales/{payment.id}/take-back", data={"reason": "salah"}, follow_redirects=True)

    codes = db.scalars(select(Voucher.code)).all()
    assert sum(code in sold.text for code in codes) == 2
    assert payment.receipt_number is not None
    assert payment.receipt_number in sold.text
    assert (receipt.mimetype, receipt.data[:5]) == ("application/pdf", b"%PDF-")
    assert "for sale again" in back.text
    assert owner.post(path, data={"count": "9", "method": "cash"}).status_code == 422


def test_a_sheet_is_printed_listed_and_opened(owner: FlaskClient, db: Session, batch: VoucherBatch) -> None:
    path = f"/vouchers/batches/{batch.id}/print"
    form = {"layout": "medium", "qr": "code", "language": "id", "which": "unused", "with_price": "y"}

    assert owner.post(path, data=form).status_code == 303
    sheet = db.scalars(select(VoucherSheet)).one()
    opened = owner.get(f"/vouchers/sheets/{sheet.id}")

    assert "Open the PDF" in owner.get(path).text
    assert "Open the PDF" in owner.get(f"/vouchers/batches/{batch.id}/sheets", headers={"HX-Request": "true"}).text
    assert (opened.mimetype, opened.data[:5]) == ("application/pdf", b"%PDF-")
    refused = owner.post(path, data=form | {"qr": "login"})
    assert refused.status_code == 422
    assert 'id="qr-error"' in refused.text


def drawn(page: str) -> str:
    """The picture in a part of a page, as text."""
    found = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert found is not None, page
    return base64.b64decode(found[1]).decode()


def test_a_batch_is_seen_before_it_is_made(owner: FlaskClient, db: Session, seeded: Seeded, plan: ServicePlan) -> None:
    shop = Operator(tenant_id=seeded.tenant.id, name="Toko Melati", level=10, commission_rate=Decimal(10))
    db.add(shop)
    db.commit()
    form = {"service_plan_id": str(plan.id), "count": "50", "price": "5000", "prefix": "HR-",
            "code_pattern": "XXXX-XXXX-XXXX", "operator_id": str(shop.id), "validity_s": "24"}  # fmt: skip
    page = owner.post("/vouchers/preview", data=form).text
    assert "Hotspot harian · 1 d from first use" in page
    assert "Rp 250,000" in page
    assert "Rp 25,000 of it commission" in page
    assert re.search(r">HR-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}<", drawn(page))
    assert db.scalars(select(VoucherBatch)).all() == []
    assert db.scalars(select(Voucher)).all() == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"code_pattern": "X-99"}, "Makes no safe code"),
        ({"count": "0"}, ""),
        ({"batch": "nov", "credit": "5000"}, "Does not go with credit"),
        ({"batch": "nov"}, "Is there already and has other terms"),
    ],
)
def test_what_cannot_be_made_is_said_before_it_is_tried(
    owner: FlaskClient, plan: ServicePlan, batch: VoucherBatch, wrong: dict[str, str], said: str
) -> None:
    answer = owner.post("/vouchers/preview", data={"service_plan_id": str(plan.id), "count": "5"} | wrong)
    assert answer.status_code == 200
    assert "data:image" not in answer.text
    assert said in answer.text


def test_a_sheet_is_seen_before_it_is_printed_and_tells_no_code(
    owner: FlaskClient, db: Session, batch: VoucherBatch
) -> None:
    form = {"layout": "large", "qr": "none", "language": "en", "which": "unused", "with_price": "y"}
    picture = drawn(owner.post(f"/vouchers/batches/{batch.id}/print/preview", data=form).text)
    assert picture.count('class="k"') == 5
    assert "Rp 5,000" in picture
    assert not [row.code for row in db.scalars(select(Voucher)) if row.code in picture]
    assert db.scalars(select(VoucherSheet)).all() == []
    assert "voucher.printed" not in db.scalars(select(AuditLog.action)).all()

    nothing = owner.post(f"/vouchers/batches/{batch.id}/print/preview", data=form | {"skip": "5"}).text
    assert "No voucher of this kind is left" in nothing


def test_a_voucher_is_redeemed_at_the_desk(
    owner: FlaskClient, db: Session, batch: VoucherBatch, customer: Customer
) -> None:
    code = db.scalars(select(Voucher.code).order_by(Voucher.id)).first()
    path = f"/customers/{customer.id}/voucher"

    done = owner.post(path, data={"code": code, "subscription_id": ""})
    again = owner.post(path, data={"code": code, "subscription_id": ""})

    assert done.status_code == 200
    assert "1 d of validity" in done.text
    assert "The password is shown only now." in done.text
    assert again.status_code == 422
    assert 'id="code-error"' in again.text
    assert "redeemed" in owner.get(f"/vouchers?q={code}").text


def test_a_hotspot_login_is_made_to_be_read_out(
    owner: FlaskClient, db: Session, plan: ServicePlan, customer: Customer
) -> None:
    db.commit()
    path = f"/customers/{customer.id}/hotspot-login"

    made = owner.post(path, data={"service_plan_id": str(plan.id)})

    assert made.status_code == 200
    assert "The password is shown only now." in made.text
    assert "Redeem a voucher" in owner.get(f"/customers/{customer.id}").text


def test_the_letterhead_is_saved_with_a_logo_that_was_drawn_anew(owner: FlaskClient, db: Session) -> None:
    out = io.BytesIO()
    Image.new("RGB", (60, 20), "#0f766e").save(out, "JPEG")
    form = {"address": "Jl. Cempaka 12", "bank": "BCA 123", "hotspot_login_url": "http://wifi.example/login"}

    saved = owner.post("/settings/letterhead", data=form | {"logo": (io.BytesIO(out.getvalue()), "logo.jpg")})
    wrong = owner.post("/settings/letterhead", data=form | {"logo": (io.BytesIO(b"<svg/>"), "logo.png")})

    row = db.scalars(select(Letterhead)).one()
    assert saved.status_code == 303
    assert row.logo.startswith("data:image/png;base64,")
    assert row.logo in owner.get("/settings/letterhead").text
    assert wrong.status_code == 422
    assert 'id="logo-error"' in wrong.text
    owner.post("/settings/letterhead", data=form | {"without_logo": "y"})
    db.expire_all()
    assert row.logo == ""


def test_an_invoice_and_a_receipt_open_as_pdf(
    owner: FlaskClient, db: Session, actor: Actor, customer: Customer
) -> None:
    draft = invoices.Draft(kind="manual", lines=[Line(item_type="other", description="x", unit_price=Decimal(1000))])
    invoice = invoices.create(db, actor=actor, now=NOW, customer_id=customer.id, draft=draft).row
    paid = payments.receive(db, actor=actor, now=NOW, customer_id=customer.id, amount="1000", method="cash")
    db.commit()

    for path, page in (
        (f"/invoices/{invoice.id}/pdf", f"/invoices/{invoice.id}"),
        (f"/payments/{paid.payment.id}/receipt", f"/payments/{paid.payment.id}"),
    ):
        answer = owner.get(path)
        assert (answer.mimetype, answer.data[:5]) == ("application/pdf", b"%PDF-")
        assert path in owner.get(page).text
        assert owner.get(path.replace(path.split("/")[2], "999999")).status_code == 404


def test_who_may_not_see_money_or_touch_vouchers_is_kept_out(
    client_of: Callable[[User], FlaskClient], db: Session, seeded: Seeded, batch: VoucherBatch, customer: Customer
) -> None:
    viewer = make_user(db, tenant=seeded.tenant, permissions=["view_customers"])
    db.commit()
    client = client_of(viewer)

    for path in (
        f"/vouchers/batches/{batch.id}/edit", f"/vouchers/batches/{batch.id}/print", "/vouchers/sheets/1",
        f"/customers/{customer.id}/voucher", f"/customers/{customer.id}/hotspot-login", "/settings/letterhead",
        "/invoices/1/pdf", "/payments/1/receipt",
    ):  # fmt: skip
        assert client.get(path).status_code == 403, path
    assert client.get(f"/vouchers/batches/{batch.id}").status_code == 200
