"""The jobs that ask routers, as Celery runs them. A message carries nothing: what is to be done stands in tables."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg
from sqlalchemy.orm import Session

from bss.nas import finish_removals
from bss.router_api import checking, dispatch, measuring
from db.engine import one_session
from db.queries.router_orders import purge_orders
from db.queries.router_removal import routers_being_removed
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import app

KEEP_FINISHED = timedelta(days=90)
_PURGE_BATCHES = 100

ResultT = TypeVar("ResultT")
log = get_logger("bss.router_api")


@app.task(name="bss.router-orders")
def carry_out_orders() -> int:
    """Carry out what was ordered on routers, and ask what somebody looked for in vain; returns how many.

    A router that gave up the last secret of ours, as it had to before it is removed, is removed now.
    """
    done = _with_connection(lambda connection: dispatch.run(connection, clock=_now) + _missing(connection))
    if _with_connection(routers_being_removed):
        _remove_routers()
    return done


def _remove_routers() -> None:
    with one_session(get_settings().database_url) as session:
        removed = finish_removals(session, now=_now())
        session.commit()
    if removed:
        log.info("routers removed", removed=removed)


def _missing(connection: psycopg.Connection[Any]) -> int:
    return checking.ask_what_is_missing(connection, clock=_now)


@app.task(name="bss.speed-tests")
def measure_lines() -> int:
    """Measure the lines that staff asked about; returns how many."""
    with one_session(get_settings().database_url) as session:
        return measure_due(session)


def measure_due(session: Session) -> int:
    """Carry out the tests that wait: claimed in one transaction, measured in none, kept in another."""
    total = 0
    while asked := measuring.claim(session, now=_now()):
        session.commit()
        results = measuring.measure_all(asked)
        for one, result in zip(asked, results, strict=True):
            measuring.store(session, one.test_id, result, now=_now())
        session.commit()
        total += len(asked)
    session.commit()
    return total


@app.task(name="bss.router-check")
def check_routers() -> int:
    """Ask every router whether it is there; every minute. Returns how many are."""
    return _with_connection(lambda connection: checking.check_all(connection, clock=_now))


@app.task(name="bss.router-drift")
def repair_drift() -> int:
    """Bring routers' own secrets back to what they should be; every five minutes. Returns how many were ordered."""
    ordered = _with_connection(lambda connection: checking.repair_drift(connection, clock=_now))
    if ordered:
        log.info("secrets on routers had drifted", ordered=ordered)
    return ordered


@app.task(name="bss.router-purge")
def purge() -> int:
    """Delete orders that were over long ago; returns how many."""

    def work(connection: psycopg.Connection[Any]) -> int:
        deleted = 0
        for _ in range(_PURGE_BATCHES):
            batch = purge_orders(connection, before=_now() - KEEP_FINISHED)
            deleted += batch
            if not batch:
                break
        return deleted

    return _with_connection(work)


def _now() -> datetime:
    return datetime.now(UTC)


def _with_connection(work: Callable[[psycopg.Connection[Any]], ResultT]) -> ResultT:
    url = get_settings().database_url
    with psycopg.connect(url, autocommit=True, connect_timeout=5, options="-c timezone=UTC") as connection:
        return work(connection)
