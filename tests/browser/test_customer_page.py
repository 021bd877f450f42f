"""What staff do with a customer on the line: look at what flows, act, and read what the router made of it.

The router is simulated with its CoA port, its API and its sessions; a thread stands in for the sender of live changes.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import delete
from sqlalchemy.orm import Session

from browser.seed_panel import Seeded
from browser.test_panel import customer_page
from coa.connection import connect
from coa.drain import drain
from coa.probe import probe_due
from coa.seeing import see
from db.models import NasServer, RadAcct
from routeros import pool
from simulator.routeros import ApiServer
from tests.integration.coa.conftest import Isp, Online, now
from webadmin.panel.customer_page import TABS

ADDRESS = "100.64.9.9"
INTERFACE = "<pppoe-budi01>"
EVERY_S = 0.1
SOON_MS = 15_000
# What the page's letters open, and a word of it.
KEYS = {
    "d": "Connection of", "p": "Record a payment", "x": "Disconnect", "s": "Suspend", "c": "Change plan",
    "u": "Usage now", "t": "Top up", "r": "Renew",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Line:
    """One customer online on a router that can be asked and told."""

    budi: Online
    nas: NasServer
    api: ApiServer
    isp: Isp

    def flows(self, *, download_bps: int, upload_bps: int) -> None:
        """What the router shows of his interface from now on."""
        shown = {"tx-bits-per-second": str(download_bps), "rx-bits-per-second": str(upload_bps)}
        self.api.tables.traffic[INTERFACE] = shown


@pytest.fixture
def line(seeded: Seeded, db: Session, db_url: str) -> Iterator[Line]:
    with ExitStack() as stack, connect(db_url) as connection:
        isp = Isp(db, connection, stack)
        db.execute(delete(RadAcct).where(RadAcct.subscription_id == seeded.service.id, RadAcct.acctstoptime.is_(None)))
        simulated, nas, api = isp.router_with_api(name="RB-Satu", tenant_id=seeded.tenant.id, **_heard())
        budi = isp.online(
            simulated, nas, subscription=seeded.service, acctstarttime=now() - timedelta(hours=2),
            framedipaddress=ADDRESS, callingstationid="D4:CA:6D:00:00:01", download_kbps=2400, upload_kbps=310,
        )  # fmt: skip
        budi.router.rate_limit = "10M/20M"
        api.tables.put("/interface", {"name": INTERFACE, "type": "pppoe-in", "dynamic": "true"})
        own = {"interface": INTERFACE, "network": ADDRESS, "address": "10.0.0.1/32", "dynamic": "true"}
        api.tables.put("/ip/address", own)
        stack.enter_context(Sender(db_url))
        yield Line(budi=budi, nas=nas, api=api, isp=isp)
    pool.close()


def _heard() -> dict[str, object]:
    return {"last_seen_at": now(), "login_heard_at": now(), "signs_requests": True, "clock_skew_s": 0}


class Sender:
    """Sends what waits, looks whether it came true, and probes, as the worker does when it is woken."""

    def __init__(self, db_url: str) -> None:
        self._url, self._over = db_url, threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(timeout=30)

    def _work(self) -> None:
        with connect(self._url) as connection:
            while not self._over.wait(EVERY_S):
                drain(connection, clock=now)
                see(connection, clock=now)
                probe_due(connection, clock=now)


def test_what_flows_is_told_by_the_router_and_drawn(panel: Page, seeded: Seeded, line: Line) -> None:
    line.flows(download_bps=8_300_000, upload_bps=1_200_000)
    panel.goto(customer_page(seeded))
    flow = panel.locator("#flow")

    expect(flow).to_contain_text("8.3 Mbps", timeout=SOON_MS)
    expect(flow).to_contain_text("shown by the router now")
    line.flows(download_bps=15_000_000, upload_bps=400_000)
    expect(flow).to_contain_text("15 Mbps", timeout=SOON_MS)
    expect(flow.locator("[data-spark-down]")).to_have_attribute("d", re.compile("^M.* L"))
    expect(flow).to_contain_text(re.compile(r"the last \d+ seconds, up to 15 Mbps"))


def test_a_speed_is_given_and_read_back_from_the_router(panel: Page, seeded: Seeded, line: Line) -> None:
    panel.goto(customer_page(seeded))
    panel.locator("main").get_by_text("More", exact=True).click()
    panel.get_by_role("link", name="A speed of its own").click()
    sheet = panel.locator("dialog[open]")
    sheet.get_by_label("Download").fill("6M")
    sheet.get_by_label("Upload").fill("3M")
    sheet.get_by_role("button", name="Save").click()

    expect(panel.locator("#follow")).to_contain_text("Applied on RB-Satu, read back from the router", timeout=SOON_MS)
    assert line.budi.rate.startswith("3M/6M")
    expect(panel.locator("#session-card")).to_contain_text("read back from the router", timeout=SOON_MS)


def test_a_suspended_customer_is_seen_to_leave(panel: Page, seeded: Seeded, line: Line, db: Session) -> None:
    panel.goto(customer_page(seeded))
    panel.keyboard.press("s")
    sheet = panel.locator("dialog[open]")
    sheet.get_by_label("Reason").select_option(label="overdue payment")
    expect(sheet).to_contain_text("1 session is disconnected at once.")
    sheet.get_by_role("button", name="Suspend").click()

    expect(panel.locator("#follow")).to_contain_text("Acknowledged by RB-Satu", timeout=SOON_MS)
    line.isp.close(line.budi)
    expect(panel.locator("#follow")).to_contain_text(
        "Disconnected on RB-Satu, the router reported the end of the session", timeout=SOON_MS
    )
    expect(panel.locator("#head-dot")).to_contain_text("offline", timeout=SOON_MS)
    expect(panel.locator("#session-card")).to_contain_text("Last session ended", timeout=SOON_MS)


def test_the_doctor_walks_and_ends_in_one_sentence_and_one_button(panel: Page, seeded: Seeded, line: Line) -> None:
    line.budi.router.rate_limit = "1M/2M"
    panel.goto(customer_page(seeded))
    panel.keyboard.press("d")
    end = panel.locator("#doctor-end")

    expect(end.locator(".doctor-sentence")).to_contain_text("instead of", timeout=5_000)
    expect(panel.locator(".doctor-waits")).to_have_count(0)
    end.get_by_role("button", name="Send the speed again").click()
    expect(panel.locator("#follow")).to_contain_text("Applied on RB-Satu", timeout=SOON_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_letter_opens_a_sound_dialog(
    panel: Page, seeded: Seeded, line: Line, scheme: Literal["light", "dark"]
) -> None:
    panel.emulate_media(color_scheme=scheme)
    panel.goto(customer_page(seeded))
    sheet = panel.locator("dialog[open]")
    for key, word in KEYS.items():
        panel.keyboard.press(key)
        expect(sheet).to_contain_text(word)
        faults = Axe().run(panel, options={"resultTypes": ["violations"]}).response["violations"]
        assert [(key, fault["id"], fault["nodes"][0]["html"][:200]) for fault in faults] == []
        panel.keyboard.press("Escape")
        expect(sheet).to_have_count(0)


def test_a_letter_right_after_a_dialog_closed_is_heard(panel: Page, seeded: Seeded, line: Line) -> None:
    panel.goto(customer_page(seeded))
    panel.keyboard.press("p")
    panel.locator("dialog[open] input:focus").evaluate(
        "(field) => { field.closest('dialog').close();"
        " field.dispatchEvent(new KeyboardEvent('keydown', { key: 'x', bubbles: true })); }"
    )
    expect(panel.locator("dialog[open]")).to_contain_text(KEYS["x"])


def test_the_digits_open_the_tabs_each_with_its_address(panel: Page, seeded: Seeded, line: Line) -> None:
    panel.goto(customer_page(seeded))
    for digit, tab in enumerate(TABS, start=1):
        panel.keyboard.press(str(digit))
        panel.wait_for_url(re.compile(f"tab={tab}"))
        expect(panel.locator("#tab-area > .tabs [aria-current=page]")).to_have_attribute("data-key", str(digit))
    panel.go_back()
    expect(panel.locator("#tab-area > .tabs [aria-current=page]")).to_have_attribute("data-key", str(len(TABS) - 1))


def test_a_payment_is_taken_without_leaving_the_page(panel: Page, seeded: Seeded, db: Session) -> None:
    panel.goto(customer_page(seeded))
    panel.keyboard.press("p")
    sheet = panel.locator("dialog[open]")
    sheet.get_by_label("Amount").fill("150000")
    sheet.get_by_role("button", name="Record it").click()

    expect(panel.locator("main, #toasts").filter(has_text="150,000").first).to_be_visible()
    db.refresh(seeded.budi)
    assert seeded.budi.balance == 150_000
