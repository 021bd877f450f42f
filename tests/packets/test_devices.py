"""From a login to the database and back: devices learned, approved and blacklisted, places, and replaced sessions."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from accounting.collector import Collector, connect
from db.models import NasServer
from factories import make_nas, make_plan, make_session, make_subscription
from packets.conftest import SECRET
from radius_stack import RadiusStack, wait_for
from simulator import Login, LoginResult, Method, Service, SimulatedRouter

FIRST, SECOND = "02:00:00:00:00:01", "02:00:00:00:00:02"
Ask = Callable[..., LoginResult]
Collect = Callable[[str, int], None]


@pytest.fixture(scope="module")
def router(stack: RadiusStack) -> Iterator[SimulatedRouter]:
    with stack.sessions() as db:
        make_nas(db, host="127.0.0.1", radius_secret=SECRET)
        db.commit()
    with stack.router(secret=SECRET, coa_port=None) as simulated:
        yield simulated


@pytest.fixture(scope="module")
def collect(stack: RadiusStack) -> Iterator[Collect]:
    """Wait until so many records of a name are written, and store them."""
    collector = Collector(
        connect=lambda: connect(stack.settings.database_url),
        spool_dir=stack.settings.spool_dir,
        node="packets",
        nudge=lambda: None,
        clock=lambda: datetime.now(UTC),
    )

    def run(username: str, count: int) -> None:
        wait_for(lambda: len([record for record in stack.access_records() if record[3] == username]) >= count)
        while collector.step():
            pass

    yield run
    collector.close()


@pytest.fixture
def ask(router: SimulatedRouter) -> Ask:
    def login(username: str, mac: str, *, password: str = "") -> LoginResult:
        wanted = password or f"pw-{username}"
        return router.authenticate(
            Login(service=Service.PPPOE, username=username, password=wanted, mac=mac, method=Method.PAP)
        )

    return login


def subscription(stack: RadiusStack, **over: Any) -> str:
    with stack.sessions() as db:
        username = make_subscription(db, **over).username
        db.commit()
    return username


def devices(stack: RadiusStack, username: str) -> list[tuple[str, str]]:
    return stack.sql(
        "SELECT upper(m.mac::text), m.status FROM subscription_macs m JOIN subscriptions s ON s.id = m.subscription_id"
        " WHERE s.username = %s ORDER BY m.id",
        username,
    )


def test_the_first_device_with_the_right_password_is_learned(stack: RadiusStack, ask: Ask, collect: Collect) -> None:
    username = subscription(stack, mac_binding="learn")

    assert ask(username, SECOND, password="guess").accepted is False
    assert ask(username, FIRST).accepted
    assert ask(username, SECOND).accepted is False
    collect(username, 3)

    assert devices(stack, username) == [(FIRST, "approved")]
    assert ask(username, SECOND).accepted is False
    assert ask(username, FIRST).accepted


def test_a_new_device_waits_until_it_is_approved(stack: RadiusStack, ask: Ask, collect: Collect) -> None:
    username = subscription(stack, mac_binding="approval")

    assert ask(username, FIRST).accepted is False
    collect(username, 1)
    assert devices(stack, username) == [(FIRST, "pending")]
    stack.sql("UPDATE subscription_macs SET status = 'approved' WHERE mac = %s", FIRST)

    assert ask(username, FIRST).accepted


def test_a_blacklisted_device_is_refused_within_seconds_and_let_in_again(stack: RadiusStack, ask: Ask) -> None:
    username = subscription(stack)
    assert ask(username, FIRST).accepted

    stack.sql("INSERT INTO blocked_macs (tenant_id, mac) SELECT id, %s FROM tenants LIMIT 1", FIRST)
    wait_for(lambda: ask(username, FIRST).accepted is False, 5)
    stack.sql("DELETE FROM blocked_macs")

    wait_for(lambda: ask(username, FIRST).accepted, 5)


def test_a_router_moved_to_another_group_is_another_place_within_seconds(stack: RadiusStack, ask: Ask) -> None:
    ((group_id,),) = stack.sql(
        "INSERT INTO nas_groups (tenant_id, name) SELECT id, 'Cempaka' FROM tenants LIMIT 1 RETURNING id"
    )
    username = subscription(stack, nas_binding="group", nas_group_id=group_id)
    assert ask(username, FIRST).accepted is False

    stack.sql("UPDATE nas_servers SET nas_group_id = %s", group_id)

    wait_for(lambda: ask(username, FIRST).accepted, 5)


def test_one_device_more_replaces_the_longest_online(stack: RadiusStack, ask: Ask, collect: Collect) -> None:
    with stack.sessions() as db:
        row = make_subscription(db, plan=make_plan(db, session_limit_action="replace"))
        nas = db.scalars(select(NasServer)).one()
        session = make_session(db, row, nas, callingstationid=FIRST)
        username, unique_id = row.username, session.acctuniqueid
        db.commit()

    assert ask(username, SECOND, password="guess").accepted is False
    assert ask(username, SECOND).accepted
    collect(username, 2)

    ended = stack.sql("SELECT acctuniqueid, reason FROM session_changes WHERE username = %s", username)
    assert ended == [(unique_id, "replaced")]
