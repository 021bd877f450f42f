"""Every page of the panel in a real browser: wide and light in English, on a phone and dark in Indonesian.

No page may scroll sideways, break the content security policy, complain in the console, or hinder somebody who does
not see or does not point (axe, without exceptions).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page
from sqlalchemy import select
from sqlalchemy.orm import Session

from browser.seed_money import seed_money
from browser.seed_panel import Seeded
from browser.steps import sign_in
from db.models import Operator
from everything import Everything
from factories import make_user
from panel_addresses import address_of, rules_to_look_at
from runtime.settings import Settings
from webadmin.app import create_app
from webadmin.panel.customer_page import TABS

# What leaves as a file or a picture, or never ends, is no page.
NOT_PAGES = re.compile(r"export|\.csv|\.xlsx|/pdf|/receipt|journal|/sheets|photo|picture|events|plan/effect|^/pay/")
SHARES = 5


@dataclass(frozen=True, kw_only=True)
class Look:
    """How the panel is looked at."""

    width: int
    height: int
    scheme: Literal["light", "dark"]
    language: str


LOOKS = (
    Look(width=1280, height=800, scheme="light", language="en"),
    Look(width=360, height=740, scheme="dark", language="id"),
)


@pytest.fixture
def addresses(seeded: Seeded, db: Session, settings: Settings) -> list[str]:
    """Every page with a row of every kind behind it."""
    seed_money(db, seeded, datetime.now(UTC))
    operator = db.scalars(select(Operator).limit(1)).one()
    rows = Everything(db, operator=operator, mark="Melati", house_mark="Cempaka")
    db.commit()

    # Of these the seeded provider has rows with more to show.
    rich = {
        "customers": seeded.budi,
        "subscriptions": seeded.service,
        "service_plans": seeded.plans[0],
        "nas_servers": seeded.routers[0],
        "users": seeded.owner,
    }
    numbers = {table: row.id for table, row in rich.items()}

    app = create_app(settings)
    rules = sorted(
        (rule for rule in rules_to_look_at(app) if not NOT_PAGES.search(rule.rule)), key=lambda rule: rule.rule
    )
    app.extensions["lintas_engine"].dispose()
    found = [
        address_of(rule, lambda table: numbers.get(table) or rows.number(table))
        for rule in sorted(rules, key=lambda rule: rule.rule)
    ]
    own = [f"/customers/{seeded.budi.id}?tab={tab}" for tab in TABS]
    own += [f"/subscriptions/{seeded.service.id}/decisions/budi1", "/customers?deleted=yes", "/search?q=budi"]
    return [*own, *(address for address in found if address is not None)]


@pytest.fixture
def said(context: BrowserContext) -> list[str]:
    """What the console says; a browser asks for /favicon.ico by itself where it got a part of a page."""
    lines: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.location.get("url", "").endswith("favicon.ico"):
            lines.append(message.text)

    context.on("console", listen)
    context.on("weberror", lambda error: lines.append(str(error.error)))
    return lines


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("look", LOOKS, ids=["wide", "phone"])
def test_every_page_is_sound(
    visitor: Page, seeded: Seeded, db: Session, addresses: list[str], said: list[str], look: Look, share: int
) -> None:
    seeded.owner.language = look.language
    db.commit()
    visitor.set_viewport_size({"width": look.width, "height": look.height})
    visitor.emulate_media(color_scheme=look.scheme)
    sign_in(visitor)
    assert len(addresses) > 130
    faults: list[str] = []
    for address in addresses[share::SHARES]:
        said.clear()
        faults += [f"{address}: {fault}" for fault in _faults(visitor, address, look, said)]
    assert not faults, "\n".join(faults)


def _faults(page: Page, address: str, look: Look, said: list[str]) -> Iterator[str]:
    answer = page.goto(address)
    if answer is None or answer.status != 200:
        yield f"status {answer.status if answer else 'none'}"
        return
    if page.locator("meta[name=viewport]").count() == 0:
        # A part of a page, which its page was looked at with.
        return
    width = page.evaluate("document.documentElement.scrollWidth")
    if width > look.width:
        yield f"is {width} wide"
    yield from list(said)
    for fault in Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]:
        yield f"{fault['id']}: {fault['nodes'][0]['html'][:200]}"


@pytest.mark.parametrize("language", ["en", "id"])
def test_pages_that_are_not_there_or_not_ones_own_say_so_calmly(
    visitor: Page, seeded: Seeded, db: Session, language: str
) -> None:
    make_user(db, email="viewer@example.net", permissions=[], tenant=seeded.tenant, language=language)
    db.commit()
    for signed_in in (False, True):
        if signed_in:
            sign_in(visitor, "viewer@example.net")
        for address, status in (("/nothing/here", 404), *((("/routers", 403),) if signed_in else ())):
            answer = visitor.goto(address)
            assert answer is not None
            assert answer.status == status
            assert visitor.locator("h1").count() == 1
            assert visitor.locator(".frame").count() == int(signed_in)
            assert visitor.locator("html").get_attribute("lang") == language or not signed_in
            assert Axe().run(visitor).response["violations"] == []


def test_what_one_click_would_do_away_with_is_asked_about_first(panel: Page, seeded: Seeded, db: Session) -> None:
    panel.goto("/customers?status=suspended&city=Bandung")
    panel.get_by_text("Save view").click()
    panel.get_by_label("Name of the view").fill("Mine")
    panel.get_by_role("button", name="Save", exact=True).click()
    panel.get_by_text("The view “Mine” is kept.").wait_for()
    # What asks is there when the page is loaded.
    panel.wait_for_load_state()
    remove = panel.get_by_role("button", name="Remove the view Mine")
    remove.click()
    box = panel.locator("dialog[open]")
    assert "Remove the view Mine?" in box.inner_text()
    assert Axe().run(panel).response["violations"] == []
    box.get_by_role("button", name="Cancel").click()
    remove.click()
    panel.locator("dialog[open] .btn-danger").click()
    panel.get_by_text("is gone; the list itself is as it was").wait_for()
    assert panel.get_by_role("link", name="Mine").count() == 0
