"""What logins ask to be written: devices to learn and to approve, and sessions that another device replaces."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from accounting.collector import Collector
from db.models import NasServer, Subscription
from db.queries.devices import MAX_PENDING
from factories import make_session
from tests.integration.accounting import test_collector
from tests.integration.accounting.conftest import NOW, Clock, Isp, SpoolWriter, drain

FIRST, SECOND = "02:00:00:00:00:01", "02:00:00:00:00:02"
Tell = Callable[..., None]


@pytest.fixture
def tell(isp: Isp, spool: SpoolWriter, collector: Collector) -> Tell:
    """Decisions reach the database, each a mapping of what differs from an accept."""

    def put(*decisions: dict[str, Any]) -> None:
        log = test_collector.TestAccessLog()
        line = log.line(isp, *(log.decision(isp, **decision) for decision in decisions))
        spool.put(line, name="access-2026112110.jsonl")
        drain(collector)

    return put


def refused(mac: str, reason: str = "device_pending") -> dict[str, Any]:
    return {"result": "reject", "reason": reason, "details": {"ask": mac}}


def devices(isp: Isp) -> list[tuple[str, str, str]]:
    rows = isp.rows("SELECT upper(mac::text) AS mac, status, source FROM subscription_macs ORDER BY id")
    return [(row["mac"], row["status"], row["source"]) for row in rows]


def bind(isp: Isp, mac_binding: str) -> None:
    isp.do("UPDATE subscriptions SET mac_binding = %s", mac_binding)


def know(isp: Isp, mac: str, status: str, *, age_s: int = 0, source: str = "learned") -> None:
    isp.do(
        "INSERT INTO subscription_macs (tenant_id, subscription_id, mac, status, source, created_at)"
        " VALUES (%s, %s, %s, %s, %s, now() - make_interval(secs => %s))",
        isp.tenant_id, isp.subscription_id, mac, status, source, age_s,
    )  # fmt: skip


def test_the_device_that_came_first_is_learned_whatever_order_the_records_have(isp: Isp, tell: Tell) -> None:
    bind(isp, "learn")

    tell(
        {"details": {"learn": SECOND}, "decided_at": NOW.timestamp() + 1},
        {"details": {"learn": FIRST}},
    )
    tell({"details": {"learn": SECOND}})

    assert devices(isp) == [(FIRST, "approved", "learned")]


def test_a_login_whose_password_was_wrong_teaches_nothing(isp: Isp, tell: Tell) -> None:
    bind(isp, "learn")

    tell({"result": "reject", "reason": "wrong_password", "details": {"learn": FIRST, "end": ["a" * 32]}})

    assert devices(isp) == []


def test_a_device_that_waited_for_approval_can_be_learned_but_a_blocked_one_not(isp: Isp, tell: Tell) -> None:
    bind(isp, "learn")
    know(isp, FIRST, "blocked")
    know(isp, SECOND, "pending")

    tell({"details": {"learn": FIRST}})
    assert devices(isp) == [(FIRST, "blocked", "learned"), (SECOND, "pending", "learned")]

    tell({"details": {"learn": SECOND}})
    assert devices(isp)[1] == (SECOND, "approved", "learned")


@pytest.mark.parametrize("binding", ["off", "fixed", "approval"])
def test_nothing_is_learned_once_staff_chose_another_binding(isp: Isp, tell: Tell, binding: str) -> None:
    bind(isp, binding)

    tell({"details": {"learn": FIRST}})

    assert devices(isp) == []


def test_an_unknown_device_waits_on_the_list_once(isp: Isp, tell: Tell) -> None:
    bind(isp, "approval")

    tell(refused(FIRST), refused(SECOND), refused(FIRST))
    tell(refused(FIRST))

    assert devices(isp) == [(FIRST, "pending", "learned"), (SECOND, "pending", "learned")]


def test_a_stranger_cannot_grow_the_list(isp: Isp, tell: Tell) -> None:
    bind(isp, "approval")

    tell(*(refused(f"02:00:00:00:01:{number:02X}") for number in range(100)))
    tell(*(refused(f"02:00:00:00:02:{number:02X}") for number in range(100)))

    assert len(devices(isp)) == MAX_PENDING


def test_an_old_question_makes_room_for_a_new_one_but_not_one_that_staff_put_there(isp: Isp, tell: Tell) -> None:
    bind(isp, "approval")
    know(isp, "02:00:00:00:03:FF", "pending", age_s=9000, source="manual")
    for number in range(MAX_PENDING):
        know(isp, f"02:00:00:00:03:{number:02X}", "pending", age_s=60)

    tell(refused(FIRST))
    assert FIRST not in {mac for mac, *_ in devices(isp)}

    isp.do("UPDATE subscription_macs SET created_at = now() - interval '2 hours'")
    tell(refused(FIRST))

    found = {mac for mac, *_ in devices(isp)}
    assert {FIRST, "02:00:00:00:03:FF"} <= found
    assert "02:00:00:00:03:00" not in found
    assert len(found) == MAX_PENDING + 1


@pytest.mark.parametrize(
    "details",
    [
        {"learn": "'; DROP TABLE users; --"},
        {"learn": "02:00:00:00:00:0g"},
        {"learn": {"a": 1}},
        {"learn": None},
        {"end": "all"},
        {"end": [1, None, "x'"]},
    ],
)
def test_what_is_no_device_or_session_is_only_kept_as_it_is(isp: Isp, tell: Tell, details: dict[str, Any]) -> None:
    bind(isp, "learn")

    tell({"details": details})

    assert devices(isp) == []
    assert isp.one("SELECT count(*) FROM access_log") == 1


def test_a_replaced_session_is_ended_at_once_and_nobody_elses(
    isp: Isp, tell: Tell, db: Session, nudges: list[int]
) -> None:
    nas, owner = db.get(NasServer, isp.nas_id), db.get(Subscription, isp.subscription_id)
    assert nas is not None
    assert owner is not None
    mine = make_session(db, owner, nas).acctuniqueid
    foreign = make_session(db, owner, nas, subscription_id=None).acctuniqueid
    db.commit()

    tell({"details": {"end": [mine, foreign, "f" * 32]}})

    (row,) = isp.rows("SELECT acctuniqueid, kind, reason, requested_by FROM session_changes")
    assert row == {"acctuniqueid": mine, "kind": "disconnect", "reason": "replaced", "requested_by": "policy"}
    assert nudges


def test_a_session_is_not_ended_for_a_login_of_long_ago(isp: Isp, tell: Tell, db: Session, clock: Clock) -> None:
    nas, owner = db.get(NasServer, isp.nas_id), db.get(Subscription, isp.subscription_id)
    assert nas is not None
    assert owner is not None
    mine = make_session(db, owner, nas).acctuniqueid
    db.commit()

    tell({"details": {"end": [mine]}, "decided_at": (clock.now - timedelta(minutes=11)).timestamp()})

    assert isp.rows("SELECT id FROM session_changes") == []
