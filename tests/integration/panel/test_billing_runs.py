"""Billing runs and jobs on screen."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss.actor import Actor
from bss.billing import runs, work
from db.engine import psycopg_of
from db.models import BillingRun, Subscription, User
from db.queries import jobs
from factories import make_customer, make_plan, make_subscription, make_tenant, make_user
from integration.money.conftest import bill
from runtime.job_log import BY
from runtime.tasks import app as celery


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def late(db: Session, seeded: Seeded) -> list[Subscription]:
    """Thirty who are late, and one whose term ends soon."""
    tenant_id = seeded.owner.tenant_id
    actor = Actor.system(tenant_id=tenant_id, name="test")
    plan = make_plan(db, tenant_id=tenant_id, price=Decimal(150000))
    rows = []
    for number in range(31):
        customer = make_customer(db, tenant_id=tenant_id)
        row = make_subscription(
            db, tenant_id=tenant_id, customer=customer, plan=plan, price=Decimal(150000),
            expires_at=now() + timedelta(days=3 if number == 30 else 20),
        )  # fmt: skip
        if number < 30:
            bill(db, actor, customer, 150000, subscription=row, due_date=now().date() - timedelta(days=40))
        rows.append(row)
    db.commit()
    return rows


def drive(db: Session) -> None:
    """What a worker would do."""
    db.expire_all()
    for run in db.scalars(select(BillingRun).where(BillingRun.finished_at.is_(None))).all():
        work.drive(db, run_id=run.id, clock=now)


def test_a_run_is_tried_begun_allowed_followed_and_undone(
    db: Session, owner: FlaskClient, late: list[Subscription]
) -> None:
    assert "No night has been billed yet" in owner.get("/billing").text
    tried = owner.post("/billing", data={"dry": "yes"})
    drive(db)
    page = owner.get(tried.location).text
    assert "keeps nothing" in page
    assert "A real run would stop here and ask" in page

    begun = owner.post("/billing", data={"dry": "no"})
    assert "It would suspend" in owner.get(begun.location).text
    assert owner.post(begun.location + "/continue", data={"reason": ""}).status_code == 422
    assert owner.post(begun.location + "/continue", data={"reason": "all of one estate"}).status_code == 303
    assert 'hx-trigger="every 2s"' in owner.get(begun.location + "/progress").text
    drive(db)
    page = owner.get(begun.location).text
    assert "Suspended by it" in page
    assert "all of one estate" in page
    assert owner.post(begun.location + "/stop", follow_redirects=True).status_code == 200

    assert "The run did not" not in owner.get(begun.location + "/undo").text
    assert owner.post(begun.location + "/undo", data={"reason": "a wrong file"}).status_code == 303
    drive(db)
    db.expire_all()
    assert {row.status for row in late} == {"active"}
    assert "30 came back" in owner.get(begun.location).text
    assert "undone" in owner.get("/billing").text


def test_what_runs_in_the_background_is_listed_started_and_rescheduled(db: Session, owner: FlaskClient) -> None:
    celery.loader.import_default_modules()
    celery.tasks["bss.books"].apply(headers={BY: "Dewi"})
    page = owner.get("/jobs").text
    assert "Checks that the books agree" in page
    assert "has not run yet" in page
    assert "Dewi" in owner.get("/jobs/bss.books").text
    assert owner.get("/jobs/nothing").status_code == 404

    assert owner.post("/jobs/bss.books/run").status_code in (302, 303)
    assert owner.post("/jobs/bss.books/schedule", data={"when": "never"}).status_code == 422
    assert owner.post("/jobs/bss.books/schedule", data={"when": "0 4 * * *"}).status_code == 303
    assert "0 4 * * *" in owner.get("/jobs/bss.books").text
    assert jobs.states(psycopg_of(db))["bss.books"].schedule == "0 4 * * *"
    assert owner.post("/jobs/bss.expire-accounts/anyway", data={"reason": ""}).status_code == 422
    assert owner.post("/jobs/bss.expire-accounts/anyway", data={"reason": "checked"}).status_code == 303


@pytest.mark.parametrize("path", ["/billing", "/jobs", "/jobs/bss.books"])
def test_who_may_not_manage_it_does_not_see_it(
    db: Session, client_of: Callable[[User], FlaskClient], seeded: Seeded, path: str
) -> None:
    staff = make_user(db, tenant_id=seeded.owner.tenant_id, permissions=["view_money", "view_customers"])
    db.commit()
    assert client_of(staff).get(path).status_code == 403


def test_another_providers_run_does_not_exist(db: Session, owner: FlaskClient) -> None:
    other = make_tenant(db)
    run = runs.start(db, actor=Actor.system(tenant_id=other.id, name="x"), now=now())
    db.commit()
    for path in (f"/billing/{run.id}", f"/billing/{run.id}/progress", f"/billing/{run.id}/undo"):
        assert owner.get(path).status_code == 404


def test_how_a_customer_is_billed_is_seen_confirmed_and_saved(
    db: Session, owner: FlaskClient, late: list[Subscription]
) -> None:
    row = late[30]
    path = f"/customers/{row.customer_id}/billing"
    assert owner.post(path, data={"contact_name": "Sri", "payment_method": ""}).status_code == 303
    assert 'value="Sri"' in owner.get(path).text
    day = (row.billing_day + 9) % 28 + 1
    of_term = {"billing_day": day, "billing_cycle": "yearly", "payment_method": ""}
    asked = owner.post(f"{path}?subscription={row.id}", data=of_term)
    assert asked.status_code == 422
    assert "I have seen what this does" in asked.text
    assert owner.post(f"{path}?subscription={row.id}", data=of_term | {"is_confirmed": "y"}).status_code == 303
    db.expire_all()
    assert (row.billing_day, row.billing_cycle) == (day, "yearly")


def test_a_day_of_suspension_is_asked_about_before_it_is_saved(
    db: Session, owner: FlaskClient, late: list[Subscription]
) -> None:
    row = late[30]
    path = f"/subscriptions/{row.id}/suspend-date"
    day = (now() + timedelta(days=1)).date().isoformat()
    asked = owner.post(path, data={"suspend_on": day, "is_confirmed": ""})
    assert "would not be used" in asked.text
    saved = owner.post(path, data={"suspend_on": day, "recurring_day": "5", "is_confirmed": "yes"})
    assert saved.status_code == 303
    db.expire_all()
    assert (str(row.suspend_on), row.suspend_recurring_day) == (day, 5)
    assert "whatever was paid" in owner.get(f"/customers/{row.customer_id}/billing?subscription={row.id}").text


def test_when_a_job_runs_is_said_in_words_and_the_providers_time(owner: FlaskClient, db: Session) -> None:
    jobs.set_schedule(psycopg_of(db), name="bss.books", is_off=False, schedule="5 4 * * mon", changed_by="x")
    db.commit()
    page = owner.get("/jobs").text
    assert "every 1 min" in page
    assert "every day at 07:30" in page, "at 00:30 in UTC"
    assert "every hour at minute 25" in page
    assert "5 4 * * mon" in page
    assert "30 0 * * *" in owner.get("/jobs/accounting.partitions").text
