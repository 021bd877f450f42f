"""The jobs around customers: those asked for in the background are added, deleted ones forgotten in their time."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import personal_data, registrations
from bss.actor import Actor
from db.engine import one_session, own_sessions, use_tenant
from db.models import Tenant
from db.queries import registrations as registration_queries
from db.queries.billing_runs import active_tenants
from runtime.logs import get_logger
from runtime.settings import get_settings
from runtime.tasks import app, nudge_coa

JOB = "bss.forget-customers"
ADD = "bss.registrations"
MOST_BATCHES, REGISTRATIONS = 50, 200

log = get_logger("bss.customers")


@app.task(name=JOB)
def forget_customers() -> dict[str, int]:
    """Forget deleted customers as each provider wants it; every night."""
    forgotten = left = 0
    with one_session(get_settings().database_url) as session:
        for tenant in active_tenants(session):
            done, not_done = _forget(session, tenant)
            forgotten, left = forgotten + done, left + not_done
    return {"forgotten": forgotten, "left": left}


@app.task(name=ADD)
def add_registered() -> dict[str, int]:
    """Add the customers whose turn it is; every two seconds."""
    tried = 0
    with own_sessions(get_settings().database_url) as sessions:
        with sessions() as session:
            ids = registration_queries.due(session, now=datetime.now(UTC), limit=REGISTRATIONS)
        for registration_id in ids:
            # One of its own for each: its session sees one provider, and for an operator's staff only his customers.
            with sessions() as session:
                tried += try_to_add(session, registration_id)
    return {"tried": tried}


def try_to_add(session: Session, registration_id: int) -> bool:
    """One try in a transaction of its own; a fault of ours puts it off and keeps no other from its turn."""
    try:
        effect = registrations.carry_out(session, now=datetime.now(UTC), registration_id=registration_id)
        session.commit()
    except Exception as fault:
        session.rollback()
        log.exception("a customer could not be added", registration=registration_id)
        problem = f"an error of the system: {type(fault).__name__}"
        registrations.put_off(session, now=datetime.now(UTC), registration_id=registration_id, problem=problem)
        session.commit()
        return True
    if effect is not None and effect.sessions:
        nudge_coa()
    return effect is not None


def _forget(session: Session, tenant: Tenant) -> tuple[int, int]:
    use_tenant(session, tenant.id)
    actor, done = _actor(tenant), 0
    registrations.forget(session, actor=actor, now=datetime.now(UTC))
    session.commit()
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


def rehearse_adding() -> list[str]:
    """How many would be tried now."""
    with one_session(get_settings().database_url) as session:
        ids = registration_queries.due(session, now=datetime.now(UTC), limit=REGISTRATIONS)
    return [f"{len(ids)} that wait would be added"] if ids else []


def rehearse() -> list[str]:
    """Who would be forgotten now, a line for each."""
    lines: list[str] = []
    with one_session(get_settings().database_url) as session:
        for tenant in active_tenants(session):
            use_tenant(session, tenant.id)
            due = personal_data.due(session, actor=_actor(tenant), now=datetime.now(UTC))
            lines += [
                f"{tenant.name}: {code}, deleted on {deleted:%Y-%m-%d}, would be forgotten" for _, code, deleted in due
            ]
    return lines


def _actor(tenant: Tenant) -> Actor:
    return Actor.system(tenant_id=tenant.id, name="forgetting")


# What a job would do, by its task's name, for those that can tell.
DRY_RUNS: dict[str, Any] = {JOB: rehearse, ADD: rehearse_adding}
