"""All of a plan and of a subscription over HTTP: what is said of them, how they begin, and how they end."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Customer, Invoice, ServicePlan, Subscription, Tenant
from factories import make_customer, make_plan, make_subscription

API = "/api/v1"
PLAN = {"name": "Rumah 20", "download_kbps": 20_000, "upload_kbps": 5_000, "price": "1200000.00"}


@pytest.fixture
def customer(db: Session, tenant: Tenant) -> Customer:
    return make_customer(db, tenant=tenant)


@pytest.fixture
def ending(db: Session, keys_file: object, tenant: Tenant, customer: Customer) -> Subscription:
    ends = datetime.now(UTC) + timedelta(days=5, hours=1)
    row = make_subscription(
        db, tenant=tenant, customer=customer, plan=make_plan(db, tenant=tenant), price=Decimal(150000), expires_at=ends
    )
    db.commit()
    return row


def test_all_of_a_plan_is_kept_and_said(client: FlaskClient) -> None:
    more = {
        "billing_cycle": "yearly", "is_popular": True, "contract_period_months": 12, "customer_types": ["business"],
        "features": {"free_installation": True, "support": "24 hours"}, "burst": "6M/24M 4M/16M 16/16",
        "quotas": [{"kind": "data", "period": "monthly", "limit_bytes": 500 * 10**9}], "slug": "rumah",
    }  # fmt: skip
    made = client.post(f"{API}/service-plans", json=PLAN | more)

    assert made.status_code == 201, made.json
    plan = made.json
    assert {name: plan[name] for name in ("slug", "is_popular", "contract_period_months", "customer_types")} == {
        "slug": "rumah", "is_popular": True, "contract_period_months": 12, "customer_types": ["business"],
    }  # fmt: skip
    assert (plan["display_speed"], plan["display_data_limit"]) == ("20Mbps/5Mbps", "500.0 GB")
    assert plan["mikrotik_rate_limit"] == "5M/20M 6M/24M 4M/16M 16/16"
    assert plan["features"] == {"free_installation": True, "support": "24 hours"}

    changed = client.patch(f"{API}/service-plans/{plan['id']}", json={"is_popular": False, "burst_enabled": False})
    assert changed.json["plan"]["mikrotik_rate_limit"] == "5M/20M"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"burst": "fast"}, "burst"), ({"features": {"Bad Name": 1}}, "features"),
     ({"features": {"a": [1]}}, "features.a"), ({"customer_types": ["nobody"]}, "customer_types.0"),
     ({"contract_period_months": 121}, "contract_period_months")],
)  # fmt: skip
def test_what_cannot_be_kept_is_named(client: FlaskClient, wrong: dict[str, object], field: str) -> None:
    answer = client.post(f"{API}/service-plans", json=PLAN | wrong)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == field


def test_a_plan_is_copied(client: FlaskClient) -> None:
    like = client.post(f"{API}/service-plans", json=PLAN | {"fup_rules": [
        {"threshold_bytes": 10**11, "reduction_percent": 50}], "features": {"static_ip": True}}).json  # fmt: skip

    copy = client.post(f"{API}/service-plans/{like['id']}/copy", json={"name": "Promo"})

    assert copy.status_code == 201, copy.json
    own = {"id", "name", "slug", "created_at", "updated_at"}
    assert {key: copy.json[key] for key in like.keys() - own} == {key: like[key] for key in like.keys() - own}
    assert (copy.json["name"], copy.json["slug"]) == ("Promo", "promo")


def test_plans_are_filtered_and_say_their_revenue(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    yearly = make_plan(
        db, tenant=tenant, name="Year", price=Decimal(1200000), billing_cycle="yearly", is_popular=True,
        customer_types=["business"],
    )  # fmt: skip
    make_plan(db, tenant=tenant, name="Month", price=Decimal(100000))
    for _ in range(3):
        make_subscription(db, tenant=tenant, plan=yearly)
    db.commit()

    def names(**fits: object) -> list[str]:
        answer = client.get(f"{API}/service-plans", query_string=fits)
        assert answer.status_code == 200, answer.json
        return [row["name"] for row in answer.json["items"]]

    assert names(is_popular=True) == ["Year"]
    assert names(customer_type="residential") == ["Month"]
    assert names(customer_type="business") == ["Month", "Year"]
    assert names(price_min="150000.00") == ["Year"]
    assert names(price_max="150000.00") == ["Month"]
    (row,) = client.get(f"{API}/service-plans", query_string={"search": "Year"}).json["items"]
    assert (row["customers_count"], row["monthly_revenue"]) == (3, "300000.00")


@pytest.mark.usefixtures("keys_file")
def test_a_subscription_is_billed_as_it_begins(
    db: Session, tenant: Tenant, customer: Customer, client: FlaskClient
) -> None:
    plan = make_plan(db, tenant=tenant, setup_fee=Decimal(50000))
    db.commit()
    body = {
        "customer_id": customer.id, "service_plan_id": plan.id, "username": "budi", "bill_now": True,
        "installation_fee": "75000.00", "installation_date": "2026-11-20", "installation_address": "Jalan Melati 5",
    }  # fmt: skip
    made = client.post(f"{API}/subscriptions", json=body)

    assert made.status_code == 201, made.json
    row = client.get(f"{API}/subscriptions/{made.json['id']}").json
    assert (row["installation_fee"], row["installation_date"]) == ("75000.00", "2026-11-20")
    assert (row["installation_address"], row["fees_billed_at"] is None) == ("Jalan Melati 5", False)
    (invoice,) = client.get(f"{API}/invoices", query_string={"customer_id": customer.id}).json["items"]
    assert invoice["total"] == "275000.00"
    late = client.patch(f"{API}/subscriptions/{row['id']}", json={"installation_fee": "80000.00"})
    assert (late.status_code, late.json["errors"][0]["field"]) == (409, "installation_fee")
    same = client.patch(f"{API}/subscriptions/{row['id']}", json={"installation_address": "Jalan Mawar 1"})
    assert same.json["subscription"]["installation_address"] == "Jalan Mawar 1"


@pytest.mark.usefixtures("keys_file")
def test_who_pays_afterwards_has_no_end(db: Session, tenant: Tenant, customer: Customer, client: FlaskClient) -> None:
    plan = make_plan(db, tenant=tenant)
    db.commit()
    body = {"customer_id": customer.id, "service_plan_id": plan.id, "username": "corp", "is_postpaid": True}
    row = client.post(f"{API}/subscriptions", json=body).json

    assert (row["is_postpaid"], row["expires_at"], row["days_until_expiry"]) == (True, None, -1)
    assert row["next_billing_at"] is None


def test_the_days_that_are_left_are_said(ending: Subscription, client: FlaskClient) -> None:
    row = client.get(f"{API}/subscriptions/{ending.id}").json

    assert (row["days_until_expiry"], row["is_expiring_soon"], row["is_expired"]) == (5, True, False)
    assert row["plan"]["display_speed"] == "10Mbps/5Mbps"
    by_end = client.get(f"{API}/subscriptions", query_string={"sort": "expires_at", "expiring_within_days": 7}).json
    assert [one["id"] for one in by_end["items"]] == [ending.id]


def test_a_customer_leaves_with_the_term_and_stays_after_all(ending: Subscription, client: FlaskClient) -> None:
    path = f"{API}/subscriptions/{ending.id}"
    left = client.post(f"{path}/cancel", json={"at_period_end": True, "reason": "moves"}).json["subscription"]
    assert (left["status"], left["cancel_at_period_end"], left["auto_renew"]) == ("active", True, False)

    stays = client.post(f"{path}/keep").json["subscription"]
    assert (stays["cancel_at_period_end"], stays["auto_renew"]) == (False, True)
    assert client.post(f"{path}/keep").status_code == 409

    assert client.post(f"{path}/cancel").json["subscription"]["status"] == "cancelled"


def test_what_is_suspended_until_it_is_paid_says_so(ending: Subscription, client: FlaskClient) -> None:
    body = {"reason": "overdue", "cause": "overdue"}
    row = client.post(f"{API}/subscriptions/{ending.id}/suspend", json=body).json["subscription"]

    assert (row["suspend_reason"], row["suspend_cause"]) == ("overdue", "overdue")
    wrong = client.post(f"{API}/subscriptions/{ending.id}/suspend", json={"cause": "credit_limit"})
    assert wrong.status_code == 422


def test_changes_of_plan_are_listed(db: Session, tenant: Tenant, ending: Subscription, client: FlaskClient) -> None:
    bigger = make_plan(db, tenant=tenant, name="Bigger", price=Decimal(250000))
    db.commit()
    path = f"{API}/subscriptions/{ending.id}"
    body = {"service_plan_id": bigger.id, "effective": "next_period"}
    assert client.post(f"{path}/plan-change", json=body).status_code == 201

    (waiting,) = client.get(f"{path}/plan-changes").json["items"]
    assert (waiting["status"], waiting["new_plan"]) == ("pending", "Bigger")
    assert client.delete(f"{path}/plan-change").status_code == 200

    assert [row["status"] for row in client.get(f"{path}/plan-changes").json["items"]] == ["cancelled"]
    assert client.get(f"{API}/subscriptions/999999/plan-changes").status_code == 404


def test_a_subscription_is_deleted_and_its_name_is_free(ending: Subscription, client: FlaskClient) -> None:
    path = f"{API}/subscriptions/{ending.id}"
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert client.delete(path).status_code == 404
    body = {"customer_id": ending.customer_id, "service_plan_id": ending.service_plan_id, "username": ending.username}
    assert client.post(f"{API}/subscriptions", json=body).status_code == 201


def test_the_usual_four_plans_are_for_who_has_none(client: FlaskClient) -> None:
    made = client.post(f"{API}/service-plans/starters")
    assert made.status_code == 201, made.json
    assert [(row["display_speed"], row["price"]) for row in made.json["items"]] == [
        ("10Mbps/10Mbps", "150000.00"), ("20Mbps/20Mbps", "250000.00"), ("50Mbps/50Mbps", "400000.00"),
        ("100Mbps/100Mbps", "600000.00"),
    ]  # fmt: skip

    assert client.post(f"{API}/service-plans/starters").status_code == 409


def test_a_change_at_once_replaces_the_one_that_waits(
    db: Session, tenant: Tenant, ending: Subscription, client: FlaskClient
) -> None:
    later, now = make_plan(db, tenant=tenant, name="Later"), make_plan(db, tenant=tenant, name="Now")
    db.commit()
    path = f"{API}/subscriptions/{ending.id}"
    client.post(f"{path}/plan-change", json={"service_plan_id": later.id, "effective": "next_period"})

    changed = client.post(f"{path}/change-plan", json={"service_plan_id": now.id})

    assert changed.json["subscription"]["plan"]["name"] == "Now"
    listed = client.get(f"{path}/plan-changes").json["items"]
    assert [(row["new_plan"], row["status"]) for row in listed] == [("Now", "applied"), ("Later", "cancelled")]


KEPT = {"ont": "HWTC1A2B3C4D", "vlans": [10, 20], "bridged": True}


def test_what_a_provider_keeps_besides_is_kept_with_plan_and_subscription(
    client: FlaskClient, ending: Subscription
) -> None:
    plan = client.post(f"{API}/service-plans", json=PLAN | {"metadata": KEPT, "early_end_fee": "300000.00"}).json
    kept = client.patch(f"{API}/subscriptions/{ending.id}", json={"metadata": KEPT}).json
    made = client.post(
        f"{API}/subscriptions",
        json={"customer_id": ending.customer_id, "service_plan_id": plan["id"], "username": "baru", "metadata": KEPT},
    ).json

    assert (plan["metadata"], plan["early_end_fee"]) == (KEPT, "300000.00")
    assert kept["subscription"]["metadata"] == KEPT
    assert made["metadata"] == KEPT
    cleared = client.patch(f"{API}/subscriptions/{ending.id}", json={"metadata": None}).json
    assert cleared["subscription"]["metadata"] == {}


@pytest.mark.parametrize("wrong", [{"a": "x" * 10_001}, {"a": "\u0000"}, {"a": "\ud800"}, "text", ["a"]])
def test_what_cannot_be_kept_besides_is_refused(client: FlaskClient, ending: Subscription, wrong: object) -> None:
    for path, more in ((f"{API}/subscriptions/{ending.id}", {}), (f"{API}/service-plans/{ending.service_plan_id}", {})):
        refused = client.patch(path, json={"metadata": wrong} | more)
        assert refused.status_code == 422, refused.json
        assert refused.json["errors"][0]["field"].startswith("metadata")


def test_leaving_early_costs_what_the_plan_says_unless_it_is_waived(
    client: FlaskClient, db: Session, ending: Subscription
) -> None:
    plan = db.get_one(ServicePlan, ending.service_plan_id)
    plan.contract_period_months, plan.early_end_fee = 12, Decimal(300000)
    ending.activated_at = datetime.now(UTC) - timedelta(days=30)
    cheaper = make_plan(db, tenant_id=ending.tenant_id, price=Decimal(100000))
    db.commit()
    one = f"{API}/subscriptions/{ending.id}"

    told = client.get(f"{one}/plan-change?service_plan_id={cheaper.id}").json
    assert told["breach"]["fee"] == "300000.00"
    assert client.post(f"{one}/cancel", json={"at_period_end": True}).status_code == 200
    assert db.scalars(select(Invoice.status)).all() == ["unpaid"]
    assert client.post(f"{one}/keep", json={}).status_code == 200
    assert client.post(f"{one}/terminate", json={"waive_fee": True}).status_code == 200
    db.expire_all()
    assert db.scalars(select(Invoice.status)).all() == ["cancelled"]
