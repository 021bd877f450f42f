"""The jobs that staff do most at a desk, in both languages and on a phone: find, take money, sell, add, bill."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.person import Person
from browser.seed_money import seed_money
from browser.seed_panel import Seeded
from bss.billing import work
from db.models import BillingRun, Invoice, NasServer, Payment, Subscription, Voucher

# Every step is looked at with axe, in both walks.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def money(db: Session, seeded: Seeded) -> None:
    """Invoices, payments and vouchers of a month."""
    seed_money(db, seeded, datetime.now(UTC))
    db.commit()


@pytest.mark.parametrize("spelling", ["0812-3450-0000", "+62 812 345 00000"])
def test_a_customer_is_found_by_phone(person: Person, seeded: Seeded, spelling: str) -> None:
    person.page.keyboard.press("/")
    person.page.keyboard.type(spelling)
    first = person.page.locator("#search-found a.found").first
    expect(first).to_contain_text("Budi Santoso")
    person.looks("search")
    person.page.keyboard.press("ArrowDown")
    person.page.keyboard.press("Enter")
    expect(person.page.get_by_role("heading", level=1)).to_contain_text("Budi Santoso")
    person.looks("customer")


def test_cash_is_taken_and_the_receipt_printed(person: Person, money: None, seeded: Seeded, db: Session) -> None:
    person.go("Money", "Cash desk")
    person.page.keyboard.type("budi")
    expect(person.page.locator("#desk-found")).to_contain_text("Budi Santoso")
    person.looks("cash desk")
    person.page.keyboard.press("Enter")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Budi Santoso")
    expect(person.field("Amount")).to_be_focused()
    expect(person.field("Amount")).to_have_value("250000")
    person.fill("Handed over", "300000")
    expect(person.page.locator(".desk-back")).to_have_text(re.compile(r"50[.,]000"))
    person.looks("taking money")
    person.press("Record it")
    expect(person.page.locator("#back-online")).to_contain_text(person.word("Online all along"))
    person.looks("money taken")

    payment = db.scalars(select(Payment).where(Payment.customer_id == seeded.budi.id)).one()
    receipt = person.named("Print the receipt").get_attribute("href")
    assert receipt is not None
    paper = person.page.request.get(receipt)
    assert (paper.status, paper.headers["content-type"]) == (200, "application/pdf")
    assert paper.body().startswith(b"%PDF-")
    person.press("Next customer")
    expect(person.page.get_by_role("searchbox").last).to_be_focused()
    person.sees(str(payment.receipt_number))


def test_vouchers_are_made_printed_and_sold(person: Person, seeded: Seeded, db: Session) -> None:
    person.go("Customers", "Vouchers")
    person.looks("no vouchers")
    person.press("New batch")
    person.fill("How many", "12")
    person.fill("Price", "5000")
    person.fill("Valid for (hours)", "24")
    person.fill("Batch", "Market day")
    expect(person.page.locator("#preview")).to_contain_text(re.compile(r"60[.,]000"))
    person.looks("new batch")
    person.press("Make vouchers")
    expect(person.page.get_by_label(re.compile(f"^{person.word('Codes')}"))).to_have_value(
        re.compile(r"(\S{14}\n){11}\S{14}")
    )
    person.press("Open the batch")
    person.looks("batch")
    person.press("Print")
    expect(person.page.locator("#page img")).to_be_visible()
    person.looks("printing")
    person.press("Make the sheet")
    paper = person.page.request.get(str(person.named("Open the PDF").get_attribute("href")))
    assert paper.body().startswith(b"%PDF-")
    person.page.get_by_role("link", name="Market day").click()
    person.press("Sell")
    person.fill("How many", "3")
    person.press("Sell")
    person.sees("RCP-")
    person.looks("sold")
    sold = [row for row in db.scalars(select(Voucher)) if row.sold_at is not None]
    assert len(sold) == 3


def test_a_router_is_added_and_its_commands_are_copied(person: Person, seeded: Seeded, db: Session) -> None:
    person.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    person.go("Network", "Routers")
    person.looks("routers")
    person.press("New router")
    person.fill("Name", "RB-Pasar")
    person.fill("Address it sends from", "10.10.7.1")
    person.looks("new router")
    person.page.locator("main form").get_by_role("button").filter(visible=True).last.click()
    expect(person.page.get_by_role("heading", level=1)).to_contain_text("RB-Pasar")
    person.looks("router")
    if person.named("Show with secret").count():
        person.press("Show with secret")
    secret = db.scalars(select(NasServer).where(NasServer.name == "RB-Pasar")).one().radius_secret
    for version in ("7", "6"):
        person.page.get_by_role("tab", name=f"RouterOS {version}").click()
        person.press("Copy")
        expect(person.named("Copied")).to_be_visible()
        copied = person.page.evaluate("navigator.clipboard.readText()")
        assert secret in copied
        assert f"(RouterOS {version})" in copied
        expect(person.named("Copied")).to_have_count(0)


def drive(db: Session) -> None:
    """Stands in for the worker that carries a billing run out."""
    db.expire_all()
    for run in db.scalars(select(BillingRun).where(BillingRun.finished_at.is_(None))).all():
        work.drive(db, run_id=run.id, clock=lambda: datetime.now(UTC))


def test_billing_is_tried_then_run_and_its_invoices_seen(person: Person, seeded: Seeded, db: Session) -> None:
    for row in db.scalars(select(Subscription).where(Subscription.status == "active").limit(4)):
        row.expires_at = datetime.now(UTC) + timedelta(days=1)
    db.commit()
    person.go("Money", "Billing runs")
    person.looks("no billing yet")
    person.press("Try it, keep nothing")
    drive(db)
    run = person.page.locator("#run")
    expect(run).to_contain_text(person.word("keeps nothing"))
    expect(run).to_contain_text(re.compile(r"[1-9]\d* · Rp"))
    person.looks("tried")
    assert db.scalars(select(Invoice)).all() == []

    person.page.locator(".crumb").get_by_role("link").click()
    person.press("Run today's now")
    drive(db)
    expect(run.get_by_role("heading")).to_contain_text(person.word("done"))
    person.looks("billed")
    written = db.scalars(select(Invoice)).all()
    assert written
    person.page.reload()
    person.page.get_by_role("link", name=str(written[0].invoice_number)).click()
    expect(person.page.get_by_role("heading", level=1)).to_contain_text(str(written[0].invoice_number))
    person.looks("invoice")
    person.go("Money", "Invoices")
    person.sees(*(str(row.invoice_number) for row in written))
    person.looks("invoices")
