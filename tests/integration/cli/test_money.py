"""Money at a terminal."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session

from cli.main import root
from db.models import Customer, Subscription
from factories import make_customer, make_plan, make_subscription, make_tenant
from runtime.settings import Settings


@pytest.fixture
def subscription(db: Session, settings: Settings, keys_file: object) -> Subscription:
    tenant = make_tenant(db)
    customer = make_customer(db, tenant=tenant)
    plan = make_plan(db, tenant=tenant, price=Decimal(150000), name="Home")
    ends = datetime.now(UTC) + timedelta(days=2)
    row = make_subscription(
        db, tenant=tenant, customer=customer, plan=plan, price=Decimal(150000), username="budi", expires_at=ends
    )
    db.commit()
    return row


@pytest.fixture
def customer(db: Session, subscription: Subscription) -> Customer:
    return db.get_one(Customer, subscription.customer_id)


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(root, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(root, list(arguments))
    assert result.exit_code in (1, 2), result.output
    return result.output


def test_an_invoice_from_a_terminal_to_its_payment(customer: Customer) -> None:
    written = run("invoice", "write", "--customer", customer.customer_code, "--line", "equipment:Cable:2500:20")
    assert (written["total"], written["status"]) == ("50000.00", "unpaid")

    paid = run("invoice", "pay", written["number"], "--method", "transfer", "--reference", "BCA 7")

    assert paid["invoice_status"] == "paid"
    assert [row["number"] for row in run("invoice", "list", "--status", "paid")["items"]] == [written["number"]]
    assert run("payment", "list", "--search", "bca")["items"][0]["receipt"] == paid["receipt"]


def test_one_key_is_one_payment(customer: Customer) -> None:
    first = run("payment", "record", customer.customer_code, "5000", "--key", "a")
    again = run("payment", "record", customer.customer_code, "5000", "--key", "a")

    assert (first["is_new"], again["is_new"], first["id"]) == (True, False, again["id"])
    assert run("customer", "balance", customer.customer_code)["balance"] == "5000.00"


def test_credit_renews_and_a_refund_says_what_is_left(customer: Customer) -> None:
    run("customer", "credit", customer.customer_code, "150000", "--description", "for the test")

    done = run("subscription", "renew", "budi")

    assert done["status"] == "paid"
    assert "is less than" in refused("subscription", "renew", "budi")


def test_another_plan_is_told_before_it_is_made(db: Session, subscription: Subscription) -> None:
    make_plan(db, tenant_id=subscription.tenant_id, price=Decimal(300000), name="Home 50", slug="home-50")
    db.commit()

    told = run("subscription", "move-to", "budi", "home-50", "--dry-run")
    done = run("subscription", "move-to", "budi", "home-50", "--at-period-end")

    assert Decimal(told["total"]) > 0
    assert done["status"] == "pending"


def test_rules_are_shown_and_set(subscription: Subscription) -> None:
    assert run("billing", "rules", "set", "tax_percent", "11")["tax_percent"] == "11.00"
    assert run("billing", "rules", "set", "remind_on", "0,-7")["remind_on"] == [-7, 0]
    assert run("billing", "rules", "set", "invoice_prefix", "fak")["invoice_prefix"] == "FAK"
    assert "out of range" in refused("billing", "rules", "set", "due_days", "999")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["payment", "record", "{code}", "5,000"], "no amount"),
        (["payment", "record", "{code}", "0"], "not above zero"),
        (["invoice", "write", "--customer", "{code}", "--line", "Cable"], "no line"),
        (["invoice", "pay", "INV-1"], "no such invoice"),
        (["subscription", "add-days", "budi", "0"], "0 is not in the range"),
    ],
)
def test_what_is_wrong_is_said(customer: Customer, arguments: list[str], said: str) -> None:
    assert said in refused(*[argument.format(code=customer.customer_code) for argument in arguments])


def test_the_billing_log_at_a_terminal(subscription: Subscription) -> None:
    run("subscription", "renew", subscription.username, "--by", "cash")

    said = [row["message"] for row in run("subscription", "billing-log", subscription.username)["items"]]
    number = run("invoice", "list")["items"][0]["number"]

    assert any(message.endswith("was paid") for message in said)
    assert len(run("invoice", "billing-log", number, "--limit", "1")["items"]) == 1
