"""The jobs of payment gateways as Celery runs them."""

from datetime import UTC, datetime, timedelta

from bss.gateways.reconciling import reconcile, would_ask
from db.engine import one_session
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
    with one_session(get_settings().database_url) as session:
        done = reconcile(session, clock=_now, on_effect=nudge_coa)
    if done.asked:
        log.info("orders asked about", asked=done.asked, paid=done.paid, parked=done.parked, failed=done.failed)
    return done.asked


@app.task(name="bss.payment-purge")
def purge() -> int:
    """Delete what was said with gateways longer ago than two years; returns how much."""
    deleted = 0
    with one_session(get_settings().database_url) as session:
        for _ in range(_PURGE_BATCHES):
            batch = purge_log(session, before=_now() - KEEP_LOG, limit=_PURGE_BATCH)
            session.commit()
            deleted += batch
            if batch < _PURGE_BATCH:
                break
    return deleted


def rehearse_reconcile() -> list[str]:
    """What the job would ask about now."""
    with one_session(get_settings().database_url) as session:
        return would_ask(session, now=_now())


def _now() -> datetime:
    return datetime.now(UTC)
