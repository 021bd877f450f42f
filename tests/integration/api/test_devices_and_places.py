"""Devices, the blacklist and groups of routers over HTTP."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import Tenant, User
from factories import make_nas, make_nas_group, make_plan, make_session, make_subscription, make_tenant, make_user

API = "/api/v1"
MAC = "AA:BB:CC:00:00:01"


def test_a_device_is_blacklisted_listed_and_taken_off(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    subscription = make_subscription(db, tenant=tenant)
    make_session(db, subscription, make_nas(db, tenant=tenant), callingstationid="aabb.cc00.0001")
    db.commit()

    made = client.post(f"{API}/blacklist", json={"mac": "aa-bb-cc-00-00-01", "note": "resells"})

    assert made.status_code == 201, made.json
    assert made.json["blocked_mac"]["mac"] == MAC
    assert made.json["session_changes"]["count"] == 1
    assert [row["mac"] for row in client.get(f"{API}/blacklist?search=aabbcc000001").json["items"]] == [MAC]
    again = client.post(f"{API}/blacklist", json={"mac": MAC})
    assert (again.status_code, again.json["errors"][0]["field"]) == (409, "mac")
    assert client.delete(f"{API}/blacklist/{made.json['blocked_mac']['id']}").status_code == 204
    assert client.get(f"{API}/blacklist").json["items"] == []


def test_a_group_is_made_filled_renamed_and_removed(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    nas = make_nas(db, tenant=tenant)
    db.commit()
    group = client.post(f"{API}/nas-groups", json={"name": "Cempaka"})
    assert group.status_code == 201, group.json
    path = f"{API}/nas-groups/{group.json['id']}"

    put = client.patch(f"{API}/nas/{nas.id}", json={"nas_group_id": group.json["id"]})
    assert put.json["nas_group_id"] == group.json["id"]
    assert client.get(f"{API}/nas-groups").json["items"][0]["routers"] == 1
    assert client.delete(path).status_code == 409
    assert client.patch(path, json={"name": "Timur"}).json["name"] == "Timur"
    assert client.patch(f"{API}/nas/{nas.id}", json={"nas_group_id": None}).status_code == 200
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_a_subscription_is_bound_to_a_group_and_its_devices_are_reset(
    db: Session, tenant: Tenant, client: FlaskClient
) -> None:
    subscription, group = make_subscription(db, tenant=tenant), make_nas_group(db, tenant=tenant)
    db.commit()
    path = f"{API}/subscriptions/{subscription.id}"

    missing = client.patch(path, json={"nas_binding": "group"})
    assert (missing.status_code, missing.json["errors"][0]["field"]) == (422, "nas_group_id")
    bound = client.patch(path, json={"nas_binding": "group", "nas_group_id": group.id}).json["subscription"]
    assert (bound["nas_binding"], bound["nas_group_id"]) == ("group", group.id)
    for binding in ("fixed", "learn", "approval", "off"):
        answer = client.post(f"{path}/mac-binding", json={"mac_binding": binding})
        assert answer.json["subscription"]["mac_binding"] == binding
    client.post(f"{path}/mac-binding", json={"mac_binding": "approval"})
    client.post(f"{path}/macs", json={"mac": MAC, "status": "pending"})
    (waiting,) = client.get(f"{API}/subscriptions/waiting-macs").json["items"]
    assert (waiting["mac"], waiting["subscription_id"]) == (MAC, subscription.id)
    assert client.delete(f"{path}/macs").json["subscription"]["macs"] == []


def test_a_plan_tells_what_happens_at_its_session_limit(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    plan = make_plan(db, tenant=tenant)
    db.commit()

    changed = client.patch(f"{API}/service-plans/{plan.id}", json={"session_limit_action": "replace"})

    assert changed.status_code == 200, changed.json
    assert client.get(f"{API}/service-plans").json["items"][0]["session_limit_action"] == "replace"
    assert client.patch(f"{API}/service-plans/{plan.id}", json={"session_limit_action": "both"}).status_code == 422


@pytest.mark.parametrize("path", ["blacklist", "nas-groups"])
def test_another_providers_rows_do_not_exist(
    db: Session, tenant: Tenant, client: FlaskClient, client_of: Callable[..., FlaskClient], path: str
) -> None:
    other = make_user(db, tenant=make_tenant(db), permissions=["view_customers", "view_nas", "manage_nas"])
    body = {"mac": MAC} if path == "blacklist" else {"name": "Cempaka"}
    client.post(f"{API}/{path}", json=body)

    assert client_of(other).get(f"{API}/{path}").json["items"] == []


def test_who_may_only_look_changes_nothing(
    db: Session, tenant: Tenant, client_of: Callable[..., FlaskClient], admin: User
) -> None:
    viewer = client_of(make_user(db, tenant=tenant, permissions=["view_customers", "view_nas"]))

    assert viewer.get(f"{API}/blacklist").status_code == 200
    assert viewer.get(f"{API}/nas-groups").status_code == 200
    assert viewer.post(f"{API}/blacklist", json={"mac": MAC}).status_code == 403
    assert viewer.post(f"{API}/nas-groups", json={"name": "Cempaka"}).status_code == 403
