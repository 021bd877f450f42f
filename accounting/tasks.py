"""The jobs as Celery runs them: a connection, the time, and a wake-up for the sender when it has work."""

from collections.abc import Iterable
from datetime import UTC, datetime

import psycopg

from accounting.jobs import JOBS, SWEEP
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import app, nudge_coa

STATEMENT_TIMEOUT_MS = 120_000

log = get_logger("accounting.tasks")


def run_jobs(names: Iterable[str]) -> dict[str, int]:
    """Run jobs one after the other; one that fails does not keep the others from running, and is raised at the end."""
    done: dict[str, int] = {}
    failed: list[Exception] = []
    with psycopg.connect(
        get_settings().database_url,
        autocommit=True,
        connect_timeout=5,
        application_name="lintas jobs",
        options=f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_MS}",
    ) as connection:
        for name in names:
            try:
                done[name] = _run(connection, name)
            except psycopg.Error as error:
                log.exception("job failed", job=name)
                failed.append(error)
    if failed:
        raise failed[0]
    return done


def _run(connection: psycopg.Connection, name: str) -> int:
    result = JOBS[name](connection, datetime.now(UTC))
    if result.asked:
        nudge_coa()
    if result.changed:
        log.info("job done", job=name, changed=result.changed, asked=result.asked)
    return result.changed


@app.task(name="accounting.sweep")
def sweep() -> dict[str, int]:
    """All that the clock may have made due; every minute."""
    return run_jobs(SWEEP)


@app.task(name="accounting.partitions")
def keep_partitions() -> dict[str, int]:
    """The coming months; every night."""
    return run_jobs(["partitions"])


@app.task(name="accounting.stale-sessions")
def close_stale_sessions() -> dict[str, int]:
    """Sessions that fell silent."""
    return run_jobs(["stale-sessions"])


@app.task(name="accounting.expiry")
def expire_subscriptions() -> dict[str, int]:
    """Subscriptions past expiry and grace."""
    return run_jobs(["expiry"])


@app.task(name="accounting.fup-reset")
def reset_fair_use() -> dict[str, int]:
    """Fair-use tiers whose period is over."""
    return run_jobs(["fup-reset"])
