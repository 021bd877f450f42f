"""Every packet ends as stored, merged or put aside, and the counts add up to what was received; what was put aside can
be tried again."""

from datetime import timedelta
from pathlib import Path

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from accounting import jobs
from accounting.collector import Collector
from db.queries import spool as spool_queries
from factories import make_nas
from tests.integration.accounting.conftest import NOW, Clock, Isp, MakeCollector, SpoolWriter, drain
from tests.integration.accounting.test_merge_truth import collecting

STRANGER = "203.0.113.9"


def outcomes(isp: Isp) -> dict[tuple[str, str], int]:
    rows = isp.rows("SELECT outcome, reason, sum(records)::int AS n FROM record_outcomes GROUP BY 1, 2")
    return {(row["outcome"], row["reason"]): row["n"] for row in rows if row["n"]}


def received(isp: Isp) -> int:
    return int(isp.one("SELECT records FROM spool_positions WHERE stream = 'acct' AND file = ''"))


def ask_again(isp: Isp) -> None:
    isp.do("UPDATE quarantined_records SET state = 'replay' WHERE state = 'waiting'")


def test_each_packet_is_counted_once_under_how_it_ended(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    spool.send("Start")
    at = clock.pass_by(minutes=5)
    interim = spool.packet("Interim-Update", at=at, Acct_Session_Time=300, Acct_Output_Octets=10)
    spool.put(interim, interim)
    spool.send("Start", at=NOW)
    spool.send("Interim-Update", source=STRANGER)
    spool.send("Interim-Update", Acct_Session_Id=None)
    spool.send("Interim-Update", Acct_Output_Gigawords=2**31)
    spool.send("Interim-Update", Acct_Output_Octets=-1)
    spool.send("Unheard-Of")
    spool.send("Accounting-On", Acct_Session_Id=None)
    spool.put(b"garbage\n")
    # The end of a torn line is a whole record of its own.
    spool.put(b'1790000000.1 10.0.0.1 {"Acct-' + spool.packet("Start", Acct_Session_Id="81000002"))
    drain(collector)

    assert outcomes(isp) == {
        ("stored", ""): 4,
        ("merged", "repeat"): 1,
        ("merged", "late"): 1,
        ("quarantined", "unknown_nas"): 1,
        ("quarantined", "no_session_id"): 1,
        ("quarantined", "absurd_count: Gigawords"): 1,
        ("quarantined", "bad_number: octets"): 1,
        ("quarantined", "unknown_status"): 1,
        ("quarantined", "not_a_record"): 1,
        ("quarantined", "not_json"): 1,
    }
    assert received(isp) == 13 == sum(outcomes(isp).values())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(data=st.data())
def test_the_counts_add_up_whatever_comes_in(data: st.DataObject, isp: Isp, spool: SpoolWriter, clock: Clock) -> None:
    kinds = [
        spool.packet("Start"),
        spool.packet("Interim-Update", at=NOW + timedelta(minutes=5), Acct_Session_Time=300, Acct_Output_Octets=7),
        spool.packet("Stop", at=NOW + timedelta(minutes=9), Acct_Session_Time=540, Acct_Output_Octets=9),
        spool.packet("Start", source=STRANGER),
        spool.packet("Accounting-On", Acct_Session_Id=None),
        b"\x00\xff garbage\n",
    ]
    lines = data.draw(st.lists(st.sampled_from(kinds), max_size=25))
    collector = collecting(isp, spool, clock, data.draw(st.sampled_from([1, 4, 1000])))
    spool.put(*lines)
    try:
        while collector.step():
            pass
    finally:
        collector.close()
    assert sum(outcomes(isp).values()) == len(lines) == (received(isp) if lines else 0)
    kept = isp.one("SELECT count(*) FROM quarantined_records")
    assert kept == sum(n for (outcome, _), n in outcomes(isp).items() if outcome == "quarantined")


def test_a_record_of_a_router_that_was_added_later_is_counted_when_it_is_tried_again(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    stop = {"Acct_Session_Time": 600, "Acct_Output_Octets": 5000, "Acct_Input_Octets": 50}
    spool.send("Start", source=STRANGER)
    spool.send("Stop", at=NOW + timedelta(minutes=10), source=STRANGER, **stop)
    drain(collector)
    kept = isp.row("SELECT * FROM quarantined_records ORDER BY id LIMIT 1")
    assert (kept["source"], kept["state"], kept["tenant_id"]) == (STRANGER, "waiting", None)
    ask_again(isp)
    clock.pass_by(minutes=1)
    collector.step()
    assert [row["tries"] for row in isp.rows("SELECT tries FROM quarantined_records WHERE state = 'waiting'")] == [1, 1]
    assert outcomes(isp) == {("quarantined", "unknown_nas"): 2}

    make_nas(db, tenant_id=isp.tenant_id, host=STRANGER)
    db.commit()
    ask_again(isp)
    clock.pass_by(minutes=1)
    collector.step()

    session = isp.row("SELECT * FROM radacct")
    assert (session["acctstarttime"], session["acctstoptime"]) == (NOW, NOW + timedelta(minutes=10))
    assert isp.used() == (5000, 50)
    states = {row["state"] for row in isp.rows("SELECT state FROM quarantined_records")}
    assert states == {"replayed"}
    assert outcomes(isp) == {("stored", ""): 2}
    assert sum(outcomes(isp).values()) == received(isp)
    isp.invariants()


def test_one_that_the_database_refuses_again_waits_and_keeps_nobody_else(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    isp.do("ALTER TABLE radacct ADD CONSTRAINT no_evil CHECK (username <> 'evil')")
    names = ["a", "evil", "b"]
    for name in names:
        spool.send("Start", User_Name=name, Acct_Session_Id=f"id-{name}", source=STRANGER)
    drain(collector)
    make_nas(db, tenant_id=isp.tenant_id, host=STRANGER)
    db.commit()
    ask_again(isp)
    clock.pass_by(minutes=1)
    collector.step()

    assert isp.one("SELECT count(*) FROM radacct") == 2
    waiting = isp.row("SELECT reason, tries FROM quarantined_records WHERE state = 'waiting'")
    assert waiting == {"reason": "refused: CheckViolation", "tries": 1}
    assert outcomes(isp) == {("stored", ""): 2, ("quarantined", "refused: CheckViolation"): 1}


def test_a_replay_is_counted_once_however_often_it_is_asked_for(
    db: Session, isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock, tmp_path: Path
) -> None:
    spool.send("Interim-Update", source=STRANGER, Acct_Session_Time=60, Acct_Output_Octets=77)
    first, second = make_collector(), make_collector(node="node2", spool_dir=tmp_path / "spool2")
    drain(first)
    make_nas(db, tenant_id=isp.tenant_id, host=STRANGER)
    db.commit()
    for _ in range(2):
        isp.do("UPDATE quarantined_records SET state = 'replay'")
        clock.pass_by(minutes=1)
        first.step()
        second.step()
    assert isp.used() == (77, 0)
    assert sum(outcomes(isp).values()) == received(isp) == 1


def test_put_aside_records_are_bounded_by_number_and_age(
    isp: Isp, spool: SpoolWriter, collector: Collector, monkeypatch, clock: Clock
) -> None:
    monkeypatch.setattr(spool_queries, "MOST_KEPT", 5)
    spool.put(*(b"garbage %d\n" % number for number in range(4)))
    drain(collector)
    isp.do("UPDATE quarantined_records SET state = 'dismissed', settled_at = %s WHERE raw = 'garbage 3'", NOW)
    spool.put(*(b"garbage %d\n" % number for number in range(4, 7)))
    drain(collector)
    # The settled one went first, then the oldest.
    kept = [bytes(row["raw"]) for row in isp.rows("SELECT raw FROM quarantined_records ORDER BY id")]
    assert kept == [b"garbage 1", b"garbage 2", b"garbage 4", b"garbage 5", b"garbage 6"]
    assert outcomes(isp) == {("quarantined", "not_a_record"): 7}

    isp.do("UPDATE quarantined_records SET created_at = %s WHERE raw = 'garbage 1'", NOW - jobs.KEEP_PUT_ASIDE)
    isp.do("UPDATE quarantined_records SET state = 'replayed', settled_at = %s WHERE raw = 'garbage 2'", NOW)
    with psycopg.connect(isp.db_url, autocommit=True) as connection:
        assert jobs.forget_settled_records(connection, NOW + jobs.KEEP_SETTLED + timedelta(seconds=1)).changed == 2
    assert isp.one("SELECT count(*) FROM quarantined_records") == 3


def test_what_a_late_packet_changes_of_an_ended_session_is_noted(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    spool.send("Start")
    spool.send("Stop", at=NOW + timedelta(minutes=10), Acct_Session_Time=600, Acct_Output_Octets=50)
    drain(collector)
    assert isp.rows("SELECT * FROM session_corrections") == []
    spool.send("Stop", at=NOW + timedelta(minutes=10), Acct_Session_Time=600, Acct_Output_Octets=50)
    spool.send("Interim-Update", at=NOW + timedelta(minutes=11), Acct_Session_Time=660, Acct_Output_Octets=80)
    drain(collector)
    noted = isp.row("SELECT * FROM session_corrections")
    assert (noted["download_bytes"], noted["upload_bytes"], noted["seconds"]) == (30, 0, 60)
    assert noted["old_stopped_at"] == NOW + timedelta(minutes=10)
    assert noted["new_stopped_at"] == NOW + timedelta(minutes=11)
    assert noted["subscription_id"] == isp.subscription_id
