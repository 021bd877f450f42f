"""A provider for whom upper and lower case of usernames are one, on the wire; others are told apart as ever."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from bss import provider
from bss.actor import Actor
from factories import make_nas, make_subscription
from packets.conftest import SECRET
from radius_stack import RadiusStack, wait_for
from simulator import Login, Method, Service, SimulatedRouter

PASSWORD = "Rahasia-7"
IN, OUT = True, False
Ask = Callable[..., list[bool | None]]


@pytest.fixture(scope="module")
def router(stack: RadiusStack) -> Iterator[SimulatedRouter]:
    with stack.sessions() as db:
        make_nas(db, host="127.0.0.1", radius_secret=SECRET)
        db.commit()
    with stack.router(secret=SECRET, coa_port=None) as simulated:
        yield simulated


@pytest.fixture
def ask(router: SimulatedRouter) -> Ask:
    def logins(*names: str, password: str = PASSWORD, method: Method = Method.PAP) -> list[bool | None]:
        device = "02:00:00:00:00:01"
        return [
            router.authenticate(
                Login(service=Service.PPPOE, username=name, password=password, mac=device, method=method)
            ).accepted
            for name in names
        ]

    return logins


@pytest.fixture
def name(stack: RadiusStack, ask: Ask) -> str:
    """A subscription with capitals in its name, in memory by it; case counts still."""
    stack.sql("UPDATE tenants SET usernames_ignore_case = false")
    username = f"Budi{uuid.uuid4().hex[:8]}@Rumah"
    with stack.sessions() as db:
        make_subscription(db, username=username, service_password=PASSWORD)
        db.commit()
    wait_for(lambda: ask(username) == [IN])
    return username


def switch(stack: RadiusStack, *, ignore_case: bool) -> None:
    with stack.sessions() as db:
        actor = Actor.system(tenant_id=stack.sql("SELECT id FROM tenants")[0][0], name="test")
        provider.set_usernames_ignore_case(db, actor=actor, now=datetime.now(UTC), ignore_case=ignore_case)
        db.commit()


@pytest.mark.parametrize("method", [Method.PAP, Method.CHAP, Method.MSCHAPV2])
def test_every_spelling_logs_in_once_case_does_not_count(
    stack: RadiusStack, ask: Ask, name: str, method: Method
) -> None:
    others = (name.lower(), name.upper())
    assert ask(*others, method=method) == [OUT, OUT]

    switch(stack, ignore_case=True)

    # Nobody is refused meanwhile, the one included who is in memory by the old spelling.
    assert ask(name, *others, method=method) == [IN, IN, IN]
    assert stack.sql("SELECT count(*) FROM subscriptions WHERE username = %s", name.lower()) == [(1,)]
    wait_for(lambda: "accept" in [record[6] for record in stack.access_records() if record[3] == name.lower()])


def test_passwords_stay_exact(stack: RadiusStack, ask: Ask, name: str) -> None:
    switch(stack, ignore_case=True)

    assert ask(name.upper(), password=PASSWORD.lower()) == [OUT]


def test_a_name_that_was_written_by_sql_is_kept_folded(stack: RadiusStack, ask: Ask, name: str) -> None:
    switch(stack, ignore_case=True)
    siti = name.replace("Budi", "SITI")
    stack.sql("UPDATE subscriptions SET username = %s WHERE username = %s", siti, name.lower())

    wait_for(lambda: ask(siti, siti.lower()) == [IN, IN])
    assert ask(name.lower()) == [OUT]


def test_switched_off_names_are_told_apart_again(stack: RadiusStack, ask: Ask, name: str) -> None:
    switch(stack, ignore_case=True)
    assert ask(name.upper()) == [IN]

    switch(stack, ignore_case=False)

    wait_for(lambda: ask(name.upper(), name.lower()) == [OUT, IN])


def test_a_server_that_starts_later_knows_it(stack: RadiusStack, ask: Ask, name: str) -> None:
    switch(stack, ignore_case=True)
    stack.kill("login")
    stack.start("login")

    wait_for(lambda: ask(name.upper()) == [IN], timeout_s=10)
