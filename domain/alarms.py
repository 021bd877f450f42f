"""What a person must be woken for: facts in, alarms out. Refuses to know how facts were measured and who is told."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

WARNING, CRITICAL = "warning", "critical"
SPOOL_CLOSED, SPOOL_ROOM, SPOOL_LAG = "spool_closed", "spool_room", "spool_lag"
SPOOL_SYNC, COLLECTOR_SILENT, MONTH_NOT_RETIRED = "spool_sync", "collector_silent", "month_not_retired"
BOOKS_WRONG, BILLING_STOPPED, JOB_FAILS = "books_wrong", "billing_stopped", "job_fails"
WEBHOOK_PAUSED = "webhook_paused"
CODES = (
    *(SPOOL_CLOSED, SPOOL_ROOM, SPOOL_LAG, SPOOL_SYNC, COLLECTOR_SILENT, MONTH_NOT_RETIRED),
    *(BOOKS_WRONG, BILLING_STOPPED, JOB_FAILS, WEBHOOK_PAUSED),
)

LAG_WARNING_S, LAG_CRITICAL_S = 60, 600
# Below this multiple of the room at which accounting stops being acknowledged, or with so few hours left.
ROOM_FACTOR, ROOM_HOURS = 4, 6
# A collector reports every ten seconds.
SILENT_AFTER_S = 90
SYNC_LATE_S = 60
# A node that did not report for so long was taken out of service.
GONE_AFTER_S = 7 * 86_400


class SpoolFacts(NamedTuple):
    """How a node's spool does; instants aware, None where nothing is known."""

    node: str
    measured_at: datetime
    waiting_bytes: int
    oldest_waiting_at: datetime | None
    written_bytes_per_s: int
    free_bytes: int
    min_free_bytes: int
    is_open: bool
    synced_at: datetime | None
    sync_errors: int


class Alarm(NamedTuple):
    """One thing to look at; `subject` says which node or month, `facts` fill the words."""

    code: str
    subject: str
    severity: str
    facts: dict[str, int]


def spool_alarms(facts: SpoolFacts, now: datetime) -> Iterable[Alarm]:
    """Everything that is wrong with a node's spool."""
    silent_s = (now - facts.measured_at).total_seconds()
    if silent_s > GONE_AFTER_S:
        return
    if silent_s > SILENT_AFTER_S:
        # What it measured then says nothing about now.
        yield Alarm(COLLECTOR_SILENT, facts.node, CRITICAL, {"seconds": round(silent_s)})
        return
    yield from _room(facts)
    lag_s = lag_seconds(facts, now)
    if lag_s > LAG_WARNING_S:
        severity = CRITICAL if lag_s > LAG_CRITICAL_S else WARNING
        yield Alarm(SPOOL_LAG, facts.node, severity, {"seconds": round(lag_s), "bytes": facts.waiting_bytes})
    if facts.sync_errors or _sync_is_late(facts):
        yield Alarm(SPOOL_SYNC, facts.node, CRITICAL, {"errors": facts.sync_errors})


def lag_seconds(facts: SpoolFacts, now: datetime) -> float:
    """How long the oldest record that is not in the database has been waiting; 0 when none is."""
    return 0.0 if facts.oldest_waiting_at is None else max(0.0, (now - facts.oldest_waiting_at).total_seconds())


def _room(facts: SpoolFacts) -> Iterable[Alarm]:
    numbers = {"free_bytes": facts.free_bytes, "needed_bytes": facts.min_free_bytes}
    if not facts.is_open or facts.free_bytes < facts.min_free_bytes:
        yield Alarm(SPOOL_CLOSED, facts.node, CRITICAL, numbers)
        return
    left = facts.free_bytes - facts.min_free_bytes
    fills_soon = facts.written_bytes_per_s * ROOM_HOURS * 3600 > left
    if facts.free_bytes < facts.min_free_bytes * ROOM_FACTOR or fills_soon:
        yield Alarm(SPOOL_ROOM, facts.node, WARNING, numbers)


def _sync_is_late(facts: SpoolFacts) -> bool:
    return facts.synced_at is not None and (facts.measured_at - facts.synced_at).total_seconds() > SYNC_LATE_S
