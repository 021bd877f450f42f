"""Why a login is decided: imagined ones from the database, recorded ones from their receipts, and a day made again."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from accounting.collector import Collector, connect
from bss.actor import Actor
from bss.explain import Explanation, Try, explain, recorded_outcomes
from bss.failure import Invalid, NotFound
from bss.replay import Replay, replay
from db.crypto import Keyring
from db.models import (
    AccessLog,
    DecisionReceipt,
    NasServer,
    PlanTimeWindow,
    RadCheck,
    Subscription,
    SubscriptionMac,
    Tenant,
    WalledGarden,
)
from db.queries.access import OPEN_SESSIONS, PROFILE_BY_NAME, RECENT_DEVICES
from db.queries.deadline import policy_dsn
from db.queries.reader import DeadlineReader
from factories import make_customer, make_nas, make_plan, make_session, make_subscription, make_tenant
from radius import authorizer as authorizer_module
from radius import policies
from radius.authorizer import Answer, Authorizer, Codes
from radius.policies.types import Place
from radius.records import AccessRecords
from radius.routers import Router, RouterTable
from radius.store import ProfileStore

# A moment of a past day, inside the partitions that a fresh database has; 19:00 in Jakarta.
NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
MACS = tuple(f"02:00:00:00:00:{number:02X}" for number in range(1, 6))
CODES = Codes(accept=2, reject=0, handled=3)
Explain = Callable[..., Explanation]


@pytest.fixture
def ask(db: Session, actor: Actor) -> Explain:
    def call(row: Subscription, **wanted: Any) -> Explanation:
        return explain(db, actor=actor, now=NOW, subscription_id=row.id, wanted=Try(**wanted))

    return call


@pytest.fixture
def budi(db: Session, keys_file: object, tenant: Tenant, router: NasServer) -> Subscription:
    plan = make_plan(db, tenant=tenant)
    return make_subscription(db, tenant=tenant, plan=plan, username="budi", nas_server_id=router.id)


def refusals(found: Explanation) -> list[str | None]:
    return [step.refusal for step in found.outcome.rules]


def test_a_login_that_would_be_let_in_is_told_with_its_reply_in_order(ask: Explain, budi: Subscription) -> None:
    found = ask(budi, mac=MACS[0])

    assert (found.is_accepted, found.outcome.reason) == (True, "accepted")
    assert set(refusals(found)) == {None}
    assert [step.rule for step in found.outcome.rules][:2] == ["status", "expiry"]
    assert ("Mikrotik-Rate-Limit", "5M/10M") in found.attributes
    assert (found.service, found.mac, found.version) == ("pppoe", MACS[0], budi.version)


def test_what_if_he_tried_at_ten_in_the_evening(db: Session, ask: Explain, budi: Subscription) -> None:
    db.add(
        PlanTimeWindow(
            tenant_id=budi.tenant_id, service_plan_id=budi.service_plan_id, position=1, weekdays=127,
            start_minute=8 * 60, end_minute=21 * 60,
        )
    )  # fmt: skip

    assert ask(budi).is_accepted
    late = ask(budi, at=NOW + timedelta(hours=3))
    assert (late.is_accepted, late.outcome.reason) == (False, "outside_hours")
    assert late.outcome.rules[-1].rule == "hours"


def test_what_if_he_tried_on_that_router_or_with_that_device(
    db: Session, ask: Explain, budi: Subscription, tenant: Tenant
) -> None:
    other = make_nas(db, tenant=tenant)
    budi.nas_binding, budi.mac_binding = "nas", "fixed"
    db.add(SubscriptionMac(tenant_id=budi.tenant_id, subscription_id=budi.id, mac=MACS[0], status="approved"))

    assert ask(budi, mac=MACS[0]).is_accepted
    assert ask(budi, mac=MACS[0], nas_server_id=other.id).outcome.reason == "wrong_place"
    assert ask(budi, mac=MACS[1]).outcome.reason == "wrong_device"


def test_running_sessions_on_other_devices_count(
    db: Session, ask: Explain, budi: Subscription, router: NasServer
) -> None:
    heard = datetime.now(UTC)
    make_session(db, budi, router, callingstationid=MACS[0], acctupdatetime=heard)

    assert ask(budi, mac=MACS[0]).is_accepted
    refused = ask(budi, mac=MACS[1])
    assert (refused.outcome.reason, refused.other_sessions) == ("session_limit", 1)


def test_what_is_left_out_is_as_at_the_last_login(db: Session, ask: Explain, budi: Subscription) -> None:
    last = make_nas(db, tenant_id=budi.tenant_id, name="RB-last")
    db.add(
        AccessLog(
            decided_at=NOW, tenant_id=budi.tenant_id, subscription_id=budi.id, nas_server_id=last.id, username="budi",
            callingstationid=MACS[3].lower(), service="pppoe", result="accept", reason="accepted", decision_id="d",
        )
    )  # fmt: skip

    found = ask(budi)

    assert (found.mac, found.nas_name) == (MACS[3], "RB-last")


def test_what_cannot_be_asked_is_said_so(db: Session, ask: Explain, budi: Subscription, keys_file: object) -> None:
    stranger = make_subscription(db, tenant=make_tenant(db))

    with pytest.raises(Invalid, match="no MAC address"):
        ask(budi, mac="nonsense")
    with pytest.raises(Invalid, match="no kind of access"):
        ask(budi, service="carrier pigeon")
    with pytest.raises(Invalid, match="does not exist"):
        ask(budi, nas_server_id=999_999)
    with pytest.raises(NotFound):
        ask(stranger)


def test_a_reply_that_cannot_be_sent_is_a_refusal_that_says_why(db: Session, ask: Explain, budi: Subscription) -> None:
    budi.assigned_ip = "224.0.0.5"

    found = ask(budi)

    assert (found.is_accepted, found.outcome.reason) == (False, "policy_error")
    assert "Framed-IP-Address" in found.problem


@dataclass
class Clock:
    """The policy's clock."""

    wall: float

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.wall


