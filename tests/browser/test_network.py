"""What a network operator does in a real browser: many sessions changed, a router tested through its API, a history."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from db.models import AuditLog, BulkChange, RadAcct
from runtime.settings import Settings
from simulator.routeros import ApiServer


@pytest.fixture
def router_api() -> Iterator[ApiServer]:
    with ApiServer(username="lintas", password="rahasia") as api:
        api.tables.put("/queue/simple", {"name": "budi", "target": "100.64.0.10/32", "max-limit": "5000000/10000000"})
        yield api


def test_many_sessions_are_asked_about_watched_and_stopped(panel: Page, seeded: Seeded, db: Session) -> None:
    router = seeded.routers[0]
    running = db.scalar(select(func.count()).where(RadAcct.nas_server_id == router.id, RadAcct.acctstoptime.is_(None)))
    panel.goto("/changes")
    panel.get_by_role("link", name="Many at once").click()
    panel.wait_for_load_state()
    panel.get_by_label("Router", exact=True).select_option(label=router.name)
    # The choice loads the page anew; until its scripts run, a question is a page and not a dialog.
    panel.wait_for_url(re.compile(r"router=\d+"))
    panel.get_by_role("link", name="Disconnect them").click()
    sheet = panel.locator("dialog[open]")
    expect(sheet).to_contain_text(f"{running} sessions are disconnected")
    assert db.scalar(select(BulkChange.id)) is None
    sheet.get_by_role("button", name="Disconnect them").click()
    panel.wait_for_url(re.compile(r"/changes/bulk/\d+$"))
    panel.get_by_role("button", name="Hold").click()
    expect(panel.locator("main")).to_contain_text("Nothing more leaves until it goes on.")
    panel.get_by_role("button", name="Go on").click()
    expect(panel.locator("#bulk")).to_contain_text("Sessions when it began")
    # Stands in for the sender of live changes, which is no part of this test.
    db.execute(update(BulkChange).values(state="done", looked_at_sessions=running, finished_at=datetime.now(UTC)))
    db.commit()
    expect(panel.locator("#bulk")).to_contain_text("done")
    expect(panel.get_by_role("button", name="Stop")).to_have_count(0)


def test_a_router_is_given_an_account_and_tested_through_its_api(
    panel: Page, seeded: Seeded, router_api: ApiServer, db: Session
) -> None:
    router = seeded.routers[0]
    router.host = "127.0.0.1"
    db.commit()
    panel.goto(f"/routers/{router.id}")
    panel.get_by_role("link", name="Queues").click()
    panel.get_by_role("link", name="Add the account").click()
    panel.get_by_label("Account for the API").fill("lintas")
    panel.get_by_label("Its password").fill("rahasia")
    panel.get_by_label("API port").fill(str(router_api.port))
    panel.get_by_role("button", name="Save").click()
    panel.get_by_role("link", name="Machine").click()
    panel.get_by_role("button", name="Test the connection").click()
    expect(panel.get_by_role("status").filter(has_text="answers, RouterOS 7.19.4")).to_be_visible()
    expect(panel.locator("#router-part")).to_contain_text("CCR2004")
    panel.get_by_role("link", name="Queues").click()
    expect(panel.locator("#router-part")).to_contain_text("5M/10M")
    expect(panel.locator(".rail [aria-current=page]")).to_have_text("Routers")


def test_a_history_is_narrowed_drawn_and_taken_as_a_file(
    panel: Page, seeded: Seeded, settings: Settings, db: Session
) -> None:
    panel.goto(f"/customers/{seeded.budi.id}?tab=sessions")
    panel.get_by_role("link", name="Internet history").click()
    first = (datetime.now(UTC) - timedelta(days=9)).date().isoformat()
    panel.get_by_label("From").fill(first)
    panel.get_by_role("button", name="Show", exact=True).click()
    panel.wait_for_url(re.compile(f"first_day={first}"))
    assert panel.locator("svg.bars g").count() >= 10
    shown = panel.locator("tbody tr").count()
    with panel.expect_download() as waiting:
        panel.get_by_role("link", name="CSV").click()
    rows = list(csv.reader(io.StringIO(waiting.value.path().read_text("utf-8-sig"))))
    assert len(rows) == shown + 1
    assert "history.exported" in db.scalars(select(AuditLog.action)).all()
