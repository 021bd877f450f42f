"""A router's test says for each line what was seen and what to do, and calls nothing bad that was only not seen."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from bss import nas, router_test
from bss.actor import Actor
from bss.failure import Invalid, NotFound
from db.engine import psycopg_of
from db.models import NasServer, RouterProbe
from db.queries.router_evidence import ask_probe
from factories import make_nas, make_plan, make_session, make_subscription, make_tenant

pytestmark = pytest.mark.usefixtures("keys_file")
GB = 10**9


def verdicts(db: Session, actor: Actor, router: NasServer, now: datetime) -> dict[str, str]:
    db.flush()
    told = router_test.report(db, actor=actor, now=now, nas_id=router.id)
    return {line.check: line.verdict for line in told.findings}


def told(db: Session, actor: Actor, router: NasServer, now: datetime, check: str) -> router_test.Finding:
    db.flush()
    lines = router_test.report(db, actor=actor, now=now, nas_id=router.id).findings
    return next(line for line in lines if line.check == check)


def test_a_new_router_has_no_fault_and_no_proof(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    assert set(verdicts(db, actor, router, now).values()) == {"unknown"}


def test_one_that_works_is_well_in_every_line(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    router.last_seen_at = router.login_heard_at = now - timedelta(minutes=2)
    router.signs_requests, router.clock_skew_s = True, -1
    router.api_username, router.api_checked_at = "lintas", now - timedelta(minutes=1)
    for _ in range(3):
        subscription = make_subscription(db, tenant_id=actor.tenant_id)
        make_session(db, subscription, router, acctinterval=301, acctoutputoctets=9 * GB, acctinputoctets=GB)
    db.add(RouterProbe(nas_server_id=router.id, asked_at=now, answered_at=now, result="nak", round_trip_ms=12))

    assert set(verdicts(db, actor, router, now).values()) == {"ok"}


@pytest.mark.parametrize(
    ("over", "check", "verdict", "words"),
    [
        ({"is_active": False}, "heard", "bad", "switched off"),
        ({}, "api", "unknown", "no account"),
        ({"provisioning_mode": "both"}, "api", "bad", "should keep customers' passwords"),
        ({"api_username": "lintas"}, "api", "unknown", "not asked of late"),
        ({"api_username": "lintas", "api_checked_at": -3600}, "api", "unknown", "not asked of late"),
        ({"api_username": "lintas", "api_checked_at": -60, "api_problem": "cannot log in: x"}, "api", "bad", "log in"),
        ({"last_seen_at": -7200}, "heard", "unknown", "last hour"),
        ({"login_heard_at": -120}, "logins", "bad", "none could be read"),
        ({"login_heard_at": -30}, "logins", "ok", "answered"),
        ({"unreadable_at": -30}, "secret", "bad", "secrets differ"),
        ({"unreadable_at": -300, "last_seen_at": -30}, "secret", "ok", "accounting is signed"),
        ({"unreadable_at": -30, "last_seen_at": -300}, "secret", "bad", "secrets differ"),
        ({"signs_requests": True}, "secret", "ok", "logins are signed"),
        ({"signs_requests": True, "require_message_authenticator": False}, "signature", "bad", "without it"),
        ({"signs_requests": False}, "signature", "bad", "without Message-Authenticator"),
        ({"signs_requests": False, "require_message_authenticator": False}, "signature", "bad", "could be forged"),
        ({"clock_skew_s": 3605}, "clock", "bad", "ahead by 3605 seconds"),
        ({"clock_skew_s": -3605}, "clock", "bad", "behind by 3605 seconds"),
        ({"clock_skew_s": -120}, "clock", "ok", "differs by 120 seconds"),
    ],
)
def test_a_line_follows_from_what_was_seen(
    db: Session,
    actor: Actor,
    router: NasServer,
    now: datetime,
    over: dict[str, Any],
    check: str,
    verdict: str,
    words: str,
) -> None:
    for name, value in over.items():
        setattr(router, name, now + timedelta(seconds=value) if name.endswith("_at") else value)

    line = told(db, actor, router, now, check)

    assert (line.verdict, words in line.reason) == (verdict, True), line
    assert verdict != "bad" or line.mend


@pytest.mark.parametrize(
    ("sessions", "verdict", "words"),
    [
        ([{"acctinterval": 300}] * 3, "ok", "every 300 seconds, where 300 are asked"),
        ([{"acctinterval": 60}] * 3, "ok", "every 60 seconds"),
        ([{"acctinterval": 900}] * 3, "bad", "3 of 3 sessions report later"),
        ([{"acctinterval": 300}] * 20 + [{"acctinterval": 900}], "ok", "every 300"),
        ([{"acctinterval": None}], "unknown", "twice"),
        ([{"acctinterval": None, "ago_s": 3600}], "bad", "1 sessions have run for long and never reported"),
    ],
)
def test_reports_are_held_against_what_the_plan_asks(
    db: Session,
    actor: Actor,
    router: NasServer,
    now: datetime,
    sessions: list[dict[str, Any]],
    verdict: str,
    words: str,
) -> None:
    plan = make_plan(db, tenant_id=actor.tenant_id, interim_interval_s=300)
    for session in sessions:
        begun_at = now - timedelta(seconds=session.get("ago_s", 0))
        subscription = make_subscription(db, tenant_id=actor.tenant_id, plan=plan)
        make_session(db, subscription, router, acctinterval=session["acctinterval"], acctstarttime=begun_at)

    line = told(db, actor, router, now, "interim")

    assert (line.verdict, words in line.reason) == (verdict, True), line


@pytest.mark.parametrize(
    ("down", "up", "verdict"), [(9, 1, "ok"), (1, 9, "bad"), (4, 5, "unknown"), (0, 0, "unknown"), (0, 9, "bad")]
)
def test_traffic_that_flows_the_wrong_way_is_a_setting(
    db: Session, actor: Actor, router: NasServer, now: datetime, down: int, up: int, verdict: str
) -> None:
    subscription = make_subscription(db, tenant_id=actor.tenant_id)
    make_session(db, subscription, router, acctoutputoctets=down * GB, acctinputoctets=up * GB)

    line = told(db, actor, router, now, "counters")

    assert line.verdict == verdict
    assert verdict != "bad" or "what customers receive" in line.mend


@pytest.mark.parametrize(
    ("result", "verdict", "words"),
    [("ack", "ok", "12 ms"), ("nak", "ok", "12 ms"), ("timeout", "unknown", "did not answer"),
     ("error", "unknown", "could not be sent")],
)  # fmt: skip
def test_silence_of_the_coa_port_is_unknown(
    db: Session, actor: Actor, router: NasServer, now: datetime, result: str, verdict: str, words: str
) -> None:
    db.add(RouterProbe(nas_server_id=router.id, asked_at=now, answered_at=now, result=result, round_trip_ms=12))

    line = told(db, actor, router, now, "coa")

    assert (line.verdict, words in line.reason) == (verdict, True)


def test_a_probe_is_waited_for_and_then_said_to_be_lost(
    db: Session, actor: Actor, router: NasServer, now: datetime
) -> None:
    asked = router_test.ask(db, actor=actor, now=now, nas_id=router.id)
    later = router_test.report(db, actor=actor, now=now + timedelta(minutes=1), nas_id=router.id)

    assert (asked.is_waiting, later.is_waiting) == (True, False)
    assert "no worker took it" in later.findings[-1].reason
    # A second click at once does not ask twice.
    assert not ask_probe(psycopg_of(db), router.id, now=now, not_before=router_test.PROBE_AGAIN)


def test_another_providers_router_does_not_exist(db: Session, actor: Actor, now: datetime) -> None:
    foreign = make_nas(db, tenant=make_tenant(db))

    with pytest.raises(NotFound):
        router_test.ask(db, actor=actor, now=now, nas_id=foreign.id)


def test_services_are_mapped_and_only_known_ones(db: Session, actor: Actor, router: NasServer, now: datetime) -> None:
    nas.edit(db, actor=actor, now=now, nas_id=router.id, changes={
        "service_map": {"other": "hotspot", "pppoe": "pppoe"}, "provisioning_mode": "both",
    })  # fmt: skip

    assert (router.service_map, router.provisioning_mode) == ({"other": "hotspot"}, "both")
    for wrong in ({"other": "telnet"}, {"x": "pppoe"}, [], "other"):
        with pytest.raises(Invalid):
            nas.edit(db, actor=actor, now=now, nas_id=router.id, changes={"service_map": wrong})
    with pytest.raises(Invalid):
        nas.edit(db, actor=actor, now=now, nas_id=router.id, changes={"provisioning_mode": "magic"})


@pytest.mark.parametrize("how", ["secret", "host"])
def test_a_new_secret_or_address_has_to_prove_itself_anew(
    db: Session, actor: Actor, router: NasServer, now: datetime, how: str
) -> None:
    router.last_seen_at = router.login_heard_at = router.unreadable_at = now
    router.signs_requests, router.clock_skew_s = True, 3
    if how == "secret":
        nas.change_secret(db, actor=actor, now=now, nas_id=router.id)
    else:
        nas.edit(db, actor=actor, now=now, nas_id=router.id, changes={"host": "192.0.2.77"})

    assert set(verdicts(db, actor, router, now).values()) == {"unknown"}
