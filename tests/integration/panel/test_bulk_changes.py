"""Many sessions changed from the panel, and what a router's page says of live changes."""

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import BulkChange, NasRefusal, NasServer, RadAcct, SessionChange


def a_router_with_sessions(db: Session, seeded: Seeded) -> NasServer:
    nas_id = db.scalars(select(RadAcct.nas_server_id).where(RadAcct.acctstoptime.is_(None))).first()
    return db.get_one(NasServer, nas_id)


def test_all_sessions_of_a_router_are_ended_held_and_stopped(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    nas = a_router_with_sessions(db, seeded)
    assert "Choose a router" in owner.get("/changes/bulk").text
    assert "Disconnect them" in owner.get(f"/changes/bulk?router={nas.id}").text
    begun = owner.post("/changes/bulk", data={"kind": "disconnect", "router": str(nas.id), "plan": "", "q": ""})
    assert begun.status_code == 303
    bulk = db.scalars(select(BulkChange)).one()
    assert begun.location.endswith(f"/changes/bulk/{bulk.id}")
    page = owner.get(f"/changes/bulk/{bulk.id}").text
    assert "every 1s" in page
    assert owner.post(f"/changes/bulk/{bulk.id}/state", data={"do": "pause"}).status_code == 303
    assert "Go on" in owner.get(f"/changes/bulk/{bulk.id}/progress").text
    assert owner.post(f"/changes/bulk/{bulk.id}/state", data={"do": "resume"}).status_code == 303
    assert owner.post(f"/changes/bulk/{bulk.id}/state", data={"do": "stop"}).status_code == 303
    db.expire_all()
    assert bulk.state == "stopped"
    assert f"/changes/bulk/{bulk.id}" in owner.get("/changes/bulk").text


def test_nobody_is_disconnected_when_nothing_was_chosen(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    assert owner.post("/changes/bulk", data={"kind": "disconnect"}).status_code == 303
    assert db.scalars(select(BulkChange)).all() == []


def test_a_username_is_disconnected_from_the_routers_page(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    """COA-11."""
    nas = a_router_with_sessions(db, seeded)
    running = db.scalars(select(RadAcct).where(RadAcct.nas_server_id == nas.id, RadAcct.acctstoptime.is_(None))).first()
    assert running is not None
    nobody = owner.post(f"/routers/{nas.id}/disconnect", data={"username": "nobody-here"}, follow_redirects=True)
    assert "Nobody is connected under this name here." in nobody.text
    answer = owner.post(f"/routers/{nas.id}/disconnect", data={"username": running.username}, follow_redirects=True)
    assert "Disconnect ordered." in answer.text
    changes = db.scalars(select(SessionChange).where(SessionChange.username == running.username)).all()
    assert [change.kind for change in changes if change.status == "pending"] == ["disconnect"]


def test_a_routers_refusals_are_shown_and_forgotten(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    nas, now = seeded.routers[0], seeded.routers[0].created_at
    assert "It has refused no change lately." in owner.get(f"/routers/{nas.id}").text
    db.add(
        NasRefusal(
            nas_server_id=nas.id, what="Mikrotik-Total-Limit", error_cause="401 Unsupported-Attribute", refusals=2,
            first_at=now, last_at=now,
        )
    )  # fmt: skip
    db.commit()
    assert "Mikrotik-Total-Limit" in owner.get(f"/routers/{nas.id}").text
    assert owner.post(f"/routers/{nas.id}/refusals/forget").status_code == 303
    assert "It has refused no change lately." in owner.get(f"/routers/{nas.id}").text


def test_a_change_is_called_applied_only_when_it_was_seen(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    nas = a_router_with_sessions(db, seeded)
    running = db.scalars(select(RadAcct).where(RadAcct.nas_server_id == nas.id, RadAcct.acctstoptime.is_(None))).first()
    assert running is not None
    owner.post(f"/routers/{nas.id}/disconnect", data={"username": running.username})
    change = db.scalars(select(SessionChange).order_by(SessionChange.id.desc())).first()
    assert change is not None
    change.status, change.attempts, change.finished_at = "ack", 1, change.created_at
    db.commit()
    told = owner.get(f"/changes/follow?ids={change.id}").text
    assert "Acknowledged by" in told
    assert "Disconnected on" not in told
    change.proof, change.proved_by, change.proved_at = "applied", "stop", change.created_at
    db.commit()
    told = owner.get(f"/changes/follow?ids={change.id}").text
    assert "Disconnected on" in told
    assert "the router reported the end of the session" in told
