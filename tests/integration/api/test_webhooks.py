"""Others are told what happened: once it is true, signed, again until they hear, and never into networks of ours."""

import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bss import customers
from bss.actor import Actor
from bss.webhooks import calling, telling
from bss.webhooks.calling import Answer, call
from db.engine import make_engine, make_session_factory, psycopg_of
from db.models import (
    Alarm,
    AuditLog,
    FupEvent,
    SessionChange,
    Tenant,
    User,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEvent,
)
from db.queries import webhooks as queries
from domain.webhook import EVENTS, PAUSE_AFTER
from factories import make_customer, make_nas, make_session, make_subscription, make_tenant, make_user
from monitoring import alarms
from runtime import certificates

API = "/api/v1"
LOCAL = [ip_network("127.0.0.0/8")]


class Receiver:
    """Somebody who is told: keeps what came and answers as told."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.status, self.slow_s, self.location = 200, 0.0, ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
                time.sleep(outer.slow_s)
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook?x=1"

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.calls]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings name this machine's own network."""
    monkeypatch.setattr("webadmin.api.webhooks.allows_http", lambda: True)


@pytest.fixture
def hook(client: FlaskClient, receiver: Receiver, allowed: None) -> dict[str, Any]:
    body = {"name": "Mine", "url": receiver.url, "events": sorted(EVENTS)}
    made = client.post(f"{API}/webhooks", json=body)
    assert made.status_code == 201, made.json
    found: dict[str, Any] = made.json
    return found


def tell(db: Session, *, now: datetime | None = None, caller: Callable[..., Answer] = call) -> int:
    db.commit()
    made = telling.tell(db, clock=lambda: now or datetime.now(UTC), allowed=LOCAL, caller=caller)
    db.expire_all()
    return made


def failing(*_: object, **__: object) -> Answer:
    return Answer(status=None, problem="no answer (ConnectError)", text="", took_ms=3)


def test_what_happens_is_told_with_a_signature_that_can_be_checked(
    db: Session, client: FlaskClient, receiver: Receiver, hook: dict[str, Any]
) -> None:
    made = client.post(f"{API}/customers", json={"name": "Budi"}).json

    assert tell(db) == 1
    (headers, body), (message,) = receiver.calls[0], receiver.told()
    signed = dict(part.split("=") for part in headers["lintas-signature"].split(","))
    expected = hmac.new(hook["secret"].encode(), f"{signed['t']}.".encode() + body, hashlib.sha256).hexdigest()

    assert signed["v1"] == expected
    assert abs(int(signed["t"]) - time.time()) < 60
    assert headers["host"] == receiver.url.split("/")[2]
    assert (message["type"], headers["lintas-event"]) == ("customer.created", "customer.created")
    assert message["resource"] == {"type": "customer", "id": made["id"], "path": f"{API}/customers/{made['id']}"}
    assert message["changes"]["name"] == {"old": None, "new": "Budi"}
    assert message["by"]["type"] == "token"
    assert tell(db) == 0


def test_what_was_rolled_back_is_told_to_nobody(db: Session, tenant: Tenant, hook: dict[str, Any]) -> None:
    actor = Actor.system(tenant_id=tenant.id, name="test")
    customers.create(db, actor=actor, now=datetime.now(UTC), name="Nobody")
    db.rollback()

    assert tell(db) == 0
    assert db.scalar(select(func.count()).select_from(WebhookEvent)) == 0


def test_only_what_was_asked_for_is_told_and_only_of_ones_own_provider(
    db: Session, client: FlaskClient, receiver: Receiver, allowed: None
) -> None:
    body = {"name": "Money", "url": receiver.url, "events": ["payment.received"]}
    assert client.post(f"{API}/webhooks", json=body).status_code == 201
    customer = client.post(f"{API}/customers", json={"name": "Budi"}).json
    theirs = make_tenant(db)
    payer = make_customer(db, tenant=theirs)
    db.commit()

    client.post(f"{API}/payments", json={"customer_id": customer["id"], "amount": "5000.00"})
    db.execute(
        text(
            "INSERT INTO audit_logs (tenant_id, actor_name, actor_type, action, entity_type, entity_id)"
            f" VALUES ({theirs.id}, 'x', 'system', 'payment.received', 'payments', {payer.id})"
        )
    )

    assert tell(db) == 1
    assert [one["type"] for one in receiver.told()] == ["payment.received"]


