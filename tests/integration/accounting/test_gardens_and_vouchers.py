"""Sessions in walled gardens are let out and left alone; vouchers begin with their first login and end by the clock."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from accounting.collector import Collector
from accounting.jobs import end_sessions_without_right, end_vouchers, let_out_of_gardens
from db.models import NasServer, Subscription, Voucher, WalledGarden
from factories import make_session
from tests.integration.accounting import test_collector
from tests.integration.accounting.conftest import NOW, Clock, Isp, SpoolWriter, drain

Tell = Callable[..., None]


@pytest.fixture
def garden(isp: Isp, db: Session) -> str:
    """A provider with a garden for everything, and a running session of budi in it; its unique id."""
    db.add(WalledGarden(tenant_id=isp.tenant_id, reason="*", address_list="isolir"))
    subscription, nas = db.get_one(Subscription, isp.subscription_id), db.get_one(NasServer, isp.nas_id)
    session = make_session(
        db, subscription, nas, class_=f"lts1:{isp.subscription_id}:g0:d1", acctstarttime=NOW, acctupdatetime=NOW
    )
    db.commit()
    return session.acctuniqueid


def asked(isp: Isp) -> list[tuple[str, str, str]]:
    rows = isp.rows("SELECT acctuniqueid, kind, reason FROM session_changes ORDER BY id")
    return [(row["acctuniqueid"], row["kind"], row["reason"]) for row in rows]


def suspend(isp: Isp) -> None:
    isp.do("UPDATE subscriptions SET status = 'suspended'")


def test_who_belongs_in_a_garden_stays_there(isp: Isp, garden: str) -> None:
    suspend(isp)

    assert end_sessions_without_right(isp.connection, NOW).asked == 0
    assert let_out_of_gardens(isp.connection, NOW).asked == 0
    assert asked(isp) == []


@pytest.mark.parametrize(
    "mended",
    [
        "UPDATE subscriptions SET status = 'active'",
        "UPDATE walled_gardens SET is_active = false",
        "UPDATE service_plans SET garden_mode = 'never'",
        "UPDATE subscriptions SET status = 'disabled'",
    ],
)
def test_who_no_longer_belongs_in_a_garden_is_let_out_once(isp: Isp, garden: str, mended: str) -> None:
    suspend(isp)
    isp.do(mended)

    assert let_out_of_gardens(isp.connection, NOW).asked == 1
    assert let_out_of_gardens(isp.connection, NOW + timedelta(seconds=30)).asked == 0
    assert asked(isp) == [(garden, "disconnect", "garden_over")]


def test_a_full_session_of_a_debtor_is_ended_and_one_in_the_garden_is_not(isp: Isp, garden: str, db: Session) -> None:
    subscription, nas = db.get_one(Subscription, isp.subscription_id), db.get_one(NasServer, isp.nas_id)
    full = make_session(db, subscription, nas, acctstarttime=NOW, acctupdatetime=NOW).acctuniqueid
    db.commit()
    isp.do("UPDATE customers SET balance = -10, credit_limit = 5")

    end_sessions_without_right(isp.connection, NOW)
    let_out_of_gardens(isp.connection, NOW)

    assert asked(isp) == [(full, "disconnect", "late_start")]


def start(isp: Isp, spool: SpoolWriter, collector: Collector, mark: str) -> None:
    spool.send("Start", Class="0x" + f"lts1:{isp.subscription_id}:{mark}0:d1".encode().hex())
    drain(collector)


@pytest.mark.parametrize(
    ("status", "mark", "kinds"),
    [
        ("suspended", "g", []),
        ("suspended", "", ["disconnect"]),
        ("active", "g", ["disconnect"]),
        ("active", "", []),
    ],
)
def test_a_session_that_began_on_an_old_answer_is_put_right(
    isp: Isp, db: Session, spool: SpoolWriter, collector: Collector, status: str, mark: str, kinds: list[str]
) -> None:
    db.add(WalledGarden(tenant_id=isp.tenant_id, reason="*", address_list="isolir"))
    db.commit()
    isp.do("UPDATE subscriptions SET status = %s", status)

    start(isp, spool, collector, mark)

    assert [kind for _, kind, _ in asked(isp)] == kinds


# --- vouchers -----------------------------------------------------------------------------------------------------


@pytest.fixture
def tell(isp: Isp, spool: SpoolWriter, collector: Collector) -> Tell:
    """Decisions reach the database, each a mapping of what differs from an accept."""

    def put(*decisions: dict[str, Any]) -> None:
        log = test_collector.TestAccessLog()
        spool.put(log.line(isp, *(log.decision(isp, **one) for one in decisions)), name="access-2026112110.jsonl")
        drain(collector)

    return put


def sell(isp: Isp, **over: Any) -> None:
    values = {"validity_s": 3600, "binds_mac": False, "sell_until": None, "state": "unused"} | over
    isp.do(
        "INSERT INTO vouchers (tenant_id, subscription_id, code, validity_s, binds_mac, sell_until, state)"
        " VALUES (%s, %s, 'c', %s, %s, %s, %s)",
        isp.tenant_id, isp.subscription_id, *values.values(),
    )  # fmt: skip


def voucher(isp: Isp) -> tuple[str, datetime | None, datetime | None]:
    row = isp.row("SELECT state, first_used_at, valid_until FROM vouchers")
    return row["state"], row["first_used_at"], row["valid_until"]


FIRST = {"details": {"voucher": "first"}}
HOUR = timedelta(hours=1)


def test_the_earliest_login_begins_a_voucher_whatever_order_the_records_have(isp: Isp, tell: Tell) -> None:
    sell(isp)

    tell(FIRST | {"decided_at": NOW.timestamp() + 5}, FIRST | {"decided_at": NOW.timestamp()})
    tell(FIRST | {"decided_at": NOW.timestamp() + 90})

    assert voucher(isp) == ("active", NOW, NOW + HOUR)


def test_a_voucher_without_validity_begins_and_does_not_end(isp: Isp, tell: Tell) -> None:
    sell(isp, validity_s=None)

    tell(FIRST)

    assert voucher(isp)[0::2] == ("active", None)


def test_a_login_whose_password_was_wrong_begins_nothing(isp: Isp, tell: Tell) -> None:
    sell(isp)

    tell(FIRST | {"result": "reject", "reason": "wrong_password"})

    assert voucher(isp) == ("unused", None, None)


@pytest.mark.parametrize("state", ["active", "used", "expired", "disabled"])
def test_only_an_unused_voucher_begins(isp: Isp, tell: Tell, state: str) -> None:
    sell(isp, state=state)

    tell(FIRST)

    assert voucher(isp) == (state, None, None)


def test_a_binding_voucher_takes_its_first_device(isp: Isp, tell: Tell) -> None:
    sell(isp, binds_mac=True)

    tell(FIRST | {"station": "aa-bb-cc-00-00-05"})

    assert isp.row("SELECT upper(mac::text) AS mac, status FROM subscription_macs") == {
        "mac": "AA:BB:CC:00:00:05",
        "status": "approved",
    }
    assert isp.one("SELECT mac_binding FROM subscriptions") == "fixed"


@pytest.mark.parametrize(
    ("over", "state"),
    [
        ({"state": "unused", "sell_until": NOW}, "expired"),
        ({"state": "unused", "sell_until": NOW + HOUR}, "unused"),
        ({"state": "disabled", "sell_until": NOW}, "disabled"),
    ],
)
def test_a_voucher_that_nobody_used_in_time_expires(isp: Isp, over: dict[str, Any], state: str) -> None:
    sell(isp, **over)

    end_vouchers(isp.connection, NOW)

    assert voucher(isp)[0] == state


def test_a_voucher_is_used_up_at_its_end_and_its_session_ended(isp: Isp, tell: Tell, db: Session, clock: Clock) -> None:
    sell(isp)
    subscription, nas = db.get_one(Subscription, isp.subscription_id), db.get_one(NasServer, isp.nas_id)
    session = make_session(db, subscription, nas, acctstarttime=NOW, acctupdatetime=NOW).acctuniqueid
    db.commit()
    tell(FIRST | {"decided_at": NOW.timestamp()})

    assert end_vouchers(isp.connection, NOW + HOUR - timedelta(microseconds=1)).changed == 0
    assert end_vouchers(isp.connection, NOW + HOUR).changed == 1

    assert db.query(Voucher).one().state == "used"
    assert asked(isp) == [(session, "disconnect", "voucher_over")]


@pytest.mark.parametrize(
    ("state", "asked_of"), [("unused", 0), ("active", 0), ("used", 1), ("expired", 1), ("disabled", 1)]
)
def test_who_logged_in_with_a_code_in_the_moment_it_was_redeemed_is_ended_all_the_same(
    isp: Isp, db: Session, state: str, asked_of: int
) -> None:
    """His login was accepted before, his session is told of afterwards: no change of the voucher could name it."""
    sell(isp, state=state)
    subscription, nas = db.get_one(Subscription, isp.subscription_id), db.get_one(NasServer, isp.nas_id)
    make_session(db, subscription, nas, acctstarttime=NOW, acctupdatetime=NOW)
    db.commit()

    assert end_sessions_without_right(isp.connection, NOW).asked == asked_of
