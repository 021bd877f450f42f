"""A router that restarted: what it ran is over when it was last heard, and nobody else's sessions are touched."""

import time
from datetime import timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session

from accounting import jobs
from accounting.collector import Collector
from factories import make_nas, make_subscription
from tests.integration.accounting.conftest import NOW, Clock, Isp, MakeCollector, SpoolWriter, drain


def open_sessions(isp: Isp, nas_id: int | None = None) -> list[str]:
    rows = isp.rows(
        "SELECT acctsessionid FROM radacct_open WHERE acctstoptime IS NULL AND nas_server_id = %s ORDER BY 1",
        nas_id or isp.nas_id,
    )
    return [row["acctsessionid"] for row in rows]


def causes(isp: Isp) -> dict[str, str | None]:
    return {
        row["acctsessionid"]: row["acctterminatecause"]
        for row in isp.rows("SELECT acctsessionid, acctterminatecause FROM radacct WHERE acctstoptime IS NOT NULL")
    }


class TestAccountingOn:
    """The router says so itself, at a time by its clock that may be anything: ours is what counts."""

    @pytest.mark.parametrize("sessions", [0, 1, 10_000])
    @pytest.mark.parametrize("clock_off_s", [0, -3600, 3600])
    def test_everything_that_ran_there_is_over_when_it_was_last_heard(
        self, db: Session, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock, sessions: int,
        clock_off_s: int,
    ) -> None:  # fmt: skip
        if sessions == 10_000 and clock_off_s:
            pytest.skip("the clock is the same question with one session")
        other = make_nas(db, tenant_id=isp.tenant_id)
        db.commit()
        spool.put(
            *(
                spool.packet("Interim-Update", Acct_Session_Id=f"81{n:06x}", Acct_Session_Time=60, Acct_Output_Octets=n)
                for n in range(sessions)
            )
        )
        spool.send("Start", Acct_Session_Id="81f00001", source=str(other.host))
        drain(collector)
        at = clock.pass_by(minutes=3)
        stamp = (at + timedelta(seconds=clock_off_s)).strftime("%b %e %Y %H:%M:%S UTC")
        for _ in range(2):
            spool.send("Accounting-On", Acct_Session_Id=None, Event_Timestamp=stamp)
        begun = time.monotonic()
        drain(collector)
        assert time.monotonic() - begun < 20

        assert open_sessions(isp) == []
        assert open_sessions(isp, other.id) == ["81f00001"]
        ends = isp.rows("SELECT DISTINCT acctstoptime, acctterminatecause FROM radacct WHERE acctstoptime IS NOT NULL")
        assert ends == [{"acctstoptime": NOW, "acctterminatecause": "NAS-Reboot"}] * bool(sessions)
        assert isp.used()[0] == sum(range(sessions))
        assert isp.one("SELECT told_by FROM nas_boots WHERE nas_server_id = %s", isp.nas_id) == "accounting_on"

    def test_a_session_that_is_first_heard_of_after_it_is_over_all_the_same(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        at = clock.pass_by(minutes=30)
        spool.send("Accounting-On", Acct_Session_Id=None)
        drain(collector)
        clock.pass_by(seconds=5)
        # It was on its way for long, and says so.
        spool.send(
            "Interim-Update", Acct_Delay_Time=600, Acct_Session_Time=300, Acct_Output_Octets=9,
            Event_Timestamp=(clock.now - timedelta(seconds=600)).strftime("%b %e %Y %H:%M:%S UTC"),
        )  # fmt: skip
        spool.send("Start", Acct_Session_Id="81000002")
        drain(collector)
        assert open_sessions(isp) == ["81000002"]
        ended = isp.row("SELECT acctstoptime, acctterminatecause FROM radacct WHERE acctsessionid = '81000001'")
        assert ended["acctstoptime"] < at
        assert ended["acctterminatecause"] == "NAS-Reboot"
        assert isp.used() == (9, 0)

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_it_is_the_same_wherever_in_a_batch_it_comes(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock, place: int
    ) -> None:
        for session_id in ("81000001", "81000002"):
            spool.send("Start", Acct_Session_Id=session_id)
        drain(collector)
        clock.pass_by(minutes=5)
        for at, session_id in enumerate(("81000001", "81000002", None)):
            if at == place:
                spool.send("Accounting-Off", Acct_Session_Id=None)
            if session_id is not None:
                interim = {"Acct_Session_Id": session_id, "Acct_Session_Time": 300, "Acct_Output_Octets": 300}
                spool.send("Interim-Update", **interim)
        drain(collector)
        assert causes(isp) == {"81000001": "NAS-Reboot", "81000002": "NAS-Reboot"}
        ends = isp.rows("SELECT DISTINCT acctstoptime FROM radacct WHERE acctstoptime IS NOT NULL")
        assert [row["acctstoptime"] for row in ends] == [clock.now]
        assert isp.used()[0] == 600


class TestSessionIds:
    """RouterOS counts its restarts in the third digit of its session ids."""

    def interim(self, spool: SpoolWriter, session_id: str, seconds: int, **over: Any) -> None:
        spool.send(
            "Interim-Update", Acct_Session_Id=session_id, Acct_Session_Time=seconds, Acct_Output_Octets=seconds, **over
        )

    def test_a_new_count_ends_what_was_last_heard_before_it(
        self, db: Session, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        other = make_nas(db, tenant_id=isp.tenant_id)
        make_subscription(db, username="sari", tenant_id=isp.tenant_id)
        db.commit()
        self.interim(spool, "81000001", 60)
        self.interim(spool, "81000002", 60, User_Name="sari")
        self.interim(spool, "80000001", 60)
        self.interim(spool, "81000001", 60, source=str(other.host))
        drain(collector)
        clock.pass_by(minutes=4)
        spool.send("Start", Acct_Session_Id="81100001")
        drain(collector)
        # The hotspot's session ends with the hotspot's first new id.
        assert open_sessions(isp) == ["80000001", "81100001"]
        assert causes(isp) == {"81000001": "NAS-Reboot-Seen", "81000002": "NAS-Reboot-Seen"}
        assert open_sessions(isp, other.id) == ["81000001"]
        assert isp.row("SELECT acctstoptime FROM radacct WHERE acctsessionid = '81000002'")["acctstoptime"] == NOW
        assert isp.one("SELECT told_by FROM nas_boots WHERE nas_server_id = %s", isp.nas_id) == "session_ids"
        isp.invariants()

    def test_the_count_is_remembered_over_a_restart_of_the_collector(
        self, isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock
    ) -> None:
        self.interim(spool, "81f00001", 60)
        drain(make_collector())
        clock.pass_by(minutes=4)
        # After sixteen restarts the count begins again.
        spool.send("Start", Acct_Session_Id="81000001")
        drain(make_collector())
        assert open_sessions(isp) == ["81000001"]

    def test_a_session_that_shows_life_comes_back(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        self.interim(spool, "81000001", 60)
        drain(collector)
        clock.pass_by(minutes=4)
        spool.send("Start", Acct_Session_Id="81100001", User_Name="x")
        drain(collector)
        clock.pass_by(minutes=1)
        self.interim(spool, "81000001", 360)
        drain(collector)
        assert open_sessions(isp) == ["81000001", "81100001"]
        isp.invariants()

    def test_an_old_sessions_late_packet_is_no_restart(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        spool.send("Start", Acct_Session_Id="81100001")
        drain(collector)
        clock.pass_by(minutes=5)
        self.interim(spool, "81000009", 3600, User_Name="x")
        drain(collector)
        assert "81100001" in open_sessions(isp)

    def test_other_makers_ids_count_nothing(
        self, db: Session, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        isp.do("UPDATE nas_servers SET type = 'cisco' WHERE id = %s", isp.nas_id)
        self.interim(spool, "81000001", 60)
        drain(collector)
        clock.pass_by(minutes=4)
        spool.send("Start", Acct_Session_Id="81100001", User_Name="x")
        drain(collector)
        assert open_sessions(isp) == ["81000001", "81100001"]


class TestUptime:
    """Only the API shows that a router restarted: nobody has logged in since."""

    def shown(self, isp: Isp, uptime_s: int, clock: Clock) -> None:
        isp.do(
            "INSERT INTO router_snapshots (nas_server_id, part, rows, taken_at) VALUES (%s, 'overview', %s, %s)"
            " ON CONFLICT (nas_server_id, part) DO UPDATE SET rows = excluded.rows, taken_at = excluded.taken_at",
            isp.nas_id, Jsonb([{"identity": "gw", "uptime_s": uptime_s}]), clock.now,
        )  # fmt: skip

    def test_what_was_last_heard_before_the_restart_is_over(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        spool.send("Interim-Update", Acct_Session_Time=60, Acct_Output_Octets=5)
        drain(collector)
        self.shown(isp, 90_000, clock)
        assert jobs.end_what_restarts_ended(isp.connection, clock.now).changed == 0
        clock.pass_by(minutes=5)
        self.shown(isp, 120, clock)
        assert jobs.end_what_restarts_ended(isp.connection, clock.now).changed == 1
        assert causes(isp) == {"81000001": "NAS-Reboot-Seen"}
        # The same restart again, a second off.
        clock.pass_by(minutes=1)
        spool.send("Start", Acct_Session_Id="81100001")
        drain(collector)
        self.shown(isp, 179, clock)
        assert jobs.end_what_restarts_ended(isp.connection, clock.now).changed == 0
        assert open_sessions(isp) == ["81100001"]
        isp.invariants()
