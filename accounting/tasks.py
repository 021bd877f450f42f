"""The jobs as Celery runs them: a connection, the time, and a wake-up for the sender when it has work."""

from collections.abc import Iterable
from datetime import UTC, datetime

import psycopg

from accounting import retirement
from accounting.jobs import JOBS, SWEEP
from accounting.retirement import ArchiveError
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import app, nudge_coa

STATEMENT_TIMEOUT_MS = 120_000

log = get_logger("accounting.tasks")


def _connect() -> psycopg.Connection:
    return psycopg.connect(
        get_settings().database_url,
        autocommit=True,
        connect_timeout=5,
        application_name="lintas jobs",
        options=f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_MS}",
    )


def run_jobs(names: Iterable[str]) -> dict[str, int]:
    """Run jobs one after the other; one that fails does not keep the others from running, and is raised at the end."""
    done: dict[str, int] = {}
    failed: list[Exception] = []
    with _connect() as connection:
        for name in names:
            try:
                done[name] = _run(connection, name)
            except (psycopg.Error, ArchiveError, OSError) as error:
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


def months_due() -> list[str]:
    """What the job that retires months would do now, a line each; nothing is touched."""
    with _connect() as connection:
        due = retirement.due(connection, datetime.now(UTC))
    how = {True: "into a file, then dropped", False: "dropped: its sums are kept"}
    return [f"{month.name}: {month.size_bytes >> 20} MB, {how[month.with_file]}" for month in due]


# What a job would do, by its task's name, for those that can tell.
DRY_RUNS = {"accounting.retire": months_due}


@app.task(name="accounting.sweep")
def sweep() -> dict[str, int]:
    """All that the clock may have made due; every minute."""
    return run_jobs(SWEEP)


@app.task(name="accounting.partitions")
def keep_partitions() -> dict[str, int]:
    """The coming months; every night."""
    return run_jobs(["partitions"])


@app.task(name="accounting.retire")
def retire_months() -> dict[str, int]:
    """Months that are older than staff want to keep; every night."""
    return run_jobs(["retire"])


@app.task(name="accounting.bring-back")
def bring_months_back() -> int:
    """Months that staff asked for and whose files are here; every ten seconds. Returns how many are back."""
    settings = get_settings()
    with _connect() as connection, _connect() as other:
        return retirement.bring_back(
            connection, datetime.now(UTC), folder=settings.archive_folder, node=settings.node, other=other
        )


@app.task(name="accounting.usage-hours")
def roll_hours() -> dict[str, int]:
    """Usage by the hour; just after each."""
    return run_jobs(["usage-hours"])


@app.task(name="accounting.usage-months")
def roll_months() -> dict[str, int]:
    """Months of usage; every night."""
    return run_jobs(["usage-months"])


@app.task(name="accounting.stale-sessions")
def close_stale_sessions() -> dict[str, int]:
    """Sessions that fell silent."""
    return run_jobs(["stale-sessions"])


@app.task(name="accounting.fup-reset")
def reset_fair_use() -> dict[str, int]:
    """Fair-use tiers whose period is over."""
    return run_jobs(["fup-reset"])
