"""A spool that lost its end to a power cut after the end had been counted."""

import os

from tests.integration.accounting.conftest import Clock, Isp, MakeCollector, SpoolWriter, drain


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
