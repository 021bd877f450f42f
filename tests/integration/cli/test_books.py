"""Expenses, the books, operators' accounts, recharges and rewards at a terminal."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from db.models import Customer, Subscription
from factories import make_customer, make_plan, make_subscription, make_tenant
from integration.cli.test_money import refused, run
from runtime.settings import Settings


@pytest.fixture
def subscription(db: Session, settings: Settings, keys_file: object) -> Subscription:
    tenant = make_tenant(db)
    by = make_customer(db, tenant=tenant, customer_code="CUST-BY")
    customer = make_customer(db, tenant=tenant, referred_by_id=by.id)
    plan = make_plan(db, tenant=tenant, price=Decimal(150000), name="Home")
    ends = datetime.now(UTC) + timedelta(days=2)
    row = make_subscription(
        db, tenant=tenant, customer=customer, plan=plan, price=Decimal(150000), username="budi", expires_at=ends
    )
    db.commit()
    return row


def code(db: Session, subscription: Subscription) -> str:
    return db.get_one(Customer, subscription.customer_id).customer_code


def test_an_expense_and_the_books(subscription: Subscription, tmp_path: Path) -> None:
    spent = run("expense", "record", "Bandwidth", "2500000", "--description", "=1+1", "--key", "a")
    assert run("expense", "record", "Bandwidth", "2500000", "--description", "=1+1", "--key", "a")["id"] == spent["id"]
    assert [row["category"] for row in run("expense", "list", "--category", "bandwidth")["items"]] == ["bandwidth"]
    assert run("expense", "show", str(spent["id"]))["income"] == "0"

    trial = run("books", "trial-balance")
    assert trial["debit"] == trial["credit"] == "2500000.00"
    file = tmp_path / "journal.csv"
    assert run("books", "journal", str(file))["lines"] == 2
    assert "'=1+1" in file.read_text(encoding="utf-8-sig")

    assert run("expense", "take-back", str(spent["id"]), "--reason", "twice")["taken_back"]
    assert "already" in refused("expense", "take-back", str(spent["id"]), "--reason", "twice")
    assert "far away" in refused("books", "trial-balance", "--since", "2026-02-01", "--until", "2026-01-01")


def test_an_operators_account_and_other_income(db: Session, subscription: Subscription) -> None:
    who = code(db, subscription)
    run("operator", "add", "North", "--level", "10", "--commission", "10")
    run("operator", "transfer", who, "North")
    run("payment", "record", who, "150000", "--purpose", "advance")
    run("payment", "record", who, "100000", "--purpose", "other", "--category", "equipment")
    assert "category" in refused("payment", "record", who, "100000", "--purpose", "other")

    assert run("operator", "accounts")["items"][0]["owed"] == "15000.00"
    assert run("operator", "pay-out", "North", "5000", "--key", "a")["owed"] == "10000.00"
    assert run("operator", "pay-out", "North", "5000", "--key", "a")["is_new"] is False
    account = run("operator", "account", "North")
    assert (account["owed"], [row["kind"] for row in account["history"]]) == ("10000.00", ["payout", "commission"])
    assert [row["amount"] for row in run("operator", "commissions", "North")["items"]] == ["15000.00"]
    assert "owed" in refused("operator", "pay-out", "North", "10001")


def test_a_recharge_and_a_reward(db: Session, subscription: Subscription) -> None:
    run("billing", "rules", "set", "referral_reward", "25000")
    done = run("subscription", "recharge", "budi", "5GB", "--price", "10000", "--key", "a")
    assert (done["status"], done["total"]) == ("paid", "10000.00")
    assert (
        run("subscription", "recharge", "budi", "5GB", "--price", "10000", "--key", "a")["invoice"] == done["invoice"]
    )
    assert run("subscription", "recharge", "budi", "3d")["total"] == "15000.00"
    assert "price" in refused("subscription", "recharge", "budi", "2h")

    (reward,) = run("customer", "rewards", "CUST-BY")["items"]
    assert (reward["amount"], reward["taken_back"]) == ("25000.00", None)
    balance = run("customer", "balance", code(db, subscription))
    assert (balance["total_spent"], balance["total_revenue"]) == ("25000.00", "25000.00")


def test_a_customer_brings_a_debt_along(db: Session, subscription: Subscription) -> None:
    made = run("customer", "add", "Siti", "--phone", "0812345678", "--initial-balance", "-20000")

    assert db.get_one(Customer, made["id"]).balance == -20000
