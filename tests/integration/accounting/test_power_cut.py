"""A spool that lost its end to a power cut after the end had been counted."""

import json
import os

import pytest

from accounting.collector import Collector, Limits
from tests.integration.accounting.conftest import NOW, Clock, Isp, MakeCollector, SpoolWriter, drain


def test_records_written_where_a_power_cut_took_counted_ones_are_counted_and_nothing_twice(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock
) -> None:
    spool.send("Start")
    clock.pass_by(minutes=1)
    spool.send("Interim-Update", Acct_Session_Time=60, Acct_Output_Octets=100)
    path = spool.directory / "acct-2026112110.jsonl"
    safe = path.stat().st_size
    clock.pass_by(minutes=1)
    spool.send("Interim-Update", Acct_Session_Time=120, Acct_Output_Octets=250)
    drain(make_collector())

    os.truncate(path, safe)
    clock.pass_by(minutes=1)
    spool.send("Start", Acct_Session_Id="81000002", Calling_Station_Id="AA:BB:CC:00:00:02")
    spool.send("Stop", Acct_Session_Time=180, Acct_Output_Octets=300)
    drain(make_collector())

    assert isp.used() == (300, 0)
    assert isp.one("SELECT count(*) FROM radacct") == 2
    assert isp.one("SELECT count(*) FROM radacct WHERE acctstoptime IS NULL") == 1
    isp.invariants()


ACCESS_FILE = "access-2026112110.jsonl"


def decided(isp: Isp, *decision_ids: str) -> bytes:
    """A line of the access log with these decisions."""
    budi = (isp.tenant_id, isp.nas_id, "budi", None, "pppoe", "accept", "accepted")
    rows = [(NOW.timestamp() + 1, *budi, name, isp.subscription_id, None) for name in decision_ids]
    return json.dumps(rows).encode() + b"\n"


def decisions(isp: Isp) -> list[str]:
    return [row["decision_id"] for row in isp.rows("SELECT decision_id FROM access_log ORDER BY decision_id")]


@pytest.mark.parametrize("lines_a_batch", [1, 2, 10_000])
@pytest.mark.parametrize("more", [0, 1, 6], ids=["nothing", "shorter", "longer"])
def test_decisions_written_where_a_power_cut_took_stored_ones_are_stored_and_none_twice(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, more: int, lines_a_batch: int
) -> None:
    spool.put(decided(isp, "a1", "a2"), decided(isp, "a3"), name=ACCESS_FILE)
    path = spool.directory / ACCESS_FILE
    safe = path.stat().st_size
    spool.put(decided(isp, "lost1", "lost2"), decided(isp, "lost3"), name=ACCESS_FILE)
    drain(make_collector())

    os.truncate(path, safe)
    fresh = [f"b{number}-{'x' * number}" for number in range(more)]
    spool.put(*(decided(isp, name) for name in fresh), name=ACCESS_FILE)
    after = make_collector(limits=Limits(records=lines_a_batch))
    drain(after)
    assert decisions(isp) == ["a1", "a2", "a3", *fresh, "lost1", "lost2", "lost3"]

    spool.put(decided(isp, "c1"), name=ACCESS_FILE)
    drain(after)
    drain(make_collector())
    assert decisions(isp) == ["a1", "a2", "a3", *fresh, "c1", "lost1", "lost2", "lost3"]
    assert isp.rows("SELECT * FROM spool_positions WHERE stream = 'access-again' AND file <> ''") == []


def test_a_collector_that_ends_in_the_middle_of_reading_anew_stores_no_decision_twice(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector
) -> None:
    spool.put(*(decided(isp, f"a{number}") for number in range(6)), decided(isp, "lost"), name=ACCESS_FILE)
    path = spool.directory / ACCESS_FILE
    drain(make_collector())
    os.truncate(path, path.stat().st_size - len(decided(isp, "lost")))

    collector: Collector = make_collector(limits=Limits(records=2))
    assert collector.step() == 2
    collector.close()
    spool.put(decided(isp, "b1"), name=ACCESS_FILE)
    drain(make_collector())
    assert decisions(isp) == [*(f"a{number}" for number in range(6)), "b1", "lost"]
