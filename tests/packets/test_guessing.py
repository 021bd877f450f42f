"""Somebody guesses at a customer's password and at voucher codes; the customer himself gets in meanwhile."""

from collections.abc import Iterator

import pytest

from factories import make_nas, make_session, make_subscription
from packets.conftest import SECRET
from radius_stack import RadiusStack, wait_for
from runtime import freeradius
from simulator import Login, LoginResult, Method, Service, SimulatedRouter

TRIES = 1000
# What a device may try at a name, strange devices together at a name, and a device at whatever name.
OWN, NAME, DEVICE = 5, 10, 20
METHODS = (Method.PAP, Method.CHAP, Method.MSCHAPV2)
HOME = "02:00:00:00:00:01"


@pytest.fixture(scope="module")
def router(stack: RadiusStack) -> Iterator[SimulatedRouter]:
    """A router with some customers; wati was online yesterday."""
    with stack.sessions() as db:
        nas = make_nas(db, host="127.0.0.1", radius_secret=SECRET)
        for username in ("budi", "siti", "dewi"):
            make_subscription(db, username=username)
        make_session(db, make_subscription(db, username="wati"), nas, callingstationid=HOME)
        db.commit()
    stack.sql("UPDATE radacct SET acctstoptime = now() - interval '1 day' WHERE acctstoptime IS NULL")
    with stack.router(secret=SECRET, coa_port=None) as simulated:
        yield simulated


def ask(
    router: SimulatedRouter, username: str, mac: str, *, password: str = "", method: Method = Method.PAP
) -> LoginResult:
    return router.authenticate(
        Login(
            service=Service.PPPOE,
            username=username,
            password=password or f"pw-{username}",
            method=method,
            mac=mac,
        )
    )


def reasons(stack: RadiusStack, username: str) -> list[str]:
    return [record[7] for record in stack.access_records() if record[3] == username]


def _of_codes(stack: RadiusStack) -> list[str]:
    return [record[7] for record in stack.access_records() if record[3].startswith("code")]


def stranger(number: int) -> str:
    return f"02:00:00:01:{number // 256:02X}:{number % 256:02X}"


def test_a_thousand_tries_from_a_thousand_devices_do_not_keep_the_customer_out(
    router: SimulatedRouter, stack: RadiusStack
) -> None:
    for number in range(TRIES):
        result = ask(router, "wati", stranger(number), password="guess", method=METHODS[number % 3])
        assert result.accepted is False
        assert result.reply_message == "Login incorrect"

    assert ask(router, "wati", HOME).accepted
    # The right password, from a device that nobody knows, tells the stranger nothing.
    assert ask(router, "wati", stranger(7)).accepted is False
    stack.wait_for_record("wati")
    ask(router, "siti", HOME)
    stack.wait_for_record("siti")
    told = reasons(stack, "wati")
    assert told.count("wrong_password") <= NAME + 6
    assert told.count("too_many_tries") >= TRIES - NAME - 6


def test_a_device_that_keeps_guessing_waits_and_then_gets_in_with_the_right_password(
    router: SimulatedRouter, stack: RadiusStack
) -> None:
    answers = [ask(router, "budi", HOME, password="guess").accepted for _ in range(2 * OWN)]
    assert answers == [False] * 2 * OWN
    assert ask(router, "budi", HOME).accepted is False

    # Another device of the customer's is not concerned.
    assert ask(router, "budi", stranger(5000)).accepted
    stack.wait_for_record("budi")
    told = reasons(stack, "budi")
    assert told.count("wrong_password") >= OWN
    assert "too_many_tries" in told


def test_codes_are_not_guessed_from_one_device(router: SimulatedRouter, stack: RadiusStack) -> None:
    device = stranger(6000)
    for number in range(3 * DEVICE):
        assert ask(router, f"code{number}", device).accepted is False

    assert ask(router, "dewi", device).accepted is False
    assert ask(router, "dewi", stranger(6001)).accepted
    # Each of the servers writes its records in its own time.
    told = wait_for(lambda: [told for told in [_of_codes(stack)] if len(told) == 3 * DEVICE], 10.0)[0]
    # Each of the servers that share the port counts its part of the names.
    assert DEVICE <= told.count("unknown_user") <= DEVICE + freeradius.MOST_SERVERS
    assert told.count("too_many_tries") == 3 * DEVICE - told.count("unknown_user")
