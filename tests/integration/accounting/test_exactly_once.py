"""Whatever order, repeat, cut or crash: every record is counted exactly once."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounting.collector import Collector, Limits, connect
from tests.integration.accounting.conftest import (
    NOW,
    Clock,
    Isp,
    MakeCollector,
    SpoolWriter,
    class_of,
    wait_until,
)

ROOT = Path(__file__).resolve().parents[3]


class PulledPlug(psycopg.OperationalError):
    """The connection went away between two statements."""


class FragileConnection:
    """A connection that is lost at one statement of the test's choice; what was not committed is gone."""

    def __init__(self, connection: psycopg.Connection[Any], fuse: Iterator[int]) -> None:
        self._connection = connection
        self._fuse = fuse

    def _burn(self) -> None:
        if next(self._fuse) == 0:
            self._connection.close()
            raise PulledPlug("the plug was pulled")

    def execute(self, *args: Any, **over: Any) -> Any:
        self._burn()
        return self._connection.execute(*args, **over)

    def cursor(self, *args: Any, **over: Any) -> Any:
        self._burn()
        return self._connection.cursor(*args, **over)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def countdown(statements: int) -> Iterator[int]:
    while True:
        yield statements
        statements -= 1


def told(spool: SpoolWriter, clock: Clock, isp: Isp, sessions: int, interims: int) -> list[bytes]:
    """Every packet of some sessions; each ends with a Stop that tells the whole truth."""
    lines = []
    for number in range(sessions):
        own = {"Class": class_of(isp.subscription_id, decision=f"d{number}"), "Acct_Session_Id": f"81{number:06x}"}
        lines.append(spool.packet("Start", **own))
        lines += [
            spool.packet(
                "Interim-Update",
                at=NOW + timedelta(minutes=step),
                Acct_Session_Time=60 * step,
                Acct_Output_Octets=1000 * step,
                Acct_Input_Octets=10 * step,
                **own,
            )
            for step in range(1, interims + 1)
        ]
        end = NOW + timedelta(minutes=interims, seconds=7)
        lines.append(
            spool.packet(
                "Stop", at=end, Acct_Session_Time=60 * interims + 7, Acct_Output_Octets=1000 * interims + number,
                Acct_Input_Octets=10 * interims + 1, Acct_Terminate_Cause="User-Request", **own,
            )
        )  # fmt: skip
    return lines


def wipe(isp: Isp, spool: SpoolWriter) -> None:
    isp.do(
        "TRUNCATE radacct, usage_daily, spool_positions, quarantined_records, session_changes, session_change_attempts"
    )
    for file in spool.directory.glob("*.jsonl"):
        file.unlink()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data())
def test_any_order_repeats_batches_and_crashes_end_at_the_truth(
    data: st.DataObject, isp: Isp, spool: SpoolWriter, clock: Clock
) -> None:
    clock.now = NOW
    spool.directory.mkdir(exist_ok=True)
    wipe(isp, spool)
    sessions, interims = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 4))
    lines = told(spool, clock, isp, sessions, interims)
    lost = data.draw(st.sets(st.sampled_from([line for line in lines if b'"Stop"' not in line]))) if lines else set()
    kept = [line for line in lines if line not in lost]
    sent = data.draw(st.permutations(kept + data.draw(st.lists(st.sampled_from(kept), max_size=8))))
    cut = data.draw(st.integers(0, len(sent)))
    spool.put(*sent[:cut], name="acct-2026112110.jsonl")
    spool.put(*sent[cut:], name="acct-2026112111.jsonl")
    clock.pass_by(hours=1)
    fuses = [countdown(data.draw(st.integers(0, 60))) for _ in range(data.draw(st.integers(0, 4)))]
    collector = fragile_collector(isp, spool, clock, fuses, data.draw(st.sampled_from([1, 2, 3, 7, 1000])))
    try:
        drain_through_crashes(collector)
    finally:
        collector.close()
    truth = sum(1000 * interims + number for number in range(sessions)), sessions * (10 * interims + 1)
    assert isp.used() == truth
    assert isp.one("SELECT count(*) FROM radacct WHERE acctstoptime IS NOT NULL") == sessions
    assert isp.one("SELECT records FROM spool_positions WHERE stream = 'acct' AND file = ''") == len(sent)
    assert isp.rows("SELECT * FROM quarantined_records") == []
    isp.invariants()


def fragile_collector(
    isp: Isp, spool: SpoolWriter, clock: Clock, fuses: list[Iterator[int]], records: int
) -> Collector:
    waiting = iter(fuses)

    def connect_fragile() -> Any:
        fuse = next(waiting, None)
        connection = connect(isp.db_url)
        return connection if fuse is None else FragileConnection(connection, fuse)

    return Collector(
        connect=connect_fragile, spool_dir=spool.directory, node="node1", nudge=lambda: None, clock=clock,
        limits=Limits(records=records),
    )  # fmt: skip


