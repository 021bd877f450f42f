"""`lintas alarms` and `lintas metrics`: what is wrong now, and the installation in numbers."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import click
import psycopg

from cli.output import emit, json_option, table
from db.queries import health
from monitoring.alarms import words
from monitoring.metrics import metrics as written
from runtime.settings import get_settings


@click.command()
@click.option("--past", is_flag=True, help="Also those of the last week that are over.")
@json_option
def alarms(past: bool) -> None:
    """What is wrong with the installation now."""
    with closing(_connect()) as connection:
        rows = health.recent_alarms(connection, now=datetime.now(UTC)) if past else health.open_alarms(connection)
    data = [_plain(row) for row in rows]
    lines = table([(row["severity"], row["raised_at"], row["sentence"], row["mend"]) for row in data], _HEAD)
    emit(data, lines if data else ["no alarm is on"])


_HEAD = ("SEVERITY", "SINCE", "WHAT", "WHAT MENDS IT")


@click.command()
def metrics() -> None:
    """Print the installation in numbers, as Prometheus reads them."""
    with closing(_connect()) as connection:
        click.echo(written(connection, datetime.now(UTC)), nl=False)


def _connect() -> psycopg.Connection[Any]:
    return psycopg.connect(get_settings().database_url, autocommit=True, connect_timeout=5, options="-c timezone=UTC")


def _plain(row: health.AlarmRow) -> dict[str, Any]:
    said = words(row.code, row.subject, row.facts)
    return {
        "code": row.code,
        "subject": row.subject,
        "severity": row.severity,
        "raised_at": row.raised_at.isoformat(timespec="seconds"),
        "cleared_at": None if row.cleared_at is None else row.cleared_at.isoformat(timespec="seconds"),
        "sentence": said.sentence,
        "mend": said.mend,
    }
