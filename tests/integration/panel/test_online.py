"""Who is online: sorted, narrowed, paged without offsets, and the marked ones changed after a look at the effect."""

import itertools
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded, seed
from db.models import AuditLog, RadAcct, SessionChange
from db.queries.paging import Wanted
from db.queries.panel.network import ONLINE_SORTS, SessionFilter, online_page
from domain.integrity import Grade
from domain.sessions import BY_START, MISSED, RESTARTED, SKEWED
from factories import make_session
from webadmin.panel import online


def usernames(html: str) -> list[str]:
    return re.findall(r'<span class="mono text-secondary">([a-z]+\d+)</span>', html)


def running(db: Session) -> list[RadAcct]:
    return list(db.scalars(select(RadAcct).where(RadAcct.acctstoptime.is_(None)).order_by(RadAcct.acctstarttime)))


def test_every_order_shows_each_session_once_however_it_is_paged(
    owner: FlaskClient, seeded: Seeded, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(online, "PAGE_SIZE", 2)
    for sort in [turned + key for key in ONLINE_SORTS for turned in ("", "-")]:
        found, address, pages = [], f"/online?sort={sort}", 0
        while address and pages < 10:
            html = owner.get(address).text
            found += usernames(html)
            after = re.search(r'rel="next" href="([^"]+)"', html)
            address, pages = after[1].replace("&amp;", "&") if after else "", pages + 1
        assert sorted(found) == sorted(row.username for row in running(db))


def test_the_order_is_the_one_asked_for_and_the_head_turns_it_round(
    owner: FlaskClient, seeded: Seeded, db: Session
) -> None:
    by_traffic = sorted(running(db), key=lambda row: -(row.acctinputoctets + row.acctoutputoctets))
    html = owner.get("/online?sort=-traffic&q=").text
    assert usernames(html) == [row.username for row in by_traffic]
    assert 'href="/online?sort=traffic"' in html
    assert 'aria-sort="descending"' in html


def test_an_address_that_means_nothing_shows_the_list(owner: FlaskClient, seeded: Seeded) -> None:
    for query in ("sort=nonsense", "after=abc", "figures=whatever", "router=9999999999999999999"):
        assert owner.get(f"/online?{query}").status_code == 200


def test_figures_are_narrowed_as_they_are_graded(keys_file: Path, db: Session) -> None:
    assert {RESTARTED, SKEWED, MISSED} == {1, 2, 4}
    rows = seed(db, customers=4)
    for marks, start_told_s in itertools.product(range(8), (BY_START, 5)):
        make_session(db, rows.service, rows.routers[0], integrity_marks=marks, start_told_s=start_told_s)
    for grade in Grade:
        found = online_page(db, rows.tenant.id, SessionFilter(grade=grade), wanted=Wanted(sort="since", page_size=99))
        assert {row.session.acctuniqueid for row in found.items} == {
            one.acctuniqueid for one in running(db) if one.grade is grade
        }


def test_the_effect_is_told_before_anything_is_done(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    marked = [row.acctuniqueid for row in running(db)[:2]]
    told = owner.post("/online/ask/disconnect", data={"session": [*marked, "gone"]})
    assert "2 sessions are disconnected" in told.text
    assert "1 of them has ended meanwhile." in told.text
    assert db.scalar(select(SessionChange.id).where(SessionChange.status == "pending")) is None
    answer = owner.post("/online/change", data={"kind": "disconnect", "session": [*marked, "gone"]})
    assert "/changes?follow=" in answer.location
    kinds = db.scalars(select(SessionChange.kind).where(SessionChange.status == "pending")).all()
    assert kinds == ["disconnect", "disconnect"]
    assert db.scalars(select(AuditLog.action)).all().count("subscription.disconnected") == 2


def test_the_speed_of_marked_sessions_is_sent_again(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    marked = [row.acctuniqueid for row in running(db)[:3]]
    assert "3 sessions are told the speed" in owner.post("/online/ask/speed", data={"session": marked}).text
    owner.post("/online/change", data={"kind": "speed", "session": marked})
    sent = db.scalars(select(SessionChange).where(SessionChange.status == "pending")).all()
    assert {change.acctuniqueid for change in sent} == set(marked)
    assert all(change.kind == "coa" and "Mikrotik-Rate-Limit" in change.attributes for change in sent)


def test_a_session_of_nobody_is_left_alone_and_named(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    stranger = running(db)[0].acctuniqueid
    db.execute(update(RadAcct).where(RadAcct.acctuniqueid == stranger).values(subscription_id=None))
    db.commit()
    told = owner.get(f"/online/ask/disconnect?session={stranger}").text
    assert "1 belongs to no subscription of ours and is left alone." in told
    answer = owner.post("/online/change", data={"kind": "disconnect", "session": [stranger]}, follow_redirects=True)
    assert "None of these sessions can be changed any more." in answer.text


def test_a_change_of_nothing_or_of_no_kind_does_nothing(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    for data in ({}, {"kind": "reboot"}, {"kind": "reboot", "session": ["x"]}):
        assert owner.post("/online/change", data=data).status_code == 303
    assert owner.post("/online/ask/disconnect", data={}).status_code == 303
    assert db.scalar(select(SessionChange.id).where(SessionChange.status == "pending")) is None


def test_more_than_a_list_holds_are_asked_for_by_a_filter(owner: FlaskClient, seeded: Seeded) -> None:
    many = [f"session{number}" for number in range(501)]
    answer = owner.post("/online/ask/disconnect", data={"session": many}, follow_redirects=True)
    assert "More than 500 are marked" in answer.text


def test_another_providers_sessions_are_neither_seen_nor_ended(owner: FlaskClient, seeded: Seeded, db: Session) -> None:
    make_session(db, seeded.service, seeded.routers[0], acctuniqueid="foreign0", tenant_id=seeded.tenant.id + 999)
    db.commit()
    owner.post("/online/change", data={"kind": "disconnect", "session": ["foreign0"]})
    assert db.scalar(select(SessionChange.id).where(SessionChange.acctuniqueid == "foreign0")) is None
