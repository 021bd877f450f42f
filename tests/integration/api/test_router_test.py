"""A router's test over HTTP, and the fields of a router that it is about."""

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import Tenant
from factories import make_nas, make_tenant

API = "/api/v1"


def test_it_is_asked_for_and_told(db: Session, client: FlaskClient, tenant: Tenant) -> None:
    nas = make_nas(db, tenant=tenant)
    db.commit()

    asked = client.post(f"{API}/nas/{nas.id}/test")
    told = client.get(f"{API}/nas/{nas.id}/test")

    assert (asked.status_code, asked.json["is_waiting"], told.json["is_waiting"]) == (202, True, True)
    assert [line["check"] for line in told.json["findings"]] == [
        "heard", "logins", "secret", "signature", "clock", "interim", "counters", "api", "coa",
    ]  # fmt: skip
    assert {line["verdict"] for line in told.json["findings"]} == {"unknown"}
    assert told.json["findings"][0]["seen"] == "no packet has come from its address yet"


def test_another_providers_router_is_not_tested(db: Session, client: FlaskClient) -> None:
    foreign = make_nas(db, tenant=make_tenant(db))
    db.commit()

    assert client.post(f"{API}/nas/{foreign.id}/test").status_code == 404
    assert client.get(f"{API}/nas/{foreign.id}/test").status_code == 404


def test_service_map_and_provisioning_are_changed_and_shown(db: Session, client: FlaskClient, tenant: Tenant) -> None:
    nas = make_nas(db, tenant=tenant)
    db.commit()
    path = f"{API}/nas/{nas.id}"

    changed = client.patch(path, json={"service_map": {"other": "hotspot"}, "provisioning_mode": "both"})
    assert changed.status_code == 200, changed.json
    assert client.get(path).json["service_map"] == {"other": "hotspot"}
    assert client.patch(path, json={"service_map": {"other": "telnet"}}).status_code == 422
    assert client.patch(path, json={"provisioning_mode": "magic"}).status_code == 422
    assert {"signs_requests", "clock_skew_s", "login_heard_at", "type"} <= changed.json.keys()


def test_the_radius_servers_settings_are_shown_without_any_secret(client: FlaskClient) -> None:
    told = client.get(f"{API}/radius-server")

    assert told.status_code == 200
    assert [(part["name"], part["setting"]) for part in told.json["parts"]] == [
        ("login", "LINTAS_RADIUS_AUTH_PORT"),
        ("accounting", "LINTAS_RADIUS_ACCT_PORT"),
    ]
    assert "secret" not in told.text


def test_the_api_says_what_works(client: FlaskClient) -> None:
    told = client.get(f"{API}/radius-server/health")
    assert told.status_code == 200
    states = {check["name"]: check["state"] for check in told.json["checks"]}
    assert states["database"] == "well"
    assert states["jobs"] == "bad"