def drain_through_crashes(collector: Collector) -> None:
    for _ in range(500):
        try:
            if collector.step() == 0:
                return
        except psycopg.OperationalError as error:
            collector.recover(error)
    raise AssertionError("the collector does not come to an end")


@pytest.mark.parametrize("statements", range(0, 40, 3))
def test_a_crash_at_any_statement_counts_nothing_twice(
    isp: Isp, spool: SpoolWriter, clock: Clock, statements: int
) -> None:
    spool.put(*told(spool, clock, isp, 6, 3))
    clock.pass_by(hours=1)
    collector = fragile_collector(isp, spool, clock, [countdown(statements), countdown(statements + 5)], 5)
    try:
        drain_through_crashes(collector)
    finally:
        collector.close()
    assert isp.used() == (sum(3000 + number for number in range(6)), 6 * 31)
    isp.invariants()


def test_a_database_that_is_away_is_asked_again(isp: Isp, spool: SpoolWriter, make_collector: MakeCollector) -> None:
    attempts: list[float] = []

    def refuse_at_first() -> Any:
        attempts.append(time.monotonic())
        if len(attempts) <= 3:
            raise psycopg.OperationalError("no server")
        return connect(isp.db_url)

    spool.send("Interim-Update", Acct_Session_Time=60, Acct_Output_Octets=5)
    stop = threading.Event()
    worker = threading.Thread(target=make_collector(connect=refuse_at_first).run, args=[stop])
    worker.start()
    try:
        wait_until(lambda: isp.used() == (5, 0))
    finally:
        stop.set()
        worker.join(10)
    assert len(attempts) == 4
    assert not worker.is_alive()


def test_a_packet_is_counted_within_a_fraction_of_a_second(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector
) -> None:
    collector, stop = make_collector(), threading.Event()
    worker = threading.Thread(target=collector.run, args=[stop])
    worker.start()
    waits = []
    try:
        for step in range(1, 11):
            spool.send("Interim-Update", Acct_Session_Time=step, Acct_Output_Octets=step)
            since = time.monotonic()
            wait_until(partial(lambda expected: isp.used() == (expected, 0), step))
            waits.append(time.monotonic() - since)
    finally:
        stop.set()
        worker.join(10)
    assert sorted(waits)[5] < 0.3


def start_collect(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", "from cli.main import main; main()", "collect"],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture
def environment(isp: Isp, spool: SpoolWriter, keys_file: Path, tmp_path: Path) -> dict[str, str]:
    spool.directory.mkdir(exist_ok=True)
    return os.environ | {
        "LINTAS_ENV_FILE": os.devnull,
        "LINTAS_DATABASE_URL": isp.db_url,
        "LINTAS_REDIS_URL": "redis://127.0.0.1:1/0",
        "LINTAS_KEYS_FILE": str(keys_file),
        "LINTAS_SECRET_KEY_FILE": str(tmp_path / "secret"),
        "LINTAS_SPOOL_DIR": str(spool.directory),
        "LINTAS_VAR_DIR": str(tmp_path / "var"),
    }


@pytest.mark.timeout(180)
def test_kill_9_again_and_again_while_packets_come_in(
    isp: Isp, spool: SpoolWriter, environment: dict[str, str]
) -> None:
    chance = random.Random(7)
    sessions, rounds = 200, 30
    done = threading.Event()

    def write() -> None:
        for step in range(1, rounds + 1):
            at = NOW + timedelta(minutes=step)
            lines = [
                spool.packet(
                    "Interim-Update", at=at, Acct_Session_Id=f"81{n:06x}", Acct_Session_Time=60 * step,
                    Acct_Output_Octets=1000 * step + n,
                )
                for n in range(sessions)
            ]  # fmt: skip
            for start in range(0, sessions, 20):
                spool.put(*lines[start : start + 20], name=f"acct-20261121{step // 10:02d}.jsonl")
                time.sleep(0.01)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    kills = 0
    while not done.is_set():
        process = start_collect(environment)
        time.sleep(chance.uniform(0.5, 2.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
    writer.join()
    # One record that only the last can count: once it is counted, the last is up and hears a signal.
    at = NOW + timedelta(minutes=rounds + 1)
    news = {
        "Acct_Session_Id": "81000000",
        "Acct_Session_Time": 60 * rounds + 60,
        "Acct_Output_Octets": 1000 * rounds + 1,
    }
    spool.put(spool.packet("Interim-Update", at=at, **news), name="acct-2026112109.jsonl")
    last = start_collect(environment)
    wait_until(lambda: isp.used()[0] == 1 + sum(1000 * rounds + n for n in range(sessions)), 60)
    last.send_signal(signal.SIGTERM)
    _, complaints = last.communicate(timeout=20)
    assert last.returncode == 0, complaints.decode()
    assert kills >= 2
    assert isp.one("SELECT records FROM spool_positions WHERE stream = 'acct' AND file = ''") == sessions * rounds + 1
    assert isp.one("SELECT count(*) FROM radacct") == sessions
    isp.invariants()
