"""Many changes, several senders, routers that are dead, senders that are killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import pytest

from coa.connection import connect
from coa.drain import LEASE, drain
from db.queries.outbox import change_status


def now() -> datetime:
    return datetime.now(UTC)


def test_three_hundred_changes_of_one_router_are_all_applied_once(isp: Any) -> None:
    simulated, nas = isp.router()
    customers = [isp.online(simulated, nas) for _ in range(300)]
    # Slow enough that all that may be in flight is in flight together.
    simulated.coa_behaviour.delay_ms = 200
    ids = isp.ask(*customers)
    began = time.monotonic()
    counts = isp.drain()
    took = time.monotonic() - began
    assert counts.ack == 300
    assert set(isp.statuses(ids)) == {"ack"}
    assert {customer.rate for customer in customers} == {"5M/10M"}
    # A busy machine may let a packet be repeated; the router has then applied it once all the same.
    outcomes = Counter(record.outcome for record in simulated.coa_records)
    assert outcomes["ack"] == 300
    assert outcomes.keys() <= {"ack", "duplicate"}
    assert len({(record.sender, record.identifier) for record in simulated.coa_records}) == 300
    assert took < 5, "two rounds of 200 ms, not three hundred"


def test_a_dead_router_delays_no_other(isp: Any) -> None:
    dead, dead_nas = isp.router()
    dead.coa_behaviour.drop = True
    live, live_nas = isp.router()
    dead_ids = isp.ask(*[isp.online(dead, dead_nas) for _ in range(50)])
    late: list[int] = []

    def ask_while_the_dead_router_is_waited_for() -> None:
        time.sleep(1)
        late.extend(isp.ask(*second))

    first = [isp.online(live, live_nas) for _ in range(20)]
    second = [isp.online(live, live_nas) for _ in range(20)]
    with connect(isp.connection.info.dsn + f" password={isp.connection.info.password}") as other:
        early = isp.ask(*first)
        asking = threading.Thread(target=ask_while_the_dead_router_is_waited_for)
        asking.start()
        drain(other, clock=now)
        asking.join()
    views = change_status(isp.connection, [*early, *late])
    assert {view.status for view in views} == {"ack"}
    assert len(views) == 40
    assert median(view.latency_ms for view in views) < 500
    assert max(view.latency_ms for view in views) < 2000, "the dead router was waited for seven seconds"
    assert set(isp.statuses(dead_ids)) == {"pending"}


def test_two_senders_never_send_the_same_change(isp: Any) -> None:
    routers = [isp.router() for _ in range(3)]
    customers = [isp.online(*routers[n % 3]) for n in range(150)]
    ids = isp.ask(*customers)
    dsn = isp.connection.info.dsn + f" password={isp.connection.info.password}"
    taken: list[int] = []

    def send() -> None:
        with connect(dsn) as own:
            taken.append(drain(own, clock=now).claimed)

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sum(taken) == 150
    assert set(isp.statuses(ids)) == {"ack"}
    arrived = Counter(record.first("Acct-Session-Id") for simulated, _ in routers for record in simulated.coa_records)
    assert set(arrived.values()) == {1}
    assert len(arrived) == 150


_SENDER = """
import sys
from datetime import UTC, datetime
from coa.connection import connect
from coa.drain import drain
drain(connect(sys.argv[1]), clock=lambda: datetime.now(UTC))
"""


@pytest.fixture
def sender(isp: Any) -> Any:
    dsn = isp.connection.info.dsn + f" password={isp.connection.info.password}"
    process = subprocess.Popen([sys.executable, "-c", _SENDER, dsn], env=os.environ.copy())
    yield process
    if process.poll() is None:
        process.kill()
    process.wait(10)


def test_a_sender_killed_on_the_way_is_replaced_when_its_claim_runs_out(isp: Any, request: Any) -> None:
    simulated, nas = isp.router()
    customers = [isp.online(simulated, nas) for _ in range(20)]
    simulated.coa_behaviour.drop = True
    ids = isp.ask(*customers)
    sender = request.getfixturevalue("sender")
    simulated.wait_for_coa(20, timeout_seconds=20)
    sender.send_signal(signal.SIGKILL)
    sender.wait(10)
    assert set(isp.statuses(ids)) == {"sending"}
    simulated.coa_behaviour.drop = False
    assert isp.sweep().claimed == 0, "the claim still holds"
    counts = isp.sweep(clock=lambda: now() + LEASE + timedelta(seconds=1))
    assert (counts.released, counts.ack) == (20, 20)
    assert {customer.rate for customer in customers} == {"5M/10M"}


def test_a_sender_that_stood_still_sends_nothing_after_its_claim_ran_out(
    isp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated, nas = isp.router()
    (change_id,) = isp.ask(isp.online(simulated, nas))
    monkeypatch.setattr("coa.drain._SEND_WITHIN", timedelta(seconds=-1))
    isp.drain()
    assert simulated.coa_records == []
    assert isp.attempts(change_id) == [("timeout", 0, None)]
    assert isp.change(change_id).sent_at is None
