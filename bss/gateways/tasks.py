"""The jobs of payment gateways as Celery runs them."""

from datetime import UTC, datetime, timedelta

from bss.gateways.reconciling import reconcile, would_ask
from db.engine import make_engine, make_session_factory
from db.queries.gateways import purge_log
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import app, nudge_coa

KEEP_LOG = timedelta(days=730)
_PURGE_BATCH, _PURGE_BATCHES = 5000, 100

log = get_logger("bss.gateways")


@app.task(name="bss.payment-reconcile")
def reconcile_orders() -> int:
    """Ask gateways about orders whose end nobody told; every minute, each order when it is due. Returns how many."""
    engine = make_engine(get_settings().database_url, pool_size=1)
    try:
        with make_session_factory(engine)() as session:
            done = reconcile(session, clock=_now, on_effect=nudge_coa)
    finally:
        engine.dispose()
    if done.asked:
        log.info("orders asked about", asked=done.asked, paid=done.paid, parked=done.parked, failed=done.failed)
    return done.asked


@app.task(name="bss.payment-purge")
def purge() -> int:
    """Delete what was said with gateways longer ago than two years; returns how much."""
    engine = make_engine(get_settings().database_url, pool_size=1)
    deleted = 0
    try:
        with make_session_factory(engine)() as session:
            for _ in range(_PURGE_BATCHES):
                batch = purge_log(session, before=_now() - KEEP_LOG, limit=_PURGE_BATCH)
                session.commit()
                deleted += batch
                if batch < _PURGE_BATCH:
                    break
    finally:
        engine.dispose()
    return deleted


def rehearse_reconcile() -> list[str]:
    """What the job would ask about now."""
    engine = make_engine(get_settings().database_url, pool_size=1)
    try:
        with make_session_factory(engine)() as session:
            return would_ask(session, now=_now())
    finally:
        engine.dispose()


def _now() -> datetime:
    return datetime.now(UTC)
