"""Vouchers and paper at a terminal."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from sqlalchemy.orm import Session

from bss import invoices, payments
from bss.actor import Actor
from cli.main import root
from db.models import Operator, Tenant
from domain.invoices import Line
from factories import make_customer, make_plan, make_tenant
from runtime.settings import Settings

Run = Callable[..., Result]


@pytest.fixture
def run(settings: Settings) -> Run:
    """Run a command with `--json`."""
    return lambda *arguments: CliRunner().invoke(root, [*arguments, "--json"])


@pytest.fixture
def tenant(db: Session, keys_file: object) -> Tenant:
    return make_tenant(db)


def data(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_a_batch_is_made_changed_sold_printed_and_taken_back(
    db: Session, tenant: Tenant, run: Run, tmp_path: Path
) -> None:
    make_plan(db, tenant=tenant, connection_type="hotspot", name="Harian", slug="harian")
    db.add(Operator(tenant_id=tenant.id, name="Toko Melati", level=10, commission_rate=Decimal(5)))
    db.commit()

    terms = ("--count", "3", "--hours", "24", "--gigabytes", "2", "--price", "5000", "--batch", "nov")
    data(run("voucher", "create", "harian", *terms, "--pattern", "XXXXX-XXXXX"))
    changed = data(run("voucher", "change", "nov", "--operator", "toko melati"))
    sold = data(run("voucher", "sell", "nov", "--count", "2"))
    file = tmp_path / "sheet.pdf"
    sheet = data(run("voucher", "sheet", "nov", str(file), "--unsold", "--qr", "none"))

    assert (changed["operator"], changed["commission_percent"], changed["data_limit_bytes"]) == (
        "Toko Melati", "5.00", 2 * 10**9,
    )  # fmt: skip
    assert (sold["amount"], sold["commission"], len(sold["codes"])) == ("10000.00", "500", 2)
    assert sheet["vouchers"] == 1
    assert file.read_bytes().startswith(b"%PDF-")
    assert data(run("voucher", "batches"))["items"][0]["sold"] == 2
    assert data(run("voucher", "take-back", str(sold["payment_id"]), "--reason", "salah"))["status"] == "cancelled"
    assert data(run("voucher", "show", "nov"))["sold"] == 0
    assert len(data(run("voucher", "add", "nov", "--count", "2"))["items"]) == 2


def test_a_voucher_is_redeemed_and_credentials_are_made(db: Session, tenant: Tenant, run: Run) -> None:
    make_plan(db, tenant=tenant, connection_type="hotspot", name="Harian", slug="harian")
    customer = make_customer(db, tenant=tenant)
    db.commit()
    (code,) = [row["code"] for row in data(run("voucher", "create", "harian", "--hours", "24"))["items"]]
    (money,) = [row["code"] for row in data(run("voucher", "create", "--credit", "50000"))["items"]]

    done = data(run("voucher", "redeem", code, "--customer", customer.customer_code))
    again = run("voucher", "redeem", code, "--username", done["username"])
    credit = data(run("voucher", "redeem", money, "--customer", customer.customer_code))
    login = data(run("customer", "hotspot", customer.customer_code, "harian"))

    assert (done["validity_s"], bool(done["password"])) == (86_400, True)
    assert again.exit_code == 1
    assert "was used already" in again.output
    assert credit["credit"] == "50000.00"
    assert len(login["username"]) == 7
    assert run("voucher", "redeem", code).exit_code == 2


def test_an_invoice_and_a_receipt_are_written_as_pdf_under_the_letterhead(
    db: Session, tenant: Tenant, run: Run, tmp_path: Path
) -> None:
    customer = make_customer(db, tenant=tenant)
    actor, now = Actor.system(tenant_id=tenant.id, name="test"), datetime.now(UTC)
    draft = invoices.Draft(kind="manual", lines=[Line(item_type="other", description="x", unit_price=Decimal(1000))])
    invoice = invoices.create(db, actor=actor, now=now, customer_id=customer.id, draft=draft).row
    paid = payments.receive(db, actor=actor, now=now, customer_id=customer.id, amount="1000", method="cash")
    db.commit()
    logo, bill, receipt = tmp_path / "logo.png", tmp_path / "invoice.pdf", tmp_path / "receipt.pdf"
    out = io.BytesIO()
    Image.new("RGB", (60, 20), "#0f766e").save(out, "PNG")
    logo.write_bytes(out.getvalue())

    head = data(run("provider", "letterhead", "--address", "Jl. Cempaka 12\\nJakarta", "--logo", str(logo)))
    data(run("invoice", "pdf", str(invoice.invoice_number), str(bill)))
    data(run("payment", "receipt", str(paid.payment.receipt_number), str(receipt)))

    assert (head["address"], head["logo"]) == ("Jl. Cempaka 12\nJakarta", "yes")
    assert bill.read_bytes().startswith(b"%PDF-")
    assert receipt.read_bytes().startswith(b"%PDF-")
    assert data(run("provider", "letterhead", "--no-logo"))["logo"] == ""
    assert run("invoice", "pdf", "INV-0", str(bill)).exit_code == 1
