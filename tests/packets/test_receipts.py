"""A login through FreeRADIUS ends in the access log with its receipt, and a recorded day is made again the same."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from accounting.collector import Collector, connect
from bss.actor import Actor
from bss.explain import recorded_outcomes
from bss.replay import replay
from db.models import AccessLog, NasServer, SubscriptionMac
from factories import make_nas, make_plan, make_subscription
from packets.conftest import SECRET
from radius_stack import RadiusStack, wait_for
from simulator import Login, LoginResult, Method, Service, SimulatedRouter

MAC = "02:00:00:00:00:01"
OTHER_MAC = "02:00:00:00:00:02"


@pytest.fixture(scope="module")
def nas(stack: RadiusStack) -> NasServer:
    with stack.sessions() as db:
        row = make_nas(db, host="127.0.0.1", radius_secret=SECRET)
        plan = make_plan(db, download_kbps=20_000, upload_kbps=10_000, session_timeout_s=7_200, connection_type="any")
        soon = datetime.now(UTC) + timedelta(hours=1)
        make_subscription(db, plan=plan, username="budi", expires_at=soon, grace_period_days=0)
        make_subscription(db, plan=plan, username="sari", status="suspended")
        bound = make_subscription(db, plan=plan, username="wati", mac_binding="fixed")
        db.add(SubscriptionMac(tenant_id=row.tenant_id, subscription_id=bound.id, mac=MAC, status="approved"))
        db.commit()
    return row


@pytest.fixture(scope="module")
def router(stack: RadiusStack, nas: NasServer) -> Iterator[SimulatedRouter]:
    with stack.router(secret=SECRET, coa_port=None) as simulated:
        yield simulated


def ask(router: SimulatedRouter, username: str, *, password: str = "", mac: str = MAC) -> LoginResult:
    return router.authenticate(
        Login(
            service=Service.PPPOE, username=username, password=password or f"pw-{username}", mac=mac,
            method=Method.CHAP,
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def rows(stack: RadiusStack, router: SimulatedRouter, nas: NasServer) -> dict[tuple[str, str], AccessLog]:
    """Some logins, recorded by the server and stored by the collector; by username and reason."""
    wait_for(lambda: ask(router, "budi").accepted, 10)
    for _ in range(3):
        ask(router, "budi")
    ask(router, "budi", password="wrong")
    ask(router, "sari")
    ask(router, "wati")
    ask(router, "wati", mac=OTHER_MAC)
    ask(router, "nobody")
    stack.wait_for_record("nobody")
    wait_for(lambda: len(stack.receipts()) >= 3)
    collector = Collector(
        connect=lambda: connect(stack.settings.database_url), spool_dir=stack.settings.spool_dir, node="n",
        nudge=lambda: None, clock=lambda: datetime.now(UTC),
    )  # fmt: skip
    while collector.step():
        continue
    collector.close()
    with stack.sessions() as db:
        return {(row.username, row.reason): row for row in db.scalars(select(AccessLog))}


def test_a_login_ends_in_the_access_log_with_its_receipt(
    stack: RadiusStack, rows: dict[tuple[str, str], AccessLog], router: SimulatedRouter, nas: NasServer
) -> None:
    actor = Actor.system(tenant_id=nas.tenant_id, name="test")
    with stack.sessions() as db:
        told = recorded_outcomes(db, rows.values(), actor=actor)

    accepted = told[rows["budi", "accepted"].decision_id]
    reply = dict(accepted.reply)
    assert accepted.refusal is None
    assert reply["Mikrotik-Rate-Limit"] == "10M/20M"
    assert 3_400 < int(reply["Session-Timeout"]) <= 3_600
    assert {step.rule for step in accepted.rules} >= {"status", "expiry", "service", "device", "session_limit"}
    suspended = told[rows["sari", "subscription_suspended"].decision_id]
    assert (suspended.refusal, suspended.rules[-1].rule) == ("subscription_suspended", "status")
    wrong = told[rows["wati", "wrong_device"].decision_id]
    assert (wrong.rules[-1].rule, wrong.rules[-1].values["mac"]) == ("device", OTHER_MAC)
    assert rows["nobody", "unknown_user"].receipt_id is None


def test_all_logins_of_one_decision_name_one_receipt(
    stack: RadiusStack, rows: dict[tuple[str, str], AccessLog]
) -> None:
    with stack.sessions() as db:
        named = db.execute(select(AccessLog.username, AccessLog.receipt_id, AccessLog.compiled_at)).all()

    assert len([row for row in named if row[0] == "budi"]) >= 5
    assert len({row[1:] for row in named if row[0] == "budi"}) == 1
    assert len(stack.receipts()) == 3


def test_what_a_real_server_recorded_comes_out_the_same(
    stack: RadiusStack, rows: dict[tuple[str, str], AccessLog], nas: NasServer
) -> None:
    now = datetime.now(UTC)
    actor = Actor.system(tenant_id=nas.tenant_id, name="test")
    with stack.sessions() as db:
        found = replay(db, actor=actor, since=now - timedelta(hours=1), until=now + timedelta(hours=1))

    assert (found.different, found.not_made_again) == (0, {"unknown_user": 1})
    assert found.same == found.decisions - 1 >= 8
    assert ("budi", "wrong_password") in rows


def test_no_password_is_written(stack: RadiusStack, rows: dict[tuple[str, str], AccessLog]) -> None:
    written = "".join(path.read_text() for path in stack.settings.spool_dir.glob("access-*"))

    assert "pw-budi" not in written
    assert SECRET not in written
    assert "gAAAA" not in written
