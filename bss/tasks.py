"""The business's own jobs as Celery runs them: a transaction, the time, and a wake-up for the sender."""

from datetime import UTC, datetime

from bss.temporary_speeds import BATCH, end_over
from db.engine import make_engine, make_session_factory
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import app, nudge_coa

# So many batches in one run at most; what is left waits for the next.
MAX_BATCHES = 20

log = get_logger("bss.tasks")


@app.task(name="bss.temporary-speeds")
def end_temporary_speeds() -> int:
    """Take temporary speeds back whose time is over; every half minute."""
    engine = make_engine(get_settings().database_url, pool_size=1)
    total = 0
    try:
        with make_session_factory(engine)() as session:
            for _ in range(MAX_BATCHES):
                ended, effect = end_over(session, now=datetime.now(UTC))
                session.commit()
                total += ended
                if effect.sessions:
                    nudge_coa()
                if ended < BATCH:
                    break
    finally:
        engine.dispose()
    if total:
        log.info("temporary speeds ended", ended=total)
    return total
