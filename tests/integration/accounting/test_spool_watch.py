"""The spool is measured by who counts it, and what is wrong with it is an alarm until it is over."""

import json
from datetime import timedelta

import psycopg
import pytest

from db.queries import health
from monitoring.alarms import watch, words
from monitoring.metrics import metrics
from tests.integration.accounting.conftest import Clock, Isp, MakeCollector, SpoolWriter, drain


def test_a_collector_tells_what_waits_and_since_when(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock
) -> None:
    collector = make_collector()
    spool.send("Start")
    drain(collector)
    (reading,) = health.readings(isp.connection)
    assert (reading.node, reading.waiting_bytes, reading.oldest_waiting_at) == ("node1", 0, None)
    assert reading.free_bytes > 0
    assert reading.is_open
    assert reading.sync_mode is None

    received_at = clock.now
    spool.put(spool.packet("Interim-Update", Acct_Session_Time=60)[:-1])
    clock.pass_by(seconds=30)
    collector.step()
    (reading,) = health.readings(isp.connection)
    assert reading.oldest_waiting_at == received_at
    assert reading.waiting_bytes > 100
    assert reading.written_bytes_per_s == round(reading.waiting_bytes / 30)


def test_the_watch_inside_freeradius_is_heard_and_an_old_note_is_not_news(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock
) -> None:
    collector = make_collector()
    spool.send("Start")
    note = spool.directory / "watch-accounting0.json"
    at = (clock.now - timedelta(seconds=5)).timestamp()
    note.write_text(json.dumps({"synced_at": at, "longest_ms": 12, "errors": 3}).ljust(256))
    (spool.directory / "watch-login0.json").write_text("half writt")
    drain(collector)
    (reading,) = health.readings(isp.connection)
    assert (reading.sync_mode, reading.sync_ms, reading.sync_errors) == ("background", 12, 3)

    clock.pass_by(seconds=200)
    collector.step()
    (reading,) = health.readings(isp.connection)
    assert (reading.sync_ms, reading.sync_errors) == (0, 0)


def test_an_alarm_is_raised_once_refreshed_and_cleared(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock
) -> None:
    collector = make_collector()
    spool.send("Start")
    drain(collector)
    assert watch(isp.connection, clock.now) == ([], 0)

    raised, cleared = watch(isp.connection, clock.pass_by(minutes=5))
    assert ([alarm.code for alarm in raised], cleared) == (["collector_silent"], 0)
    assert watch(isp.connection, clock.pass_by(minutes=1)) == ([], 0)
    (alarm,) = health.open_alarms(isp.connection)
    assert alarm.facts["seconds"] == 360
    assert words(alarm.code, alarm.subject, alarm.facts).sentence == (
        "The collector of node1 has not reported for 360 seconds"
    )

    collector.step()
    assert watch(isp.connection, clock.pass_by(seconds=1)) == ([], 1)
    assert health.open_alarms(isp.connection) == []
    (past,) = health.recent_alarms(isp.connection, now=clock.now)
    assert past.cleared_at == clock.now


def test_metrics_are_read_by_prometheus(
    isp: Isp, spool: SpoolWriter, make_collector: MakeCollector, clock: Clock
) -> None:
    collector = make_collector()
    spool.send("Start")
    drain(collector)
    lines = metrics(isp.connection, clock.now).splitlines()
    assert 'lintas_spool_waiting_bytes{node="node1"} 0' in lines
    assert "lintas_open_sessions 1" in lines
    assert "lintas_accounting_records_total 1" in lines
    samples = [line for line in lines if not line.startswith("#")]
    assert all(len(line.split(" ")) == 2 for line in samples)
    assert len({line.split("{")[0].split(" ")[0] for line in samples}) <= sum(
        line.startswith("# TYPE") for line in lines
    )


@pytest.mark.parametrize("code", ["spool_closed", "spool_room", "spool_lag", "spool_sync", "month_not_retired"])
def test_every_alarm_has_words_and_a_place_in_the_table(isp: Isp, code: str) -> None:
    said = words(code, "node1", {})
    assert "node1" in said.sentence
    assert said.mend
    with pytest.raises(psycopg.errors.CheckViolation):
        isp.do("INSERT INTO alarms (code, subject, severity, facts, raised_at, seen_at)"
               " VALUES ('no-such', 'x', 'warning', '{}', now(), now())")  # fmt: skip