@dataclass
class Server:
    """The policy at work on the test's database, its records in a spool that a collector counts."""

    authorizer: Authorizer
    records: AccessRecords
    collector: Collector
    clock: Clock

    def login(self, username: str, mac: str, number: int, *, at: datetime, service: str = "pppoe") -> Answer:
        self.clock.wall = at.timestamp()
        kind = (("Framed-Protocol", "PPP"),) if service == "pppoe" else (("Mikrotik-Host-IP", "10.5.50.2"),)
        request = (("User-Name", username), *kind, ("Calling-Station-Id", mac), ("Tmp-String-1", str(number)))
        with mock.patch.object(authorizer_module, "time", self.clock):
            return self.authorizer.authorize(request)

    def stored(self) -> None:
        """Write and count what was decided."""
        self.records.flush(float("inf"))
        while self.collector.step():
            continue


@pytest.fixture
def routers(db: Session, keys_file: object, tenant: Tenant) -> list[NasServer]:
    return [make_nas(db, tenant=tenant, name=f"RB-{number}") for number in (1, 2)]


@pytest.fixture
def server(db: Session, db_url: str, keys_file: Path, routers: list[NasServer], tmp_path: Path) -> Iterator[Server]:
    db.commit()
    store, table = ProfileStore(capacity=1000), RouterTable()
    table.by_number = {
        str(nas.id): Router(
            nas_server_id=nas.id, tenant_id=nas.tenant_id, name=nas.name, secret="s" * 20,
            require_message_authenticator=True, place=Place(nas_server_id=nas.id, nas_group_id=nas.nas_group_id),
        )
        for nas in routers
    }  # fmt: skip
    statements = {"profile": PROFILE_BY_NAME, "open_sessions": OPEN_SESSIONS, "recent_devices": RECENT_DEVICES}
    spool = tmp_path / "spool"
    spool.mkdir()
    records = AccessRecords(spool, pytest.fail)
    reader = DeadlineReader(policy_dsn(db_url), statements, 5_000)
    reader.connect()
    authorizer = Authorizer(
        codes=CODES, store=store, routers=table, reader=reader, records=records,
        open_password=Keyring.from_file(keys_file).decrypt, catch_up=lambda: None, complain=pytest.fail,
        max_stale_s=60, boot_id="b" * 12,
    )  # fmt: skip
    collector = Collector(
        connect=lambda: connect(db_url), spool_dir=spool, node="n", nudge=lambda: None, clock=lambda: datetime.now(UTC)
    )
    yield Server(authorizer=authorizer, records=records, collector=collector, clock=Clock(wall=NOW.timestamp()))
    collector.close()
    reader.close()


