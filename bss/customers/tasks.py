"""The jobs around customers: deleted ones are forgotten when their time is over."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import personal_data
from bss.actor import Actor
from db.engine import make_engine, make_session_factory, use_tenant
from db.models import Tenant
from db.queries.billing_runs import active_tenants
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import app

JOB = "bss.forget-customers"
MOST_BATCHES = 50

log = get_logger("bss.personal_data")


@app.task(name=JOB)
def forget_customers() -> dict[str, int]:
    """Forget deleted customers as each provider wants it; every night."""
    forgotten = left = 0
    with _sessions() as session:
        for tenant in active_tenants(session):
            done, not_done = _forget(session, tenant)
            forgotten, left = forgotten + done, left + not_done
    return {"forgotten": forgotten, "left": left}


def _forget(session: Session, tenant: Tenant) -> tuple[int, int]:
    use_tenant(session, tenant.id)
    actor, done = _actor(tenant), 0
    for _ in range(MOST_BATCHES):
        told = []
        for code, why in personal_data.forget_due(session, actor=actor, now=datetime.now(UTC)):
            session.commit()
            told.append(why)
            if why is not None:
                log.warning("a deleted customer cannot be forgotten yet", customer=code, why=why)
        now_done = sum(why is None for why in told)
        done += now_done
        # What is left over comes first again in the next batch: without progress that would be all there is.
        if len(told) < personal_data.BATCH or not now_done:
            return done, len(told) - now_done
    return done, 0


def rehearse() -> list[str]:
    """Who would be forgotten now, a line for each."""
    lines: list[str] = []
    with _sessions() as session:
        for tenant in active_tenants(session):
            use_tenant(session, tenant.id)
            due = personal_data.due(session, actor=_actor(tenant), now=datetime.now(UTC))
            lines += [
                f"{tenant.name}: {code}, deleted on {deleted:%Y-%m-%d}, would be forgotten" for _, code, deleted in due
            ]
    return lines


def _actor(tenant: Tenant) -> Actor:
    return Actor.system(tenant_id=tenant.id, name="forgetting")


@contextmanager
def _sessions() -> Iterator[Session]:
    engine = make_engine(get_settings().database_url, pool_size=1)
    try:
        with make_session_factory(engine)() as session:
            yield session
    finally:
        engine.dispose()


# What a job would do, by its task's name, for those that can tell.
DRY_RUNS: dict[str, Any] = {JOB: rehearse}