def test_other_paths_than_the_use_cases_tell_too(
    db: Session, tenant: Tenant, receiver: Receiver, hook: dict[str, Any]
) -> None:
    row, router = make_subscription(db, tenant=tenant), make_nas(db, tenant=tenant)
    session, now = make_session(db, row, router), datetime.now(UTC)
    db.add(FupEvent(subscription_id=row.id, action="activate", tier=1, actor="accounting"))
    change = SessionChange(
        tenant_id=tenant.id, subscription_id=row.id, nas_server_id=router.id, acctuniqueid=session.acctuniqueid,
        acctsessionid=session.acctsessionid, username=row.username, kind="coa", reason="fup", requested_by="fup",
        caused_at=now,
    )  # fmt: skip
    alarm = Alarm(code="spool_lag", subject="node1", severity="warning", facts={}, raised_at=now, seen_at=now)
    db.add_all([change, alarm])
    db.flush()
    change.status, alarm.cleared_at = "nak", now
    db.flush()

    tell(db)

    told = {one["type"]: one for one in receiver.told()}
    assert set(told) == {"fup.activated", "session_change.failed", "alarm.raised", "alarm.cleared"}
    assert told["fup.activated"]["resource"]["id"] == row.id
    assert told["session_change.failed"]["changes"]["status"]["new"] == "nak"


def test_secrets_are_never_told(db: Session, tenant: Tenant, client: FlaskClient, receiver: Receiver,
                                hook: dict[str, Any]) -> None:  # fmt: skip
    row = make_subscription(db, tenant=tenant)
    db.commit()
    secret = client.post(f"{API}/subscriptions/{row.id}/change-password", json={"password": "geheim-4711"})
    assert secret.status_code == 200, secret.json

    tell(db)

    assert "subscription.password_changed" in [one["type"] for one in receiver.told()]
    assert not any(b"geheim-4711" in body for _, body in receiver.calls)


def test_who_does_not_hear_is_told_again_later_and_later(
    db: Session, client: FlaskClient, receiver: Receiver, hook: dict[str, Any]
) -> None:
    receiver.status = 500
    client.post(f"{API}/customers", json={"name": "Budi"})
    now = datetime.now(UTC)

    assert tell(db, now=now) == 1
    delivery = db.scalars(select(WebhookDelivery)).one()
    assert (delivery.status, delivery.attempts) == ("waiting", 1)
    assert delivery.next_attempt_at == now + timedelta(seconds=15)
    assert tell(db, now=now + timedelta(seconds=14)) == 0
    receiver.status = 204
    assert tell(db, now=now + timedelta(seconds=16)) == 1

    shown = client.get(f"{API}/webhook-deliveries/{delivery.id}").json
    assert (shown["status"], shown["attempts"]) == ("delivered", 2)
    assert [one["http_status"] for one in shown["calls"]] == [204, 500]
    assert shown["message"] == receiver.told()[0]
    assert len({headers["lintas-delivery"] for headers, _ in receiver.calls}) == 1


def test_tries_have_an_end_and_what_failed_is_told_again_on_demand(
    db: Session, client: FlaskClient, receiver: Receiver, hook: dict[str, Any]
) -> None:
    client.post(f"{API}/customers", json={"name": "Budi"})
    now = datetime.now(UTC)
    for _ in range(9):
        assert tell(db, now=now, caller=failing) == 1
        now += timedelta(days=1, seconds=1)
    delivery = db.scalars(select(WebhookDelivery)).one()
    assert (delivery.status, delivery.attempts) == ("failed", 9)
    assert tell(db, now=now) == 0
    path = f"{API}/webhooks/{hook['id']}"
    assert client.get(f"{path}/deliveries?status=failed").json["items"][0]["id"] == delivery.id

    assert client.post(f"{path}/replay-failed").json == {"count": 1}
    assert tell(db) == 1
    assert client.post(f"{API}/webhook-deliveries/{delivery.id}/replay").json["status"] == "waiting"
    assert tell(db) == 1
    assert [one["type"] for one in receiver.told()] == ["customer.created"] * 2


