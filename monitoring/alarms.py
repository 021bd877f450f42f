"""Which alarms are on now: facts from the database, judged by `domain.alarms`, kept with when they began and ended."""

from datetime import datetime, timedelta
from typing import NamedTuple

from db.queries import archives, health, jobs, webhooks
from db.queries.health import Connection
from domain.alarms import (
    BILLING_STOPPED,
    BOOKS_WRONG,
    COLLECTOR_SILENT,
    CRITICAL,
    JOB_FAILS,
    MONTH_NOT_RETIRED,
    SPOOL_CLOSED,
    SPOOL_LAG,
    SPOOL_ROOM,
    SPOOL_SYNC,
    WARNING,
    WEBHOOK_PAUSED,
    Alarm,
    spool_alarms,
)

KEEP = timedelta(days=365)
# A month that left the live tables is in its file and dropped within a night, or somebody should look.
RETIRED_WITHIN = timedelta(days=2)
BOOKS_JOB = "bss.books"
WAITING_RUNS = timedelta(days=7)


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
        found += _of_jobs(connection, now)
        found += [Alarm(WEBHOOK_PAUSED, str(id_), WARNING, {"errors": n}) for id_, n in webhooks.paused(connection)]
        result = health.keep_alarms(connection, found, now=now)
        health.forget_alarms(connection, before=now - KEEP)
    return result


def _of_jobs(connection: Connection, now: datetime) -> list[Alarm]:
    """Jobs that failed the last time, books that are wrong, and runs that wait for a person."""
    alarms = [Alarm(JOB_FAILS, job.name, WARNING, {}) for job in jobs.failing(connection)]
    wrong = jobs.found_wrong(connection, BOOKS_JOB)
    alarms += [Alarm(BOOKS_WRONG, "", CRITICAL, {"found": wrong})] if wrong else []
    waiting = jobs.runs_waiting(connection, since=now - WAITING_RUNS)
    return alarms + [Alarm(BILLING_STOPPED, run.day, CRITICAL, {"run": run.id}) for run in waiting]


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
    BOOKS_WRONG: Words(
        "The books do not agree: {found} kinds of mistakes",
        "Run 'lintas jobs run bss.books' and look at what it names before anything is corrected",
    ),
    BILLING_STOPPED: Words(
        "The billing run of {subject} has stopped and waits for a person",
        "Look at it with 'lintas billing show'; go on, or leave it",
    ),
    WEBHOOK_PAUSED: Words(
        "The webhook {subject} is paused: {errors} calls failed one after another",
        "Look at it under Webhooks, or with 'lintas webhook show {subject}'; what happens meanwhile waits",
    ),
    JOB_FAILS: Words("The job {subject} failed the last time it ran", "Look at it with 'lintas jobs show {subject}'"),
}


def words(code: str, subject: str, facts: dict[str, int]) -> Words:
    """An alarm in English, with its numbers."""
    numbers = {
        "subject": subject,
        "seconds": facts.get("seconds", 0),
        "errors": facts.get("errors", 0),
        "found": facts.get("found", 0),
        "free_mb": facts.get("free_bytes", 0) // _MIB,
        "needed_mb": facts.get("needed_bytes", 0) // _MIB,
        "waiting_mb": facts.get("bytes", 0) // _MIB,
    }
    said = _WORDS[code]
    return Words(said.sentence.format(**numbers), said.mend.format(**numbers))
