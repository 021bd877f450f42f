"""What is wrong stands on top of every page for who may see it, and on a page of its own."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.engine import psycopg_of
from db.queries.health import SpoolReading, save_reading
from domain.alarms import BOOKS_WRONG, CODES
from monitoring.alarms import watch
from webadmin.panel.alarms import alarm_words

NOW = datetime.now(UTC)


def reading(**over: object) -> SpoolReading:
    values = {
        "node": "node1", "measured_at": NOW, "waiting_bytes": 0, "oldest_waiting_at": None, "written_bytes_per_s": 10,
        "counted_bytes_per_s": 10, "free_bytes": 10**11, "min_free_bytes": 10**8, "is_open": True,
        "sync_mode": "background", "synced_at": NOW, "sync_ms": 3, "sync_errors": 0,
    }  # fmt: skip
    return SpoolReading(**values | over)


def test_without_alarms_the_page_says_so_and_shows_the_spools(owner: FlaskClient, db: Session) -> None:
    assert "Nothing is wrong" in owner.get("/alarms").text
    assert "No collector has reported yet" in owner.get("/alarms").text
    save_reading(psycopg_of(db), reading())
    db.commit()
    page = owner.get("/alarms").text
    assert "node1" in page
    assert "No collector has reported yet" not in page


def test_an_alarm_is_on_every_page_until_it_is_over(owner: FlaskClient, db: Session, seeded: Seeded) -> None:
    save_reading(psycopg_of(db), reading(is_open=False, free_bytes=10**7, measured_at=NOW))
    db.commit()
    watch(psycopg_of(db), NOW)
    db.commit()
    for page in ("/", "/customers", "/alarms"):
        assert "Accounting on node1 is not acknowledged" in owner.get(page).text

    save_reading(psycopg_of(db), reading(measured_at=NOW))
    watch(psycopg_of(db), NOW + timedelta(seconds=1))
    db.commit()
    assert "is not acknowledged" not in owner.get("/customers").text
    assert "is not acknowledged" in owner.get("/alarms").text


def test_every_alarm_has_words_in_the_panel(owner: FlaskClient) -> None:
    with owner.application.test_request_context("/"):
        for code in CODES:
            sentence, mend = alarm_words(SimpleNamespace(code=code, subject="node1", facts={}))
            # The books are everybody's, so they have no name.
            assert "node1" in sentence or code == BOOKS_WRONG
            assert mend
