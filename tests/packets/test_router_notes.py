"""A real server tells whether a router is heard at the port for logins and whether it signs its requests."""

import json

import pytest

from factories import make_nas, make_subscription
from radius_stack import RadiusStack, wait_for
from simulator import Login, LoginResult, Method, Service, SimulatedRouter

SECRET = "a-secret-of-letters-0123456789"


@pytest.fixture(scope="module")
def told_of(stack: RadiusStack) -> RadiusStack:
    with stack.sessions() as db:
        make_nas(db, host="127.0.0.1", radius_secret=SECRET, require_message_authenticator=False)
        make_subscription(db, username="budi")
        db.commit()
    return stack


def notes(stack: RadiusStack) -> list[str]:
    files = sorted(stack.settings.spool_dir.glob("access-*.jsonl"))
    elements = [element for path in files for line in path.read_text().splitlines() for element in json.loads(line)]
    return [element["seen"] for element in elements if isinstance(element, dict) and "seen" in element]


def login(router: SimulatedRouter) -> LoginResult:
    return router.authenticate(
        Login(
            service=Service.PPPOE,
            username="budi",
            password="pw-budi",
            mac="02:00:00:00:00:01",
            method=Method.PAP,
        )
    )


def test_signed_requests_are_news_once_and_known_ones_none(told_of: RadiusStack) -> None:
    with told_of.router(secret=SECRET, coa_port=None) as router:
        for _ in range(3):
            assert login(router).accepted
    wait_for(lambda: "signed" in notes(told_of))
    assert sorted(notes(told_of)) == ["heard", "signed"]

    told_of.sql("UPDATE nas_servers SET signs_requests = true")
    with told_of.router(secret=SECRET, coa_port=None, routeros=6) as router:
        wait_for(lambda: login(router).accepted)
    wait_for(lambda: "unsigned" in notes(told_of))
    assert sorted(notes(told_of)) == ["heard", "signed", "unsigned"]
