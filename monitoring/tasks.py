"""The watch as Celery runs it."""

from datetime import UTC, datetime

import psycopg

from monitoring.alarms import watch, words
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import app

log = get_logger("monitoring.tasks")


@app.task(name="monitoring.alarms")
def watch_alarms() -> dict[str, int]:
    """Raise what is wrong and clear what is over; every half minute."""
    with psycopg.connect(
        get_settings().database_url,
        autocommit=True,
        connect_timeout=5,
        application_name="lintas alarms",
        options="-c timezone=UTC -c statement_timeout=30000",
    ) as connection:
        raised, cleared = watch(connection, datetime.now(UTC))
    for alarm in raised:
        said = words(alarm.code, alarm.subject, alarm.facts)
        log.warning(said.sentence, alarm=alarm.code, severity=alarm.severity, mend=said.mend)
    return {"raised": len(raised), "cleared": cleared}
