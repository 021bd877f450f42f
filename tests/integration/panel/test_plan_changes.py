"""The plan page tells what saving would do, saves it in stages, and shows how far it is."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import PlanRollout, RadAcct, ServicePlan

FORM = {
    "seen": "1", "name": "Rumah", "connection_type": "pppoe", "price": "150000", "setup_fee": "0",
    "billing_cycle": "monthly", "validity_days": "30", "download_kbps": "77M", "upload_kbps": "33M", "priority": "8",
    "concurrent_connections": "1", "grace_period_days": "7", "interim_interval_s": "5", "burst_time_s": "16",
    "tell": "stages", "session_limit_action": "refuse", "garden_mode": "tenant",
}  # fmt: skip


@pytest.fixture
def plan(db: Session, seeded: Seeded) -> ServicePlan:
    """The plan of the customer who is online, whose session began a while ago."""
    for session in db.scalars(select(RadAcct)):
        session.acctstarttime = datetime.now(UTC) - timedelta(hours=1)
    db.commit()
    return seeded.service.plan


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_it_tells_before_it_saves(owner: FlaskClient, db: Session, plan: ServicePlan) -> None:
    page = owner.get(f"/plans/{plan.id}").text
    told = words(owner.post(f"/plans/{plan.id}/effect", data=FORM).text)

    assert f'hx-post="/plans/{plan.id}/effect"' in page
    assert "33M/77M" in told
    assert re.search(r"\d+ CoA", told)
    db.expire_all()
    assert plan.download_kbps != 77_000


def test_a_form_that_cannot_be_saved_tells_nothing(owner: FlaskClient, plan: ServicePlan) -> None:
    for wrong in ({"download_kbps": "fast"}, {"download_kbps": "0"}, {"priority": "9"}):
        assert "33M" not in owner.post(f"/plans/{plan.id}/effect", data=FORM | wrong).text


def test_a_speed_above_the_burst_is_told_beside_its_box(owner: FlaskClient, db: Session, plan: ServicePlan) -> None:
    """The plan has a burst up to 40 Mbps; its rows may not be written before that is looked at."""
    form = FORM | {"burst_enabled": "y", "burst_download_kbps": "40M", "burst_upload_kbps": "40M"}
    assert owner.post(f"/plans/{plan.id}/effect", data=form).status_code == 200
    refused = owner.post(f"/plans/{plan.id}/save", data=form)
    assert refused.status_code == 422
    assert 'id="burst_download_kbps-error"' in refused.text


def test_fair_use_and_hours_are_drawn_while_they_are_typed(owner: FlaskClient, plan: ServicePlan) -> None:
    typed = FORM | {
        "fup_rules-0-threshold_bytes": "100", "fup_rules-0-counts": "total", "fup_rules-0-reset_period": "monthly",
        "fup_rules-0-reduced_download_kbps": "7M", "fup_rules-0-reduced_upload_kbps": "3M",
        "time_windows-0-weekdays": "sat", "time_windows-0-start": "20:00", "time_windows-0-end": "02:00",
    }  # fmt: skip
    drawn = owner.post("/plans/preview", data=typed).text
    assert 'data-top-kbps="77000"' in drawn
    assert "100 GB → 7 Mbps" in words(drawn)
    assert drawn.count('class="week-open"') == 2
    nothing = owner.post("/plans/preview", data=FORM).text
    assert "<svg" not in re.sub(r'<svg class="icon.*?</svg>', "", nothing)


def test_in_stages_it_is_shown_stopped_and_continued(owner: FlaskClient, db: Session, plan: ServicePlan) -> None:
    saved = owner.post(f"/plans/{plan.id}/save", data=FORM, follow_redirects=True)
    rollout = db.scalars(select(PlanRollout)).one()
    assert saved.status_code == 200
    assert "1 %" in words(saved.text)
    assert f"/rollouts/{rollout.id}/stop" in saved.text
    assert 'hx-trigger="every 2s"' in owner.get(f"/plans/{plan.id}/rollout").text

    stopped = owner.post(f"/rollouts/{rollout.id}/stop", follow_redirects=True).text
    assert f"/rollouts/{rollout.id}/advance" in stopped
    goes_on = owner.post(f"/rollouts/{rollout.id}/advance", follow_redirects=True).text
    assert f"/rollouts/{rollout.id}/stop" in goes_on
    db.expire_all()
    assert (rollout.state, plan.download_kbps) == ("running", 77_000)


def test_at_the_next_login_nobody_is_told_now(owner: FlaskClient, db: Session, plan: ServicePlan) -> None:
    owner.post(f"/plans/{plan.id}/save", data=FORM | {"tell": "login"})

    db.expire_all()
    assert plan.download_kbps == 77_000
    assert db.scalars(select(PlanRollout)).all() == []
