"""Webhooks as Celery runs them."""

from datetime import UTC, datetime, timedelta

from bss.webhooks.calling import networks
from bss.webhooks.telling import forget, tell
from db.engine import one_session, psycopg_of
from db.queries import idempotency
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import app

# So many rounds in one run at most; what is left waits for the next.
MAX_ROUNDS = 20
KEEP_ANSWERS, MOST_ANSWERS = timedelta(hours=24), 200_000

log = get_logger("bss.webhooks")


@app.task(name="bss.webhooks")
def tell_webhooks() -> int:
    """Tell webhooks what happened; every two seconds."""
    settings = get_settings()
    made = 0
    with one_session(settings.database_url) as session:
        allowed = networks(settings.webhook_networks)
        for _ in range(MAX_ROUNDS):
            round_made = tell(session, clock=lambda: datetime.now(UTC), allowed=allowed)
            made += round_made
            if not round_made:
                break
    if made:
        log.info("webhooks told", calls=made)
    return made


@app.task(name="bss.api-forget")
def forget_api_leftovers() -> dict[str, int]:
    """Forget kept answers of requests, and what webhooks were told long ago."""
    now = datetime.now(UTC)
    with one_session(get_settings().database_url) as session:
        answers = idempotency.forget(psycopg_of(session), before=now - KEEP_ANSWERS, most=MOST_ANSWERS)
        session.commit()
        told = forget(session, now=now)
        session.commit()
    return {"answers": answers, "told": told}
