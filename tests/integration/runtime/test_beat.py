"""Schedulers and a worker as in an installation: one of two schedulers starts jobs, and what ran is written down."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import psycopg
import pytest
from redbeat import RedBeatSchedulerEntry
from redbeat.schedulers import acquire_distributed_beat_lock, get_redis
from sqlalchemy.orm import Session

from db.queries import jobs
from factories import make_plan, make_subscription, make_tenant
from runtime import beat, redis
from runtime.jobs import COA, DEFAULT, JOBS, BadSchedule, parsed
from runtime.settings import Settings
from runtime.tasks import app

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def celery(*arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-A", "runtime.tasks", *arguments, "-l", "WARNING"]
        process = subprocess.Popen(command, env={**os.environ})
        started.append(process)
        return process

    yield celery
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in started:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def wait_for(seen: Callable[[], bool], *, seconds: float) -> None:
    began = time.monotonic()
    while not seen():
        assert time.monotonic() - began < seconds
        time.sleep(0.1)


def state(settings: Settings, name: str) -> jobs.State | None:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        return jobs.states(connection).get(name)


def last_run(name: str) -> datetime | None:
    try:
        found = RedBeatSchedulerEntry.from_key(RedBeatSchedulerEntry.generate_key(app, name), app=app)
    except KeyError:
        return None
    return found.last_run_at


def test_a_night_goes_through_scheduler_worker_and_back_and_a_second_scheduler_takes_over(
    db: Session, settings: Settings, start: Start
) -> None:
    tenant = make_tenant(db)
    plan = make_plan(db, tenant=tenant, price=Decimal(150000))
    make_subscription(
        db, tenant=tenant, plan=plan, price=Decimal(150000), expires_at=datetime.now(UTC) + timedelta(days=2)
    )
    jobs.set_schedule(
        db.connection().connection.driver_connection,  # type: ignore[arg-type]
        name="bss.billing", is_off=False, schedule="2", changed_by="test",
    )  # fmt: skip
    db.commit()
    beat.ensure_conf(app)
    start("worker", "-Q", "coa,default", "-c", "2", "--without-gossip", "--without-mingle")
    first = start("beat", "--pidfile=")
    wait_for(lambda: beat.lock_age_s(app) is not None, seconds=60)
    start("beat", "--pidfile=")

    wait_for(lambda: (found := state(settings, "bss.billing")) is not None and found.outcome == "done", seconds=90)
    with psycopg.connect(settings.database_url) as connection:
        row = connection.execute("SELECT count(*), min(invoice_number) FROM invoices").fetchone()
        runs = connection.execute("SELECT status, invoiced FROM billing_runs").fetchall()
    assert row is not None
    assert row[0] == 1
    assert ("done", 1) in runs

    first.kill()
    first.wait(5)
    killed_at = datetime.now(UTC)

    def goes_on() -> bool:
        ran = last_run("coa.sweep")
        return ran is not None and ran > killed_at

    wait_for(goes_on, seconds=45)


@pytest.mark.parametrize("goes_on", ["the one that worked", "the one that waited"])
def test_a_redis_that_comes_back_empty_gets_its_schedule_again(
    db: Session, settings: Settings, start: Start, goes_on: str
) -> None:
    beat.ensure_conf(app)
    first = start("beat", "--pidfile=")
    wait_for(lambda: last_run("coa.sweep") is not None and beat.lock_age_s(app) is not None, seconds=60)
    if goes_on == "the one that waited":
        before = {client["addr"] for client in get_redis(app).client_list()}
        second = start("beat", "--pidfile=")
        wait_for(lambda: _waits_for_the_lock(second, before), seconds=60)
        first.kill()
        first.wait(5)

    redis.empty(settings.redis_url)
    emptied_at = datetime.now(UTC)

    def is_started_again() -> bool:
        ran = last_run("coa.sweep")
        return ran is not None and ran > emptied_at + timedelta(seconds=1)

    wait_for(is_started_again, seconds=60)
    assert [name for name in JOBS if last_run(name) is None and not _is_kept(name)] == []


def _is_kept(name: str) -> bool:
    """Whether Redis has the job's entry."""
    return bool(get_redis(app).exists(RedBeatSchedulerEntry.generate_key(app, name)))


def _waits_for_the_lock(process: "subprocess.Popen[bytes]", before: set[str]) -> bool:
    """Whether the newcomer asks for the lock, with SET; before that it writes its schedule, with other commands."""
    assert process.poll() is None
    return any(client["cmd"] == "set" and client["addr"] not in before for client in get_redis(app).client_list())


def test_of_two_schedulers_one_starts_jobs_and_the_other_when_that_is_gone(settings: Settings) -> None:
    first, second = beat.Scheduler(app=app), beat.Scheduler(app=app)
    acquire_distributed_beat_lock(sender=SimpleNamespace(scheduler=first))
    second.lock = get_redis(app).lock(second.lock_key, timeout=second.lock_timeout)
    second.lock.lua_extend = first.lock.lua_extend
    second._has_lost = True

    def started_by(scheduler: beat.Scheduler) -> int:
        """How many jobs it sends once those that run every two seconds are due."""
        time.sleep(2.1)
        before = sum(redis.queue_lengths(settings.redis_url, [COA, DEFAULT]).values())
        scheduler.tick()
        return sum(redis.queue_lengths(settings.redis_url, [COA, DEFAULT]).values()) - before

    assert started_by(first) >= 2
    assert started_by(second) == 0
    assert started_by(first) >= 2
    first.lock.release()
    second.tick()
    assert started_by(first) == 0
    assert started_by(second) >= 2
    second.close()


def test_a_schedule_is_what_is_built_in_with_what_staff_changed(settings: Settings) -> None:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        jobs.set_schedule(connection, name="bss.books", is_off=True, schedule="0 4 * * *", changed_by="Dewi")
    scheduler = beat.Scheduler(app=app)
    key = RedBeatSchedulerEntry.generate_key(app, "bss.books")
    entry = RedBeatSchedulerEntry.from_key(key, app=app)
    assert (entry.enabled, entry.schedule.hour) == (False, {4})

    assert beat.change(app, "bss.books", is_off=False, when=None)
    entry = RedBeatSchedulerEntry.from_key(key, app=app)
    assert (entry.enabled, entry.schedule.hour, entry.schedule.minute) == (True, {2}, {30})

    ahead = datetime.now(UTC) + timedelta(days=2)
    entry.reschedule(ahead)
    scheduler._bring_back()
    entry = RedBeatSchedulerEntry.from_key(key, app=app)
    assert entry.last_run_at <= datetime.now(UTC)


@pytest.mark.parametrize("when", ["", "0", "90000", "a", "* * * *", "60 * * * *", "* * * * * *", "-5", "1.5", "٣"])
def test_a_time_that_is_none_is_refused(when: str) -> None:
    with pytest.raises(BadSchedule):
        parsed(when)
