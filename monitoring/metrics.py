"""The installation in numbers, as Prometheus reads them (text format 0.0.4). Names and units follow its conventions."""

from collections.abc import Callable, Iterable
from datetime import datetime

from db.queries import health
from db.queries.health import Connection, SpoolReading
from domain.alarms import lag_seconds

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "lintas_"
Pick = Callable[[SpoolReading], float]


def metrics(connection: Connection, now: datetime) -> str:
    """Everything that is measured, one sample a line."""
    readings = health.readings(connection)
    lines = [line for name, text, pick in _of_spool(now) for line in _family(name, text, _samples(readings, pick))]
    counted = health.counts(connection)
    alarms = health.open_alarms(connection)
    for name, kind, text, value in (
        ("open_sessions", "gauge", "Sessions that run.", counted.open_sessions),
        ("accounting_records_total", "counter", "Accounting records counted.", counted.counted_records),
        ("quarantined_records", "gauge", "Records set aside for a person to read.", counted.quarantined_records),
        ("session_changes_pending", "gauge", "Changes on their way to routers.", counted.pending_changes),
        ("session_checks_waiting", "gauge", "Silent sessions being asked about.", counted.session_checks_waiting),
        ("alarms", "gauge", "Alarms that are on.", len(alarms)),
    ):
        lines += _family(name, text, [("", float(value))], kind)
    ended = [(_outcome_labels(one), float(one.records)) for one in health.outcomes(connection)]
    lines += _family("accounting_packets", "Accounting packets received, by what became of them.", ended)
    lines += _family("alarm", "1 for each alarm that is on.", [(_alarm_labels(alarm), 1.0) for alarm in alarms])
    return "\n".join(lines) + "\n"


def _of_spool(now: datetime) -> Iterable[tuple[str, str, Pick]]:
    yield "spool_waiting_bytes", "Bytes acknowledged and not yet counted.", lambda r: r.waiting_bytes
    yield "spool_lag_seconds", "How long the oldest such record waits.", lambda r: lag_seconds(r.facts, now)
    yield "spool_written_bytes_per_second", "How fast the spool grows.", lambda r: r.written_bytes_per_s
    yield "spool_counted_bytes_per_second", "How fast it is counted.", lambda r: r.counted_bytes_per_s
    yield "spool_free_bytes", "Room on its disk.", lambda r: r.free_bytes
    yield "spool_needed_bytes", "Room below which nothing is acknowledged.", lambda r: r.min_free_bytes
    yield "spool_open", "1 while accounting is acknowledged.", lambda r: r.is_open
    yield "spool_sync_errors", "Failed requests to the disk.", lambda r: r.sync_errors
    yield "spool_sync_seconds", "Slowest request to the disk of late.", lambda r: (r.sync_ms or 0) / 1000
    yield (
        "spool_unsynced_seconds",
        "Age of what a power cut could cost.",
        lambda r: 0 if r.synced_at is None else max(0.0, (r.measured_at - r.synced_at).total_seconds()),
    )
    yield "spool_reading_age_seconds", "Age of these numbers.", lambda r: (now - r.measured_at).total_seconds()


def _samples(readings: list[SpoolReading], pick: Pick) -> list[tuple[str, float]]:
    return [(f'{{node="{_escaped(reading.node)}"}}', float(pick(reading))) for reading in readings]


def _family(name: str, text: str, samples: Iterable[tuple[str, float]], kind: str = "gauge") -> list[str]:
    head = [f"# HELP {_PREFIX}{name} {text}", f"# TYPE {_PREFIX}{name} {kind}"]
    return [*head, *(f"{_PREFIX}{name}{labels} {_number(value)}" for labels, value in samples)]


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"


def _outcome_labels(one: health.OutcomeCount) -> str:
    return f'{{outcome="{one.outcome}",reason="{_escaped(one.reason)}"}}'


def _alarm_labels(alarm: health.AlarmRow) -> str:
    return f'{{code="{alarm.code}",subject="{_escaped(alarm.subject)}",severity="{alarm.severity}"}}'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
