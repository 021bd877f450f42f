"""Collector and PostgreSQL agree with the merge law and with the routers' truth, whatever the order and the batches."""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounting.collector import Collector, Limits, connect
from accounting.facts import micros
from accounting.records import parse_line
from domain.sessions import START, STOP, SessionState, first_state, merge
from session_truth import Report, TruthfulSession, deliveries, truthful_sessions
from tests.integration.accounting.conftest import NOW, Clock, Isp, SpoolWriter, class_of

ASKED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
KINDS = {START: "Start", STOP: "Stop"}
WORN = (
    "TRUNCATE radacct, usage_daily, usage_hourly, spool_positions, quarantined_records, session_changes,"
    " session_change_attempts, record_outcomes, session_corrections, nas_boots"
)


def line(spool: SpoolWriter, session: TruthfulSession, report: Report, *, begins_after_s: int = 0, **own: Any) -> bytes:
    """The report as FreeRADIUS writes it; a late copy keeps the router's time and arrives later."""
    told = NOW + timedelta(seconds=begins_after_s, microseconds=report.after_us)
    counts = {
        "Acct_Input_Octets": report.upload_bytes % (1 << 32),
        "Acct_Output_Octets": report.download_bytes % (1 << 32),
    }
    if session.sends_gigawords:
        counts |= {
            "Acct_Input_Gigawords": report.upload_bytes >> 32,
            "Acct_Output_Gigawords": report.download_bytes >> 32,
        }
    return spool.packet(
        KINDS.get(report.kind, "Interim-Update"),
        at=told + timedelta(microseconds=report.late_us),
        Event_Timestamp=told.strftime("%b %e %Y %H:%M:%S UTC"),
        Acct_Session_Time=report.session_time_s,
        Acct_Terminate_Cause="User-Request" if report.kind == STOP else None,
        **(counts if report.kind != START else {}),
        **own,
    )


def stored(isp: Isp) -> list[dict[str, Any]]:
    return isp.rows("SELECT * FROM radacct ORDER BY acctstarttime")


def as_stored(row: dict[str, Any]) -> SessionState:
    stopped = row["acctstoptime"]
    return SessionState(
        micros(row["acctstarttime"]), micros(row["acctupdatetime"]), None if stopped is None else micros(stopped),
        row["acctsessiontime"], row["acctinputoctets"], row["acctoutputoctets"], row["acctterminatecause"],
        row["start_told_s"], row["integrity_marks"], tuple(row["counter_trail"] or ()),
    )  # fmt: skip


def collecting(isp: Isp, spool: SpoolWriter, clock: Clock, records: int) -> Collector:
    spool.directory.mkdir(exist_ok=True)
    for file in spool.directory.glob("*.jsonl"):
        file.unlink()
    isp.do(WORN)
    clock.now = NOW + timedelta(days=2)
    return Collector(
        connect=lambda: connect(isp.db_url), spool_dir=spool.directory, node="node1", nudge=lambda: None, clock=clock,
        limits=Limits(records=records),
    )  # fmt: skip


@ASKED
@given(session=truthful_sessions(most_reports=6), data=st.data())
def test_one_session_is_what_the_law_and_its_router_say(
    session: TruthfulSession, data: st.DataObject, isp: Isp, spool: SpoolWriter, clock: Clock
) -> None:
    own = {"Class": class_of(isp.subscription_id)} if data.draw(st.booleans()) else {}
    reports = data.draw(deliveries(session))
    lines = [line(spool, session, report, **own) for report in reports]
    collector = collecting(isp, spool, clock, data.draw(st.sampled_from([1, 2, 3, 1000])))
    spool.put(*lines)
    seen = (0, 0, 0)
    try:
        while collector.step():
            for row in stored(isp):
                now = (row["acctinputoctets"], row["acctoutputoctets"], row["acctsessiontime"])
                assert all(before <= after for before, after in zip(seen, now, strict=True))
                assert now[:2] <= (session.upload_bytes, session.download_bytes)
                seen = now
    finally:
        collector.close()

    packets = [parse_line(raw.rstrip()).packet for raw in lines]
    state = first_state(packets[0])
    for packet in packets[1:]:
        state = merge(state, packet)
    (row,) = stored(isp)
    assert as_stored(row) == state
    if session.sends_gigawords:
        assert (row["acctinputoctets"], row["acctoutputoctets"]) == (session.upload_bytes, session.download_bytes)
    assert isp.used() == (row["acctoutputoctets"], row["acctinputoctets"])
    assert isp.one("SELECT sum(records)::int FROM record_outcomes") == len(lines)
    isp.invariants()


@ASKED
@given(pair=st.lists(truthful_sessions(gigawords=True, most_reports=4), min_size=2, max_size=2), data=st.data())
def test_two_sessions_with_one_id_are_both_counted_in_any_order(
    pair: list[TruthfulSession], data: st.DataObject, isp: Isp, spool: SpoolWriter, clock: Clock
) -> None:
    # Without our Class and with the same id, as after sixteen restarts; the second begins eleven minutes after.
    first, second = pair
    gap_s = first.reports[-1].session_time_s + 700
    lines = data.draw(
        st.permutations(
            [line(spool, first, report) for report in data.draw(deliveries(first))]
            + [line(spool, second, report, begins_after_s=gap_s) for report in data.draw(deliveries(second))]
        )
    )
    collector = collecting(isp, spool, clock, data.draw(st.sampled_from([1, 3, 1000])))
    spool.put(*lines)
    try:
        while collector.step():
            pass
    finally:
        collector.close()

    totals = [(row["acctinputoctets"], row["acctoutputoctets"]) for row in stored(isp)]
    assert totals == [(one.upload_bytes, one.download_bytes) for one in pair]
    assert isp.used() == (sum(one.download_bytes for one in pair), sum(one.upload_bytes for one in pair))
    assert isp.one("SELECT sum(records)::int FROM record_outcomes") == len(lines)
    isp.invariants()
