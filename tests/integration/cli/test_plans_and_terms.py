"""Plans and terms at a terminal."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session

from cli.main import root
from db.models import Subscription
from factories import make_customer, make_plan, make_subscription, make_tenant
from runtime.settings import Settings


@pytest.fixture
def ending(db: Session, settings: Settings, keys_file: object) -> Subscription:
    tenant = make_tenant(db)
    customer = make_customer(db, tenant=tenant, customer_code="C1")
    ends = datetime.now(UTC) + timedelta(days=3, hours=1)
    plan = make_plan(db, tenant=tenant, slug="home", price=Decimal(150000), setup_fee=Decimal(50000))
    make_plan(db, tenant=tenant, slug="fast", price=Decimal(250000))
    row = make_subscription(db, tenant=tenant, customer=customer, plan=plan, username="budi", expires_at=ends)
    db.commit()
    return row


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(root, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(root, list(arguments))
    assert result.exit_code in (1, 2), result.output
    return result.output


@pytest.mark.usefixtures("ending")
def test_all_of_a_plan_at_a_terminal() -> None:
    made = run(
        "plan", "add", "Office 50", "--down", "50000", "--up", "25000", "--burst", "30M/60M 25M/50M 16/16",
        "--popular", "--for", "business", "--feature", "static_ip", "--feature", "support=24 hours",
        "--contract-months", "12", "--quota", "data monthly 500GB", "--billing-cycle", "yearly",
    )  # fmt: skip
    assert (made["rate_limit"], made["data_limit"]) == ("25M/50M 30M/60M 25M/50M 16/16", "500.0 GB")
    assert made["features"] == {"static_ip": True, "support": "24 hours"}

    copied = run("plan", "copy", "office-50", "Office 50 Promo")
    own = {"id", "slug", "name"}
    assert {key: copied[key] for key in copied.keys() - own} == {key: made[key] for key in made.keys() - own}
    assert [row["slug"] for row in run("plan", "list", "--popular", "--for", "business")["items"]] == [
        "office-50", "office-50-promo",
    ]  # fmt: skip
    assert [row["customers"] for row in run("plan", "list", "--search", "hom")["items"]] == [1]
    run("plan", "delete", "office-50-promo", "--yes")
    assert "there is no such plan" in refused("plan", "show", "office-50-promo")
    assert "is not a rate" in refused("plan", "add", "X", "--down", "1", "--up", "1", "--burst", "fastM 5s")


@pytest.mark.usefixtures("ending")
def test_a_subscription_begins_with_its_first_bill() -> None:
    run(
        "subscription", "add", "ani", "--customer", "C1", "--plan", "home", "--installation-fee", "75000",
        "--installation-date", "2026-11-20", "--installation-address", "Jalan Melati 5", "--bill-now",
    )  # fmt: skip

    assert [row["total"] for row in run("invoice", "list")["items"]] == ["275000.00"]
    shown = run("subscription", "show", "ani")
    assert (shown["installation_fee"], shown["installation_date"]) == ("75000.00", "2026-11-20")
    assert "was billed on" in refused("subscription", "edit", "ani", "--installation-fee", "80000")
    run("subscription", "edit", "ani", "--installation-address", "Jalan Mawar 1", "--no-auto-renew")
    shown = run("subscription", "show", "ani")
    assert (shown["installation_address"], shown["auto_renew"]) == ("Jalan Mawar 1", "False")
    assert "nothing is to be changed" in refused("subscription", "edit", "ani")


@pytest.mark.usefixtures("ending")
def test_a_customer_leaves_with_the_term_and_stays_after_all() -> None:
    run("subscription", "cancel", "budi", "--at-period-end", "--yes")
    shown = run("subscription", "show", "budi")
    assert (shown["status"], shown["cancel_at_period_end"], shown["days_until_expiry"]) == ("active", True, 3)

    run("subscription", "keep", "budi")
    assert run("subscription", "show", "budi")["cancel_at_period_end"] is False
    assert "does not end with its term" in refused("subscription", "keep", "budi")

    run("subscription", "suspend", "budi", "--reason", "overdue", "--until-paid")
    assert run("subscription", "show", "budi")["suspend_cause"] == "overdue"
    run("subscription", "cancel", "budi", "--yes")
    assert run("subscription", "show", "budi")["status"] == "cancelled"


@pytest.mark.usefixtures("ending")
def test_a_change_of_plan_that_waits_is_listed_and_withdrawn() -> None:
    run("subscription", "move-to", "budi", "fast", "--at-period-end")
    (waiting,) = run("subscription", "plan-changes", "budi")["items"]
    assert waiting["status"] == "pending"

    assert run("subscription", "withdraw-plan", "budi")["status"] == "cancelled"

    assert "no change of plan is waiting" in refused("subscription", "withdraw-plan", "budi")


@pytest.mark.usefixtures("ending")
def test_subscriptions_are_found_by_plan_kind_and_end() -> None:
    def found(*arguments: str) -> list[str]:
        return [row["username"] for row in run("subscription", "list", *arguments)["items"]]

    assert found("--plan", "home", "--type", "pppoe", "--expiring", "7") == ["budi"]
    assert found("--expiring", "1") == []
    assert found("--plan", "fast") == []


@pytest.mark.usefixtures("ending")
def test_a_subscription_is_deleted() -> None:
    run("subscription", "delete", "budi", "--reason", "moved away", "--yes")
    assert run("subscription", "list")["items"] == []
    assert "there are plans already" in refused("plan", "starters")


@pytest.mark.usefixtures("settings")
def test_the_usual_four_plans_are_for_who_has_none(db: Session) -> None:
    make_tenant(db)
    db.commit()
    assert [row["slug"] for row in run("plan", "starters")["items"]] == ["10-mbps", "20-mbps", "50-mbps", "100-mbps"]


def test_leaving_early_and_what_is_kept_besides(db: Session, ending: Subscription) -> None:
    ending.activated_at, ending.price = datetime.now(UTC) - timedelta(days=30), Decimal(150000)
    ending.plan.contract_period_months, ending.plan.early_end_fee = 12, Decimal(300000)
    make_plan(db, tenant_id=ending.tenant_id, slug="small", price=Decimal(100000))
    db.commit()

    told = run("subscription", "move-to", "budi", "small", "--dry-run")
    assert told["early_end_fee"] == "300000.00"
    assert run("subscription", "move-to", "budi", "small", "--waive-fee")["fee_invoice"] is None
    run("subscription", "edit", "budi", "--keep", "ont=HWTC1", "--keep", "pole=A-17")
    run("subscription", "edit", "budi", "--keep", "pole=")
    assert run("subscription", "show", "budi")["metadata"] == {"ont": "HWTC1"}
    assert "NAME=TEXT" in refused("subscription", "edit", "budi", "--keep", "ont")
