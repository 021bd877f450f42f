"""The API's resources: what goes in, what comes out, and what it says when something is wrong."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from db.models import (
    AccessLog,
    AuditLog,
    DecisionReceipt,
    SessionChange,
    SessionChangeAttempt,
    Tenant,
    UsageDaily,
    User,
)
from factories import make_customer, make_nas, make_plan, make_session, make_subscription
from profiles import GOOD_STANDING
from radius.compiled import compile_profile
from radius.receipts import receipt_of

API = "/api/v1"


def test_a_customer_is_added_read_changed_and_deleted(client: FlaskClient) -> None:
    made = client.post(f"{API}/customers", json={"name": "Budi", "phone": "08123456789", "city": "Bandung"})
    assert made.status_code == 201, made.json
    assert made.json["phone"] == "+628123456789"
    assert re.fullmatch(r"CUST-\d{6}0001", made.json["customer_code"])
    path = f"{API}/customers/{made.json['id']}"

    changed = client.patch(path, json={"city": "Bogor", "version": made.json["version"]})
    assert (changed.json["city"], changed.json["version"]) == ("Bogor", made.json["version"] + 1)
    stale = client.patch(path, json={"city": "Depok", "version": made.json["version"]})
    assert (stale.status_code, stale.json["code"]) == (409, "stale_version")
    assert client.delete(path).status_code == 200

    assert client.get(path).status_code == 404


def test_a_list_has_items_pagination_and_summary(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    for number in range(5):
        make_customer(db, tenant=tenant, name=f"Customer {number}", city="Bandung" if number % 2 else None)
    db.commit()

    answer = client.get(f"{API}/customers?page_size=2&page=2&sort=name").json

    assert [row["name"] for row in answer["items"]] == ["Customer 2", "Customer 3"]
    assert answer["pagination"]["total_items"] == 5
    assert answer["pagination"]["total_pages"] == 3
    assert answer["summary"]["total_customers"] == 5
    assert len(client.get(f"{API}/customers?city=Bandung").json["items"]) == 2


@pytest.mark.parametrize("sort", ["name", "-name", "created_at", "-created_at", "customer_code"])
def test_a_cursor_meets_every_row_once(db: Session, tenant: Tenant, client: FlaskClient, sort: str) -> None:
    for number in range(7):
        make_customer(db, tenant=tenant, name=f"Name {number // 2}")
    db.commit()

    seen: list[int] = []
    cursor = ""
    for _ in range(10):
        answer = client.get(f"{API}/customers?page_size=2&sort={sort}{cursor}").json
        seen += [row["id"] for row in answer["items"]]
        following = answer["pagination"]["next_cursor"]
        if following is None:
            break
        cursor = f"&cursor={following}"

    whole = client.get(f"{API}/customers?page_size=50&sort={sort}").json["items"]
    assert seen == [row["id"] for row in whole]
    assert len(seen) == 7


@pytest.mark.parametrize("cursor", ["x", "e30", "W10", "WyJuYW1lIiwgImEiLCAxXQ", "WyItY3JlYXRlZF9hdCIsICJ4IiwgMV0"])
def test_a_foreign_cursor_is_refused(client: FlaskClient, cursor: str) -> None:
    answer = client.get(f"{API}/customers?cursor={cursor}")

    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "Budi", "colour": "red"}, "colour"),
        ({"name": 5}, "name"),
        ({"name": "Budi", "email": "nobody"}, "email"),
        ({"name": "   "}, "name"),
        ({"name": "Budi", "status": "blacklisted"}, "status"),
    ],
)
def test_a_refusal_names_the_field(client: FlaskClient, body: dict[str, object], field: str) -> None:
    answer = client.post(f"{API}/customers", json=body)

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert answer.json["errors"][0]["field"] == field
    assert answer.json["errors"][0]["reason"]


def test_unknown_filters_are_refused_and_broken_json_too(client: FlaskClient) -> None:
    assert client.get(f"{API}/customers?colour=red").status_code == 422
    assert client.post(f"{API}/customers", data="{", content_type="application/json").status_code == 400
    assert client.get(f"{API}/nowhere").json["code"] == "not_found"
    assert client.put(f"{API}/customers", json={}).status_code == 405


def test_money_is_text_and_speeds_are_whole_numbers(client: FlaskClient) -> None:
    body = {
        "name": "Rumah 20",
        "download_kbps": 20_000,
        "upload_kbps": 10_000,
        "price": "150000.5",
        "fup_rules": [{"threshold_bytes": 10**12, "reduction_percent": 50}],
    }

    made = client.post(f"{API}/service-plans", json=body)

    assert made.status_code == 201, made.json
    assert made.json["price"] == "150000.50"
    assert made.json["download_kbps"] == 20_000
    assert made.json["fup_rules"][0]["threshold_bytes"] == 10**12
    assert made.json["created_at"].endswith("+00:00")
    assert client.post(f"{API}/service-plans", json=body | {"price": 1.5}).status_code == 422
    assert client.post(f"{API}/service-plans", json=body | {"download_kbps": "20000"}).status_code == 422


def test_editing_a_plan_tells_whom_it_reached(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    subscription = make_subscription(db, tenant=tenant)
    make_session(db, subscription, make_nas(db, tenant=tenant))
    db.commit()

    answer = client.patch(f"{API}/service-plans/{subscription.service_plan_id}", json={"download_kbps": 30_000})

    assert answer.json["message"] == "Saved; 1 session will be changed."
    change = client.get(f"{API}/session-changes/{answer.json['session_changes']['ids'][0]}").json
    assert change["attributes"] == {"Mikrotik-Rate-Limit": "5M/30M"}
    assert change["status"] == "pending"


def test_a_subscription_from_creation_to_its_end(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    customer, plan = make_customer(db, tenant=tenant, status="prospect"), make_plan(db, tenant=tenant)
    router = make_nas(db, tenant=tenant)
    db.commit()
    body = {"customer_id": customer.id, "service_plan_id": plan.id, "username": "budi", "nas_server_id": router.id}

    made = client.post(f"{API}/subscriptions", json=body)
    assert made.status_code == 201, made.json
    assert len(made.json["password"]) >= 16
    path = f"{API}/subscriptions/{made.json['id']}"
    assert client.post(f"{API}/subscriptions", json=body).json["errors"][0]["field"] == "username"
    detail = client.get(path).json
    assert detail["speed"] == {"download_kbps": 10_000, "upload_kbps": 5_000, "mikrotik_rate_limit": "5M/10M"}
    assert "password" not in detail
    assert client.get(f"{API}/customers/{customer.id}").json["status"] == "active"

    for verb, status in (("suspend", "suspended"), ("activate", "active"), ("disable", "disabled")):
        answer = client.post(f"{path}/{verb}", json={})
        assert (answer.status_code, answer.json["subscription"]["status"]) == (200, status), answer.json
    illegal = client.post(f"{path}/suspend", json={"reason": "overdue"})
    assert (illegal.status_code, illegal.json["code"]) == (409, "illegal_move")
    assert "possible: active, terminated" in illegal.json["detail"]
    assert client.post(f"{path}/terminate").json["subscription"]["status"] == "terminated"

    actions = db.scalars(select(AuditLog.action).where(AuditLog.entity_type == "subscriptions")).all()
    assert [action.removeprefix("subscription.") for action in actions] == [
        "created",
        "activated",
        "suspended",
        "activated",
        "disabled",
        "terminated",
    ]


def test_the_verbs_that_reach_a_running_session(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    subscription = make_subscription(db, tenant=tenant)
    session = make_session(db, subscription, make_nas(db, tenant=tenant))
    other = make_plan(db, tenant=tenant, download_kbps=1000, upload_kbps=1000)
    db.commit()
    path = f"{API}/subscriptions/{subscription.id}"

    for address, body, kind, reason in (
        ("change-plan", {"service_plan_id": other.id}, "coa", "plan_change"),
        ("limits", {"download_kbps": 2000, "upload_kbps": 2000}, "coa", "speed_change"),
        ("change-password", {}, "disconnect", "password_change"),
        ("assign-ip", {"assigned_ip": "10.5.5.5"}, "disconnect", "address_change"),
        ("disconnect", None, "disconnect", "staff"),
    ):
        method = client.patch if address == "limits" else client.post
        answer = method(f"{path}/{address}", json=body) if body is not None else method(f"{path}/{address}")
        assert answer.status_code == 200, (address, answer.json)
        change = client.get(f"{API}/session-changes/{answer.json['session_changes']['ids'][0]}").json
        assert (change["kind"], change["reason"]) == (kind, reason)
    one = client.post(f"{API}/sessions/{session.acctuniqueid}/disconnect")

    assert one.json["session_changes"]["count"] == 1
    assert one.json["message"] == "Asked; 1 session will be disconnected."


def test_devices_are_listed_approved_and_removed(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    subscription = make_subscription(db, tenant=tenant)
    db.commit()
    path = f"{API}/subscriptions/{subscription.id}"

    added = client.post(f"{path}/macs", json={"mac": "aabb.ccdd.eeff", "status": "pending"})
    assert (added.status_code, added.json["mac"]["mac"]) == (201, "AA:BB:CC:DD:EE:FF")
    mac = f"{path}/macs/{added.json['mac']['id']}"
    assert client.post(f"{path}/macs", json={"mac": "AA-BB-CC-DD-EE-FF"}).status_code == 409
    assert client.patch(mac, json={"status": "approved"}).json["mac"]["status"] == "approved"
    assert client.post(f"{path}/mac-binding", json={"mac_binding": "fixed"}).status_code == 200
    assert client.delete(mac).json["subscription"]["macs"] == []

    assert client.delete(mac).status_code == 404


def test_what_the_router_answered_can_be_polled(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    subscription = make_subscription(db, tenant=tenant)
    make_session(db, subscription, make_nas(db, tenant=tenant))
    db.commit()
    ordered = client.post(f"{API}/subscriptions/{subscription.id}/suspend", json={"reason": "overdue"}).json
    change_id = ordered["session_changes"]["ids"][0]
    change = db.get_one(SessionChange, change_id)
    change.status, change.attempts, change.finished_at = "ack", 1, datetime.now(UTC)
    db.add(SessionChangeAttempt(session_change_id=change_id, sent_at=datetime.now(UTC), result="ack"))
    db.commit()

    answer = client.get(f"{API}/session-changes?ids={change_id}").json["items"]
    acknowledged = client.get(f"{API}/session-changes?ids={change_id}&outcome=acknowledged").json["items"]
    failed = client.get(f"{API}/session-changes?ids={change_id}&outcome=failed").json["items"]
    assert (len(acknowledged), failed) == (1, [])
    detail = client.get(f"{API}/session-changes/{change_id}").json

    assert [row["status"] for row in answer] == ["ack"]
    assert [exchange["result"] for exchange in detail["exchanges"]] == ["ack"]


def test_usage_and_logins_of_a_subscription(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    subscription, now = make_subscription(db, tenant=tenant), datetime.now(UTC)
    router = make_nas(db, tenant=tenant)
    day = now.astimezone().date()
    db.add(
        UsageDaily(
            subscription_id=subscription.id,
            day=day,
            nas_server_id=router.id,
            download_bytes=5 * 10**12,
            upload_bytes=7,
            seconds=60,
        )
    )
    for minute in range(3):
        db.add(
            AccessLog(
                decided_at=now - timedelta(minutes=minute),
                tenant_id=tenant.id,
                subscription_id=subscription.id,
                nas_server_id=router.id,
                username=subscription.username,
                service="pppoe",
                result="reject",
                reason="subscription_suspended",
                decision_id=f"{minute:032x}",
            )
        )
    db.commit()
    path = f"{API}/subscriptions/{subscription.id}"

    usage = client.get(f"{path}/usage?first_day={day}&last_day={day}").json
    logins = client.get(f"{path}/access-log?page_size=2").json
    rest = client.get(f"{path}/access-log", query_string={"before": logins["next_before"]}).json

    assert usage["items"][0]["total_bytes"] == 5 * 10**12 + 7
    assert set(usage["summary"]) == {"daily", "weekly", "monthly", "billing_cycle"}
    assert logins["items"][0]["reason_text"] == "the subscription is suspended"
    assert (len(logins["items"]), len(rest["items"]), rest["next_before"]) == (2, 1, None)
    assert client.get(f"{path}/usage?first_day=2026-01-02&last_day=2026-01-01").status_code == 422


def test_a_login_is_explained_and_a_recorded_one_told_from_its_receipt(
    client: FlaskClient, db: Session, tenant: Tenant
) -> None:
    row = make_subscription(db, tenant=tenant, username="budi", status="suspended")
    router = make_nas(db, tenant=tenant, name="RB-7")
    now = datetime.now(UTC)
    body = receipt_of(compile_profile(GOOD_STANDING, "pppoe", now, bytes.decode))
    db.add(DecisionReceipt(id="r1", tenant_id=tenant.id, body=json.loads(body), last_used_on=now.date()))
    for number, receipt_id in enumerate(("r1", "gone", None)):
        db.add(
            AccessLog(
                decided_at=now - timedelta(minutes=number), tenant_id=tenant.id, subscription_id=row.id,
                nas_server_id=router.id, username="budi", service="pppoe", result="accept", reason="accepted",
                decision_id=f"d{number}", receipt_id=receipt_id, details={"stale": True} if number else None,
            )
        )  # fmt: skip
    db.commit()
    path = f"{API}/subscriptions/{row.id}"

    asked = {"mac": "aa-bb-cc-dd-ee-ff", "nas_server_id": router.id, "at": "2026-11-30T22:00:00+07:00"}
    explained = client.get(f"{path}/explanation", query_string=asked).json
    bare = client.get(f"{path}/access-log").json["items"]
    told = client.get(f"{path}/access-log?receipts=true").json["items"]

    assert (explained["result"], explained["reason"]) == ("reject", "subscription_suspended")
    assert explained["rules"][-1]["values"] == {"customer": "active", "subscription": "suspended"}
    assert (explained["mac"], explained["nas_name"]) == ("AA:BB:CC:DD:EE:FF", "RB-7")
    assert explained["at"] == "2026-11-30T15:00:00+00:00"
    assert "receipt" not in bare[0]
    assert [item["receipt"] is not None for item in told] == [True, False, False]
    assert told[0]["receipt"]["rules"][0]["rule_text"] == "Customer and subscription"
    assert {"name": "Mikrotik-Rate-Limit", "value": "5M/10M"} in told[0]["receipt"]["attributes"]
    assert [item["is_stale"] for item in told] == [False, True, True]
    assert client.get(f"{path}/explanation?mac=x").json["errors"][0]["field"] == "mac"
    assert client.get(f"{path}/explanation?service=x").status_code == 422
    assert client.get(f"{API}/subscriptions/999999/explanation").status_code == 404


def test_a_router_with_its_secret_shown_once_and_its_script(client: FlaskClient) -> None:
    made = client.post(f"{API}/nas", json={"name": "RB-1", "host": "192.0.2.10"})
    assert made.status_code == 201, made.json
    secret, path = made.json["radius_secret"], f"{API}/nas/{made.json['id']}"

    assert secret not in client.get(path).text + client.get(f"{API}/nas").text
    script = client.get(f"{path}/setup-script?server_address=192.0.2.2").json["script"]
    assert f'secret="{secret}"' in script
    assert client.patch(path, json={"coa_port": 1700}).json["coa_port"] == 1700
    assert client.post(f"{path}/change-secret").json["radius_secret"] != secret
    assert client.post(f"{path}/deactivate").json["is_active"] is False

    assert client.get(f"{path}/removal").json["secrets"] == 0
    assert client.delete(path).json["is_removed"] is True
    assert client.get(path).status_code == 404


def test_who_is_online(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    subscription, router = make_subscription(db, tenant=tenant, username="budi"), make_nas(db, tenant=tenant)
    session = make_session(db, subscription, router, acctinputoctets=10, acctoutputoctets=5_000_000_000)
    db.commit()

    for query in ("", "?search=bud", f"?nas_server_id={router.id}", f"?search={session.callingstationid}"):
        rows = client.get(f"{API}/sessions{query}").json["items"]
        assert [row["id"] for row in rows] == [session.acctuniqueid], query
    row = client.get(f"{API}/sessions/{session.acctuniqueid}").json

    assert (row["upload_bytes"], row["download_bytes"]) == (10, 5_000_000_000)
    assert client.get(f"{API}/sessions?search=%25").json["items"] == []


def test_the_document_describes_every_route(client: FlaskClient) -> None:
    document = client.get(f"{API}/openapi.json").json

    assert document["openapi"].startswith("3.")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method != "parameters":
                assert operation["security"] == [{"bearer": []}], path
                assert operation["summary"], path
    assert client.get(f"{API}/docs").status_code == 200


def test_a_database_that_is_away_is_503_without_its_words(
    db: Session, admin: User, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise OperationalError("SELECT secret", {}, Exception("password=hunter2"))

    monkeypatch.setattr("webadmin.api.customers.page_of_customers", broken)

    answer = client.get(f"{API}/customers")

    assert answer.status_code == 503
    assert "hunter2" not in answer.text
    assert "SELECT" not in answer.text


def test_a_bug_is_500_without_its_words(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("webadmin.api.customers.page_of_customers", broken)

    answer = client.get(f"{API}/customers")

    assert (answer.status_code, answer.json["code"]) == (500, "internal")
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    assert "hunter2" not in answer.text


def test_prices_survive_the_round_trip(db: Session, tenant: Tenant, client: FlaskClient) -> None:
    plan = make_plan(db, tenant=tenant, price=Decimal("123456789.99"))
    db.commit()

    assert client.get(f"{API}/service-plans/{plan.id}").json["price"] == "123456789.99"


def test_case_of_usernames_is_the_providers_to_say(client: FlaskClient) -> None:
    changed = client.patch(f"{API}/provider", json={"usernames_ignore_case": True})

    assert changed.status_code == 200, changed.json
    assert client.get(f"{API}/provider").json["usernames_ignore_case"] is True
