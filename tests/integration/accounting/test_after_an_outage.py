"""What piled up while the database was away is counted at several times the rate at which records come in."""

import time
from datetime import timedelta

import psycopg

from accounting.collector import connect
from db.queries import health
from monitoring.alarms import watch
from tests.integration.accounting.conftest import Clock, Isp, MakeCollector, SpoolWriter, class_of, drain

# 90,000 sessions that report every five minutes.
ARRIVAL_PER_S = 300
OUTAGE_S = 100
TIMES_FASTER = 5
SESSIONS = 3_000


def write(isp: Isp, spool: SpoolWriter, begun: float, records: int) -> None:
    """So many records of sessions that take turns, as they would have come in."""
    lines = []
    for number in range(records):
        turn, session = divmod(number, SESSIONS)
        at = spool.clock.now + timedelta(seconds=begun + number / ARRIVAL_PER_S)
        lines.append(
            spool.packet(
                "Interim-Update",
                at=at,
                Acct_Session_Id=f"81{session:06x}",
                Class=class_of(isp.subscription_id),
                Acct_Session_Time=int(begun) + 60 + turn * 10,
                Acct_Output_Octets=(turn + 1) * 1000,
                Event_Timestamp=None,
            )
        )
    spool.put(*lines)


def test_a_backlog_drains_at_five_times_the_arrival_rate_and_its_alarm_ends(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock
) -> None:
    is_away = False

    def connected() -> psycopg.Connection:
        if is_away:
            raise psycopg.OperationalError("the database is away")
        return connect(isp.db_url)

    collector = make_collector(connect=connected)
    write(isp, spool, 0, SESSIONS)
    drain(collector)

    is_away = True
    collector.recover(psycopg.OperationalError("gone"))
    write(isp, spool, 0, ARRIVAL_PER_S * OUTAGE_S)
    clock.pass_by(seconds=OUTAGE_S)
    raised, _ = watch(isp.connection, clock.now)
    assert [alarm.code for alarm in raised] == ["collector_silent"]

    is_away = False
    begun_at = time.monotonic()
    counted = drain(collector)
    took_s = time.monotonic() - begun_at
    assert counted == ARRIVAL_PER_S * OUTAGE_S
    # What comes in meanwhile has to be counted too.
    assert counted / took_s >= (TIMES_FASTER + 1) * ARRIVAL_PER_S, f"{counted / took_s:.0f} records/s"

    clock.pass_by(seconds=20)
    collector.step()
    assert watch(isp.connection, clock.now) == ([], 1)
    (reading,) = health.readings(isp.connection)
    assert (reading.waiting_bytes, reading.oldest_waiting_at) == (0, None)
    assert isp.one("SELECT count(*) FROM radacct_open") == SESSIONS
    assert isp.used()[0] == SESSIONS * (ARRIVAL_PER_S * OUTAGE_S // SESSIONS) * 1000
