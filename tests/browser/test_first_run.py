"""From an empty installation to a customer online, with nothing but what the screens say.

Real FreeRADIUS, collector and worker stand behind the panel; a simulated router is told the commands on the page.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.seed_panel import Seeded
from browser.steps import sign_in
from live_stack import LiveStack, live_stack
from radius_stack import radius_stack
from runtime.settings import Settings, get_settings
from simulator import LoginRefused, SimulatedRouter

# An address of this machine that no other test's router uses.
ROUTER = "127.0.0.77"
FROM_SETTINGS = (
    "database_url", "redis_url", "keys_file", "secret_key_file", "spool_dir", "var_dir", "radius_auth_port",
    "radius_acct_port",
)  # fmt: skip
SOON_MS = 30_000


@pytest.fixture
def live(db_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveStack]:
    with (
        radius_stack(tmp_path, db_url, redis_url=redis_url) as radius,
        live_stack(radius, tmp_path) as running,
    ):
        for name in FROM_SETTINGS:
            monkeypatch.setenv(f"LINTAS_{name.upper()}", str(getattr(radius.settings, name)))
        get_settings.cache_clear()
        yield running
    get_settings.cache_clear()


@pytest.fixture
def settings(live: LiveStack) -> Settings:
    """The panel works on what FreeRADIUS, collector and worker work on."""
    return get_settings()


def paste(commands: str) -> SimulatedRouter:
    """A router that was told these commands. Its 192.0.2.1 stands for this machine, as the page says."""
    secret = re.search(r'secret="([^"]+)"', commands)
    auth, acct = re.search(r"authentication-port=(\d+)", commands), re.search(r"accounting-port=(\d+)", commands)
    coa = re.search(r"incoming set accept=yes port=(\d+)", commands)
    assert secret, commands
    assert auth, commands
    assert acct, commands
    assert coa, commands
    return SimulatedRouter(
        secret=secret[1],
        source_ip=ROUTER,
        auth_port=int(auth[1]),
        acct_port=int(acct[1]),
        coa_port=int(coa[1]),
        timeout_ms=1000,
    )


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
    with paste(visitor.locator("#commands-v7").inner_text()) as router:
        expect(visitor.locator(".light-ok")).to_have_count(3, timeout=SOON_MS)
        with suppress(LoginRefused):
            router.login_pppoe("nobody", "wrong", mac="02:00:00:00:77:00")
        expect(visitor.locator(".light-ok")).to_have_count(4, timeout=SOON_MS)
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
