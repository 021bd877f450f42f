"""The Celery side of sending changes: a nudge drains, the beat sweeps, once a day old changes are deleted.

A message carries nothing: what is to be done stands in the outbox.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from celery.signals import worker_process_init

from coa import drain as sender
from coa.check import check_due
from coa.connection import KeptConnection
from coa.exchange import dictionary
from coa.probe import probe_due
from coa.seeing import see as look_and_act
from db.queries import outbox, refusals
from domain.capability import FORGOTTEN_AFTER
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import app, nudge_coa

KEEP_FINISHED = timedelta(days=90)
_PURGE_BATCHES = 100

log = get_logger("coa.tasks")
_kept = KeptConnection()


def _now() -> datetime:
    return datetime.now(UTC)


@worker_process_init.connect
def _warm_up(**_: Any) -> None:
    # The first change of a fresh worker shall not wait for files to be read.
    dictionary()


@app.task(name="coa.drain")
def drain() -> dict[str, int | bool]:
    """Send what is due."""
    return _run(sender.drain)


@app.task(name="coa.sweep")
def sweep() -> dict[str, int | bool]:
    """Send what is due, and first put back what a killed worker had taken."""
    return _run(sender.sweep)


@app.task(name="coa.probe")
def probe() -> int:
    """Probe the CoA ports that staff asked about; returns how many."""
    settings = get_settings()
    connection = _kept.get(settings.database_url)
    try:
        return probe_due(connection, clock=_now, bind=settings.coa_bind)
    except psycopg.Error:
        _kept.drop()
        raise


@app.task(name="coa.see")
def see() -> dict[str, int | bool]:
    """Look at what was acknowledged, and do through routers' APIs what RADIUS could not; at most ten seconds."""
    connection = _kept.get(get_settings().database_url)
    try:
        seen = look_and_act(connection, clock=_now)
    except psycopg.Error:
        _kept.drop()
        raise
    if seen.fell_back:
        nudge_coa()
    return seen.as_dict()


@app.task(name="coa.check")
def check() -> int:
    """Ask routers about sessions that fell silent; returns about how many."""
    settings = get_settings()
    connection = _kept.get(settings.database_url)
    try:
        return check_due(connection, clock=_now, bind=settings.coa_bind)
    except psycopg.Error:
        _kept.drop()
        raise


@app.task(name="coa.purge")
def purge() -> int:
    """Delete changes that were over long ago; returns how many."""
    connection = _kept.get(get_settings().database_url)
    deleted = 0
    for _ in range(_PURGE_BATCHES):
        batch = outbox.purge_finished(connection, before=_now() - KEEP_FINISHED)
        deleted += batch
        if not batch:
            break
    refusals.forget_old(connection, before=_now() - FORGOTTEN_AFTER)
    return deleted


def _run(work: Callable[..., sender.Counts]) -> dict[str, int | bool]:
    settings = get_settings()
    connection = _kept.get(settings.database_url)
    try:
        counts = work(connection, clock=_now, bind=settings.coa_bind)
    except psycopg.Error:
        _kept.drop()
        raise
    if counts.claimed or counts.released:
        log.info("changes sent", **counts.as_dict())
    if counts.more:
        nudge_coa()
    return counts.as_dict()
