"""Several servers behind one port: one name, one memory; one dies, the others go on, and nothing is lost."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from domain.sharing import share_of
from factories import make_nas, make_plan, make_subscription
from packets.conftest import SECRET
from radius_stack import RadiusStack, radius_stack, wait_for
from runtime import freeradius, ports, processes
from simulator import Login, LoginResult, Method, Service, SimulatedRouter

SERVERS = 3
ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")


@pytest.fixture(scope="module")
def stack(module_db_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadiusStack]:
    with radius_stack(tmp_path_factory.mktemp("radius"), module_db_url, radius_servers=SERVERS) as running:
        with running.sessions() as db:
            for address in ADDRESSES:
                make_nas(db, host=address, radius_secret=SECRET, name=f"router {address}")
            plan = make_plan(db, concurrent_connections=2)
            for number in range(30):
                make_subscription(db, username=f"name{number}", plan=plan)
            make_subscription(db, username="crowded", plan=plan)
            db.commit()
        yield running


def router(stack: RadiusStack, address: str = ADDRESSES[0]) -> SimulatedRouter:
    return stack.router(secret=SECRET, coa_port=None, source_ip=address)


def ask(simulated: SimulatedRouter, username: str, mac: str = "02:00:00:00:00:01") -> LoginResult:
    login = Login(service=Service.PPPOE, username=username, password=f"pw-{username}", mac=mac, method=Method.PAP)
    return simulated.authenticate(login)


def test_every_name_is_answered_whichever_server_it_belongs_to(stack: RadiusStack) -> None:
    names = [f"name{number}" for number in range(30)]
    assert {share_of(name.encode(), SERVERS) for name in names} == set(range(SERVERS))

    with router(stack) as simulated:
        assert [name for name in names if not ask(simulated, name).accepted] == []


def test_a_server_that_is_killed_is_replaced_and_what_came_meanwhile_is_answered(stack: RadiusStack) -> None:
    before = stack.servers(freeradius.LOGIN)
    assert len(before) == SERVERS
    victim = before[share_of(b"name7", SERVERS)]
    other = next(f"name{n}" for n in range(30) if share_of(f"name{n}".encode(), SERVERS) != share_of(b"name7", SERVERS))

    os.kill(victim, signal.SIGKILL)
    with stack.router(secret=SECRET, coa_port=None, timeout_ms=6000) as patient, router(stack) as hasty:
        assert ask(hasty, other).accepted
        assert ask(patient, "name7").accepted

    wait_for(lambda: len(stack.servers(freeradius.LOGIN)) == SERVERS)
    assert victim not in stack.servers(freeradius.LOGIN)


def test_a_limit_holds_for_logins_through_many_routers_in_the_same_moment(stack: RadiusStack) -> None:
    results: list[LoginResult] = []
    gate = threading.Barrier(len(ADDRESSES))

    def through(address: str, number: int) -> None:
        with router(stack, address) as simulated:
            gate.wait(5)
            results.extend(ask(simulated, "crowded", f"02:00:00:00:{number:02x}:{n:02x}") for n in range(5))

    threads = [threading.Thread(target=through, args=(a, n)) for n, a in enumerate(ADDRESSES, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(results) == 5 * len(ADDRESSES)
    assert sum(result.accepted for result in results) == 2


def lives(pid: int) -> bool:
    """Whether a thread of it still runs. What is dead holds nothing, and is listed until somebody takes note of it."""
    states = set()
    for thread in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            states.add(thread.read_text().rpartition(")")[2].split()[0])
    return not states <= {"Z", "X"}


def test_they_end_with_whoever_started_them_so_the_port_is_free_at_once(stack: RadiusStack) -> None:
    mine = stack.servers(freeradius.LOGIN)
    stack.kill(freeradius.LOGIN)
    try:
        wait_for(lambda: not any(lives(pid) for pid in mine), 2.0)
        assert ports.can_bind(stack.settings.radius_auth_port, transport=ports.Transport.UDP, host="127.0.0.1")
    finally:
        stack.start(freeradius.LOGIN)

    with router(stack) as simulated:
        assert ask(simulated, "name1").accepted


def test_a_port_that_another_program_has_is_refused_even_if_it_would_share(stack: RadiusStack, tmp_path: Path) -> None:
    log = tmp_path / "log"
    raddb = freeradius.render(stack.settings, tmp_path / "raddb-login")

    process = freeradius.launch(freeradius.command(stack.settings, raddb, freeradius.LOGIN), log_file=log)

    assert process is not None
    try:
        wait_for(lambda: not process.is_running(), 20.0)
    finally:
        processes.end(process, grace_seconds=5)
    assert f"UDP port {stack.settings.radius_auth_port} on 127.0.0.1: Address already in use" in log.read_text()
