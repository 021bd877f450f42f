"""Hours and months say what the days say, whenever they are made and however often."""

from datetime import UTC, date, datetime, timedelta

from accounting import jobs
from db.queries import rollups
from tests.integration.accounting.conftest import GIB, Clock, Isp, MakeCollector, SpoolWriter, class_of, drain


def by_hour(isp: Isp) -> list[tuple[int, int, int]]:
    rows = isp.rows(
        "SELECT extract(hour FROM hour)::int AS hour, sum(download_bytes)::bigint AS down, sum(seconds)::bigint AS s"
        " FROM usage_hourly GROUP BY 1 ORDER BY 1"
    )
    return [(row["hour"], row["down"], row["s"]) for row in rows]


def test_each_hour_has_what_was_counted_in_it(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock
) -> None:
    collector = make_collector()
    spool.send("Start", Class=class_of(isp.subscription_id))
    for minutes in range(20, 200, 20):
        clock.pass_by(minutes=20)
        spool.send(
            "Interim-Update", Class=class_of(isp.subscription_id), Acct_Session_Time=minutes * 60,
            Acct_Output_Octets=minutes << 20,
        )  # fmt: skip
        drain(collector)
        if clock.now.minute == 0:
            jobs.roll_hours(isp.connection, clock.now + timedelta(minutes=1))
            assert jobs.roll_hours(isp.connection, clock.now + timedelta(minutes=1)).changed == 0
    assert by_hour(isp) == [(hour, 60 << 20, 3600) for hour in (10, 11, 12)]
    assert isp.used()[0] == 180 << 20


def test_a_run_that_was_missed_is_made_up_for(isp: Isp, spool: SpoolWriter, make_collector: MakeCollector) -> None:
    isp.do("INSERT INTO usage_daily VALUES (%s, '2026-11-20', %s, 5, 3, 60, 1)", isp.subscription_id, isp.nas_id)
    isp.do("INSERT INTO usage_daily VALUES (%s, '2026-11-21', %s, 7, 1, 30, 1)", isp.subscription_id, isp.nas_id)
    at = datetime(2026, 11, 21, 9, 1, tzinfo=UTC)
    assert jobs.roll_hours(isp.connection, at).changed == 2
    assert isp.one("SELECT sum(download_bytes)::bigint FROM usage_hourly") == 12
    isp.do("UPDATE usage_daily SET download_bytes = 9 WHERE day = '2026-11-20'")
    assert jobs.roll_hours(isp.connection, at).changed == 1
    assert isp.one("SELECT sum(download_bytes)::bigint FROM usage_hourly") == 16


def test_months_are_the_sums_of_their_days_and_follow_late_records(isp: Isp) -> None:
    for month in range(1, 12):
        for day in (1, 15, 28):
            isp.do(
                "INSERT INTO usage_daily VALUES (%s, %s, %s, %s, 1, 60, 1)",
                isp.subscription_id, date(2026, month, day), isp.nas_id, month * GIB,
            )  # fmt: skip
    now = datetime(2026, 11, 21, 1, 10, tzinfo=UTC)
    assert jobs.roll_months(isp.connection, now).changed == 10
    assert isp.one("SELECT download_bytes FROM usage_monthly WHERE month = '2026-03-01'") == 9 * GIB
    assert not rollups.is_rolled(isp.connection, date(2026, 11, 1))
    assert jobs.roll_months(isp.connection, now).changed == 0

    isp.do("UPDATE usage_daily SET download_bytes = 1 WHERE day = '2026-10-15'")
    assert jobs.roll_months(isp.connection, now).changed == 1
    assert isp.one("SELECT download_bytes FROM usage_monthly WHERE month = '2026-10-01'") == 20 * GIB + 1


def test_days_go_when_staff_say_so_and_never_before_their_month_is_summed(isp: Isp) -> None:
    for month in range(1, 12):
        isp.do(
            "INSERT INTO usage_daily VALUES (%s, %s, %s, 100, 1, 60, 1)",
            isp.subscription_id, date(2026, month, 3), isp.nas_id,
        )  # fmt: skip
    now = datetime(2026, 11, 21, 1, 10, tzinfo=UTC)
    jobs.roll_months(isp.connection, now)
    assert isp.one("SELECT count(*) FROM usage_daily") == 11
    isp.do("INSERT INTO settings (key, value) VALUES ('retention_months.usage_daily', '6')")
    isp.do("DELETE FROM usage_monthly WHERE month = '2026-02-01'")
    with isp.connection.transaction():
        rollups.delete_days(isp.connection, before=date(2026, 5, 1), limit=1000)
    assert isp.one("SELECT count(*) FROM usage_daily WHERE day < '2026-05-01'") == 1
    jobs.roll_months(isp.connection, now)
    assert isp.one("SELECT min(day) FROM usage_daily") == date(2026, 5, 3)
    assert isp.one("SELECT count(*) FROM usage_monthly") == 10
