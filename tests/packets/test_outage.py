"""The database goes: known customers log in, unknown ones get silence, nobody is refused; it comes back: as before."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from db import cluster as database_admin
from db.migrations import runner
from factories import make_nas, make_subscription
from packets.conftest import SECRET
from packets.supplicant import PASSWORD, PEAP_MSCHAPV2, PROGRAM, TTLS_MSCHAPV2, TTLS_PAP, Supplicant
from radius_stack import RadiusStack, radius_stack, wait_for
from runtime import certificates, ports, postgres
from runtime.processes import ProcessId
from simulator import Login, Method, Service, SimulatedRouter


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgres.Cluster]:
    """A PostgreSQL of this module's own, to be stopped and killed."""
    port = ports.choose(0, transport=ports.Transport.TCP, taken=[0])
    folder = postgres.directory_for(tmp_path_factory.mktemp("outage") / "postgres")
    own = postgres.Cluster(directory=folder, port=port, durable=False)
    postgres.init(own)
    postgres.start(own)
    with postgres.connect_admin(own) as admin:
        database_admin.ensure_role(admin, role="lintas", password="lintas")
        database_admin.ensure_database(admin, database="lintas", owner="lintas")
    runner.upgrade(_url(own))
    yield own
    postgres.stop(own)


def _url(cluster: postgres.Cluster) -> str:
    return postgres.url(cluster, database="lintas", role="lintas", password="lintas")


@pytest.fixture(scope="module")
def stack(cluster: postgres.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadiusStack]:
    with radius_stack(tmp_path_factory.mktemp("radius"), _url(cluster)) as running:
        with running.sessions() as db:
            make_nas(db, host="127.0.0.1", radius_secret=SECRET)
            for name in ("known", "limited1", "limited2", "limited3", "suspended", "seldom"):
                make_subscription(db, username=name, status="suspended" if name == "suspended" else "active")
            make_subscription(db, username="joined", connection_type="dot1x", service_password=PASSWORD)
            db.commit()
        yield running


@pytest.fixture
def router(stack: RadiusStack) -> Iterator[SimulatedRouter]:
    with stack.router(secret=SECRET, coa_port=None, timeout_ms=700, resends=0) as simulated:
        wait_for(lambda: simulated.authenticate(login("known")).accepted, 10)
        assert simulated.authenticate(login("suspended")).accepted is False
        yield simulated


def login(username: str, mac: str = "02:00:00:00:00:01", password: str = "") -> Login:
    return Login(
        service=Service.PPPOE, username=username, password=password or f"pw-{username}", mac=mac, method=Method.PAP
    )


def _expect_outage_answers(router: SimulatedRouter, limited: str) -> None:
    started = time.monotonic()
    while time.monotonic() - started < 4:
        assert router.authenticate(login("known")).accepted is True
        # From elsewhere: a device that goes on giving wrong passwords has to wait, also for the right one.
        assert router.authenticate(login("known", "02:00:00:00:00:09", password="wrong")).accepted is False
        assert router.authenticate(login("suspended")).accepted is False
        assert router.authenticate(login("nobody")).accepted is None
        # Memory would refuse a second device, but only the database may: in an outage nobody is locked out.
        assert router.authenticate(login(limited, "02:00:00:00:00:02")).accepted is True


def test_a_stopped_database_refuses_nobody(
    stack: RadiusStack, router: SimulatedRouter, cluster: postgres.Cluster
) -> None:
    assert router.authenticate(login("limited1", "02:00:00:00:00:01")).accepted is True
    postgres.stop(cluster)
    try:
        _expect_outage_answers(router, "limited1")
        accepts = wait_for(
            lambda: [r for r in stack.access_records() if r[3] == "known" and r[6] == "accept" and r[10]]
        )
        assert accepts[-1][10] == {"stale": True}
    finally:
        postgres.start(cluster)
    _expect_recovery(stack, router)


def test_a_killed_database_refuses_nobody(
    stack: RadiusStack, router: SimulatedRouter, cluster: postgres.Cluster
) -> None:
    assert router.authenticate(login("limited2", "02:00:00:00:00:01")).accepted is True
    process = postgres.find_process(cluster)
    assert process is not None
    backends = [ProcessId.of(pid) for pid in _children(process.pid)]
    postgres.kill(cluster)
    # A backend outlives its postmaster by a moment, and still answers truthfully.
    wait_for(lambda: not any(backend and backend.is_running() for backend in backends))
    try:
        _expect_outage_answers(router, "limited2")
    finally:
        postgres.start(cluster)
    _expect_recovery(stack, router)


def test_a_hanging_database_refuses_nobody_and_delays_nobody_for_long(
    stack: RadiusStack, router: SimulatedRouter, cluster: postgres.Cluster
) -> None:
    assert router.authenticate(login("limited3", "02:00:00:00:00:01")).accepted is True
    process = postgres.find_process(cluster)
    assert process is not None
    group = [process.pid, *_children(process.pid)]
    for pid in group:
        os.kill(pid, signal.SIGSTOP)
    try:
        _expect_outage_answers(router, "limited3")
    finally:
        for pid in group:
            # One that had ended in the meantime is buried as soon as its parent goes on.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    _expect_recovery(stack, router)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in tasks.split()]


def _expect_recovery(stack: RadiusStack, router: SimulatedRouter) -> None:
    wait_for(lambda: router.authenticate(login("nobody")).accepted is False, 10)
    wait_for(lambda: _changes_are_heard(stack, router), 10)


def _changes_are_heard(stack: RadiusStack, router: SimulatedRouter) -> bool:
    stack.sql("UPDATE subscriptions SET status = 'suspended' WHERE username = 'known'")
    refused = router.authenticate(login("known")).accepted
    stack.sql("UPDATE subscriptions SET status = 'active' WHERE username = 'known'")
    return refused is False and router.authenticate(login("known")).accepted is True


def test_a_change_made_while_nobody_listened_is_in_force_afterwards(
    stack: RadiusStack, router: SimulatedRouter
) -> None:
    stack.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND query IN ('LISTEN session_changed', 'SELECT 1')"
    )
    stack.sql("UPDATE subscriptions SET status = 'suspended' WHERE username = 'seldom'")

    assert router.authenticate(login("seldom")).accepted is False


@pytest.mark.parametrize("method", [TTLS_PAP, TTLS_MSCHAPV2, PEAP_MSCHAPV2], ids=str)
def test_an_outage_inside_a_tunnel_is_silence_and_not_a_reject(
    stack: RadiusStack, router: SimulatedRouter, cluster: postgres.Cluster, tmp_path: Path, method: dict[str, str]
) -> None:
    assert PROGRAM is not None, "eapol_test is missing: scripts/bootstrap test installs it"
    ca = stack.settings.eap_folder / certificates.CA_FILE
    device = Supplicant(folder=tmp_path, port=stack.settings.radius_auth_port, ca=ca, mac="02:00:00:00:03:01", wait_s=6)
    assert device.by_password(method, "joined")
    postgres.stop(cluster)
    try:
        known = device.by_password(method, "joined")
        said = device.said(**method, identity='"nobody-inside"', password=f'"{PASSWORD}"')
    finally:
        postgres.start(cluster)

    assert known
    assert "code=11 (Access-Challenge)" in said
    assert "code=3 (Access-Reject)" not in said
    assert "code=2 (Access-Accept)" not in said
    _expect_recovery(stack, router)
