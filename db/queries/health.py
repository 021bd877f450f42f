"""How spools do, and the alarms that are on: written by collectors and jobs, read by every surface."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.alarms import Alarm, SpoolFacts

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class SpoolReading:
    """One look at a node's spool. Rates are bytes a second; `sync_ms` is the slowest request to the disk of late."""

    node: str
    measured_at: datetime
    waiting_bytes: int
    oldest_waiting_at: datetime | None
    written_bytes_per_s: int
    counted_bytes_per_s: int
    free_bytes: int
    min_free_bytes: int
    is_open: bool
    sync_mode: str | None
    synced_at: datetime | None
    sync_ms: int | None
    sync_errors: int

    @property
    def facts(self) -> SpoolFacts:
        """What alarms are made from."""
        return SpoolFacts(**{name: getattr(self, name) for name in SpoolFacts._fields})


_COLUMNS = tuple(SpoolReading.__dataclass_fields__)
_SAVE = (
    f"INSERT INTO spool_health ({', '.join(_COLUMNS)}) VALUES ({', '.join(f'%({name})s' for name in _COLUMNS)})"  # noqa: S608
    f" ON CONFLICT (node) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMNS[1:])}"
)


def save_reading(connection: Connection, reading: SpoolReading) -> None:
    """Keep a node's newest reading."""
    connection.execute(_SAVE, asdict(reading))


def readings(connection: Connection) -> list[SpoolReading]:
    """The newest reading of every node."""
    with connection.cursor(row_factory=class_row(SpoolReading)) as cursor:
        return cursor.execute(f"SELECT {', '.join(_COLUMNS)} FROM spool_health ORDER BY node").fetchall()  # noqa: S608


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmRow:
    """An alarm as people see it; on while `cleared_at` is None."""

    id: int
    code: str
    subject: str
    severity: str
    facts: dict[str, int]
    raised_at: datetime
    seen_at: datetime
    cleared_at: datetime | None


_RAISE = """
INSERT INTO alarms (code, subject, severity, facts, raised_at, seen_at)
VALUES (%(code)s, %(subject)s, %(severity)s, %(facts)s, %(now)s, %(now)s)
ON CONFLICT (code, subject) WHERE cleared_at IS NULL DO UPDATE SET severity = excluded.severity,
    facts = excluded.facts, seen_at = excluded.seen_at
RETURNING (xmax = 0)
"""


def keep_alarms(connection: Connection, alarms: Sequence[Alarm], *, now: datetime) -> tuple[list[Alarm], int]:
    """Raise or refresh what is on and clear what is over; returns the new ones and how many were cleared."""
    fresh = []
    for alarm in alarms:
        values = alarm._asdict() | {"facts": Jsonb(alarm.facts), "now": now}
        row = connection.execute(_RAISE, values).fetchone()
        if row is not None and row[0]:
            fresh.append(alarm)
    cleared = connection.execute(
        "UPDATE alarms SET cleared_at = %s WHERE cleared_at IS NULL AND seen_at < %s", [now, now]
    ).rowcount
    return fresh, cleared


def open_alarms(connection: Connection) -> list[AlarmRow]:
    """The alarms that are on, the gravest and oldest first."""
    return _alarms(connection, "cleared_at IS NULL ORDER BY severity, raised_at LIMIT 100", [])


def recent_alarms(connection: Connection, *, now: datetime, days: int = 7) -> list[AlarmRow]:
    """Alarms that are on or were on in the last days, newest first."""
    where = "cleared_at IS NULL OR cleared_at > %s ORDER BY cleared_at IS NOT NULL, raised_at DESC LIMIT 200"
    return _alarms(connection, where, [now - timedelta(days=days)])


def forget_alarms(connection: Connection, *, before: datetime) -> int:
    """Delete alarms that were over before then; returns how many."""
    return connection.execute("DELETE FROM alarms WHERE cleared_at < %s", [before]).rowcount


def _alarms(connection: Connection, where: str, values: Sequence[Any]) -> list[AlarmRow]:
    columns = ", ".join(AlarmRow.__dataclass_fields__)
    with connection.cursor(row_factory=class_row(AlarmRow)) as cursor:
        return cursor.execute(f"SELECT {columns} FROM alarms WHERE {where}".encode(), values).fetchall()  # noqa: S608


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What the installation holds, for metrics."""

    open_sessions: int
    quarantined_records: int
    pending_changes: int
    session_checks_waiting: int
    counted_records: int


def counts(connection: Connection) -> Counts:
    """Numbers that are cheap to read, of all providers."""
    with connection.cursor(row_factory=class_row(Counts)) as cursor:
        row = cursor.execute(
            "SELECT (SELECT count(*) FROM radacct_open WHERE acctstoptime IS NULL) AS open_sessions,"
            " (SELECT count(*) FROM quarantined_records WHERE state = 'waiting') AS quarantined_records,"
            " (SELECT count(*) FROM session_changes WHERE status IN ('pending', 'sending')) AS pending_changes,"
            " (SELECT count(*) FROM session_checks WHERE answer IS NULL AND asked_at IS NOT NULL)"
            "   AS session_checks_waiting,"
            " (SELECT coalesce(sum(records), 0)::bigint FROM spool_positions WHERE stream = 'acct' AND file = '')"
            "   AS counted_records"
        ).fetchone()
    if row is None:
        raise LookupError("the database counts nothing")
    return row


def database_bytes(connection: Connection) -> int:
    """How much room the database takes."""
    row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return 0 if row is None else int(row[0])


def changes_waiting(connection: Connection) -> tuple[int, datetime | None]:
    """How many changes of sessions are on their way, and since when the oldest."""
    row = connection.execute(
        "SELECT count(*), min(caused_at) FROM session_changes WHERE status IN ('pending', 'sending')"
    ).fetchone()
    return (0, None) if row is None else (int(row[0]), row[1])


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeCount:
    """How many accounting packets ended so, ever."""

    outcome: str
    reason: str
    records: int


def outcomes(connection: Connection) -> list[OutcomeCount]:
    """What became of every packet that was received."""
    with connection.cursor(row_factory=class_row(OutcomeCount)) as cursor:
        return cursor.execute(
            "SELECT outcome, reason, sum(records)::bigint AS records FROM record_outcomes"
            " GROUP BY outcome, reason ORDER BY outcome, reason"
        ).fetchall()
