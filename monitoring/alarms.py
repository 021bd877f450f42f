"""Which alarms are on now: facts from the database, judged by `domain.alarms`, kept with when they began and ended."""

from datetime import datetime, timedelta
from typing import NamedTuple

from db.queries import archives, health
from db.queries.health import Connection
from domain.alarms import (
    COLLECTOR_SILENT,
    MONTH_NOT_RETIRED,
    SPOOL_CLOSED,
    SPOOL_LAG,
    SPOOL_ROOM,
    SPOOL_SYNC,
    WARNING,
    Alarm,
    spool_alarms,
)

KEEP = timedelta(days=365)
# A month that left the live tables is in its file and dropped within a night, or somebody should look.
RETIRED_WITHIN = timedelta(days=2)


class Words(NamedTuple):
    """What an alarm says: a sentence, and what mends it."""

    sentence: str
    mend: str


def watch(connection: Connection, now: datetime) -> tuple[list[Alarm], int]:
    """Bring the table of alarms up to date; returns the new ones and how many are over. One transaction."""
    with connection.transaction():
        found = [alarm for reading in health.readings(connection) for alarm in spool_alarms(reading.facts, now)]
        stuck = archives.stuck(connection, since=now - RETIRED_WITHIN)
        found += [Alarm(MONTH_NOT_RETIRED, month, WARNING, {}) for month in stuck]
        result = health.keep_alarms(connection, found, now=now)
        health.forget_alarms(connection, before=now - KEEP)
    return result


_MIB = 1 << 20
_WORDS = {
    SPOOL_CLOSED: Words(
        "Accounting on {subject} is not acknowledged: {free_mb} MB free, {needed_mb} MB needed",
        "Free room on its spool's disk; routers keep their records and send them again",
    ),
    SPOOL_ROOM: Words(
        "The spool's disk on {subject} fills up: {free_mb} MB free", "Free room before accounting must stop"
    ),
    SPOOL_LAG: Words(
        "Accounting of {subject} waits for {seconds} seconds to be counted, {waiting_mb} MB",
        "Look at the collector's log and at the database; nothing is lost",
    ),
    SPOOL_SYNC: Words(
        "The disk of {subject} does not take what it is given, {errors} failures",
        "Look at the disk; a power cut could cost acknowledged accounting",
    ),
    COLLECTOR_SILENT: Words(
        "The collector of {subject} has not reported for {seconds} seconds",
        "Run 'lintas status' there; records wait in the spool meanwhile",
    ),
    MONTH_NOT_RETIRED: Words(
        "{subject} left the live tables and is not in its file yet",
        "Look at the worker's log and at the room for archives",
    ),
}


def words(code: str, subject: str, facts: dict[str, int]) -> Words:
    """An alarm in English, with its numbers."""
    numbers = {
        "subject": subject,
        "seconds": facts.get("seconds", 0),
        "errors": facts.get("errors", 0),
        "free_mb": facts.get("free_bytes", 0) // _MIB,
        "needed_mb": facts.get("needed_bytes", 0) // _MIB,
        "waiting_mb": facts.get("bytes", 0) // _MIB,
    }
    said = _WORDS[code]
    return Words(said.sentence.format(**numbers), said.mend)
