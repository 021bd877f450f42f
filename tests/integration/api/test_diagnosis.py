"""The connection doctor over HTTP and at a terminal: the same walk, its conclusion, and what to do next."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from bss import doctor
from bss.doctor import asking
from cli.doctor_customer import _COMMANDS
from cli.main import root
from db.models import AccessLog, NasServer, SessionChange, Subscription, Tenant
from domain.diagnosis import ACTIONS
from factories import make_nas, make_session, make_subscription, make_tenant

API = "/api/v1"
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker takes the probe here, so nobody needs to wait for one."""
    monkeypatch.setattr(asking, "WITHIN_S", 0.2)


@pytest.fixture
def nas(db: Session, tenant: Tenant) -> NasServer:
    return make_nas(db, tenant=tenant, name="RB-1", last_seen_at=NOW, login_heard_at=NOW, signs_requests=True)


@pytest.fixture
def budi(db: Session, tenant: Tenant, nas: NasServer) -> Subscription:
    row = make_subscription(db, tenant=tenant, username="budi", nas_server_id=nas.id)
    db.commit()
    return row


def test_a_suspended_customer_is_told_with_the_request_that_mends_it(
    db: Session, client: FlaskClient, budi: Subscription
) -> None:
    budi.status = "suspended"
    db.commit()

    told = client.get(f"{API}/subscriptions/{budi.id}/diagnosis")

    assert told.status_code == 200, told.json
    end = told.json["conclusion"]
    assert (end["code"], end["severity"]) == ("account", "bad")
    assert end["sentence"] == "He cannot log in: the subscription is suspended."
    assert end["action"] == {
        "code": "activate", "text": "activate the subscription", "method": "POST",
        "path": f"{API}/subscriptions/{budi.id}/activate",
    }  # fmt: skip
    assert client.post(end["action"]["path"]).status_code == 200
    assert client.get(f"{API}/subscriptions/{budi.id}/diagnosis").json["conclusion"]["code"] == "never_tried"
    assert [step["step"] for step in told.json["steps"]] == list(doctor.STEPS)


def test_a_refused_device_names_the_device_and_the_list(
    db: Session, client: FlaskClient, tenant: Tenant, nas: NasServer, budi: Subscription
) -> None:
    client.post(f"{API}/subscriptions/{budi.id}/macs", json={"mac": "D4:CA:6D:00:00:01"})
    client.post(f"{API}/subscriptions/{budi.id}/mac-binding", json={"mac_binding": "fixed"})
    db.add(
        AccessLog(
            decided_at=NOW - timedelta(minutes=1), tenant_id=tenant.id, subscription_id=budi.id, nas_server_id=nas.id,
            username="budi", callingstationid="AA-BB-CC-11-22-33", service="pppoe", result="reject",
            reason="wrong_device", decision_id="d1",
        )
    )  # fmt: skip
    db.commit()

    end = client.get(f"{API}/subscriptions/{budi.id}/diagnosis").json["conclusion"]

    assert (end["code"], end["action"]["code"]) == ("refused", "allow_device")
    assert "AA:BB:CC:11:22:33" in end["sentence"]
    assert client.post(end["action"]["path"], json={"mac": "AA:BB:CC:11:22:33"}).status_code == 201
    assert client.get(f"{API}/subscriptions/{budi.id}/diagnosis").json["conclusion"]["code"] == "refused_before"


def test_the_speed_is_sent_again(db: Session, client: FlaskClient, nas: NasServer, budi: Subscription) -> None:
    make_session(db, budi, nas)
    db.commit()

    sent = client.post(f"{API}/subscriptions/{budi.id}/resend-speed")

    assert sent.status_code == 200, sent.json
    (change,) = db.query(SessionChange).all()
    assert (change.kind, list(change.attributes)) == ("coa", ["Mikrotik-Rate-Limit"])
    assert client.post(f"{API}/subscriptions/{budi.id + 99}/resend-speed").status_code == 404


def test_a_stranger_of_another_provider_is_not_examined(db: Session, client: FlaskClient) -> None:
    foreign = make_subscription(db, tenant=make_tenant(db))
    db.commit()

    assert client.get(f"{API}/subscriptions/{foreign.id}/diagnosis").status_code == 404
    assert client.get(f"{API}/subscriptions/{2**63}/diagnosis").status_code == 404


def test_when_many_are_examined_one_more_is_told_what_is_written_down(
    monkeypatch: pytest.MonkeyPatch, client: FlaskClient, budi: Subscription
) -> None:
    monkeypatch.setattr(asking, "WITHIN_S", 30)
    for _ in range(asking.AT_ONCE):
        assert asking._room.acquire(blocking=False)
    try:
        told = client.get(f"{API}/subscriptions/{budi.id}/diagnosis").json
    finally:
        for _ in range(asking.AT_ONCE):
            asking._room.release()

    assert told["took_ms"] < 3000
    assert told["conclusion"]["code"] == "never_tried"


def test_the_terminal_walks_the_same_steps_and_ends_with_a_command(
    db: Session, client: FlaskClient, budi: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.doctor_customer.probe_due", lambda *_arguments, **_options: 0)
    budi.status = "suspended"
    db.commit()

    shown = CliRunner().invoke(root, ["doctor", "budi"])
    data = json.loads(CliRunner().invoke(root, ["doctor", "budi", "--json"]).output)

    assert shown.exit_code == 0, shown.output
    assert "BAD account   the subscription is suspended" in shown.output
    assert "=> He cannot log in: the subscription is suspended" in shown.output
    assert "lintas subscription activate budi" in shown.output
    assert data["conclusion"]["command"] == "lintas subscription activate budi"
    assert CliRunner().invoke(root, ["doctor", "nobody"]).exit_code == 1


def test_every_action_has_its_command_and_every_command_exists() -> None:
    assert set(_COMMANDS) == set(ACTIONS) - {"none"}
    for command in _COMMANDS.values():
        words = [word for word in command.split()[1:] if word.replace("-", "").islower() and word[0] not in "{-"]
        assert CliRunner().invoke(root, [*words, "--help"]).exit_code == 0, command
