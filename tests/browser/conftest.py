"""A real browser against the real application on the test's own PostgreSQL and Redis, with a seeded provider."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect
from sqlalchemy.orm import Session

from browser.person import WALKS, Person, Walk
from browser.seed_panel import Seeded, seed
from browser.steps import sign_in
from live_stack import LiveStack, live_stack
from panel_server import serving
from radius_stack import radius_stack
from runtime.settings import Settings, get_settings
from webadmin.app import create_app

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
]
SLOWEST_MS = 20_000
expect.set_options(timeout=SLOWEST_MS)


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return {"executable_path": "/usr/bin/chromium", "args": FLAGS}


@pytest.fixture
def seeded(db: Session, settings: Settings) -> Seeded:
    rows = seed(db)
    db.commit()
    return rows


@pytest.fixture
def empty_panel(db: Session, settings: Settings) -> Seeded:
    """A provider on its first day: staff, and nothing else."""
    rows = seed(db, customers=0, first_day=True)
    db.commit()
    return rows


FROM_SETTINGS = (
    "database_url", "redis_url", "keys_file", "secret_key_file", "spool_dir", "var_dir", "radius_auth_port",
    "radius_acct_port",
)  # fmt: skip


@pytest.fixture
def live_servers(db_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveStack]:
    """FreeRADIUS, collector and worker; a test that wants them has its `settings` from here."""
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
def panel_url(settings: Settings) -> Iterator[str]:
    with serving(create_app(settings)) as address:
        yield address


@pytest.fixture
def browser_context_args(panel_url: str) -> dict[str, Any]:
    """Every test has a server of its own, so its address is known only inside the test."""
    return {"base_url": panel_url}


@pytest.fixture
def complaints(context: BrowserContext) -> list[str]:
    """What the browser's console complained of on any page; checked at the end of every test that signs in."""
    found: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # The browser notes an answer such as 422 (a refused form) as a failed load although it shows it.
        expected = re.search(r"status of (401|403|422)", message.text)
        if message.type in ("error", "warning") and expected is None:
            found.append(message.text)

    context.on("console", listen)
    context.on("weberror", lambda error: found.append(str(error.error)))
    return found


@pytest.fixture
def visitor(page: Page) -> Page:
    """A browser that is not signed in."""
    page.set_default_timeout(SLOWEST_MS)
    return page


@pytest.fixture(params=list(WALKS.values()), ids=list(WALKS))
def person(
    request: pytest.FixtureRequest, visitor: Page, complaints: list[str], seeded: Seeded, db: Session
) -> Iterator[Person]:
    """The owner, signed in, in each language and on each screen; any complaint of browser or axe fails the test."""
    walk: Walk = request.param
    seeded.owner.language = walk.language
    db.commit()
    visitor.set_viewport_size({"width": walk.width, "height": walk.height})
    sign_in(visitor)
    # Keys are heard once the page's scripts have run.
    visitor.wait_for_load_state()
    someone = Person(visitor, walk)
    yield someone
    assert complaints == []
    assert someone.faults == []


@pytest.fixture
def panel(visitor: Page, complaints: list[str], seeded: Seeded) -> Iterator[Page]:
    """The panel with the owner signed in; a page that breaks the content security policy fails the test."""
    sign_in(visitor)
    yield visitor
    assert complaints == []
