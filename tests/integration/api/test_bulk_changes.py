"""Many sessions changed over HTTP, a router's refusals, and ending sessions by a raw username."""

from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from db.models import NasRefusal, SessionChange, Tenant
from factories import make_nas, make_session, make_subscription, make_tenant

API = "/api/v1"
HOUR = timedelta(hours=1)


def test_a_change_to_many_is_begun_followed_held_and_stopped(db: Session, client: FlaskClient, tenant: Tenant) -> None:
    nas = make_nas(db, tenant=tenant)
    subscription = make_subscription(db, tenant=tenant)
    make_session(db, subscription, nas, acctstarttime=datetime.now(UTC) - HOUR)
    db.commit()

    begun = client.post(f"{API}/bulk-changes", json={"kind": "disconnect", "nas_server_id": nas.id})
    assert begun.status_code == 201, begun.json
    number = begun.json["id"]
    assert (begun.json["state"], begun.json["sessions"], begun.json["report"]["asked"]) == ("running", 1, 0)
    for verb, state in (("pause", "paused"), ("resume", "running"), ("stop", "stopped")):
        moved = client.post(f"{API}/bulk-changes/{number}/{verb}")
        assert (moved.status_code, moved.json["state"]) == (200, state)
    assert client.post(f"{API}/bulk-changes/{number}/pause").status_code == 409
    assert client.get(f"{API}/bulk-changes/{number}").json["report"]["no_answer"] == 0
    assert [row["id"] for row in client.get(f"{API}/bulk-changes").json["items"]] == [number]


def test_everybody_at_once_is_refused_and_another_providers_is_not_there(db: Session, client: FlaskClient) -> None:
    foreign = make_nas(db, tenant=make_tenant(db))
    db.commit()
    assert client.post(f"{API}/bulk-changes", json={"kind": "disconnect"}).status_code == 422
    refused = client.post(f"{API}/bulk-changes", json={"kind": "disconnect", "nas_server_id": foreign.id})
    assert refused.status_code in (404, 422)


def test_a_raw_username_is_ended_on_its_router(db: Session, client: FlaskClient, tenant: Tenant) -> None:
    nas = make_nas(db, tenant=tenant)
    subscription = make_subscription(db, tenant=tenant)
    make_session(db, subscription, nas, username="Stranger", subscription_id=None)
    db.commit()
    assert (
        client.post(f"{API}/nas/{nas.id}/disconnect", json={"username": "stranger"})
        .json["message"]
        .startswith("Not connected")
    )
    asked = client.post(f"{API}/nas/{nas.id}/disconnect", json={"username": "Stranger"})
    assert (asked.status_code, asked.json["session_changes"]["count"]) == (200, 1)
    change = db.query(SessionChange).one()
    assert (change.kind, change.username, change.subscription_id) == ("disconnect", "Stranger", None)


def test_refusals_are_shown_and_forgotten(db: Session, client: FlaskClient, tenant: Tenant) -> None:
    nas, now = make_nas(db, tenant=tenant), datetime.now(UTC)
    db.add(
        NasRefusal(
            nas_server_id=nas.id, what="coa", error_cause="405 Unsupported-Service", refusals=1, first_at=now,
            last_at=now,
        )
    )  # fmt: skip
    db.commit()
    (told,) = client.get(f"{API}/nas/{nas.id}/refusals").json["items"]
    assert (told["what"], told["is_believed"]) == ("coa", False)
    assert client.delete(f"{API}/nas/{nas.id}/refusals").status_code == 204
    assert client.get(f"{API}/nas/{nas.id}/refusals").json["items"] == []


def test_a_routers_pace_is_shown_and_changed(db: Session, client: FlaskClient, tenant: Tenant) -> None:
    nas = make_nas(db, tenant=tenant)
    db.commit()
    assert client.get(f"{API}/nas/{nas.id}").json["coa_per_second"] == 300
    assert client.patch(f"{API}/nas/{nas.id}", json={"coa_per_second": 50}).json["coa_per_second"] == 50
    assert client.patch(f"{API}/nas/{nas.id}", json={"coa_per_second": 0}).status_code == 422
