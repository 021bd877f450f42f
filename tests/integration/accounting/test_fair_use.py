"""Fair use, expiry and sessions let in on an old answer: state, history and the live change are written together."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from accounting import jobs
from accounting.collector import Collector
from db.queries.usage import daily_usage, live_sessions, online_count, online_sessions, recent_sessions, usage_of
from tests.integration.accounting.conftest import (
    GIB,
    NOW,
    Clock,
    Isp,
    MakeCollector,
    SpoolWriter,
    class_of,
    drain,
    wait_until,
)


def use(spool: SpoolWriter, isp: Isp, total_bytes: int, *, seconds: int = 300, tier: int = 0, **over: Any) -> None:
    spool.send(
        "Interim-Update", Class=class_of(isp.subscription_id, tier=tier), Acct_Session_Time=seconds,
        Acct_Output_Octets=total_bytes % (1 << 32), Acct_Output_Gigawords=total_bytes >> 32, **over,
    )  # fmt: skip


def test_crossing_a_threshold_slows_the_running_sessions(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock, nudges: list[int]
) -> None:
    use(spool, isp, 9 * GIB)
    drain(collector)
    assert isp.rows("SELECT * FROM subscription_fup_states") == []
    crossed_at = clock.pass_by(minutes=5)
    use(spool, isp, 10 * GIB, seconds=600)
    clock.pass_by(seconds=1)
    drain(collector)
    state = isp.row("SELECT * FROM subscription_fup_states")
    assert (state["tier"], state["usage_at_activation_bytes"], state["activated_by"]) == (1, 10 * GIB, "accounting")
    assert state["window_end"] == datetime(2026, 11, 30, 17, tzinfo=UTC)
    event = isp.row("SELECT * FROM fup_events")
    assert (event["action"], event["tier"], event["threshold_bytes"]) == ("activate", 1, 10 * GIB)
    change = isp.row("SELECT * FROM session_changes")
    assert (change["kind"], change["reason"], change["caused_at"]) == ("coa", "fup", crossed_at)
    assert change["attributes"] == {"Mikrotik-Rate-Limit": "1M/2M"}
    assert nudges == [1]
    clock.pass_by(minutes=5)
    use(spool, isp, 12 * GIB, seconds=900, tier=1)
    drain(collector)
    assert isp.one("SELECT count(*) FROM session_changes") == 1
    assert isp.one("SELECT count(*) FROM fup_events") == 1


def test_the_first_record_ever_seen_may_be_the_one_that_crosses(
    isp: Isp, spool: SpoolWriter, collector: Collector
) -> None:
    use(spool, isp, 11 * GIB)
    drain(collector)
    assert isp.one("SELECT tier FROM subscription_fup_states") == 1
    assert isp.one("SELECT count(*) FROM session_changes WHERE reason = 'fup'") == 1


def test_usage_that_another_process_counted_is_seen(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock
) -> None:
    elsewhere = SpoolWriter(directory=spool.directory.parent / "spool2", clock=clock, source=isp.nas_host)
    first, second = make_collector(), make_collector(node="node2", spool_dir=elsewhere.directory)
    use(spool, isp, 4 * GIB)
    drain(first)
    use(elsewhere, isp, 5 * GIB, Acct_Session_Id="81000002")
    drain(second)
    clock.pass_by(minutes=5)
    use(spool, isp, 5 * GIB, seconds=600)
    drain(first)
    assert isp.one("SELECT tier FROM subscription_fup_states") == 1


def test_a_lowered_threshold_is_noticed_at_the_next_record(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    use(spool, isp, 4 * GIB)
    drain(collector)
    isp.do("UPDATE plan_fup_rules SET threshold_bytes = %s", 3 * GIB)
    for step in range(1, 100):
        clock.pass_by(minutes=5)
        use(spool, isp, 4 * GIB + step, seconds=300 + 300 * step)
        drain(collector)
        if isp.rows("SELECT * FROM subscription_fup_states"):
            break
        time.sleep(0.01)
    assert isp.one("SELECT tier FROM subscription_fup_states") == 1


def test_staff_who_lifted_fair_use_are_not_overruled_in_the_same_window(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    isp.do(
        "INSERT INTO subscription_fup_states (subscription_id, tier, window_end) VALUES (%s, 0, %s)",
        isp.subscription_id,
        NOW + timedelta(days=5),
    )
    use(spool, isp, 11 * GIB)
    drain(collector)
    assert isp.one("SELECT tier FROM subscription_fup_states") == 0
    assert isp.rows("SELECT * FROM session_changes") == []


def test_fair_use_ends_with_its_period_and_full_speed_comes_back(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    use(spool, isp, 11 * GIB)
    drain(collector)
    isp.do("UPDATE session_changes SET status = 'ack'")
    december = datetime(2026, 11, 30, 17, 0, 1, tzinfo=UTC)
    assert jobs.reset_fair_use(isp.connection, december - timedelta(minutes=1)) == jobs.Done()
    assert jobs.reset_fair_use(isp.connection, december) == jobs.Done(changed=1, asked=1)
    assert jobs.reset_fair_use(isp.connection, december) == jobs.Done()
    assert isp.row("SELECT tier, window_end FROM subscription_fup_states") == {"tier": 0, "window_end": None}
    change = isp.row("SELECT * FROM session_changes WHERE status = 'pending'")
    assert (change["reason"], change["attributes"]) == ("fup_reset", {"Mikrotik-Rate-Limit": "10M/20M"})
    assert [row["action"] for row in isp.rows("SELECT action FROM fup_events ORDER BY id")] == ["activate", "reset"]


def test_a_reset_falls_back_to_a_tier_still_reached_in_a_longer_period(
    isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
) -> None:
    isp.do(
        "INSERT INTO plan_fup_rules (tenant_id, service_plan_id, tier, threshold_bytes, reset_period,"
        " reduction_percent) VALUES (%s, %s, 2, %s, 'daily', 95)",
        isp.tenant_id,
        isp.plan_id,
        11 * GIB,
    )
    use(spool, isp, 12 * GIB)
    drain(collector)
    assert isp.one("SELECT tier FROM subscription_fup_states") == 2
    jobs.reset_fair_use(isp.connection, NOW + timedelta(days=1))
    state = isp.row("SELECT * FROM subscription_fup_states")
    assert (state["tier"], state["window_end"]) == (1, datetime(2026, 11, 30, 17, tzinfo=UTC))


def test_an_unlimited_plan_is_given_back_as_no_limit(isp: Isp, spool: SpoolWriter, collector: Collector) -> None:
    isp.do("UPDATE service_plans SET download_kbps = 0, upload_kbps = 0")
    use(spool, isp, 11 * GIB)
    drain(collector)
    jobs.reset_fair_use(isp.connection, NOW + timedelta(days=30))
    attributes = [row["attributes"] for row in isp.rows("SELECT attributes FROM session_changes ORDER BY id")]
    assert attributes == [{"Mikrotik-Rate-Limit": "1M/2M"}, {"Mikrotik-Rate-Limit": "0/0"}]


class TestSessionsLetInOnAnOldAnswer:
    """The policy answered from memory a moment before the change reached it."""

    def test_another_tier_than_the_current_one_is_put_right(
        self, isp: Isp, spool: SpoolWriter, collector: Collector
    ) -> None:
        isp.do(
            "INSERT INTO subscription_fup_states (subscription_id, tier, window_end) VALUES (%s, 1, %s)",
            isp.subscription_id,
            NOW + timedelta(days=5),
        )
        spool.send("Start", Class=class_of(isp.subscription_id, tier=1))
        drain(collector)
        assert isp.rows("SELECT * FROM session_changes") == []
        spool.send("Start", Class=class_of(isp.subscription_id, tier=0), Acct_Session_Id="81000002")
        drain(collector)
        change = isp.row("SELECT * FROM session_changes")
        assert (change["kind"], change["reason"], change["acctsessionid"]) == ("coa", "late_start", "81000002")
        assert change["attributes"] == {"Mikrotik-Rate-Limit": "1M/2M"}

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE subscriptions SET status = 'suspended'",
            "UPDATE subscriptions SET expires_at = '2026-11-01', grace_period_days = 3",
            "UPDATE subscriptions SET deleted_at = now()",
            "UPDATE customers SET status = 'blacklisted'",
        ],
    )
    def test_one_who_may_not_be_online_is_disconnected(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, change: str
    ) -> None:
        isp.do(change)
        spool.send("Start", Class=class_of(isp.subscription_id))
        drain(collector)
        row = isp.row("SELECT * FROM session_changes")
        assert (row["kind"], row["reason"]) == ("disconnect", "late_start")

    def test_grace_is_not_over_yet(self, isp: Isp, spool: SpoolWriter, collector: Collector) -> None:
        isp.do("UPDATE subscriptions SET expires_at = %s, grace_period_days = 3", NOW - timedelta(days=2))
        spool.send("Start", Class=class_of(isp.subscription_id))
        drain(collector)
        assert isp.rows("SELECT * FROM session_changes") == []

    def test_a_change_that_commits_while_the_session_is_stored_is_caught_by_its_notice(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, nudges: list[int]
    ) -> None:
        spool.send("Start", Class=class_of(isp.subscription_id))
        with psycopg.connect(isp.db_url) as staff:
            staff.execute("UPDATE subscriptions SET status = 'suspended'")
            # Staff's own transaction saw no running session, and the collector sees no suspension.
            drain(collector)
            staff.commit()
        assert isp.rows("SELECT * FROM session_changes") == []
        wait_until(lambda: collector.step() == 0 and isp.rows("SELECT * FROM session_changes") != [])
        assert isp.row("SELECT kind, reason FROM session_changes") == {"kind": "disconnect", "reason": "late_start"}
        assert nudges == [1]


class TestJobs:
    """What the clock makes due."""

    def test_a_silent_session_ends_where_it_was_last_seen(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        isp.do("UPDATE service_plans SET interim_interval_s = 600")
        spool.send("Start", Class=class_of(isp.subscription_id))
        drain(collector)
        clock.pass_by(minutes=29)
        collector.step()
        assert jobs.close_stale_sessions(isp.connection, clock.now) == jobs.Done()
        clock.pass_by(minutes=2)
        collector.step()
        assert jobs.close_stale_sessions(isp.connection, clock.now) == jobs.Done()
        isp.do("UPDATE session_checks SET answer = 'gone', answered_at = %s, look_at = %s", clock.now, clock.now)
        assert jobs.close_stale_sessions(isp.connection, clock.now).changed == 1
        assert isp.row("SELECT acctstoptime, acctterminatecause FROM radacct") == {
            "acctstoptime": NOW,
            "acctterminatecause": "Lost",
        }
        use(spool, isp, 700, seconds=1860)
        drain(collector)
        assert isp.row("SELECT acctstoptime, acctoutputoctets FROM radacct_open") == {
            "acctstoptime": None,
            "acctoutputoctets": 700,
        }
        isp.invariants()

    def test_a_collector_that_is_behind_makes_nobody_look_lost(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        spool.send("Start", Class=class_of(isp.subscription_id))
        drain(collector)
        clock.pass_by(hours=2)
        assert jobs.close_stale_sessions(isp.connection, clock.now) == jobs.Done()
        isp.do("UPDATE nas_servers SET is_active = false")
        clock.pass_by(days=2)
        assert jobs.close_stale_sessions(isp.connection, clock.now).changed == 1

    def test_a_session_without_right_is_asked_to_end_again_but_not_every_minute(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        spool.send("Start", Class=class_of(isp.subscription_id))
        drain(collector)
        isp.do("UPDATE customers SET status = 'suspended'")
        assert jobs.end_sessions_without_right(isp.connection, clock.now).asked == 1
        isp.do("UPDATE session_changes SET status = 'timeout', created_at = %s", clock.now)
        assert jobs.end_sessions_without_right(isp.connection, clock.pass_by(minutes=4)).asked == 0
        assert jobs.end_sessions_without_right(isp.connection, clock.pass_by(minutes=2)).asked == 1

    def test_months_are_made_ahead_and_strays_move_into_them(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        clock.now = NOW.replace(year=2031)
        spool.send("Start")
        clock.pass_by(minutes=5)
        spool.send("Stop", Acct_Session_Time=300, Acct_Output_Octets=9)
        drain(collector)
        assert isp.one("SELECT tableoid::regclass::text FROM radacct") == "radacct_open"
        assert jobs.keep_partitions(isp.connection, clock.now).changed == 15
        assert jobs.keep_partitions(isp.connection, clock.now) == jobs.Done()
        assert isp.one("SELECT tableoid::regclass::text FROM radacct") == "radacct_2031_11"
        assert isp.one("SELECT acctoutputoctets FROM radacct") == 9


class TestWhatPeopleSee:
    """The queries behind the panel, the API and the portal."""

    def test_usage_and_tiers_of_a_subscription(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        use(spool, isp, 4 * GIB)
        drain(collector)
        usage = usage_of(isp.connection, isp.subscription_id, clock.now)
        assert usage is not None
        assert (usage.today.download_bytes, usage.month.total_bytes, usage.today.seconds) == (4 * GIB, 4 * GIB, 300)
        assert usage.billing_cycle == replace(usage.month)
        assert usage.cycle.first_day.day == 15
        (tier,) = usage.tiers
        assert (tier.used_bytes, tier.percent, tier.is_in_force) == (4 * GIB, 40, False)
        assert tier.resets_at == datetime(2026, 11, 30, 17, tzinfo=UTC)
        assert usage_of(isp.connection, 999_999, clock.now) is None

    def test_sessions_live_recent_and_online(
        self, isp: Isp, spool: SpoolWriter, collector: Collector, clock: Clock
    ) -> None:
        spool.send("Start", Class=class_of(isp.subscription_id))
        clock.pass_by(minutes=5)
        spool.send("Stop", Class=class_of(isp.subscription_id), Acct_Session_Time=300, Acct_Output_Octets=7)
        spool.send("Start", Class=class_of(isp.subscription_id, decision="d2"), Acct_Session_Id="81000002")
        drain(collector)
        (live,) = live_sessions(isp.connection, isp.subscription_id)
        assert (live.acctsessionid, live.framed_ip, live.stopped_at) == ("81000002", "100.64.0.1", None)
        recent = recent_sessions(isp.connection, [isp.subscription_id])
        assert [session.acctsessionid for session in recent] == ["81000002", "81000001"]
        assert recent[1].download_bytes == 7
        older = recent_sessions(isp.connection, [isp.subscription_id], before=recent[0].started_at)
        assert [session.acctsessionid for session in older] == ["81000001"]
        assert online_count(isp.connection, tenant_id=isp.tenant_id) == 1
        for found in ("bud", "100.64", "aa:bb"):
            assert len(online_sessions(isp.connection, tenant_id=isp.tenant_id, search=found)) == 1
        assert online_sessions(isp.connection, tenant_id=isp.tenant_id, search="100%") == []
        assert online_sessions(isp.connection, tenant_id=isp.tenant_id + 1) == []
        (day,) = daily_usage(isp.connection, [isp.subscription_id], first_day=NOW.date(), last_day=NOW.date())
        assert (day.download_bytes, day.sessions) == (7, 2)
