"""Speed tests over HTTP: what was measured himself is kept, what a router shall measure waits, and who may see it."""

from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import Tenant, User
from factories import make_customer, make_nas, make_session, make_subscription, make_tenant

API = "/api/v1"


def test_a_line_is_to_be_measured_and_what_he_measured_is_kept(
    client: FlaskClient, tenant: Tenant, db: Session
) -> None:
    row, router = make_customer(db, tenant=tenant), make_nas(db, tenant=tenant, api_username="lintas", api_password="x")
    subscription = make_subscription(db, tenant=tenant, customer=row, nas=router)
    db.commit()
    url = f"{API}/customers/{row.id}/speed-tests"

    away = client.post(url, json={})
    make_session(db, subscription, router, framedipaddress="10.20.0.7")
    db.commit()
    asked = client.post(url, json={"username": "test", "password": "rahasia-9"})
    told = {"source": "client", "download_kbps": 18_000, "latency_ms": 12, "server": "speed.example.net"}
    noted = client.post(url, json=told)

    assert (away.status_code, away.json["code"]) == (409, "conflict")
    assert (asked.status_code, asked.json["state"], asked.json["address"]) == (201, "waiting", "10.20.0.7")
    assert (noted.status_code, noted.json["state"], noted.json["latency_ms"]) == (201, "done", 12.0)
    assert [one["id"] for one in client.get(url).json["items"]] == [noted.json["id"], asked.json["id"]]
    assert client.get(f"{url}/{asked.json['id']}").json["source"] == "router"
    assert "rahasia" not in str(asked.json)
    assert client.post(url, json={"source": "client"}).status_code == 422
    assert client.post(url, json={"download_kbps": 1}).status_code == 422
    assert client.post(url, json=told | {"download_kbps": 2_000_000_000}).status_code == 422


def test_tests_of_others_are_not_there(
    client: FlaskClient, client_of: Callable[..., FlaskClient], admin: User, tenant: Tenant, db: Session
) -> None:
    row, other = make_customer(db, tenant=tenant), make_customer(db, tenant=tenant)
    foreign = make_customer(db, tenant=make_tenant(db))
    db.commit()
    test = client.post(f"{API}/customers/{row.id}/speed-tests", json={"source": "client", "upload_kbps": 5}).json

    assert client.get(f"{API}/customers/{other.id}/speed-tests/{test['id']}").status_code == 404
    assert client.get(f"{API}/customers/{foreign.id}/speed-tests").status_code == 404
    looks = client_of(admin, "view_customers")
    assert looks.get(f"{API}/customers/{row.id}/speed-tests").status_code == 200
    assert looks.post(f"{API}/customers/{row.id}/speed-tests", json={"source": "client"}).status_code == 403
