"""The watch as Celery runs it."""

from datetime import UTC, datetime

import psycopg

from db.queries.samples import take_samples
from monitoring.alarms import watch, words
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import app

log = get_logger("monitoring.tasks")


def _connect(name: str) -> psycopg.Connection:
    return psycopg.connect(
        get_settings().database_url,
        autocommit=True,
        connect_timeout=5,
        application_name=name,
        options="-c timezone=UTC -c statement_timeout=30000",
    )


@app.task(name="monitoring.alarms")
def watch_alarms() -> dict[str, int]:
    """Raise what is wrong and clear what is over; every half minute."""
    with _connect("lintas alarms") as connection:
        raised, cleared = watch(connection, datetime.now(UTC))
    for alarm in raised:
        said = words(alarm.code, alarm.subject, alarm.facts)
        log.warning(said.sentence, alarm=alarm.code, severity=alarm.severity, mend=said.mend)
    return {"raised": len(raised), "cleared": cleared}


@app.task(name="monitoring.samples")
def note_samples() -> dict[str, int]:
    """Note how many are online and what passes, for the curves of the first page; every five minutes."""
    with _connect("lintas samples") as connection:
        return {"taken": take_samples(connection, datetime.now(UTC))}
