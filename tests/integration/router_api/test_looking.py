"""Whoever looks at a router gets an answer within a second: from now, or the last one with its age."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

import routeros
from bss import subscriptions
from bss.actor import Actor
from bss.failure import Conflict, Invalid
from bss.router_api import access, checking, orders, reading, secrets
from bss.router_api.parts import PARTS
from db.models import AuditLog, NasServer, RouterOrder, RouterSecret, RouterSnapshot, Tenant
from db.models.nas import ENVIRONMENT_ID
from factories import make_nas, make_session, make_subscription, make_tenant
from runtime.settings import get_settings
from simulator import ApiServer
from tests.integration.router_api.conftest import NewRouter, now


def test_every_part_is_shown_as_it_is_now(db: Session, new_router: NewRouter, actor: Actor) -> None:
    api, nas = new_router()
    api.tables.put("/ppp/active", {"name": "budi", "uptime": "1h", "radius": "true"})
    api.tables.put("/ppp/secret", {"name": "budi", "password": "rahasia"})

    views = {part: reading.look(db, actor=actor, now=now(), nas_id=nas.id, part=part) for part in PARTS}

    assert all(view.is_live and view.problem is None for view in views.values())
    assert views["overview"].rows[0]["version"] == "7.19.4 (stable)"
    assert views["ppp-active"].rows[0]["uptime_s"] == 3600
    assert "rahasia" not in repr(views)
    assert "password" not in views["ppp-secrets"].rows[0]


@pytest.mark.parametrize("fault", ["is_silent", "drip_s", "is_refusing"])
def test_a_router_in_trouble_shows_what_it_said_last_within_a_second(
    db: Session, new_router: NewRouter, actor: Actor, fault: str
) -> None:
    api, nas = new_router()
    seen = now() - timedelta(minutes=5)
    reading.look(db, actor=actor, now=seen, nas_id=nas.id, part="interfaces")
    api.drop_connections()
    setattr(api.faults, fault, 1.0 if fault == "drip_s" else True)

    took = []
    for _ in range(4):
        begun = time.monotonic()
        view = reading.look(db, actor=actor, now=now(), nas_id=nas.id, part="interfaces")
        took.append(time.monotonic() - begun)
        assert (view.is_live, view.taken_at, len(view.rows)) == (False, seen, 2)
        assert view.problem
        assert view.is_coming
    assert min(took) < 0.9


def test_what_a_slow_router_could_not_say_in_time_a_job_finds_out(
    db: Session, new_router: NewRouter, actor: Actor, connection: psycopg.Connection[Any]
) -> None:
    api, nas = new_router()
    api.faults.delay_s = 1.0
    view = reading.look(db, actor=actor, now=now(), nas_id=nas.id, part="pools")
    assert (view.rows, view.taken_at, view.is_coming) == ([], None, True)
    api.tables.put("/ip/pool", {"name": "pool1", "ranges": "10.0.0.2-10.0.0.99"})
    db.commit()

    assert checking.ask_what_is_missing(connection, clock=now) == 1
    assert checking.ask_what_is_missing(connection, clock=now) == 0

    view = reading.look(db, actor=actor, now=now(), nas_id=nas.id, part="pools")
    assert [row["name"] for row in view.rows] == ["pool1"]


def test_the_connection_test_says_what_is_wrong_in_a_sentence(db: Session, new_router: NewRouter, actor: Actor) -> None:
    api, nas = new_router()
    api.tables.identity = "RB-Cempaka"

    well = reading.try_connection(db, actor=actor, now=now(), nas_id=nas.id)
    db.refresh(nas)
    assert (well.is_well, well.identity, well.message) == (
        True,
        "RB-Cempaka",
        "RB-Cempaka answers, RouterOS 7.19.4 (stable)",
    )
    assert nas.last_connected_at is not None
    assert nas.status == "online"

    nas.api_password = "wrong"
    told = reading.try_connection(db, actor=actor, now=now(), nas_id=nas.id)
    assert (told.is_well, told.code) == (False, "login_refused")
    assert "invalid user name or password" in told.message


def test_a_certificate_is_trusted_by_a_person_and_from_then_on_no_other(
    db: Session, new_router: NewRouter, actor: Actor
) -> None:
    api, nas = new_router(api_tls=True)
    shown = reading.try_connection(db, actor=actor, now=now(), nas_id=nas.id)
    assert shown.code == "certificate_unknown"
    assert shown.fingerprint is not None

    access.trust_certificate(db, actor=actor, now=now(), nas_id=nas.id, fingerprint=shown.fingerprint)
    assert reading.try_connection(db, actor=actor, now=now(), nas_id=nas.id).is_well
    assert "nas.certificate_trusted" in db.scalars(select(AuditLog.action)).all()

    api.new_certificate()
    api.drop_connections()
    assert reading.try_connection(db, actor=actor, now=now(), nas_id=nas.id).code == "certificate_changed"


def test_a_router_without_an_account_says_so(db: Session, tenant: Tenant, keys_file: object, actor: Actor) -> None:
    nas = make_nas(db, tenant=tenant)

    with pytest.raises(Conflict, match="no account"):
        reading.look(db, actor=actor, now=now(), nas_id=nas.id, part="overview")


def test_every_minute_it_is_known_who_answers(
    db: Session, new_router: NewRouter, connection: psycopg.Connection[Any], tenant: Tenant
) -> None:
    _, here = new_router()
    dead, gone = new_router()
    dead.faults.is_silent = True
    _, wrong = new_router(api_password="wrong")
    quiet, heard = new_router(last_seen_at=now())
    quiet.faults.is_refusing = True
    make_nas(db, tenant=tenant, name="without")
    db.commit()
    begun = time.monotonic()

    assert checking.check_all(connection, clock=now) == 1

    assert time.monotonic() - begun < 6
    db.expire_all()
    assert [nas.status for nas in (here, gone, wrong, heard)] == ["online", "offline", "online", "online"]
    assert here.last_connected_at is not None
    assert gone.last_connected_at is None
    assert gone.api_problem
    assert "invalid user name" in (wrong.api_problem or "")
    assert connection.execute("SELECT status FROM nas_servers WHERE name = 'without'").fetchone() == ("unknown",)


def test_traffic_of_an_interface_and_a_wrong_name(db: Session, new_router: NewRouter, actor: Actor) -> None:
    _, nas = new_router()

    flow = reading.traffic(db, actor=actor, nas_id=nas.id)
    assert (flow["name"], flow["rx_bps"], flow["tx_bps"], flow["rx_bytes"]) == ("ether1", 12_000_000, 48_000_000, 0)
    with pytest.raises(Conflict, match="input does not match"):
        reading.traffic(db, actor=actor, nas_id=nas.id, interface="ether99")


# --- orders of staff ------------------------------------------------------------------------------------------------


def test_queues_lists_and_sessions_are_ordered_and_carried_out(
    db: Session, new_router: NewRouter, actor: Actor, carry_out: Callable[[], int]
) -> None:
    api, nas = new_router()
    api.tables.put("/ppp/active", {"name": "stranger"})
    api.tables.put("/ip/hotspot/active", {"user": "stranger"})
    do: dict[str, Any] = {"actor": actor, "now": now(), "nas_id": nas.id}
    orders.put_queue(db, **do, name="noc", target="10.20.0.5", max_limit="5M/10M", priority="3/3", comment="ours")
    orders.put_list_entry(db, **do, list_name="isolir", address="10.20.0.9", timeout_s=3600)
    orders.end_sessions(db, **do, username="stranger")
    carry_out()

    queue = api.tables.named("/queue/simple", "noc") or {}
    assert (queue["target"], queue["max-limit"]) == ("10.20.0.5", "5000000/10000000")
    assert [row["address"] for row in api.tables.of("/ip/firewall/address-list")] == ["10.20.0.9"]
    assert api.tables.of("/ppp/active") == api.tables.of("/ip/hotspot/active") == []
    assert {row.result for row in db.scalars(select(RouterOrder))} == {"added", "ended"}

    orders.remove_queue(db, **do, name="noc")
    orders.remove_list_entry(db, **do, list_name="isolir", address="10.20.0.9/32")
    carry_out()
    assert api.tables.of("/queue/simple") == api.tables.of("/ip/firewall/address-list") == []


@pytest.mark.parametrize(
    "queue",
    [
        {"target": "", "max_limit": "5M/10M"},
        {"target": "10.0.0.1", "max_limit": "fast"},
        {"target": "10.0.0.1", "priority": "9"},
        {"target": "10.0.0.999"},
        {"target": "10.0.0.1", "name": ""},
    ],
)
def test_what_a_router_could_not_read_is_refused_at_once(
    db: Session, new_router: NewRouter, actor: Actor, queue: dict[str, str]
) -> None:
    _, nas = new_router()

    with pytest.raises(Invalid):
        orders.put_queue(db, actor=actor, now=now(), nas_id=nas.id, **{"name": "x"} | queue)


def test_a_secret_of_staff_is_written_switched_and_removed(
    db: Session, new_router: NewRouter, actor: Actor, carry_out: Callable[[], int]
) -> None:
    api, nas = new_router()
    do: dict[str, Any] = {"actor": actor, "now": now(), "nas_id": nas.id, "username": "cctv"}
    secrets.save(db, **do, values={"password": "kamera-123", "remote_address": "10.9.9.9"})
    carry_out()
    assert (api.tables.named("/ppp/secret", "cctv") or {})["password"] == "kamera-123"
    stored = db.scalars(select(RouterSecret)).one()
    assert stored.synced_at is not None

    secrets.save(db, **do, values={"comment": "Kamera"})
    secrets.set_state(db, **do, is_disabled=True)
    carry_out()
    row = api.tables.named("/ppp/secret", "cctv") or {}
    assert (row["disabled"], row["comment"], row["password"]) == ("true", "Kamera", "kamera-123")

    secrets.remove(db, **do)
    carry_out()
    assert api.tables.of("/ppp/secret") == []
    audited = [row.new_values for row in db.scalars(select(AuditLog))]
    assert "kamera-123" not in repr(audited)


def test_one_that_only_the_router_knows_is_switched_and_removed_too(
    db: Session, new_router: NewRouter, actor: Actor, carry_out: Callable[[], int]
) -> None:
    api, nas = new_router()
    api.tables.put("/ppp/secret", {"name": "old", "password": "x", "disabled": "false", "profile": "default"})
    do: dict[str, Any] = {"actor": actor, "now": now(), "nas_id": nas.id, "username": "old"}
    secrets.set_state(db, **do, is_disabled=True)
    carry_out()
    assert (api.tables.named("/ppp/secret", "old") or {})["disabled"] == "true"

    secrets.remove(db, **do)
    carry_out()
    assert api.tables.of("/ppp/secret") == []


def test_a_subscriptions_secret_is_changed_with_the_subscription(
    db: Session, new_router: NewRouter, actor: Actor, tenant: Tenant
) -> None:
    _, nas = new_router(provisioning_mode="local_secret")
    make_subscription(db, tenant=tenant, username="budi", nas_server_id=nas.id)

    with pytest.raises(Conflict, match="secret of a subscription"):
        secrets.remove(db, actor=actor, now=now(), nas_id=nas.id, username="budi")


def test_an_import_matches_by_name_and_reports_the_rest(
    db: Session, new_router: NewRouter, actor: Actor, tenant: Tenant, carry_out: Callable[[], int]
) -> None:
    api, nas = new_router()
    make_subscription(db, tenant=tenant, username="budi", nas_server_id=nas.id)
    for name in ("budi", "12345", "yes"):
        api.tables.put(
            "/ppp/secret", {"name": name, "password": f"pw-{name}", "service": "pppoe", "profile": "default"}
        )
    api.tables.put("/ip/hotspot/user", {"name": "ani", "password": "x", "profile": "default"})

    done = secrets.import_all(db, actor=actor, now=now(), nas_id=nas.id)
    again = secrets.import_all(db, actor=actor, now=now(), nas_id=nas.id)

    assert (done.found, done.matched, done.stored, done.unmatched) == (4, 1, 3, ("12345", "ani", "yes"))
    assert again.stored == 0
    assert {(row.username, row.password, row.service) for row in db.scalars(select(RouterSecret))} == {
        ("12345", "pw-12345", "pppoe"), ("yes", "pw-yes", "pppoe"), ("ani", "x", "hotspot"),
    }  # fmt: skip
    told = secrets.drift(db, actor=actor, now=now(), nas_id=nas.id)
    assert (told.equal, [(one.username, one.kind) for one in told.differences]) == (3, [("budi", "by hand")])
    assert secrets.push_all(db, actor=actor, now=now(), nas_id=nas.id) >= 3
    carry_out()
    assert len(api.tables.of("/ppp/secret")) == 3


def test_forgetting_the_devices_of_a_subscription_clears_them_on_its_routers(
    db: Session, new_router: NewRouter, actor: Actor, tenant: Tenant, carry_out: Callable[[], int]
) -> None:
    here, nas = new_router()
    there, other = new_router()
    elsewhere, _ = new_router()
    mac = "AA:BB:CC:DD:EE:07"
    for api in (here, there, elsewhere):
        api.tables.put("/ip/hotspot/cookie", {"mac-address": mac, "user": "budi"})
        api.tables.put("/ip/dhcp-server/lease", {"mac-address": mac, "address": "10.0.0.7"})
    row = make_subscription(db, tenant=tenant, username="budi", nas_server_id=nas.id)
    make_session(db, row, other, callingstationid=mac)
    subscriptions.add_mac(db, actor=actor, now=now(), subscription_id=row.id, mac=mac)

    subscriptions.reset_macs(db, actor=actor, now=now(), subscription_id=row.id)
    carry_out()

    assert here.tables.of("/ip/hotspot/cookie") == there.tables.of("/ip/dhcp-server/lease") == []
    assert len(elsewhere.tables.of("/ip/hotspot/cookie")) == 1


def test_the_first_router_is_the_default_and_the_settings_name_one_without_any(
    db: Session, tenant: Tenant, actor: Actor, keys_file: object, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NET-11, NET-16."""
    assert access.default_router(db, actor=actor) is None
    for name, value in (("HOST", "192.0.2.7"), ("USERNAME", "lintas"), ("PASSWORD", "rahasia"), ("TLS", "true")):
        monkeypatch.setenv(f"LINTAS_ROUTER_{name}", value)
    get_settings.cache_clear()
    borrowed = access.default_router(db, actor=actor)
    assert borrowed is not None
    assert borrowed.is_from_environment
    target = access.target_of(borrowed)
    assert (target.host, target.port, target.password) == ("192.0.2.7", 8729, "rahasia")
    assert "rahasia" not in repr(get_settings()) + repr(target)
    stranger = make_tenant(db, slug="another")
    assert access.default_router(db, actor=Actor.system(tenant_id=stranger.id, name="Eka")) is None

    first = make_nas(db, tenant=tenant, is_active=False)
    assert access.default_router(db, actor=actor) is None, "a router that staff switched off is no reason for another"
    second = make_nas(db, tenant=tenant)
    assert access.default_router(db, actor=actor) is second
    assert db.scalar(text(f"SELECT default_router_of({tenant.id})")) == second.id
    assert isinstance(first, NasServer)


