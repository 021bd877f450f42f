"""Billing runs and jobs over HTTP."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.billing import work
from db.models import Tenant
from factories import make_customer, make_plan, make_subscription
from integration.money.conftest import bill


def test_a_run_from_its_beginning_to_its_undoing(db: Session, client: FlaskClient, tenant: Tenant) -> None:
    actor = Actor.system(tenant_id=tenant.id, name="test")
    plan = make_plan(db, tenant=tenant, price=Decimal(150000))
    for _ in range(15):
        customer = make_customer(db, tenant=tenant)
        row = make_subscription(
            db, tenant=tenant, customer=customer, plan=plan, expires_at=datetime.now(UTC) + timedelta(days=20)
        )
        due = datetime.now(UTC).date() - timedelta(days=40)
        bill(db, actor, customer, 150000, subscription=row, due_date=due)
    db.commit()

    begun = client.post("/api/v1/billing-runs", json={})
    assert begun.status_code == 201
    run = begun.json
    assert (run["status"], run["stopped_because"], run["to_suspend"]) == ("stopped", "too_many", 15)
    assert run["why_stopped"].startswith("would suspend 100 % of all subscriptions")
    assert client.post("/api/v1/billing-runs", json={}).json["id"] == run["id"]
    path = f"/api/v1/billing-runs/{run['id']}"
    assert client.post(path + "/continue", json={}).status_code == 422
    assert client.post(path + "/continue", json={"reason": "yes"}).json["status"] == "running"
    work.drive(db, run_id=run["id"], clock=lambda: datetime.now(UTC))

    found = client.get(path).json
    assert (found["status"], found["suspended"], found["percent"]) == ("done", 15, 100)
    assert found["suspensions"][0]["owed"] == "150000.00"
    assert client.post(path + "/stop").status_code == 409
    assert client.post(path + "/undo", json={}).status_code == 422
    assert client.post(path + "/undo", json={"reason": "wrong"}).json["status"] == "undone"
    assert client.get("/api/v1/billing-runs").json["items"][0]["id"] == run["id"]


def test_jobs_are_listed_started_and_rescheduled(db: Session, client: FlaskClient, tenant: Tenant) -> None:
    listed = client.get("/api/v1/jobs").json["items"]
    assert {"bss.billing", "bss.books", "coa.sweep"} <= {job["name"] for job in listed}
    assert client.post("/api/v1/jobs/bss.books/run", json={}).status_code == 202
    assert client.post("/api/v1/jobs/bss.books/run", json={"is_allowed": True, "reason": "x"}).status_code == 422
    assert client.post("/api/v1/jobs/nothing/run", json={}).status_code == 404
    changed = client.patch("/api/v1/jobs/bss.books/schedule", json={"when": "0 4 * * *"})
    assert (changed.json["when"], changed.json["usual_when"]) == ("0 4 * * *", "30 2 * * *")
    assert client.patch("/api/v1/jobs/bss.books/schedule", json={"when": "often"}).status_code == 422
    assert client.get("/api/v1/jobs/bss.books").json["last_runs"] == []


def test_how_a_customer_is_billed_is_tried_and_saved(db: Session, client: FlaskClient, tenant: Tenant) -> None:
    plan = make_plan(db, tenant=tenant, price=Decimal(150000))
    row = make_subscription(
        db, tenant=tenant, plan=plan, price=Decimal(150000), expires_at=datetime.now(UTC) + timedelta(days=20)
    )
    db.commit()
    path = f"/api/v1/customers/{row.customer_id}/billing-profile"
    of_one = f"?subscription_id={row.id}"

    told = client.post(f"{path}/preview{of_one}", json={"billing_cycle": "yearly"}).json
    assert (told["is_large"], told["before"]["price"], told["after"]["price"]) == (True, "150000.00", "1800000.00")
    assert client.patch(path + of_one, json={"billing_cycle": "yearly"}).status_code == 409
    saved = client.patch(path + of_one, json={"billing_cycle": "yearly", "is_confirmed": True}).json
    assert saved["profile"]["next_bill"]["cycle"] == "yearly"
    assert client.patch(path, json={"contact_name": "Sri"}).json["profile"]["contact_name"] == "Sri"
    assert client.get(path).json["payer_id"] == row.customer_id
    assert client.patch(path, json={"parent_pays": True}).status_code == 422


def test_some_days_are_priced_and_billed(db: Session, client: FlaskClient, tenant: Tenant) -> None:
    plan = make_plan(db, tenant=tenant, price=Decimal(150000))
    row = make_subscription(
        db, tenant=tenant, plan=plan, price=Decimal(150000), expires_at=datetime.now(UTC) + timedelta(days=20)
    )
    db.commit()
    days = {"period_start": "2026-11-10", "period_end": "2026-11-25"}
    path = f"/api/v1/subscriptions/{row.id}/bill"
    assert client.post(path + "/preview", json=days).json["total"] == "75000.00"
    assert client.post(path, json=days | {"amount": "40000"}).json["total"] == "40000.00"
    assert client.post(path, json=days | {"period_end": "2026-11-10"}).status_code == 422


def test_a_day_of_suspension_is_tried_set_and_removed(db: Session, client: FlaskClient, tenant: Tenant) -> None:
    row = make_subscription(db, tenant=tenant, expires_at=datetime.now(UTC) + timedelta(days=20))
    db.commit()
    path = f"/api/v1/subscriptions/{row.id}/suspend-date"
    day = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    assert client.post(path + "/preview", json={"suspend_on": day}).json["unused_days"] in (16, 17)
    assert client.patch(path, json={"suspend_on": day, "recurring_day": 5}).json["recurring_day"] == 5
    assert client.patch(path, json={"suspend_on": None}).json["suspend_on"] is None
    assert client.patch(path, json={"suspend_on": "2020-01-01"}).status_code == 422