def test_one_that_never_answers_is_paused_told_of_and_goes_on_where_it_was(
    db: Session, client: FlaskClient, receiver: Receiver, hook: dict[str, Any]
) -> None:
    for number in range(3):
        client.post(f"{API}/customers", json={"name": f"Budi {number}"})
    now, path = datetime.now(UTC), f"{API}/webhooks/{hook['id']}"
    for _ in range(PAUSE_AFTER):
        # After one failed call the rest of its share is left for later.
        assert tell(db, now=now, caller=failing) == 1
        now += timedelta(days=1, seconds=1)
    client.post(f"{API}/customers", json={"name": "Budi 4"})

    shown = client.get(path).json
    assert shown["paused_at"] is not None
    assert (shown["failures"], shown["last_problem"]) == (PAUSE_AFTER, "no answer (ConnectError)")
    assert tell(db, now=now + timedelta(days=3)) == 0
    assert db.scalar(select(func.count()).select_from(AuditLog).where(AuditLog.action == "webhook.paused")) == 1
    raised, _ = alarms.watch(psycopg_of(db), now)
    assert [(one.code, one.subject) for one in raised] == [("webhook_paused", str(hook["id"]))]
    db.commit()

    assert client.post(f"{path}/resume").json["paused_at"] is None
    # What was new and what had not failed for good waited; the alarm itself is one more that is told.
    assert shown["deliveries"]["waiting"] >= 2
    assert tell(db) == shown["deliveries"]["waiting"] + 1
    assert receiver.told()[-1]["type"] == "alarm.raised"
    assert alarms.watch(psycopg_of(db), now + timedelta(minutes=1))[1] == 1


def test_one_slow_receiver_does_not_hold_up_the_others(
    db: Session, client: FlaskClient, receiver: Receiver, hook: dict[str, Any]
) -> None:
    other = Receiver()
    body = {"name": "Other", "url": other.url, "events": ["customer.created"]}
    client.post(f"{API}/webhooks", json=body)
    receiver.slow_s = 1.0
    client.post(f"{API}/customers", json={"name": "Budi"})

    done = threading.Thread(target=lambda: tell(db))
    done.start()
    deadline = time.monotonic() + 0.9
    while not other.calls and time.monotonic() < deadline:
        time.sleep(0.01)
    heard_meanwhile = len(other.calls)
    done.join(10)
    other.server.shutdown()
    other.server.server_close()

    assert heard_meanwhile == 1


def test_two_workers_tell_nothing_twice(db: Session, db_url: str, client: FlaskClient, hook: dict[str, Any]) -> None:
    client.post(f"{API}/customers", json={"name": "Budi"})
    told_within: list[int] = []

    def while_another_works(*_: object, **__: object) -> Answer:
        engine = make_engine(db_url)
        with make_session_factory(engine)() as other:
            told_within.append(telling.tell(other, clock=lambda: datetime.now(UTC), allowed=LOCAL))
        engine.dispose()
        return Answer(status=200, problem="", text="", took_ms=1)

    assert tell(db, caller=while_another_works) == 1
    assert told_within == [0]


def test_a_worker_that_died_lets_another_tell_it(db: Session, client: FlaskClient, hook: dict[str, Any]) -> None:
    client.post(f"{API}/customers", json={"name": "Budi"})
    now = datetime.now(UTC)

    def dies(*_: object, **__: object) -> Answer:
        raise KeyboardInterrupt

    db.commit()
    with pytest.raises(KeyboardInterrupt):
        telling.tell(db, clock=lambda: now, allowed=LOCAL, caller=dies)
    db.rollback()

    assert tell(db, now=now + timedelta(minutes=1)) == 0
    assert tell(db, now=now + timedelta(minutes=11)) == 1