@pytest.fixture
def borrowed(
    settings: object, keys_file: object, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ApiServer]:
    """A router that only the settings name."""
    with ApiServer(host="127.0.1.251") as api:
        values = {"HOST": api.host, "PORT": str(api.port), "USERNAME": api.username, "PASSWORD": api.password}
        for name, value in values.items():
            monkeypatch.setenv(f"LINTAS_ROUTER_{name}", value)
        get_settings.cache_clear()
        yield api
        routeros.pool.close()


def test_the_router_of_the_settings_is_looked_at_and_nothing_is_kept_of_it(
    db: Session, actor: Actor, borrowed: ApiServer
) -> None:
    borrowed.tables.put("/ppp/active", {"name": "budi", "address": "10.0.0.7"})
    view = reading.look(db, actor=actor, now=now(), nas_id=ENVIRONMENT_ID, part="ppp-active")
    assert (view.is_live, [row["name"] for row in view.rows]) == (True, ["budi"])
    assert reading.try_connection(db, actor=actor, now=now(), nas_id=ENVIRONMENT_ID).is_well
    assert reading.traffic(db, actor=actor, nas_id=ENVIRONMENT_ID)["rx_bps"] == 12_000_000

    borrowed.faults.is_refusing = True
    borrowed.drop_connections()
    view = reading.look(db, actor=actor, now=now(), nas_id=ENVIRONMENT_ID, part="ppp-active")
    assert (view.is_live, view.is_coming, view.rows) == (False, False, [])
    db.commit()
    assert db.scalars(select(RouterSnapshot)).all() == []
    assert db.scalars(select(NasServer)).all() == []


def test_nothing_is_ordered_on_the_router_of_the_settings(db: Session, actor: Actor, borrowed: ApiServer) -> None:
    for order in (
        lambda **who: orders.end_sessions(db, username="budi", **who),
        lambda **who: orders.remove_queue(db, name="budi", **who),
        lambda **who: secrets.push(db, username="budi", **who),
        lambda **who: secrets.import_all(db, **who),
    ):
        with pytest.raises(Conflict, match="can only be looked at"):
            order(actor=actor, now=now(), nas_id=ENVIRONMENT_ID)
    assert borrowed.commands == []
