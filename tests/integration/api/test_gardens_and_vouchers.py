"""Walled gardens, vouchers and credit limits over HTTP."""

from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import Tenant, User
from factories import make_customer, make_plan

API = "/api/v1"


def test_a_garden_is_set_listed_changed_and_removed(client: FlaskClient) -> None:
    path = f"{API}/walled-gardens/any"
    made = client.patch(path, json={"address_list": "isolir", "redirect_url": "http://bayar.example/"})
    changed = client.patch(path, json={"download_kbps": 256})

    assert made.status_code == 200, made.json
    assert made.json["reason"] == "*"
    assert (changed.json["address_list"], changed.json["download_kbps"], changed.json["upload_kbps"]) == (
        "isolir",
        256,
        512,
    )
    assert [row["reason"] for row in client.get(f"{API}/walled-gardens").json["items"]] == ["*"]
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 404


def test_a_garden_that_cannot_be_says_why(client: FlaskClient) -> None:
    without_walls = client.patch(f"{API}/walled-gardens/any", json={"download_kbps": 256})
    unknown = client.patch(f"{API}/walled-gardens/wrong_password", json={"address_list": "isolir"})

    assert without_walls.status_code == 422
    assert without_walls.json["errors"][0]["field"] == "address_list"
    assert unknown.status_code == 404
    assert unknown.json["errors"][0]["field"] == "reason"


def test_setting_a_garden_needs_its_permission(client_of: Callable[..., FlaskClient], admin: User) -> None:
    viewer = client_of(admin, "view_plans")

    assert viewer.get(f"{API}/walled-gardens").status_code == 200
    assert viewer.patch(f"{API}/walled-gardens/any", json={"address_list": "isolir"}).status_code == 403


def test_vouchers_are_made_listed_and_disabled(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    plan = make_plan(db, tenant=tenant, connection_type="hotspot")
    db.commit()

    made = client.post(
        f"{API}/vouchers",
        json={"service_plan_id": plan.id, "count": 3, "validity_s": 3600, "batch": "nov", "binds_mac": True},
    )
    assert made.status_code == 201, made.json
    first = made.json["items"][0]
    assert (first["state"], first["validity_s"], first["binds_mac"], first["valid_until"]) == (
        "unused",
        3600,
        True,
        None,
    )

    changed = client.patch(f"{API}/vouchers/{first['id']}", json={"disabled": True})
    assert changed.json["state"] == "disabled"
    listed = client.get(f"{API}/vouchers?state=unused&batch=nov").json
    assert listed["pagination"]["total_items"] == 2


def test_a_batch_is_switched_off_and_on_and_taken_as_a_table(
    db: Session, tenant: Tenant, client: FlaskClient, client_of: Callable[..., FlaskClient], admin: User
) -> None:
    plan = make_plan(db, tenant=tenant, connection_type="hotspot")
    db.commit()
    body = {"service_plan_id": plan.id, "count": 2, "batch": "+nov", "prefix": "HOT-"}
    codes = [row["code"] for row in client.post(f"{API}/vouchers", json=body).json["items"]]

    batch_id = client.get(f"{API}/voucher-batches?search=nov").json["items"][0]["id"]
    off = client.post(f"{API}/voucher-batches/{batch_id}/disable")
    table = client.post(f"{API}/voucher-batches/{batch_id}/export")

    assert off.json["batch"] == {"id": batch_id, "name": "+nov", "changed": 2}
    assert (table.status_code, table.mimetype) == (200, "text/csv")
    assert [line.split(",")[:2] for line in table.text.splitlines()[1:]] == [[code, "'+nov"] for code in sorted(codes)]
    assert client.post(f"{API}/voucher-batches/{batch_id}/enable").json["batch"]["changed"] == 2
    assert client.post(f"{API}/voucher-batches/999999/disable").status_code == 404
    viewer = client_of(admin, "view_customers")
    assert viewer.post(f"{API}/voucher-batches/{batch_id}/export").status_code == 403


def test_a_credit_limit_is_set_and_the_balance_only_read(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    customer = make_customer(db, tenant=tenant, balance=-150)
    db.commit()
    path = f"{API}/customers/{customer.id}"

    changed = client.patch(path, json={"credit_limit": "100.00"})
    refused = client.patch(path, json={"balance": "0.00"})

    assert (changed.json["balance"], changed.json["credit_limit"]) == ("-150.00", "100.00")
    assert refused.status_code == 422
    assert client.patch(path, json={"credit_limit": None}).json["credit_limit"] is None


def test_a_plan_is_kept_out_of_all_gardens(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    plan = make_plan(db, tenant=tenant)
    db.commit()

    changed = client.patch(f"{API}/service-plans/{plan.id}", json={"garden_mode": "never"})

    assert changed.status_code == 200, changed.json
    assert changed.json["plan"]["garden_mode"] == "never"
