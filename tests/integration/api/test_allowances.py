"""Hours, allowances, top-ups and families over HTTP."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import Tenant, UsageDaily, User
from factories import make_nas, make_plan, make_session, make_subscription, make_tenant

QUOTA = {"kind": "data", "period": "total", "limit_bytes": 1000}
WINDOW = {"weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}


def test_a_plans_hours_and_allowances_come_back_as_they_were_given(client: FlaskClient) -> None:
    body = {"name": "Malam", "download_kbps": 1000, "upload_kbps": 1000, "time_windows": [WINDOW], "quotas": [QUOTA]}

    plan = client.post("/api/v1/service-plans", json=body).json
    changed = client.patch(f"/api/v1/service-plans/{plan['id']}", json={"time_windows": [], "quotas": []}).json

    assert plan["time_windows"] == [WINDOW | {"download_kbps": None, "upload_kbps": None}]
    assert plan["quotas"] == [
        QUOTA | {"counts": "total", "action": "reject", "throttle_download_kbps": None, "throttle_upload_kbps": None}
    ]
    assert (changed["plan"]["time_windows"], changed["plan"]["quotas"]) == ([], [])


def test_what_is_left_follows_own_allowances_and_top_ups(
    client_of: Callable[..., FlaskClient], admin: User, db: Session, tenant: Tenant
) -> None:
    subscription = make_subscription(db, tenant=tenant)
    router = make_nas(db, tenant=tenant)
    make_session(db, subscription, router)
    today = datetime.now(ZoneInfo("Asia/Jakarta")).date()
    db.add(UsageDaily(subscription_id=subscription.id, nas_server_id=router.id, day=today, download_bytes=1200))
    client, path = client_of(admin), f"/api/v1/subscriptions/{subscription.id}"

    set_own = client.post(f"{path}/quotas", json={"quotas": [QUOTA]}).json
    added = client.post(f"{path}/topups", json={"amount_bytes": 500, "note": "sorry"})
    shown = client.get(f"{path}/allowances").json
    removed = client.delete(f"{path}/topups/{added.json['topup']['id']}").json

    assert set_own["message"] == "Allowances changed; 1 session will be disconnected."
    assert added.status_code == 201
    assert added.json["topup"]["amount_bytes"] == 500
    (left,) = shown["items"]
    assert (left["limit"], left["used"], left["left"], left["percent"]) == (1500, 1200, 300, 80)
    assert (left["is_used_up"], left["resets_at"], left["is_shared"]) == (False, None, False)
    assert [row["note"] for row in shown["topups"]] == ["sorry"]
    assert removed["session_changes"]["count"] == 1
    assert client.get(f"{path}/allowances").json["items"][0]["is_used_up"] is True


def test_a_family_is_founded_joined_changed_left_and_removed(
    client_of: Callable[..., FlaskClient], admin: User, db: Session, tenant: Tenant
) -> None:
    subscription = make_subscription(db, tenant=tenant, plan=make_plan(db, tenant_id=tenant.id), username="budi")
    client = client_of(admin)

    family = client.post("/api/v1/families", json={"name": "Santoso", "quotas": [QUOTA]}).json
    path = f"/api/v1/families/{family['id']}"
    joined = client.post(f"{path}/members", json={"subscription_id": subscription.id}).json
    again = client.post(f"{path}/members", json={"subscription_id": subscription.id})
    changed = client.patch(path, json={"quotas": [QUOTA | {"limit_bytes": 5}]}).json

    assert [member["username"] for member in joined["family"]["member_list"]] == ["budi"]
    assert again.status_code == 409
    assert changed["family"]["quotas"][0]["limit_bytes"] == 5
    assert client.get("/api/v1/families?search=anto").json["items"][0]["members"] == 1
    assert client.get(f"/api/v1/subscriptions/{subscription.id}/allowances").json["items"][0]["is_shared"] is True
    assert client.delete(path).status_code == 409
    assert client.delete(f"{path}/members/{subscription.id}").json["family"]["members"] == 0
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_another_providers_subscription_and_family_do_not_exist(
    client_of: Callable[..., FlaskClient], admin: User, db: Session
) -> None:
    elsewhere = make_subscription(db, tenant=make_tenant(db))
    client = client_of(admin)

    path = f"/api/v1/subscriptions/{elsewhere.id}"
    answers = [
        client.get(f"{path}/allowances"),
        client.post(f"{path}/quotas", json={"quotas": []}),
        client.post(f"{path}/topups", json={"amount_bytes": 5}),
        client.delete(f"{path}/topups/1"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4


def test_what_makes_no_sense_names_its_place(client: FlaskClient) -> None:
    body = {"name": "x", "download_kbps": 1, "upload_kbps": 1, "time_windows": [WINDOW | {"end": "25:00"}]}

    answer = client.post("/api/v1/service-plans", json=body)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "time_windows.0.end"
