"""A worker that is killed for real, anywhere in a run, and any portions: the books and invoices of one clean run."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.billing import runs, work
from db.engine import psycopg_of
from db.models import BillingRun
from db.queries.books import wrong_in_books
from factories import make_customer, make_plan, make_subscription, make_tenant
from integration.money.test_billing_runs import NOW, _numbers, _provider, _set, run_it
from monitoring import alarms
from runtime.settings import Settings

MANY = 120
WORKER = """
import sys, time
from datetime import UTC, datetime
from db.engine import make_engine, make_session_factory
from bss.billing import work
with make_session_factory(make_engine(sys.argv[1], pool_size=1))() as session:
    work.drive(session, run_id=int(sys.argv[2]), clock=lambda: datetime.now(UTC), limit=3,
               after=lambda run: time.sleep(0.01))
"""


def many(db: Session) -> Actor:
    """A provider with so many terms that end within the week."""
    tenant = make_tenant(db)
    plan = make_plan(db, tenant=tenant, price=150000, name="Home 20")
    for number in range(MANY):
        customer = make_customer(db, tenant=tenant, customer_code=f"C{number}")
        make_subscription(db, tenant=tenant, customer=customer, plan=plan, price=150000, username=f"u{number}",
                          expires_at=NOW, billing_day=27)  # fmt: skip
    db.commit()
    return Actor.system(tenant_id=tenant.id, name="test")


@pytest.mark.parametrize("percent", [1, 50, 99])
def test_a_worker_killed_anywhere_leaves_a_run_that_another_ends_as_one_clean_run(
    db: Session, settings: Settings, percent: int
) -> None:
    clean, killed = many(db), many(db)
    run_it(db, clean)
    run = runs.start(db, actor=killed, now=NOW)
    db.commit()
    command = [sys.executable, "-c", WORKER, settings.database_url, str(run.id)]
    process = subprocess.Popen(command, env={**os.environ})
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        began = time.monotonic()
        while True:
            done = connection.execute("SELECT done FROM billing_runs WHERE id = %s", [run.id]).fetchone()
            if done is not None and done[0] * 100 >= percent * MANY:
                break
            assert process.poll() is None, "the worker ended before it was killed"
            assert time.monotonic() - began < 60
    process.send_signal(signal.SIGKILL)
    process.wait(10)

    work.drive(db, run_id=run.id, clock=lambda: datetime.now(UTC))

    db.expire_all()
    assert _set(db, clean) == _set(db, killed)
    assert len(_set(db, killed)) == MANY
    assert run.status == "done"


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(limits=st.lists(st.integers(1, 4), min_size=9, max_size=9), cut=st.sets(st.integers(0, 8), max_size=4))
def test_portions_of_any_size_cut_off_anywhere_end_in_one_clean_run(
    db: Session, keys_file: object, limits: list[int], cut: set[int]
) -> None:
    clean, broken = _provider(db), _provider(db)
    run_it(db, clean)
    run = runs.start(db, actor=broken, now=NOW)
    db.commit()
    for number, limit in enumerate(limits):
        work.step(db, run_id=run.id, now=NOW, limit=limit)
        if number in cut:
            db.rollback()
        else:
            db.commit()
    work.drive(db, run_id=run.id, clock=lambda: NOW)

    assert _set(db, clean) == _set(db, broken)
    assert _numbers(db, clean) == _numbers(db, broken)
    assert wrong_in_books(psycopg_of(db)) == {}


def test_a_run_that_waits_for_a_person_is_an_alarm_until_it_goes_on(db: Session, settings: Settings) -> None:
    actor = _provider(db)
    run_it(db, actor)
    stopped = runs.start(db, actor=actor, now=datetime.now(UTC).replace(year=2031))
    stopped.created_at = datetime.now(UTC)
    db.commit()

    def on() -> set[str]:
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            alarms.watch(connection, datetime.now(UTC))
            return {row[0] for row in connection.execute("SELECT code FROM alarms WHERE cleared_at IS NULL")}

    assert on() == {"billing_stopped"}
    runs.go_on(db, actor=actor, now=NOW, run_id=stopped.id, reason="the server was away")
    db.commit()
    assert on() == set()
    assert db.scalars(select(BillingRun.status).where(BillingRun.id == stopped.id)).one() == "running"
