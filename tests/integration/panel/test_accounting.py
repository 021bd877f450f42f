"""The page of accounting packets, and the grade of sessions where they are shown."""

from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from bss import quarantine as use
from bss.sessions import GRADES
from db.models import RecordOutcome
from domain.integrity import Grade
from domain.quarantine import REASONS
from domain.sessions import LOST, RESTARTED
from factories import make_session
from tests.integration.api.test_accounting import STRANGER, put_aside
from webadmin.panel.accounting_words import grade_words, outcome_words, put_aside_words


def test_without_packets_the_page_teaches(owner: FlaskClient) -> None:
    page = owner.get("/accounting").text
    assert "No packet yet" in page
    assert "No such record" in page
    assert "No correction" in page


def test_records_are_explained_tried_again_and_let_go(owner: FlaskClient, db: Session) -> None:
    today = datetime.now(UTC).date()
    db.add(RecordOutcome(node="n", day=today, outcome="quarantined", reason="unknown_nas", records=2))
    db.add(RecordOutcome(node="n", day=today, outcome="merged", reason="late", records=4))
    kept, other = put_aside(db), put_aside(db, reason="not_json", raw=b'1790000000.1 10.0.0.1 {"<script>', source=None)
    db.commit()
    page = owner.get("/accounting").text
    assert "an older report than was known" in page
    assert STRANGER in page
    assert "Add the router, then try again" in page
    assert 'href="/accounting"' in owner.get("/").text
    shown = owner.get(f"/accounting/{other.id}").text
    assert "&lt;script&gt;" in shown
    assert "Try again" not in shown

    answer = owner.post("/accounting/replay", data={"source": STRANGER, "reason": "unknown_nas"}, follow_redirects=True)
    assert "1 record is tried again" in answer.text
    assert "Let go of 1." in owner.post("/accounting/dismiss", data={"id": other.id}, follow_redirects=True).text
    for row in (kept, other):
        db.refresh(row)
    assert (kept.state, other.state) == ("replay", "dismissed")
    assert (
        "no such record is waiting"
        in owner.post("/accounting/dismiss", data={"id": other.id}, follow_redirects=True).text.lower()
    )
    assert "let go" in owner.get("/accounting?state=dismissed").text
    assert owner.get("/accounting/99999999").status_code == 404


def test_every_reason_outcome_and_grade_has_the_same_words_everywhere(owner: FlaskClient) -> None:
    assert use.EXPLANATIONS.keys() == REASONS.keys()
    assert GRADES.keys() == set(Grade)
    with owner.application.test_request_context("/"):
        assert all(str(put_aside_words(reason)) == use.EXPLANATIONS[reason] for reason in REASONS)
        assert all(str(grade_words(grade)) == GRADES[grade] for grade in Grade)
        assert all(str(outcome_words(*key)) == words for key, words in use.OUTCOME_WORDS.items())


def test_a_customer_sees_which_sessions_may_be_doubted(owner: FlaskClient, db: Session, seeded: Seeded) -> None:
    now = datetime.now(UTC)
    nas = seeded.routers[0]
    make_session(db, seeded.service, nas, integrity_marks=RESTARTED)
    make_session(
        db, seeded.service, nas, acctstarttime=now - timedelta(hours=2), acctstoptime=now, acctterminatecause=LOST
    )
    db.commit()
    customer = f"/customers/{seeded.budi.id}?subscription={seeded.service.id}"
    assert "counters restarted" in owner.get(customer).text
    sessions = owner.get(f"{customer}&tab=sessions").text
    assert "end estimated" in sessions
    assert "later traffic is not counted" in sessions
    assert "counters restarted" in owner.get("/online").text


def test_how_long_silence_lasts_is_explained_and_set(owner: FlaskClient) -> None:
    page = owner.get("/accounting").text
    assert "Sessions that fall silent" in page
    assert "24, the default" in page

    def answer(hours: str) -> str:
        sent = owner.post("/accounting/silent-sessions", data={"hours": hours}, follow_redirects=True)
        return str(sent.text)

    assert 'value="6"' in answer("6")
    assert "whole number" in answer("soon")
    assert "no number of hours" in answer("9000")
    assert 'value=""' in answer("")
