"""The outbox: what is asked of running sessions, and which requests replace which."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
import pytest
from sqlalchemy.orm import Session

from db.engine import psycopg_of
from db.queries.live_changes import enqueue_change
from factories import make_nas, make_session, make_subscription
from tests.integration.db.conftest import clear

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def db_url(module_db_url: str, module_keys: None) -> str:
    clear(module_db_url)
    return module_db_url


class Online(NamedTuple):
    """A subscription and the unique ids of its running sessions."""

    subscription_id: int
    sessions: list[str]


@pytest.fixture
def online(db: Session) -> Online:
    row, nas = make_subscription(db), make_nas(db)
    sessions = [make_session(db, row, nas).acctuniqueid for _ in range(2)]
    make_session(db, row, nas, acctstoptime=NOW)
    make_session(db, make_subscription(db), nas)
    db.commit()
    return Online(row.id, sessions)


def ask(connection: psycopg.Connection[Any], kind: str, **over: Any) -> list[int]:
    values = {"reason": "staff", "requested_by": "budi", "now": NOW}
    return enqueue_change(connection, kind=kind, **(values | over))


def status(connection: psycopg.Connection[Any]) -> dict[int, str]:
    return dict(connection.execute("SELECT id, status FROM session_changes").fetchall())


def test_every_running_session_of_a_subscription_gets_a_row_with_all_that_a_packet_needs(
    db: Session, connection: psycopg.Connection[Any], online: Online
) -> None:
    ids = ask(
        connection,
        "coa",
        subscription_ids=[online.subscription_id],
        attributes={"Mikrotik-Rate-Limit": "1M/2M"},
        caused_at=NOW - timedelta(seconds=3),
    )

    rows = connection.execute(
        "SELECT c.acctuniqueid, c.kind, c.attributes, c.status, c.reason, c.requested_by, c.caused_at,"
        " c.next_attempt_at, c.subscription_id, c.nas_server_id = r.nas_server_id, c.username = r.username,"
        " c.acctsessionid = r.acctsessionid, c.framedipaddress = r.framedipaddress,"
        " c.callingstationid = r.callingstationid, c.tenant_id = r.tenant_id"
        " FROM session_changes c JOIN radacct r USING (acctuniqueid) WHERE c.id = ANY(%s)",
        [ids],
    ).fetchall()
    assert sorted(row[0] for row in rows) == sorted(online.sessions)
    for row in rows:
        assert row[1:6] == ("coa", {"Mikrotik-Rate-Limit": "1M/2M"}, "pending", "staff", "budi")
        assert row[6:9] == (NOW - timedelta(seconds=3), NOW, online.subscription_id)
        assert all(row[9:])


def test_nobody_online_is_a_success_with_nothing_to_do(
    db: Session, connection: psycopg.Connection[Any], online: Online
) -> None:
    offline = make_subscription(db)
    db.commit()

    assert ask(connection, "coa", subscription_ids=[offline.id]) == []
    assert ask(connection, "disconnect", subscription_ids=[]) == []
    assert ask(connection, "disconnect", sessions=["0" * 32]) == []
    assert status(connection) == {}


def test_a_session_in_a_walled_garden_is_ended_with_the_others_and_changed_only_by_its_name(
    db: Session, connection: psycopg.Connection[Any], online: Online
) -> None:
    debtor = make_subscription(db)
    nas = make_nas(db)
    inside = make_session(db, debtor, nas, class_=f"lts1:{debtor.id}:g0:d1").acctuniqueid
    db.commit()
    slow, both = {"Mikrotik-Rate-Limit": "1M/2M"}, [debtor.id, online.subscription_id]

    assert len(ask(connection, "coa", subscription_ids=both, attributes=slow)) == len(online.sessions)
    assert len(ask(connection, "coa", sessions=[inside], attributes=slow)) == 1
    assert len(ask(connection, "disconnect", subscription_ids=both)) == 1 + len(online.sessions)


def test_one_session_can_be_named_alone(connection: psycopg.Connection[Any], online: Online) -> None:
    (number,) = ask(connection, "disconnect", sessions=online.sessions[:1])

    assert connection.execute("SELECT acctuniqueid FROM session_changes").fetchall() == [(online.sessions[0],)]
    assert status(connection) == {number: "pending"}


@pytest.mark.parametrize(
    ("first", "second", "first_ends_as", "second_is_written"),
    [
        ("coa", "coa", "superseded", True),
        ("coa", "disconnect", "superseded", True),
        ("disconnect", "disconnect", "superseded", True),
        ("disconnect", "coa", "pending", False),
    ],
)
def test_a_newer_change_replaces_one_that_waits_but_no_coa_replaces_a_disconnect(
    first: str,
    second: str,
    first_ends_as: str,
    second_is_written: bool,
    connection: psycopg.Connection[Any],
    online: Online,
) -> None:
    (old,) = ask(connection, first, sessions=online.sessions[:1])
    (other,) = ask(connection, "coa", sessions=online.sessions[1:])

    new = ask(connection, second, sessions=online.sessions[:1], now=NOW + timedelta(seconds=1))

    assert bool(new) is second_is_written
    assert status(connection) == {old: first_ends_as, other: "pending"} | dict.fromkeys(new, "pending")
    finished = connection.execute("SELECT finished_at FROM session_changes WHERE id = %s", [old]).fetchone()
    assert finished == ((NOW + timedelta(seconds=1)) if first_ends_as == "superseded" else None,)


@pytest.mark.parametrize(("kind", "second_is_written"), [("coa", True), ("disconnect", False)])
def test_a_change_on_its_way_is_not_replaced(
    kind: str, second_is_written: bool, connection: psycopg.Connection[Any], online: Online
) -> None:
    (sending,) = ask(connection, kind, sessions=online.sessions[:1])
    connection.execute("UPDATE session_changes SET status = 'sending'")

    new = ask(connection, "coa", sessions=online.sessions[:1])

    assert status(connection)[sending] == "sending"
    assert bool(new) is second_is_written


@pytest.mark.parametrize("ended", ["ack", "nak", "timeout", "superseded", "gone"])
def test_what_is_over_stays_as_it_was_and_stops_nothing(
    ended: str, connection: psycopg.Connection[Any], online: Online
) -> None:
    (old,) = ask(connection, "disconnect", sessions=online.sessions[:1])
    connection.execute("UPDATE session_changes SET status = %s", [ended])

    (new,) = ask(connection, "coa", sessions=online.sessions[:1])

    assert status(connection) == {old: ended, new: "pending"}


def test_nothing_is_asked_for_work_that_rolled_back(
    db: Session, connection: psycopg.Connection[Any], online: Online
) -> None:
    ask(psycopg_of(db), "disconnect", subscription_ids=[online.subscription_id])
    db.rollback()

    assert status(connection) == {}


def test_a_session_named_twice_is_changed_once(connection: psycopg.Connection[Any], online: Online) -> None:
    ids = ask(
        connection,
        "coa",
        subscription_ids=[online.subscription_id, online.subscription_id],
        sessions=online.sessions,
    )

    assert len(ids) == 2
