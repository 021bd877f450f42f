"""kill -9 under accounting load: whatever dies and comes back, every acknowledged record is counted exactly once."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from factories import make_plan, make_subscription
from integration.live.conftest import SECRET
from live_stack import COLLECTOR, LiveStack
from radius_stack import wait_for
from runtime import postgres
from runtime.processes import ProcessId
from simulator import Login, Method, Router, Service, SimulatedRouter

CUSTOMERS = 40
ROUNDS = 30


@pytest.fixture(scope="module")
def usernames(live: LiveStack, nas_id: int) -> list[str]:
    with live.radius.sessions() as db:
        plan = make_plan(db)
        names = [make_subscription(db, plan=plan, username=f"load{number}").username for number in range(CUSTOMERS)]
        db.commit()
    return names


@pytest.fixture
def router(live: LiveStack, nas_id: int) -> Iterator[SimulatedRouter]:
    # A real router keeps trying for minutes; this one must outlast every restart below.
    with live.radius.router(secret=SECRET, coa_port=None, timeout_ms=300, accounting_rounds=60) as simulated:
        yield simulated


async def one_customer(router: Router, name: str, seed: int, finished: asyncio.Event) -> None:
    """Logs in, reports until told to stop, then stops."""
    dice = random.Random(seed)
    login = Login(
        service=Service.PPPOE, username=name, password=f"pw-{name}", mac=f"02:00:00:20:00:{seed:02X}", method=Method.PAP
    )
    session = await router.open(login)
    while not finished.is_set():
        await session.traffic(download_bytes=dice.randrange(10**7), upload_bytes=dice.randrange(10**6))
        await session.interim()
        await asyncio.sleep(dice.random() / 10)
    await session.stop()


def stored(live: LiveStack) -> dict[str, tuple[int, int]]:
    """Usage by username: (download, upload)."""
    rows = live.radius.sql(
        "SELECT s.username, sum(u.download_bytes), sum(u.upload_bytes) FROM usage_daily u"
        " JOIN subscriptions s ON s.id = u.subscription_id WHERE s.username LIKE %s GROUP BY 1",
        "load%",
    )
    return {name: (int(download), int(upload)) for name, download, upload in rows}


def radacct_totals(live: LiveStack) -> dict[str, tuple[int, int]]:
    rows = live.radius.sql(
        "SELECT username, sum(acctoutputoctets), sum(acctinputoctets) FROM radacct WHERE username LIKE %s GROUP BY 1",
        "load%",
    )
    return {name: (int(download), int(upload)) for name, download, upload in rows}


def test_every_acknowledged_record_is_counted_exactly_once_through_kills_of_everything(
    live: LiveStack, usernames: list[str], router: SimulatedRouter, cluster: postgres.Cluster
) -> None:
    wait_for(lambda: router.authenticate(
        Login(service=Service.PPPOE, username=usernames[0], password="wrong", method=Method.PAP)
    ).accepted is False, 10)  # fmt: skip

    async def load_and_faults() -> None:
        finished = asyncio.Event()
        customers = [
            asyncio.create_task(one_customer(router.router, name, number, finished))
            for number, name in enumerate(usernames)
        ]
        await asyncio.sleep(1)
        for fault in (kill_collector, kill_freeradius, kill_database, kill_collector, kill_freeradius):
            await asyncio.to_thread(fault, live, cluster)
            await asyncio.sleep(1)
        finished.set()
        await asyncio.gather(*customers)

    router.run(load_and_faults())

    truth = {
        name: (counters.download_bytes, counters.upload_bytes)
        for name, counters in router.acknowledged_by_user().items()
    }
    assert len(truth) == CUSTOMERS
    wait_for(lambda: stored(live) == truth, 20)
    assert radacct_totals(live) == truth
    assert live.radius.sql("SELECT count(*) FROM quarantined_records")[0][0] == 0


def kill_collector(live: LiveStack, cluster: postgres.Cluster) -> None:
    live.kill("collector")
    live.start("collector", COLLECTOR)


def kill_freeradius(live: LiveStack, cluster: postgres.Cluster) -> None:
    live.radius.kill()
    live.radius.start()


def kill_database(live: LiveStack, cluster: postgres.Cluster) -> None:
    process = postgres.find_process(cluster)
    assert process is not None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    backends = [ProcessId.of(int(pid)) for pid in children]
    postgres.kill(cluster)
    # A new postmaster is refused while a backend of the old one still holds the shared memory.
    wait_for(lambda: not any(backend and backend.is_running() for backend in backends))
    postgres.start(cluster)
