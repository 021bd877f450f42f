"""How far a router's clock is off is kept from its last accounting record that says its time."""

from datetime import timedelta

import pytest

from accounting import records
from accounting.collector import Collector
from tests.integration.accounting.conftest import Clock, Isp, SpoolWriter


def skewed(spool: SpoolWriter, clock: Clock, seconds: float, **over: object) -> None:
    stamp = (clock.now + timedelta(seconds=seconds)).strftime("%b %e %Y %H:%M:%S UTC")
    spool.send("Interim-Update", **{"Event_Timestamp": stamp, "Acct_Session_Time": 60} | over)


@pytest.mark.parametrize("seconds", [0, 90, -7200, 10 * 365 * 86400])
def test_it_is_the_difference_between_its_time_and_ours(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock, seconds: int
) -> None:
    skewed(spool, clock, seconds)
    collector.step()

    assert isp.one("SELECT clock_skew_s FROM nas_servers WHERE id = %s", isp.nas_id) == seconds


def test_a_record_that_waited_is_no_skew_and_one_without_a_time_leaves_what_was_known(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    skewed(spool, clock, -30, Acct_Delay_Time=30)
    collector.step()
    clock.pass_by(seconds=60)
    spool.send("Interim-Update", Event_Timestamp=None, Acct_Session_Time=120)
    collector.step()

    assert isp.one("SELECT clock_skew_s FROM nas_servers WHERE id = %s", isp.nas_id) == 0


def test_no_clock_is_too_wrong_to_be_stored() -> None:
    line = (
        b'1790000000.000123 10.0.0.1 {"Acct-Session-Id": "1", "Acct-Status-Type": "Start",'
        b' "Event-Timestamp": 4294967295, "Acct-Delay-Time": 4294967295}'
    )

    assert records.clock_skew_s(records.parse_line(line)) == records.MAX_SKEW_S
