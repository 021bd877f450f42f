"""From an empty installation to a customer online, with nothing but what the screens say.

Real FreeRADIUS, collector and worker stand behind the panel; a simulated router is told the commands on the page.
"""

from contextlib import suppress

import pytest
from playwright.sync_api import Page, expect

from browser.pictures import picture
from browser.seed_panel import Seeded
from browser.steps import pasted, sign_in
from live_stack import LiveStack
from runtime.settings import Settings, get_settings
from simulator import LoginRefused

# An address of this machine that no other test's router uses.
ROUTER = "127.0.0.77"
SOON_MS = 30_000


@pytest.fixture
def settings(live_servers: LiveStack) -> Settings:
    """The panel works on what FreeRADIUS, collector and worker work on."""
    return get_settings()


def test_an_empty_installation_is_led_to_a_customer_online(
    visitor: Page, complaints: list[str], empty_panel: Seeded
) -> None:
    sign_in(visitor)
    visitor.get_by_role("link", name="Begin").click()
    visitor.get_by_label("Name of your company").fill("Melati Net")
    visitor.get_by_label("Time zone").fill("Asia/Makassar")
    visitor.get_by_role("button", name="Save and go on").click()
    expect(visitor.locator("#step-company")).to_contain_text("Melati Net · Asia/Makassar")

    visitor.get_by_label("Name", exact=True).fill("RB-Satu")
    visitor.get_by_label("Address it sends from").fill(ROUTER)
    visitor.get_by_role("button", name="Write the commands").click()
    with pasted(visitor.locator("#commands-v7").inner_text(), source_ip=ROUTER) as router:
        expect(visitor.locator(".light-ok")).to_have_count(3, timeout=SOON_MS)
        with suppress(LoginRefused):
            router.login_pppoe("nobody", "wrong", mac="02:00:00:00:77:00")
        expect(visitor.locator(".light-ok")).to_have_count(4, timeout=SOON_MS)
        picture(visitor, "first-run")
        add_plan_and_customer(visitor)
        username, password = visitor.locator("#step-customer .secret > span").all_inner_texts()
        router.login_pppoe(username, password, mac="02:00:00:00:77:01")
        expect(visitor.locator("#watch")).to_contain_text("Budi Santoso is online", timeout=SOON_MS)
    visitor.get_by_role("link", name="Go to Today").click()
    expect(visitor.locator("#figures")).to_contain_text("Online now")
    expect(visitor.get_by_text("First steps")).to_have_count(0)
    assert complaints == []


def add_plan_and_customer(page: Page) -> None:
    page.get_by_role("link", name="Go on to the plan").click()
    page.get_by_label("Name", exact=True).fill("Rumah 20")
    page.get_by_label("Download").fill("20M")
    page.get_by_label("Upload").fill("10M")
    page.get_by_label("Price of a month").fill("250000")
    expect(page.locator("#first-rate")).to_contain_text("10M/20M")
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_label("Name", exact=True).fill("Budi Santoso")
    page.get_by_role("button", name="Add the customer").click()
    expect(page.locator("#watch")).to_contain_text("Waiting for Budi Santoso")
