"""What the policy notes of routers is kept with the router."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from accounting import router_news
from db.engine import psycopg_of
from db.models import NasServer
from factories import make_nas

pytestmark = pytest.mark.usefixtures("keys_file")
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def tell(db: Session, nas: NasServer, *words: str, at: datetime = NOW) -> tuple[bool | None, datetime | None]:
    router_news.write(psycopg_of(db), [router_news.Note(nas.id, word, at) for word in words])
    db.expire_all()
    return nas.signs_requests, nas.login_heard_at


def test_hearing_and_signing_are_kept(db: Session) -> None:
    nas = make_nas(db)

    assert tell(db, nas, "heard") == (None, NOW)
    assert tell(db, nas, "signed", at=NOW + timedelta(minutes=1)) == (True, NOW + timedelta(minutes=1))
    assert tell(db, nas, "heard") == (True, NOW + timedelta(minutes=1))


def test_one_unsigned_request_is_enough_and_an_hour_of_signed_ones_heals(db: Session) -> None:
    nas = make_nas(db)
    tell(db, nas, "signed")

    assert tell(db, nas, "signed", "unsigned")[0] is False
    assert tell(db, nas, "signed", at=NOW + timedelta(minutes=59))[0] is False
    assert tell(db, nas, "signed", at=NOW + timedelta(minutes=61))[0] is True


def test_known_things_do_not_make_the_servers_read_their_routers_again(db: Session) -> None:
    nas = make_nas(db)
    tell(db, nas, "signed")
    db.commit()
    listener = psycopg_of(db)
    listener.execute("LISTEN access_changed")
    db.commit()

    tell(db, nas, "heard", "signed")
    db.commit()
    assert [notice.payload for notice in psycopg_of(db).notifies(timeout=0.2)] == []
    tell(db, nas, "unsigned")
    db.commit()
    heard = [notice.payload for notice in psycopg_of(db).notifies(timeout=0.2, stop_after=1)]
    assert heard == ["nas *"] or heard[0].startswith("nas ")


@pytest.mark.parametrize(
    "element",
    [
        None,
        [],
        {},
        {"router": "7", "seen": "heard", "at": 1.0},
        {"router": 0, "seen": "heard", "at": 1.0},
        {"router": True, "seen": "heard", "at": 1.0},
        {"router": 7, "seen": "dropped", "at": 1.0},
        {"router": 7, "seen": ["heard"], "at": 1.0},
        {"router": 7, "seen": "heard", "at": float("nan")},
        {"router": 7, "seen": "heard", "at": None},
    ],
)
def test_what_is_no_note_is_none(element: Any) -> None:
    assert router_news.read(element) is None


def test_a_router_that_is_gone_is_left_out(db: Session) -> None:
    router_news.write(psycopg_of(db), [router_news.Note(12345, word, NOW) for word in router_news.WORDS])
