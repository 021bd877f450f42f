"""From spool lines to committed sessions and usage, on a real PostgreSQL."""

import json
import os
import threading
from datetime import date, timedelta
from ipaddress import ip_address
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy.orm import Session

from accounting import jobs
from accounting.collector import Collector, Limits
from accounting.sessions import SessionsMoved
from db.queries import partitions
from db.queries.history import who_had
from db.queries.prefixes import known_lengths
from db.queries.usage import totals_in
from domain.period import period_at
from factories import make_nas, make_subscription, make_tenant
from tests.integration.accounting.conftest import (
    GIB,
    NOW,
    Clock,
    Isp,
    MakeCollector,
    SpoolWriter,
    class_of,
    drain,
)


def heard(connection: psycopg.Connection[Any]) -> list[Any]:
    return [item for notice in connection.notifies(timeout=0.2) for item in json.loads(notice.payload)]


def test_a_whole_session_is_stored_and_counted(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    own = class_of(isp.subscription_id, decision="abc1")
    spool.send("Start", Class=own)
    assert drain(collector) == 1
    clock.pass_by(minutes=5)
    spool.send(
        "Interim-Update", Class=own, Acct_Session_Time=300, Acct_Input_Octets=10, Acct_Output_Octets=5,
        Acct_Output_Gigawords=1,
    )  # fmt: skip
    drain(collector)
    clock.pass_by(minutes=5)
    spool.send(
        "Stop", Class=own, Acct_Session_Time=600, Acct_Input_Octets=20, Acct_Output_Octets=9, Acct_Output_Gigawords=1,
        Acct_Terminate_Cause="User-Request",
    )  # fmt: skip
    drain(collector)
    session = isp.row("SELECT * FROM radacct")
    assert (session["acctstarttime"], session["acctstoptime"]) == (NOW, NOW + timedelta(minutes=10))
    assert (session["acctinputoctets"], session["acctoutputoctets"]) == (20, (1 << 32) + 9)
    assert (session["subscription_id"], session["tenant_id"]) == (isp.subscription_id, isp.tenant_id)
    assert (session["nas_server_id"], str(session["nasipaddress"])) == (isp.nas_id, isp.nas_host)
    assert session["class"] == f"lts1:{isp.subscription_id}:0:abc1"
    assert session["acctterminatecause"] == "User-Request"
    assert session["acctinterval"] == 300
    assert isp.used() == ((1 << 32) + 9, 20)
    day = isp.row("SELECT * FROM usage_daily")
    assert (day["day"], day["seconds"], day["sessions"]) == (date(2026, 11, 21), 600, 1)
    isp.invariants()
    assert isp.one("SELECT records FROM spool_positions WHERE stream = 'acct' AND file = ''") == 3
    assert isp.one("SELECT last_seen_at FROM nas_servers") == clock.now


def test_a_session_says_what_flowed_between_its_last_two_reports(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    own = class_of(isp.subscription_id)

    def rate() -> tuple[int | None, int | None]:
        row = isp.row("SELECT download_kbps, upload_kbps FROM radacct")
        return row["download_kbps"], row["upload_kbps"]

    def report(kind: str, seconds: int, up: int, down: int) -> None:
        spool.send(kind, Class=own, Acct_Session_Time=seconds, Acct_Input_Octets=up, Acct_Output_Octets=down)
        drain(collector)

    spool.send("Start", Class=own)
    drain(collector)
    assert rate() == (None, None)
    clock.pass_by(minutes=5)
    report("Interim-Update", 300, 3_000_000, 300_000_000)
    assert rate() == (8000, 80)
    # The same again, and one that comes late, change nothing.
    report("Interim-Update", 300, 3_000_000, 300_000_000)
    report("Interim-Update", 200, 1_000_000, 100_000_000)
    assert rate() == (8000, 80)
    clock.pass_by(minutes=5)
    report("Interim-Update", 600, 3_000_000, 300_000_000)
    assert rate() == (0, 0)
    clock.pass_by(minutes=1)
    report("Stop", 660, 3_750_000, 300_750_000)
    assert rate() == (100, 100)


def test_the_lengths_of_prefixes_are_noted_with_the_sessions_that_have_them(
    isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    for number, prefix in enumerate(("2001:db8:1::/56", "2001:db8:2::/56", "2001:db8:3:4::/62", None)):
        given = {"Delegated_IPv6_Prefix": prefix, "Framed_IPv6_Prefix": f"2001:db9:{number}::/64"} if prefix else {}
        spool.send("Start", Class=class_of(isp.subscription_id), Acct_Session_Id=f"8100001{number}", **given)
    drain(collector)

    assert known_lengths(isp.connection) == {"delegatedipv6prefix": [56, 62], "framedipv6prefix": [64]}
    holder = who_had(isp.connection, ip_address("2001:db8:2:7::1"), NOW + timedelta(minutes=1), tenant_id=isp.tenant_id)
    assert [one.session.delegated_prefix for one in holder] == ["2001:db8:2::/56"]


def test_starts_and_ends_are_announced_with_the_commit(isp: Isp, spool: SpoolWriter, collector: Collector) -> None:
    own = class_of(isp.subscription_id, decision="abc1")
    with psycopg.connect(isp.db_url, autocommit=True) as listener:
        listener.execute("LISTEN session_changed")
        spool.send("Start", Class=own)
        drain(collector)
        ((sign, unique_id, *rest),) = heard(listener)
        assert (sign, len(unique_id)) == ("+", 32)
        assert rest == [isp.subscription_id, "AA:BB:CC:00:00:01", isp.nas_id, "81000001", "abc1"]
        spool.send("Interim-Update", Class=own, Acct_Session_Time=60, Acct_Input_Octets=1)
        drain(collector)
        assert heard(listener) == []
        spool.send("Stop", Class=own, Acct_Session_Time=90)
        drain(collector)
        assert heard(listener) == [["-", unique_id, isp.subscription_id]]


def test_many_notices_are_cut_to_what_postgresql_takes(isp: Isp, spool: SpoolWriter, collector: Collector) -> None:
    with psycopg.connect(isp.db_url, autocommit=True) as listener:
        listener.execute("LISTEN session_changed")
        spool.put(*(spool.packet("Start", Acct_Session_Id=f"81{n:06x}") for n in range(300)))
        drain(collector)
        assert len(heard(listener)) == 300


def test_class_beats_a_username_that_was_given_to_somebody_else(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    isp.do("UPDATE subscriptions SET username = 'budi-old', status = 'terminated' WHERE id = %s", isp.subscription_id)
    heir = make_subscription(db, username="budi", tenant_id=isp.tenant_id)
    db.commit()
    spool.send("Interim-Update", Class=class_of(isp.subscription_id), Acct_Session_Time=60, Acct_Output_Octets=100)
    spool.send("Interim-Update", Acct_Session_Id="81000002", Acct_Session_Time=60, Acct_Output_Octets=7)
    drain(collector)
    used = {row["subscription_id"]: row["download_bytes"] for row in isp.rows("SELECT * FROM usage_daily")}
    assert used == {isp.subscription_id: 100, heir.id: 7}


def test_a_class_of_another_tenant_or_of_nobody_falls_back_to_the_name(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    stranger = make_subscription(db, tenant=make_tenant(db))
    db.commit()
    for number, named in enumerate((stranger.id, 999_999_999), 1):
        spool.send("Start", Class=class_of(named), Acct_Session_Id=f"8100000{number}")
    spool.send("Start", User_Name="nobody", Acct_Session_Id="81000009")
    drain(collector)
    owners = [row["subscription_id"] for row in isp.rows("SELECT * FROM radacct ORDER BY acctsessionid")]
    assert owners == [isp.subscription_id, isp.subscription_id, None]


def test_the_same_name_on_a_router_of_another_tenant_is_somebody_else(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    tenant = make_tenant(db)
    other = make_subscription(db, tenant=tenant, username="budi")
    nas = make_nas(db, tenant=tenant)
    db.commit()
    spool.send("Start", source=str(nas.host))
    drain(collector)
    assert isp.one("SELECT subscription_id FROM radacct") == other.id


def test_packets_from_an_unknown_address_are_kept_aside(isp: Isp, spool: SpoolWriter, collector: Collector) -> None:
    spool.send("Start", source="203.0.113.9")
    spool.send("Start")
    assert drain(collector) == 2
    kept = isp.row("SELECT * FROM quarantined_records")
    assert (kept["reason"], kept["stream"], kept["offset_bytes"]) == ("unknown_nas", "acct", 0)
    assert b"203.0.113.9" in kept["raw"]
    assert isp.one("SELECT count(*) FROM radacct") == 1


def test_a_router_added_while_collecting_is_known_at_once(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    spool.send("Start")
    drain(collector)
    nas = make_nas(db, tenant_id=isp.tenant_id, is_active=False, acct_input_is="download")
    db.commit()
    spool.send(
        "Interim-Update", source=str(nas.host), Acct_Session_Time=60, Acct_Input_Octets=100, Acct_Output_Octets=1
    )
    drain(collector)
    session = isp.row("SELECT * FROM radacct WHERE nas_server_id = %s", nas.id)
    assert (session["acctoutputoctets"], session["acctinputoctets"]) == (100, 1)


POISON = (
    b"garbage\n",
    b"\n",
    b"\x00\xff\xfe\n",
    b'1790000000.1 10.0.0.1 {"Acct-Status-Type":\n',
    b"x" * 5000 + b"\n",
)


def test_poison_is_set_aside_and_blocks_nobody(isp: Isp, spool: SpoolWriter, collector: Collector) -> None:
    spool.send("Start")
    spool.put(*POISON)
    spool.send("Interim-Update", Acct_Session_Time=60, Acct_Input_Octets=9)
    drain(collector)
    assert [bytes(row["raw"]) for row in isp.rows("SELECT raw FROM quarantined_records ORDER BY id")] == [
        raw[:-1] for raw in POISON
    ]
    assert isp.one("SELECT acctinputoctets FROM radacct") == 9
    assert isp.one("SELECT records FROM spool_positions WHERE stream = 'acct' AND file = ''") == 2 + len(POISON)


@pytest.mark.parametrize(
    "over",
    [
        {"User_Name": "a\x00b"},
        {"User_Name": "\ud800"},
        {"User_Name": "x" * 20_000},
        {"Framed_IP_Address": "not-an-address"},
        {"Framed_IP_Address": "fe80::1%eth0"},
        {"Framed_IPv6_Prefix": "2001:db8::1/64", "Delegated_IPv6_Prefix": "2001:db8:1::/48"},
        {"NAS_Port_Id": ["a", "b"], "Called_Station_Id": {"odd": 1}},
        {"Acct_Session_Time": 2**32 - 1},
        {"Acct_Output_Gigawords": (1 << 20) - 1, "Acct_Output_Octets": 2**32 - 1},
        {"Event_Timestamp": "Jan  1 1970 00:00:05 UTC", "Acct_Delay_Time": 2**32 - 1},
        {"Calling_Station_Id": "'; DROP TABLE radacct; --"},
        {"Class": "0x6c7473313aff"},
    ],
)
def test_odd_values_are_stored_and_not_set_aside(
    isp: Isp, spool: SpoolWriter, collector: Collector, over: dict[str, Any]
) -> None:
    spool.send("Interim-Update", **({"Acct_Session_Time": 60, "Acct_Output_Octets": 5} | over))
    drain(collector)
    assert isp.rows("SELECT reason FROM quarantined_records") == []
    assert isp.one("SELECT count(*) FROM radacct") == 1
    assert isp.one("SELECT acctstarttime FROM radacct") <= NOW


def test_a_name_that_is_not_utf8_does_not_lose_its_usage(isp: Isp, spool: SpoolWriter, collector: Collector) -> None:
    line = spool.packet("Interim-Update", User_Name="Jos?", Acct_Session_Time=60, Acct_Output_Octets=5)
    spool.put(line.replace(b"Jos?", b"Jos\xe9"))
    drain(collector)
    assert isp.row("SELECT username, acctoutputoctets FROM radacct") == {
        "username": "Jos\\xe9",
        "acctoutputoctets": 5,
    }


def test_a_record_that_the_database_refuses_is_set_aside_alone(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector
) -> None:
    isp.do("ALTER TABLE radacct ADD CONSTRAINT no_evil CHECK (username <> 'evil')")
    names = [f"user{n}" for n in range(20)] + ["evil"] + [f"more{n}" for n in range(20)]
    spool.put(*(spool.packet("Start", User_Name=name, Acct_Session_Id=f"id-{name}") for name in names))
    collector = make_collector()
    for _ in range(200):
        try:
            collector.step()
        except psycopg.Error as error:
            collector.recover(error)
    assert isp.one("SELECT count(*) FROM radacct") == 40
    assert isp.one("SELECT reason FROM quarantined_records") == "refused: CheckViolation"
    assert isp.one("SELECT records FROM spool_positions WHERE stream = 'acct' AND file = ''") == 41


def test_bytes_over_midnight_are_shared_between_the_local_days(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    clock.now = NOW.replace(hour=16, minute=58)  # 23:58 in Jakarta
    spool.send("Start")
    clock.pass_by(minutes=8)
    spool.send("Interim-Update", Acct_Session_Time=480, Acct_Input_Octets=80, Acct_Output_Octets=8000)
    drain(collector)
    days = {row["day"].day: row for row in isp.rows("SELECT * FROM usage_daily")}
    assert {day: row["download_bytes"] for day, row in days.items()} == {21: 2000, 22: 6000}
    assert {day: row["seconds"] for day, row in days.items()} == {21: 120, 22: 360}
    isp.invariants()


def test_bytes_over_the_end_of_a_month_go_to_both_periods(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    clock.now = NOW.replace(day=30, hour=16, minute=55)
    spool.send("Start")
    clock.pass_by(minutes=10)
    spool.send("Interim-Update", Acct_Session_Time=600, Acct_Output_Octets=1000)
    drain(collector)
    zone = ZoneInfo("Asia/Jakarta")
    months = [period_at("monthly", moment, zone) for moment in (NOW, clock.now)]
    cycle = period_at("billing_cycle", clock.now, zone, anchor_day=15)
    used = [totals_in(isp.connection, isp.subscription_id, [period])[period.kind] for period in (*months, cycle)]
    assert [total.download_bytes for total in used] == [500, 500, 1000]


def test_accounting_on_ends_what_began_before_it_on_that_router_only(
    db: Session, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    other = make_nas(db, tenant_id=isp.tenant_id)
    db.commit()
    spool.send("Interim-Update", Acct_Session_Time=60, Acct_Output_Octets=5)
    spool.send("Start", Acct_Session_Id="81000009", source=str(other.host))
    drain(collector)
    seen = clock.now
    clock.pass_by(minutes=3)
    # The router woke up in the past, and said so twice; new sessions follow.
    for _ in range(2):
        spool.send("Accounting-On", Acct_Session_Id=None, Event_Timestamp="Nov 21 2026 08:00:00 UTC")
    clock.pass_by(minutes=1)
    spool.send("Start", Acct_Session_Id="81100001")
    spool.send("Accounting-On", Acct_Session_Id=None, Acct_Delay_Time=120)
    drain(collector)
    ended = isp.row("SELECT * FROM radacct WHERE acctsessionid = '81000001'")
    assert (ended["acctstoptime"], ended["acctterminatecause"]) == (seen, "NAS-Reboot")
    assert isp.one("SELECT count(*) FROM radacct_open WHERE acctstoptime IS NULL") == 2
    isp.invariants()


def test_a_reused_session_id_is_a_session_of_its_own(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    spool.send("Start")
    clock.pass_by(minutes=10)
    spool.send("Interim-Update", Acct_Session_Time=600, Acct_Output_Octets=8000)
    drain(collector)
    clock.pass_by(hours=2)
    spool.send("Interim-Update", Acct_Session_Time=60, Acct_Output_Octets=100)
    drain(collector)
    clock.pass_by(minutes=5)
    spool.send("Interim-Update", Acct_Session_Time=360, Acct_Output_Octets=300)
    drain(collector)
    old, new = isp.rows("SELECT * FROM radacct ORDER BY acctstarttime")
    assert (old["acctoutputoctets"], old["acctterminatecause"]) == (8000, "Lost")
    assert old["acctstoptime"] == NOW + timedelta(minutes=10)
    assert (new["acctoutputoctets"], new["acctstoptime"]) == (300, None)
    assert old["acctuniqueid"] != new["acctuniqueid"]
    # A last word of the old one, long on its way, still finds it.
    spool.send(
        "Stop", at=NOW + timedelta(minutes=11), Acct_Session_Time=660, Acct_Output_Octets=8500,
        Acct_Terminate_Cause="Lost-Carrier",
    )  # fmt: skip
    drain(collector)
    assert isp.used() == (8800, 0)
    isp.invariants()


def test_a_session_in_a_closed_month_still_takes_a_late_correction(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    spool.send("Start", Class=class_of(isp.subscription_id))
    clock.pass_by(minutes=10)
    spool.send("Stop", Class=class_of(isp.subscription_id), Acct_Session_Time=600, Acct_Output_Octets=50)
    drain(collector)
    late = {"at": NOW + timedelta(minutes=10), "Class": class_of(isp.subscription_id), "Acct_Session_Time": 600}
    spool.send("Stop", **late, Acct_Output_Octets=80)
    spool.send("Interim-Update", **late, Acct_Output_Octets=20)
    drain(collector)
    assert isp.row("SELECT acctoutputoctets, acctstoptime FROM radacct") == {
        "acctoutputoctets": 80,
        "acctstoptime": NOW + timedelta(minutes=10),
    }
    isp.invariants()


def test_lines_that_come_late_into_an_older_file_are_counted(
    isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    spool.put(spool.packet("Start"), name="acct-2026112110.jsonl")
    spool.put(spool.packet("Interim-Update", Acct_Session_Time=0), name="acct-2026112111.jsonl")
    drain(collector)
    spool.put(spool.packet("Stop", Acct_Session_Time=9, Acct_Input_Octets=3), name="acct-2026112110.jsonl")
    assert drain(collector) == 1
    assert isp.one("SELECT acctinputoctets FROM radacct") == 3


def test_two_collectors_of_one_node_count_nothing_twice(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector
) -> None:
    first, second = make_collector(), make_collector()
    for number in range(1, 7):
        spool.send("Interim-Update", Acct_Session_Time=60 * number, Acct_Output_Octets=100 * number)
        for collector in (first, second) if number % 2 else (second, first):
            try:
                collector.step()
            except SessionsMoved as error:
                collector.recover(error)
    assert isp.used() == (600, 0)
    assert isp.one("SELECT records FROM spool_positions WHERE stream = 'acct' AND file = ''") == 6


def test_collectors_of_two_nodes_share_a_session(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock
) -> None:
    elsewhere = SpoolWriter(directory=spool.directory.parent / "spool2", clock=clock, source=isp.nas_host)
    first = make_collector()
    second = make_collector(node="node2", spool_dir=elsewhere.directory)
    spool.send("Start")
    for number in range(1, 9):
        clock.pass_by(minutes=1)
        writer = spool if number % 2 else elsewhere
        writer.send("Interim-Update", Acct_Session_Time=60 * number, Acct_Output_Octets=100 * number)
        drain(first)
        drain(second)
    assert isp.one("SELECT count(*) FROM radacct") == 1
    assert isp.used() == (800, 0)
    isp.invariants()


def test_a_backlog_of_many_batches_is_counted_while_batches_overlap(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock
) -> None:
    for step in range(1, 6):
        clock.pass_by(minutes=5)
        spool.put(
            *(
                spool.packet(
                    "Interim-Update", Acct_Session_Id=f"81{n:06x}", Acct_Session_Time=300 * step,
                    Acct_Output_Octets=1000 * step + n,
                )
                for n in range(60)
            )
        )  # fmt: skip
    assert drain(make_collector(limits=Limits(records=13))) == 300
    assert isp.used()[0] == sum(5000 + n for n in range(60))
    isp.invariants()


def test_old_files_are_removed_with_their_positions(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    for hour in ("10", "11"):
        spool.put(spool.packet("Start"), name=f"acct-20261121{hour}.jsonl")
    drain(collector)
    clock.now = clock.now.replace(year=2099)
    collector.step()
    assert [path.name for path in spool.directory.iterdir()] == ["acct-2026112111.jsonl"]
    files = [row["file"] for row in isp.rows("SELECT file FROM spool_positions WHERE stream = 'acct' ORDER BY 1")]
    assert files == ["", "acct-2026112111.jsonl"]


class TestAccessLog:
    """Decisions of logins, written by the policy."""

    def line(self, isp: Isp, *decisions: Any) -> bytes:
        return json.dumps(list(decisions)).encode() + b"\n"

    def decision(self, isp: Isp, **over: Any) -> list[Any]:
        values = {
            "decided_at": NOW.timestamp(),
            "tenant_id": isp.tenant_id,
            "nas_server_id": isp.nas_id,
            "username": "budi",
            "station": None,
            "service": "pppoe",
            "result": "accept",
            "reason": "accepted",
            "decision_id": "d1",
            "subscription_id": isp.subscription_id,
            "details": None,
        } | over
        return list(values.values())

    def test_decisions_become_rows(self, isp: Isp, spool: SpoolWriter, collector: Collector) -> None:
        accept = self.decision(isp)
        reject = self.decision(
            isp, username="x\x00y", result="reject", reason="unknown_user", subscription_id=None, details={"a": "\x00"}
        )
        spool.put(self.line(isp, accept, reject), self.line(isp, accept), name="access-2026112110.jsonl")
        assert drain(collector) == 2
        rows = isp.rows("SELECT * FROM access_log ORDER BY result")
        assert [row["result"] for row in rows] == ["accept", "accept", "reject"]
        assert (rows[2]["username"], rows[2]["details"]) == ("x\\x00y", {"a": "\\x00"})
        assert drain(collector) == 0

    def test_a_receipt_is_kept_once_and_decisions_name_it(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        receipt = {"receipt": "r1", "tenant_id": isp.tenant_id, "body": {"format": 1, "text": "a\x00\\u0000"}}
        named = [*self.decision(isp), ["r1", NOW.timestamp()]]
        spool.put(self.line(isp, receipt), self.line(isp, named, self.decision(isp)), name="access-2026112110.jsonl")
        drain(collector)
        clock.pass_by(days=9)
        spool.put(self.line(isp, receipt, named), name="access-2026112110.jsonl")
        drain(collector)

        kept = isp.row("SELECT * FROM decision_receipts")
        assert (kept["id"], kept["tenant_id"]) == ("r1", isp.tenant_id)
        assert kept["body"] == {"format": 1, "text": "a\\x00\\u0000"}
        assert (kept["created_at"], kept["last_used_on"]) == (NOW, clock.now.date())
        rows = isp.rows("SELECT receipt_id, compiled_at FROM access_log ORDER BY receipt_id NULLS LAST")
        assert [(row["receipt_id"], row["compiled_at"]) for row in rows] == [("r1", NOW), ("r1", NOW), (None, None)]

    @pytest.mark.parametrize(
        "broken",
        [
            {"receipt": "r1", "tenant_id": 0, "body": {}},
            {"receipt": "r" * 33, "tenant_id": 1, "body": {}},
            {"receipt": "r1", "tenant_id": 1, "body": "text"},
            {"receipt": None, "tenant_id": 1, "body": {}},
            {},
        ],
    )
    def test_what_is_no_receipt_is_set_aside(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, broken: dict[str, Any]
    ) -> None:
        bad_name = [*self.decision(isp), ["r1"]]
        spool.put(self.line(isp, broken, bad_name, self.decision(isp)), name="access-2026112110.jsonl")
        drain(collector)
        assert isp.one("SELECT count(*) FROM decision_receipts") == 0
        assert isp.one("SELECT count(*) FROM access_log") == 1
        assert isp.one("SELECT count(*) FROM quarantined_records WHERE reason = 'not_a_decision'") == 2

    @pytest.mark.parametrize(
        ("setting", "months"), [(None, 6), ("access_log", 2), ("decision_receipts", 2), ("radacct", 6)]
    )
    def test_receipts_go_with_the_decisions_that_name_them(self, isp: Isp, setting: str | None, months: int) -> None:
        if setting is not None:
            isp.do("INSERT INTO settings (key, value) VALUES (%s, '2')", f"retention_months.{setting}")
        oldest = partitions.month_before(partitions.month_of(NOW), months)
        for name, days in (("kept", 8), ("gone", 9)):
            isp.do(
                "INSERT INTO decision_receipts (id, tenant_id, body, last_used_on) VALUES (%s, 1, '{}', %s)",
                name, oldest - timedelta(days=days),
            )  # fmt: skip
        jobs.keep_partitions(isp.connection, NOW)
        assert [row["id"] for row in isp.rows("SELECT id FROM decision_receipts")] == ["kept"]

    def test_what_is_no_decision_is_set_aside(self, isp: Isp, spool: SpoolWriter, collector: Collector) -> None:
        broken = self.decision(isp, result="maybe")
        spool.put(
            b"{not json\n", b'"text"\n', self.line(isp, self.decision(isp), broken, []), name="access-2026112110.jsonl"
        )
        drain(collector)
        assert isp.one("SELECT count(*) FROM access_log") == 1
        reasons = [row["reason"] for row in isp.rows("SELECT reason FROM quarantined_records ORDER BY id")]
        assert reasons == ["not_json", "not_a_record", "not_a_decision", "not_a_decision"]

    def test_a_refused_line_does_not_stop_accounting(self, isp: Isp, spool: SpoolWriter, collector: Collector) -> None:
        isp.do("ALTER TABLE access_log ADD CONSTRAINT no_evil CHECK (username <> 'evil')")
        spool.put(
            self.line(isp, self.decision(isp, username="evil")), self.line(isp, self.decision(isp)),
            name="access-2026112110.jsonl",
        )  # fmt: skip
        spool.send("Interim-Update", Acct_Session_Time=60, Acct_Output_Octets=GIB)
        drain(collector)
        assert isp.one("SELECT count(*) FROM access_log") == 1
        assert isp.one("SELECT reason FROM quarantined_records") == "refused: CheckViolation"
        assert isp.used() == (GIB, 0)

    def test_it_has_its_turn_while_a_backlog_of_accounting_is_counted(
        self, isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock
    ) -> None:
        for number in range(100):
            spool.send("Interim-Update", Acct_Session_Time=number, Acct_Output_Octets=number)
        collector = make_collector(limits=Limits(records=10))
        stored = []
        for _ in range(2):
            spool.put(self.line(isp, self.decision(isp)), name="access-2026112110.jsonl")
            collector.step()
            stored.append(isp.one("SELECT count(*) FROM access_log"))
            clock.pass_by(seconds=2)

        assert stored == [1, 2]
        assert isp.one("SELECT records FROM spool_positions WHERE stream = 'acct' AND file = ''") < 100


@pytest.mark.parametrize(("late_by_s", "niceness"), [(4, 10), (6, 0)])
def test_counting_much_gives_way_but_not_for_ever(
    isp: Isp, spool: SpoolWriter, clock: Clock, make_collector: MakeCollector, late_by_s: int, niceness: int
) -> None:
    collector = make_collector(limits=Limits(records=2))
    stop, seen = threading.Event(), []
    step = collector.step

    def watched_step() -> int:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        if len(seen) == 4:
            stop.set()
        return step()

    for number in range(20):
        spool.send("Start", Class=class_of(isp.subscription_id), Acct_Session_Id=f"{number:08x}")
    clock.pass_by(seconds=late_by_s)
    collector.step = watched_step  # type: ignore[method-assign]
    collector.run(stop)

    mine = os.getpriority(os.PRIO_PROCESS, 0)
    assert seen == [mine, *[max(mine, niceness)] * 3]


def test_a_batch_that_outgrows_the_memory_forgets_nobody_it_still_counts(
    isp: Isp, spool: SpoolWriter, db: Session, make_collector: MakeCollector, clock: Clock
) -> None:
    others = [make_subscription(db, tenant_id=isp.tenant_id, username=f"other{number}").id for number in range(4)]
    db.commit()
    collector = make_collector(limits=Limits(sessions=2))
    own = class_of(isp.subscription_id)
    spool.send("Start", Class=own)
    drain(collector)
    clock.pass_by(minutes=5)

    for number, subscription_id in enumerate(others):
        spool.send("Start", Class=class_of(subscription_id), Acct_Session_Id=f"8200000{number}", User_Name="other")
    spool.send("Interim-Update", Class=own, Acct_Session_Time=300, Acct_Output_Octets=1000)
    drain(collector)
    clock.pass_by(minutes=5)
    spool.send("Interim-Update", Class=own, Acct_Session_Time=600, Acct_Output_Octets=3000)
    drain(collector)

    assert isp.used() == (3000, 0)
    isp.invariants()