@pytest.fixture
def crowd(db: Session, keys_file: object, tenant: Tenant, routers: list[NasServer]) -> list[Subscription]:
    """Subscribers of every kind that a day brings."""
    plan = make_plan(db, tenant=tenant, connection_type="any", burst_enabled=False, session_timeout_s=3_600)
    night = make_plan(db, tenant=tenant, connection_type="any")
    window = {"position": 1, "weekdays": 127, "start_minute": 8 * 60, "end_minute": 21 * 60}
    db.add(PlanTimeWindow(tenant_id=tenant.id, service_plan_id=night.id, **window))
    db.add(WalledGarden(tenant_id=tenant.id, reason="subscription_expired", address_list="isolir"))
    owner = make_customer(db, tenant=tenant)
    given: list[dict[str, Any]] = [
        {},
        {"status": "suspended"},
        {"expires_at": NOW + timedelta(hours=2)},
        {"expires_at": NOW - timedelta(days=60)},
        {"plan": night},
        {"nas_binding": "nas", "nas_server_id": routers[0].id},
        {"mac_binding": "fixed"},
        {"connection_type": "hotspot"},
        {"assigned_ip": "100.64.7.7"},
    ]
    rows = [
        make_subscription(
            db, tenant=tenant, customer=owner, username=f"user-{number}",
            **{"plan": plan, "connection_type": "any"} | values,
        )
        for number, values in enumerate(given)
    ]  # fmt: skip
    db.add(SubscriptionMac(tenant_id=tenant.id, subscription_id=rows[6].id, mac=MACS[0], status="approved"))
    db.add(RadCheck(tenant_id=tenant.id, username="user-8", attribute="Calling-Station-Id", op="!=", value=MACS[4]))
    db.commit()
    return rows


def a_day(server: Server, db: Session, crowd: list[Subscription], routers: list[NasServer]) -> int:
    """Logins of a day, with wrong passwords, unknown names, sessions, and changes by staff in the middle of it."""
    chance, tries = random.Random(7), 0
    make_session(db, crowd[0], routers[0], callingstationid=MACS[1])
    db.commit()
    for step in range(240):
        at = NOW - timedelta(hours=8) + timedelta(minutes=4 * step, seconds=chance.random())
        name = chance.choice([*(row.username for row in crowd), "nobody"])
        service = chance.choice(["pppoe", "pppoe", "hotspot"])
        answer = server.login(name, chance.choice(MACS), chance.choice(routers).id, at=at, service=service)
        tries += 1
        if answer[0] == CODES.accept and chance.random() < 0.1:
            server.authorizer.refuse_password(dict(answer[1])["Class"])
        if step == 100:
            crowd[1].status, crowd[8].status = "active", "disabled"
            crowd[0].plan.download_kbps = 50_000
            db.commit()
    server.stored()
    return tries


def of_the_day(db: Session, actor: Actor) -> Replay:
    return replay(db, actor=actor, since=NOW - timedelta(hours=9), until=NOW + timedelta(hours=12))


def test_a_recorded_day_comes_out_the_same_when_it_is_made_again(
    db: Session, actor: Actor, server: Server, crowd: list[Subscription], routers: list[NasServer]
) -> None:
    tries = a_day(server, db, crowd, routers)
    # Whatever becomes of the data afterwards has no say.
    for row in crowd:
        row.status = "terminated"
    db.commit()

    found = of_the_day(db, actor)

    assert found.decisions == tries
    assert found.different == 0, found.examples
    assert set(found.not_made_again) == {"unknown_user"}
    assert found.same == tries - found.not_made_again["unknown_user"] > 180
    reasons = set(db.scalars(select(AccessLog.reason)))
    assert reasons >= {
        "accepted", "accepted_grace", "garden_subscription_expired", "outside_hours", "session_limit",
        "subscription_suspended", "unknown_user", "wrong_device", "wrong_password", "wrong_place", "wrong_service",
        "check_failed",
    }  # fmt: skip


