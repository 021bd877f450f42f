"""Among a thousand routers, what is changed of one is in force within five seconds and without a restart."""

import time
from collections.abc import Iterator

import pytest

from factories import make_nas, make_plan, make_subscription
from packets.conftest import SECRET
from radius_stack import RadiusStack, wait_for
from simulator import Login, LoginResult, Method, Service, SimulatedRouter

WITHIN_S = 5.0
OTHERS = 999


@pytest.fixture(scope="module")
def router(stack: RadiusStack) -> Iterator[SimulatedRouter]:
    with stack.sessions() as db:
        make_nas(db, name="mine", host="127.0.0.1", radius_secret=SECRET)
        for number in range(OTHERS):
            make_nas(db, host=f"127.2.{number // 250}.{number % 250 + 1}")
        plan = make_plan(db, download_kbps=10_000, upload_kbps=5_000)
        make_subscription(db, username="tunnel", plan=plan, connection_type="vpn")
        make_subscription(db, username="line", plan=plan)
        db.commit()
    with stack.router(secret=SECRET, coa_port=None) as simulated:
        yield simulated


def ask(router: SimulatedRouter, username: str) -> LoginResult:
    return router.authenticate(
        Login(
            service=Service.PPPOE,
            username=username,
            password=f"pw-{username}",
            mac="02:00:00:00:00:01",
            method=Method.PAP,
        )
    )


def change(stack: RadiusStack, assignment: str) -> float:
    """By plain SQL, as whoever; returns when."""
    stack.sql(f"UPDATE nas_servers SET {assignment} WHERE name = 'mine'")
    return time.monotonic()


def test_which_service_counts_as_which(stack: RadiusStack, router: SimulatedRouter) -> None:
    assert ask(router, "tunnel").accepted is False

    changed_at = change(stack, """service_map = '{"pppoe": "vpn"}'""")
    wait_for(lambda: ask(router, "tunnel").accepted, WITHIN_S)
    assert time.monotonic() - changed_at < WITHIN_S
    change(stack, "service_map = '{}'")
    wait_for(lambda: ask(router, "tunnel").accepted is False, WITHIN_S)


def test_who_made_it(stack: RadiusStack, router: SimulatedRouter) -> None:
    wait_for(lambda: "Mikrotik-Rate-Limit" in names(ask(router, "line")), WITHIN_S)

    change(stack, "type = 'huawei'")
    wait_for(lambda: (told := names(ask(router, "line"))) and "Mikrotik-Rate-Limit" not in told, WITHIN_S)
    change(stack, "type = 'mikrotik'")
    wait_for(lambda: "Mikrotik-Rate-Limit" in names(ask(router, "line")), WITHIN_S)


def test_switched_off_and_on_again(stack: RadiusStack, router: SimulatedRouter) -> None:
    wait_for(lambda: ask(router, "line").accepted, WITHIN_S)

    change(stack, "is_active = false")
    wait_for(lambda: ask(router, "line").accepted is None, WITHIN_S + 2)
    change(stack, "is_active = true")
    wait_for(lambda: ask(router, "line").accepted, WITHIN_S + 2)


def names(result: LoginResult) -> set[str]:
    return {name for name, _ in result.reply} if result.accepted else set()