# --- where it may go --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.net/", "ftp://hooks.example.net/", "https://", "https://user:pw@hooks.example.net/",
        "https://hooks.example.net/#x", "https://hooks example.net/", "javascript:alert(1)", "https://[::1", "x",
        "https://hooks.example.net:0/", "https://hooks.example.net/\nx", "https://" + "x" * 500,
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_when_it_is_entered(client: FlaskClient, url: str) -> None:
    answer = client.post(f"{API}/webhooks", json={"name": "x", "url": url, "events": ["invoice.paid"]})

    assert answer.status_code == 422, answer.json
    assert answer.json["errors"][0]["field"] == "url"


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::1"], ["fd00::1"], ["8.8.8.8", "127.0.0.1"], []],
)
def test_a_name_that_leads_inside_is_not_called(addresses: list[str]) -> None:
    said = call("https://hooks.example.net/", body=b"{}", headers={}, allowed=[], resolve=lambda *_: addresses)

    assert (said.status, said.is_ok) == (None, False)
    assert said.problem.startswith("the address ")


def test_the_address_that_was_looked_at_is_the_one_that_is_called(receiver: Receiver) -> None:
    port = receiver.server.server_port
    looked_up: list[str] = []

    def once(host: str, _port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    said = call(f"http://hooks.example.net:{port}/a", body=b"{}", headers={}, allowed=LOCAL, resolve=once)

    # Asked a second time, the name could lead elsewhere; the tests' own guard would refuse any other connection.
    assert looked_up == ["hooks.example.net"]
    assert said.is_ok
    assert receiver.calls[0][0]["host"] == f"hooks.example.net:{port}"


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.status, receiver.location = 302, receiver.url

    said = call(receiver.url, body=b"{}", headers={}, allowed=LOCAL)

    assert (said.status, said.is_ok, said.problem) == (302, False, "HTTP 302")
    assert len(receiver.calls) == 1


def test_the_certificate_must_be_the_names_although_an_address_is_called(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates.ensure(tmp_path, now=datetime.now(UTC))
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(tmp_path / certificates.SERVER_FILE, tmp_path / certificates.SERVER_KEY)
    receiver.server.socket = served.wrap_socket(receiver.server.socket, server_side=True)
    trusted = ssl.create_default_context(cafile=str(tmp_path / certificates.CA_FILE))
    monkeypatch.setattr(calling, "_trust", lambda: trusted)
    port = receiver.server.server_port

    def to(name: str) -> Answer:
        url = f"https://{name}:{port}/"
        return call(url, body=b"{}", headers={}, allowed=LOCAL, resolve=lambda *_: ["127.0.0.1"])

    assert to(certificates.SERVER_NAME).is_ok
    refused = to("hooks.example.net")
    assert (refused.status, refused.problem) == (None, "no answer (ConnectError)")
    assert len(receiver.calls) == 1


def test_without_tls_nothing_goes_but_into_networks_of_ones_own() -> None:
    said = call("http://hooks.example.net/", body=b"{}", headers={}, allowed=LOCAL, resolve=lambda *_: ["8.8.8.8"])

    assert said.problem == "the address does not begin with https://"


def test_a_byte_now_and_then_does_not_hold_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "DEADLINE_S", 0.6)
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip() -> None:
        line, _ = listener.accept()
        with line:
            for _ in range(100):
                if stop.wait(0.1):
                    return
                try:
                    line.sendall(b"H")
                except OSError:
                    return

    threading.Thread(target=drip, daemon=True).start()
    begun = time.monotonic()
    said = call(f"http://127.0.0.1:{listener.getsockname()[1]}/", body=b"{}", headers={}, allowed=LOCAL)
    took = time.monotonic() - begun
    stop.set()
    listener.close()

    assert said.status is None
    assert took < 3


# --- the doors --------------------------------------------------------------------------------------------------------


def test_the_secret_is_shown_once_and_signs_only_until_the_next(
    db: Session, client: FlaskClient, receiver: Receiver, hook: dict[str, Any]
) -> None:
    path = f"{API}/webhooks/{hook['id']}"
    assert hook["secret"] not in client.get(path).text + client.get(f"{API}/webhooks").text

    changed = client.post(f"{path}/change-secret").json
    assert client.post(f"{path}/ping").status_code == 201
    tell(db)

    headers, body = receiver.calls[-1]
    at, mac = headers["lintas-signature"].removeprefix("t=").split(",v1=")
    assert changed["secret"] != hook["secret"]
    assert mac == hmac.new(changed["secret"].encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert json.loads(body)["type"] == "ping"


def test_switched_off_or_removed_it_is_told_nothing(
    db: Session, client: FlaskClient, receiver: Receiver, hook: dict[str, Any]
) -> None:
    path = f"{API}/webhooks/{hook['id']}"
    tag = client.get(path).headers["ETag"]
    assert client.patch(path, json={"is_active": False}, headers={"If-Match": tag}).json["is_active"] is False
    client.post(f"{API}/customers", json={"name": "Unheard"})
    assert client.patch(path, json={"is_active": True}, headers={"If-Match": tag}).status_code == 412
    client.patch(path, json={"is_active": True})
    client.post(f"{API}/customers", json={"name": "Waits"})

    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert tell(db) == 0
    assert receiver.calls == []


def test_another_providers_webhooks_do_not_exist(
    db: Session, client_of: Callable[..., FlaskClient], hook: dict[str, Any], client: FlaskClient
) -> None:
    stranger = client_of(make_user(db, tenant=make_tenant(db), permissions=["manage_webhooks"]))
    client.post(f"{API}/webhooks/{hook['id']}/ping")
    delivery = db.scalars(select(WebhookDelivery.id)).one()

    assert stranger.get(f"{API}/webhooks").json["items"] == []
    for method, path in (
        ("get", f"webhooks/{hook['id']}"), ("delete", f"webhooks/{hook['id']}"),
        ("post", f"webhooks/{hook['id']}/ping"), ("get", f"webhooks/{hook['id']}/deliveries"),
        ("get", f"webhook-deliveries/{delivery}"), ("post", f"webhook-deliveries/{delivery}/replay"),
    ):  # fmt: skip
        assert getattr(stranger, method)(f"{API}/{path}").status_code == 404, path


def test_what_nobody_can_be_told_any_more_has_a_bound(db: Session, client: FlaskClient, hook: dict[str, Any]) -> None:
    for number in range(4):
        client.post(f"{API}/customers", json={"name": f"Budi {number}"})
    db.commit()

    queries.forget(psycopg_of(db), before=datetime.now(UTC) - timedelta(days=14), most_waiting=3)
    db.commit()
    shown = client.get(f"{API}/webhooks/{hook['id']}").json
    assert (shown["dropped"], shown["deliveries"]["waiting"]) == (1, 3)

    queries.forget(psycopg_of(db), before=datetime.now(UTC) + timedelta(days=1), most_waiting=3)
    assert db.scalar(select(func.count()).select_from(WebhookEvent)) == 0
    assert db.scalar(select(func.count()).select_from(WebhookAttempt)) == 0


def test_every_event_that_can_be_asked_for_can_happen() -> None:
    """Each word of the list stands in the code or the migration that writes it."""
    root = Path(telling.__file__).parents[2]
    sources = "\n".join(
        path.read_text()
        for room in ("bss", "db/migrations/versions", "db/queries", "coa", "accounting")
        for path in (root / room).rglob("*.py")
    )
    made = {
        *(f"customer.{word}" for word in ("suspended", "inactive", "disabled", "blacklisted")),
        *(f"subscription.{word}" for word in ("cancelled", "terminated", "expired", "suspended", "disabled")),
        *("payment.refunded", "payment.voided", "invoice.refunded"),
    }

    def is_written(event: str) -> bool:
        first, second = event.split(".")
        return event in sources or (f'"{second}"' in sources and f'f"{first}.{{' in sources)

    assert [event for event in EVENTS if event not in made and not is_written(event)] == []


def test_the_list_of_what_can_be_told_is_told(client: FlaskClient, admin: User) -> None:
    assert len(client.get(f"{API}/webhooks/events").json["items"]) == len(EVENTS)


def test_networks_of_ones_own_are_read_from_the_settings() -> None:
    assert calling.networks("10.20.0.0/16, 192.168.5.7") == [ip_network("10.20.0.0/16"), ip_network("192.168.5.7/32")]
    assert calling.networks("") == []