def test_a_changed_rule_shows_in_the_decisions_that_come_out_otherwise(
    db: Session,
    actor: Actor,
    server: Server,
    crowd: list[Subscription],
    routers: list[NasServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a_day(server, db, crowd, routers)
    milder = tuple(
        replace(rule, refuse=lambda login: None) if rule.name in ("hours", "place") else rule
        for rule in policies.REFUSALS
    )
    monkeypatch.setattr(policies, "REFUSALS", milder)
    monkeypatch.setattr(
        policies, "GRANTS", (*policies.GRANTS, lambda login, grant: setattr(grant, "idle_timeout_s", 777))
    )

    found = of_the_day(db, actor)

    kinds = {was for was, _ in found.differences}
    assert {"outside_hours", "wrong_place"} <= kinds
    assert found.differences["accepted", "accepted"] > 0
    assert next(one for one in found.examples if one.was == "accepted").changed == ("Idle-Timeout",)
    assert found.same > 0
    assert found.decisions == found.same + found.different + found.not_made_again.total()


def test_a_recorded_decision_is_told_from_its_receipt_however_the_data_changed_since(
    db: Session, actor: Actor, server: Server, crowd: list[Subscription], routers: list[NasServer]
) -> None:
    server.login("user-1", MACS[0], routers[0].id, at=NOW)
    server.login("user-0", MACS[0], routers[0].id, at=NOW)
    server.login("nobody", MACS[0], routers[0].id, at=NOW)
    server.stored()
    crowd[1].status = "active"
    db.commit()

    rows = {row.username: row for row in db.scalars(select(AccessLog))}
    told = recorded_outcomes(db, rows.values(), actor=actor)

    refused, accepted = told[rows["user-1"].decision_id], told[rows["user-0"].decision_id]
    assert refused.rules[-1].refusal == refused.reason == "subscription_suspended"
    assert refused.rules[-1].values == {"customer": "active", "subscription": "suspended"}
    assert accepted.refusal is None
    assert ("Session-Timeout", "3600") in accepted.reply
    assert rows["nobody"].decision_id not in told
    assert abs((rows["user-0"].compiled_at or NOW) - NOW) < timedelta(seconds=1)


def test_the_receipts_of_another_provider_are_not_shown(
    db: Session, actor: Actor, server: Server, crowd: list[Subscription], routers: list[NasServer]
) -> None:
    server.login("user-0", MACS[0], routers[0].id, at=NOW)
    server.stored()
    other = Actor.system(tenant_id=make_tenant(db).id, name="other")

    rows = list(db.scalars(select(AccessLog)))

    assert recorded_outcomes(db, rows, actor=other) == {}
    assert replay(db, actor=other, since=NOW - timedelta(days=1), until=NOW + timedelta(days=1)).decisions == 0


def test_what_cannot_be_made_again_is_counted_apart(
    db: Session, actor: Actor, server: Server, crowd: list[Subscription], routers: list[NasServer]
) -> None:
    for row in crowd[:3]:
        server.login(row.username, MACS[0], routers[0].id, at=NOW)
    server.stored()
    first, second, _ = db.scalars(select(DecisionReceipt)).all()
    db.delete(first)
    second.body = {**second.body, "format": 99}
    db.commit()

    found = of_the_day(db, actor)

    assert found.not_made_again == {"receipt_not_kept": 1, "receipt_unreadable": 1}
    assert found.same == 1
    with pytest.raises(Invalid, match="not after the beginning"):
        replay(db, actor=actor, since=NOW, until=NOW)


def test_no_password_is_in_the_stored_receipts(
    db: Session, db_url: str, server: Server, crowd: list[Subscription], routers: list[NasServer]
) -> None:
    server.login("user-0", MACS[0], routers[0].id, at=NOW)
    server.stored()

    with psycopg.connect(db_url) as connection:
        stored = repr(connection.execute("SELECT r.*, a.* FROM decision_receipts r, access_log a").fetchall())

    token = crowd[0].service_password
    assert "user-0" in stored
    assert token not in stored
    assert "password" not in stored.lower()
