"""Letterhead, invoices, receipts and sheets of vouchers: what of the books gets onto paper."""

import base64
import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss import invoices, letterhead, payments, printing, tasks, voucher_sales, voucher_sheets, vouchers
from bss.actor import Actor
from bss.failure import Conflict, Invalid
from bss.gateways.links import hash_of
from db.models import (
    AuditLog,
    Customer,
    Invoice,
    Letterhead,
    PaymentLink,
    ServicePlan,
    Tenant,
    Voucher,
    VoucherBatch,
    VoucherSheet,
)
from domain.invoices import Line
from factories import make_customer, make_plan
from paper import documents, press
from runtime.settings import Settings

pytestmark = pytest.mark.usefixtures("keys_file")


@pytest.fixture
def plan(db: Session, tenant: Tenant) -> ServicePlan:
    return make_plan(db, tenant=tenant, connection_type="hotspot", name="Hotspot 3 jam")


@pytest.fixture
def customer(db: Session, tenant: Tenant) -> Customer:
    return make_customer(db, tenant=tenant, name="Budi <b>", language="id", phone="+628123456789", city="Bekasi")


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that would be printed."""
    pages: list[str] = []

    def keep(parts: Sequence[str], **_: Any) -> bytes:
        pages.extend(parts)
        return b"%PDF-"

    monkeypatch.setattr(press, "pdf", keep)
    return pages


def picture() -> str:
    out = io.BytesIO()
    Image.new("RGB", (400, 100), "#0f766e").save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


# --- letterhead ---------------------------------------------------------------------------------------------------


def test_a_letterhead_is_written_and_its_logo_drawn_anew(db: Session, actor: Actor, now: datetime) -> None:
    changes = {
        "address": "Jl. Cempaka 12\r\nJakarta",
        "logo": picture(),
        "hotspot_login_url": "http://wifi.example/login",
    }

    row = letterhead.change(db, actor=actor, now=now, changes=changes)

    assert row.address == "Jl. Cempaka 12\nJakarta"
    assert row.logo.startswith("data:image/png;base64,")
    assert letterhead.on_paper(db, actor=actor).logo == row.logo
    noted = db.scalars(select(AuditLog.new_values).where(AuditLog.action == "letterhead.changed")).one()
    assert noted is not None
    assert noted["logo"] is True
    letterhead.change(db, actor=actor, now=now, changes={"logo": ""})
    assert db.get_one(Letterhead, actor.tenant_id).logo == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("logo", base64.b64encode(b"<svg/>").decode()),
        ("logo", "not base64!"),
        ("logo", 5),
        ("hotspot_login_url", "javascript:alert(1)"),
        ("hotspot_login_url", "http://"),
        ("hotspot_login_url", "http://[x"),
        ("hotspot_login_url", "http://x/y z"),
        ("address", "x" * 401),
        ("voucher_note", "one\ntwo"),
        ("name", "x"),
    ],
)
def test_what_may_not_stand_on_paper_is_refused_beside_its_field(
    db: Session, actor: Actor, now: datetime, field: str, value: Any
) -> None:
    with pytest.raises(Invalid) as refused:
        letterhead.change(db, actor=actor, now=now, changes={field: value})

    assert [problem.field for problem in refused.value.problems] == [field]


def test_the_address_of_a_login_carries_the_code_as_name_and_password() -> None:
    assert letterhead.login_address("http://wifi/login", "a-b") == "http://wifi/login?username=a-b&password=a-b"
    assert letterhead.login_address("http://wifi/?x=1", "a b") == "http://wifi/?x=1&username=a+b&password=a+b"


def linked(db: Session, invoice: Invoice) -> str:
    """The address of a link that was made to pay it."""
    token = f"token-{invoice.id}-0123456789"
    db.add(
        PaymentLink(
            tenant_id=invoice.tenant_id, customer_id=invoice.customer_id, invoice_id=invoice.id,
            token_hash=hash_of(token),
        )
    )  # fmt: skip
    db.flush()
    return f"https://bayar.example/pay/{token}"


# --- invoices and receipts ----------------------------------------------------------------------------------------


def test_an_invoice_is_printed_as_the_books_have_it(
    db: Session, actor: Actor, now: datetime, customer: Customer, printed: list[str]
) -> None:
    letterhead.change(db, actor=actor, now=now, changes={"bank": "BCA 123"})
    draft = invoices.Draft(
        kind="manual",
        lines=[Line(item_type="service", description="Internet November", unit_price=Decimal(250_000))],
        period=(date(2026, 11, 1), date(2026, 12, 1)),
        discount=Decimal(25_000),
    )
    invoice = invoices.create(db, actor=actor, now=now, customer_id=customer.id, draft=draft).row
    link = linked(db, invoice)

    printing.invoice_pdf(db, actor=actor, invoice_id=invoice.id, payment_link=link)

    (page,) = printed
    assert invoice.invoice_number is not None
    for said in (invoice.invoice_number, "Internet November", "Rp 225.000", "-Rp 25.000", "1 Nov 2026 – 30 Nov 2026",
                 "BCA 123", "Budi &lt;b&gt;", link, 'lang="id"'):  # fmt: skip
        assert said in page


def test_only_a_link_that_was_made_for_the_invoice_is_printed_on_it(
    db: Session, actor: Actor, now: datetime, customer: Customer
) -> None:
    draft = invoices.Draft(kind="manual", lines=[Line(item_type="other", description="x", unit_price=Decimal(1000))])
    one, other = (invoices.create(db, actor=actor, now=now, customer_id=customer.id, draft=draft).row for _ in range(2))
    link = linked(db, other)
    token = link.rsplit("/", 1)[-1]

    for address in (link, "https://evil.example/pay", f"ftp://x/{token}", "https://x/" + "y" * 600):
        with pytest.raises(Invalid, match="no link to pay this invoice"):
            printing.invoice_pdf(db, actor=actor, invoice_id=one.id, payment_link=address)


def test_a_paid_invoice_and_its_receipt_are_real_pdf(
    db: Session, actor: Actor, now: datetime, customer: Customer
) -> None:
    draft = invoices.Draft(kind="manual", lines=[Line(item_type="other", description="x", unit_price=Decimal(1000))])
    invoice = invoices.create(db, actor=actor, now=now, customer_id=customer.id, draft=draft).row
    paid = payments.receive(
        db, actor=actor, now=now, customer_id=customer.id, amount="1000", method="cash", invoice_id=invoice.id
    )

    first = printing.invoice_pdf(db, actor=actor, invoice_id=invoice.id)
    receipt = printing.receipt_pdf(db, actor=actor, payment_id=paid.payment.id)

    assert invoice.status == "paid"
    assert first.startswith(b"%PDF-")
    assert receipt.startswith(b"%PDF-")
    assert first == printing.invoice_pdf(db, actor=actor, invoice_id=invoice.id)


def test_a_receipt_of_money_that_went_back_is_void(
    db: Session, actor: Actor, now: datetime, customer: Customer, printed: list[str]
) -> None:
    paid = payments.receive(db, actor=actor, now=now, customer_id=customer.id, amount="1000", method="cash")
    payments.refund(db, actor=actor, now=now, payment_id=paid.payment.id, reason="salah")

    printing.receipt_pdf(db, actor=actor, payment_id=paid.payment.id)

    assert "tidak berlaku lagi" in printed[0]


def test_a_sale_of_vouchers_has_a_receipt_without_a_name(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, printed: list[str]
) -> None:
    vouchers.create(db, actor=actor, now=now, service_plan_id=plan.id, count=2, price="5000", batch="nov")
    batch = db.scalars(select(VoucherBatch)).one()
    sale = voucher_sales.sell(db, actor=actor, now=now, batch_id=batch.id, count=2)

    printing.receipt_pdf(db, actor=actor, payment_id=sale.payment.id)

    assert "Walk-in" in printed[0]
    assert "Rp 10,000" in printed[0]


def test_paper_that_cannot_be_printed_is_a_refusal_with_advice(
    db: Session, actor: Actor, now: datetime, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> bytes:
        raise press.TooSlow("it was not ready in time")

    monkeypatch.setattr(press, "pdf", fails)
    paid = payments.receive(db, actor=actor, now=now, customer_id=customer.id, amount="1000", method="cash")

    with pytest.raises(Conflict, match="not ready in time"):
        printing.receipt_pdf(db, actor=actor, payment_id=paid.payment.id)


# --- sheets -------------------------------------------------------------------------------------------------------


@pytest.fixture
def batch(db: Session, actor: Actor, now: datetime, plan: ServicePlan) -> VoucherBatch:
    vouchers.create(
        db, actor=actor, now=now, service_plan_id=plan.id, count=30, price="5000", batch="nov", validity_s=10_800,
        sell_until=now + timedelta(days=30),
    )  # fmt: skip
    return db.scalars(select(VoucherBatch)).one()


def test_a_short_sheet_is_printed_at_once_with_the_codes_that_can_be_used(
    db: Session, actor: Actor, now: datetime, batch: VoucherBatch, printed: list[str]
) -> None:
    used, *others = db.scalars(select(Voucher).order_by(Voucher.code)).all()
    used.state = "active"
    db.flush()

    sheet = voucher_sheets.ask(db, actor=actor, now=now, batch_id=batch.id, language="en", qr="none")

    assert (sheet.state, sheet.total_count, sheet.done_count) == ("done", 29, 29)
    assert voucher_sheets.pdf_of(db, sheet.id, actor=actor) == b"%PDF-"
    assert used.code not in printed[0]
    assert all(row.code in printed[0] for row in others)
    assert "Hotspot 3 jam" in printed[0]
    assert "3 h from the first login" in printed[0]
    assert db.scalars(select(AuditLog.action).where(AuditLog.action == "voucher.printed")).all() == ["voucher.printed"]


def test_a_sheet_in_parts_and_without_what_was_sold(
    db: Session, actor: Actor, now: datetime, batch: VoucherBatch, printed: list[str]
) -> None:
    voucher_sales.sell(db, actor=actor, now=now, batch_id=batch.id, count=10)

    assert voucher_sheets.ask(db, actor=actor, now=now, batch_id=batch.id, which="unsold").total_count == 20
    assert voucher_sheets.ask(db, actor=actor, now=now, batch_id=batch.id, skip=25, count=10).total_count == 5
    with pytest.raises(Conflict, match="no voucher of this kind"):
        voucher_sheets.ask(db, actor=actor, now=now, batch_id=batch.id, skip=30)


def test_a_qr_code_logs_in_where_the_hotspot_is_known(
    db: Session, actor: Actor, now: datetime, batch: VoucherBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(documents, "qr", lambda text: drawn.append(text) or "data:,")
    monkeypatch.setattr(press, "pdf", lambda *_, **__: b"%PDF-")

    with pytest.raises(Invalid, match="where the hotspot is"):
        voucher_sheets.ask(db, actor=actor, now=now, batch_id=batch.id, qr="login")
    letterhead.change(db, actor=actor, now=now, changes={"hotspot_login_url": "http://wifi.example/login"})
    voucher_sheets.ask(db, actor=actor, now=now, batch_id=batch.id, qr="login", count=1)
    voucher_sheets.ask(db, actor=actor, now=now, batch_id=batch.id, qr="code", count=1)

    code = db.scalars(select(Voucher.code).order_by(Voucher.code)).first()
    assert drawn == [f"http://wifi.example/login?username={code}&password={code}", code]


@pytest.mark.parametrize(
    "options", [{"layout": "huge"}, {"qr": "x"}, {"language": "fr"}, {"which": "all"}, {"skip": -1}, {"colour": "red"}]
)
def test_options_that_there_are_not_are_refused(
    db: Session, actor: Actor, now: datetime, batch: VoucherBatch, options: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as refused:
        voucher_sheets.ask(db, actor=actor, now=now, batch_id=batch.id, **options)

    assert [problem.field for problem in refused.value.problems] == list(options)


def test_a_long_sheet_is_printed_by_the_job_with_its_progress_and_forgotten_after_a_day(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    vouchers.create(db, actor=actor, now=now, service_plan_id=plan.id, count=400, batch="big", price="5000")
    batch = db.scalars(select(VoucherBatch)).one()
    sheet = voucher_sheets.ask(db, actor=actor, now=now, batch_id=batch.id, qr="none", layout="small")
    db.commit()
    seen: list[int] = []
    monkeypatch.setattr(tasks, "get_settings", lambda: settings)
    noted = tasks.note_progress
    monkeypatch.setattr(tasks, "note_progress", lambda *a, **k: (seen.append(k["done"]), noted(*a, **k)))

    assert sheet.state == "waiting"
    with pytest.raises(Conflict, match="not ready yet"):
        voucher_sheets.pdf_of(db, sheet.id, actor=actor)
    assert tasks.print_voucher_sheets() == 1
    db.expire_all()

    assert (sheet.state, sheet.done_count, sheet.problem) == ("done", 400, "")
    assert seen[-1] == 400
    assert seen == sorted(seen)
    assert voucher_sheets.pdf_of(db, sheet.id, actor=actor).startswith(b"%PDF-")
    assert tasks.print_voucher_sheets() == 0
    assert voucher_sheets.forget(db, now=now + timedelta(days=2)) == 1


def test_a_sheet_that_cannot_be_printed_says_why_and_holds_up_nobody(
    db: Session, actor: Actor, now: datetime, plan: ServicePlan, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    vouchers.create(db, actor=actor, now=now, service_plan_id=plan.id, count=301, batch="big")
    batch = db.scalars(select(VoucherBatch)).one()
    sheet = voucher_sheets.ask(db, actor=actor, now=now, batch_id=batch.id)
    vouchers.set_batch_disabled(db, actor=actor, now=now, batch_id=batch.id, disabled=True)
    db.commit()
    monkeypatch.setattr(tasks, "get_settings", lambda: settings)

    tasks.print_voucher_sheets()

    db.expire_all()
    found = db.get_one(VoucherSheet, sheet.id)
    assert (found.state, found.problem) == ("failed", "no voucher of this kind is left in the batch")
