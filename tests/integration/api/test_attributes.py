"""RADIUS attributes by hand over HTTP."""

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import AuditLog, Tenant
from factories import make_plan, make_subscription

API = "/api/v1"
ROUTE = {"attribute": "Framed-Route", "op": "+=", "value": "10.9.0.0/24 0.0.0.0 1"}


def test_the_attributes_that_can_be_written_are_listed_with_an_example(client: FlaskClient) -> None:
    answer = client.get(f"{API}/attributes").json

    by_name = {row["attribute"]: row for row in answer["replies"]}
    assert by_name["Framed-Route"]["repeats"] is True
    assert by_name["Mikrotik-Group"]["vendors"] == ["mikrotik"]
    assert by_name["Session-Timeout"]["vendors"] == []
    assert "Class" not in by_name
    assert "Calling-Station-Id" in answer["checks"]


def test_a_subscriptions_rows_are_replaced_read_and_seen_in_what_is_sent(
    db: Session, tenant: Tenant, client: FlaskClient
) -> None:
    subscription = make_subscription(db, tenant=tenant)
    db.commit()
    path = f"{API}/subscriptions/{subscription.id}/attributes"
    check = {"attribute": "NAS-Port-Id", "value": "ether3"}

    saved = client.patch(path, json={"replies": [ROUTE, {"attribute": "Port-Limit", "value": "2"}], "checks": [check]})

    assert saved.status_code == 200, saved.json
    answer = client.get(path).json
    assert answer["replies"] == [ROUTE, {"attribute": "Port-Limit", "op": ":=", "value": "2"}]
    assert answer["checks"] == [check | {"op": "=="}]
    assert ROUTE | {"op": "="} in answer["effective"]["replies"]
    assert {"attribute": "Mikrotik-Rate-Limit", "op": "=", "value": "5M/10M"} in answer["effective"]["replies"]
    cisco = client.get(f"{path}?vendor=cisco").json["effective"]["replies"]
    assert "Cisco-Account-Info" in {row["attribute"] for row in cisco}
    assert db.scalars(select(AuditLog).where(AuditLog.action == "subscription.attributes_changed")).one()

    assert client.patch(path, json={"replies": []}).status_code == 200
    assert client.get(path).json["replies"] == []
    assert client.get(path).json["checks"] == [check | {"op": "=="}]


def test_what_cannot_be_sent_is_a_problem_of_its_own_field(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    subscription, plan = make_subscription(db, tenant=tenant), make_plan(db, tenant=tenant)
    db.commit()
    bad = {"attribute": "Framed-IP-Address", "value": "224.0.0.1"}

    own = client.patch(f"{API}/subscriptions/{subscription.id}/attributes", json={"replies": [ROUTE, bad]})
    of_plan = client.patch(f"{API}/service-plans/{plan.id}", json={"reply_attributes": [bad]})

    assert (own.status_code, own.json["errors"][0]["field"]) == (422, "replies.1.value")
    assert (of_plan.status_code, of_plan.json["errors"][0]["field"]) == (422, "reply_attributes.0.value")
    assert "10.20.0.15" in of_plan.json["errors"][0]["mend"]


def test_a_plan_carries_its_own_rows_and_a_guaranteed_speed(client: FlaskClient) -> None:
    plan = {"name": "Office", "download_kbps": 20_000, "upload_kbps": 10_000}
    least = {"min_download_kbps": 4_000, "min_upload_kbps": 2_000}

    made = client.post(f"{API}/service-plans", json=plan | least | {"reply_attributes": [ROUTE]})

    assert made.status_code == 201, made.json
    assert made.json["reply_attributes"] == [ROUTE]
    assert made.json["min_download_kbps"] == 4_000
    path = f"{API}/service-plans/{made.json['id']}"
    assert client.patch(path, json={"reply_attributes": []}).json["plan"]["reply_attributes"] == []


def test_a_router_has_a_maker(client: FlaskClient) -> None:
    made = client.post(f"{API}/nas", json={"name": "BNG", "host": "192.0.2.77", "type": "juniper"})
    assert (made.status_code, made.json["type"]) == (201, "juniper")
    path = f"{API}/nas/{made.json['id']}"

    assert client.patch(path, json={"type": "huawei"}).json["type"] == "huawei"
    assert client.patch(path, json={"type": "toaster"}).status_code == 422


def test_whoever_may_only_look_does_not_see_what_may_be_a_secret(
    db: Session, tenant: Tenant, client_of: object, admin: object
) -> None:
    subscription = make_subscription(db, tenant=tenant)
    viewer = client_of(admin, "view_customers")  # type: ignore[operator]

    assert viewer.get(f"{API}/subscriptions/{subscription.id}/attributes").status_code == 403
