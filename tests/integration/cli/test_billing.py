"""`lintas billing` and `lintas jobs` at a terminal."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy.orm import Session

from cli.billing import billing
from cli.jobs import jobs
from db.models import Subscription
from factories import make_plan, make_subscription, make_tenant
from runtime.settings import Settings


@pytest.fixture
def subscription(db: Session, settings: Settings) -> Subscription:
    tenant = make_tenant(db)
    plan = make_plan(db, tenant=tenant, price=Decimal(150000))
    row = make_subscription(
        db, tenant=tenant, plan=plan, price=Decimal(150000), expires_at=datetime.now(UTC) + timedelta(days=2)
    )
    db.commit()
    return row


def said(command: Any, *arguments: str) -> Any:
    done = CliRunner().invoke(command, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_run_is_tried_done_shown_and_listed(subscription: Subscription) -> None:
    tried = said(billing, "run", "--dry-run")
    assert (tried["is_dry"], tried["status"], tried["invoiced"]) == (True, "done", 1)
    done = said(billing, "run")
    assert (done["invoiced"], done["invoiced_total"], done["percent"]) == (1, "150000.00", 100)
    assert said(billing, "show", str(done["id"]))["suspensions"] == []
    assert [row["id"] for row in said(billing, "list")["items"]] == [done["id"], tried["id"]]
    refused = CliRunner().invoke(billing, ["undo", str(done["id"]), "--reason", "x"])
    assert "suspended nobody" in refused.output


def test_a_profile_is_shown_tried_and_changed(subscription: Subscription) -> None:
    name = str(subscription.customer_id)
    assert said(billing, "profile", name, "--contact-name", "Sri")["contact_name"] == "Sri"
    of_one = ("profile", name, "--subscription", str(subscription.id))
    assert said(billing, *of_one, "--cycle", "yearly", "--dry-run")["is_large"]
    refused = CliRunner().invoke(billing, [*of_one, "--cycle", "yearly"])
    assert "a good deal" in refused.output
    assert "yearly" in said(billing, *of_one, "--cycle", "yearly", "--confirm")["next_bill"]


def test_jobs_are_listed_run_rehearsed_and_rescheduled(db: Session, subscription: Subscription) -> None:
    subscription.expires_at = datetime.now(UTC) - timedelta(days=90)
    db.commit()
    assert said(jobs, "run", "bss.expire-accounts", "--dry-run")["would"][0].endswith("1 subscriptions would expire")
    assert said(jobs, "run", "bss.expire-accounts", "--anyway")["result"]["changed"] == 1
    shown = said(jobs, "show", "bss.expire-accounts")
    assert (shown["outcome"], shown["runs"][0]["outcome"]) == ("done", "done")
    assert shown["runs"][0]["requested_by"].startswith("command line")
    changed = said(jobs, "schedule", "bss.books", "--when", "0 4 * * *")
    assert (changed["when"], changed["usual_when"]) == ("0 4 * * *", "30 2 * * *")
    assert {"bss.billing", "coa.sweep"} <= {row["name"] for row in said(jobs, "list")["items"]}
    refused = CliRunner().invoke(jobs, ["run", "bss.books", "--anyway"])
    assert "never stops by itself" in refused.output


def test_days_are_priced_billed_and_a_day_of_suspension_set(subscription: Subscription) -> None:
    name, days = str(subscription.id), ("--from", "2026-11-10", "--until", "2026-11-25")
    assert said(billing, "bill", name, *days, "--dry-run")["total"] == "75000"
    assert said(billing, "bill", name, *days)["invoice_number"].startswith("INV-")
    day = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    assert not said(billing, "suspend-date", name, "--on", day, "--dry-run")["saved"]
    assert said(billing, "suspend-date", name, "--on", day, "--every-month-on", "5")["recurring_day"] == 5
