"""System health: what works, what does not, and what to do about it; in the panel and in the API."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss.health_checks import Check, look
from db.engine import psycopg_of
from db.models import User
from db.queries import health, jobs
from factories import make_user
from runtime.settings import Settings, get_settings

NOW = datetime.now(UTC)


def seen(db: Session, name: str) -> Check:
    (check,) = [one for one in look(db, settings=get_settings(), now=NOW) if one.name == name]
    return check


def reading(**over: object) -> health.SpoolReading:
    values: dict[str, object] = {
        "node": "node1", "measured_at": NOW, "waiting_bytes": 0, "oldest_waiting_at": None, "written_bytes_per_s": 0,
        "counted_bytes_per_s": 0, "free_bytes": 10**10, "min_free_bytes": 10**9, "is_open": True, "sync_mode": None,
        "synced_at": None, "sync_ms": None, "sync_errors": 0,
    }  # fmt: skip
    return health.SpoolReading(**(values | over))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("over", "state"),
    [
        ({}, "well"),
        ({"oldest_waiting_at": NOW - timedelta(seconds=200), "waiting_bytes": 900}, "watch"),
        ({"measured_at": NOW - timedelta(minutes=5)}, "bad"),
        ({"is_open": False}, "bad"),
    ],
)
def test_a_collector_is_judged_by_what_waits_and_when_it_was_heard(
    db: Session, settings: Settings, over: dict[str, object], state: str
) -> None:
    health.save_reading(psycopg_of(db), reading(**over))
    assert seen(db, "collector").state == state


@pytest.mark.parametrize(("ago_s", "state"), [(5, "well"), (1000, "bad"), (None, "bad")])
def test_workers_are_there_when_a_job_began_of_late(
    db: Session, settings: Settings, ago_s: int | None, state: str
) -> None:
    if ago_s is not None:
        jobs.note_begin(psycopg_of(db), name="coa.sweep", at=NOW - timedelta(seconds=ago_s))
    assert seen(db, "jobs").state == state


def test_the_page_says_what_to_do_and_updates_in_place(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    page = owner.get("/settings/server").text
    assert "Something does not work" in page
    assert "no job has ever run" in page
    assert "lintas status" in page
    part = owner.get("/settings/server/health").text
    assert "<html" not in part
    assert 'hx-trigger="every 5s"' in part

    health.save_reading(psycopg_of(db), reading(measured_at=datetime.now(UTC)))
    jobs.note_begin(psycopg_of(db), name="coa.sweep", at=datetime.now(UTC))
    db.commit()
    assert "Something does not work" not in owner.get("/settings/server/health").text


def test_only_who_looks_after_the_installation_sees_it(
    client_of: Callable[[User], FlaskClient], seeded: Seeded, db: Session
) -> None:
    helpdesk = make_user(db, permissions=["view_customers"], tenant=seeded.tenant)
    db.commit()
    client = client_of(helpdesk)
    assert client.get("/settings/server/health").status_code == 403
