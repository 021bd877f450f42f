"""A real browser against the real application on the test's own PostgreSQL and Redis, with a seeded provider."""

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page
from sqlalchemy.orm import Session
from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer
from werkzeug.wsgi import ClosingIterator

from browser.seed_panel import Seeded, seed
from browser.steps import sign_in
from runtime.settings import Settings
from webadmin.app import create_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
]
SLOWEST_MS = 10_000


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


class Server(ThreadedWSGIServer):
    """Its threads are waited for at the end: one that still answers has a database connection in hand."""

    daemon_threads = False


@pytest.fixture
def server(settings: Settings) -> Iterator[BaseWSGIServer]:
    app = create_app(settings)
    listening = Server("127.0.0.1", 0, _read_whole(app))
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield listening
    listening.shutdown()
    thread.join(timeout=10)
    listening.server_close()
    app.extensions["lintas_engine"].dispose()


def _read_whole(app: "WSGIApplication") -> "WSGIApplication":
    """Answers read to their end and closed: this server leaves a file open whose browser has gone away meanwhile.

    Live figures have no end to be read to; they hold no file.
    """

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        parts = cast(ClosingIterator, app(environ, start_response))
        if environ.get("HTTP_ACCEPT") == "text/event-stream":
            return parts
        with closing(parts):
            return [b"".join(parts)]

    return answer


@pytest.fixture
def panel_url(server: BaseWSGIServer) -> str:
    return f"http://127.0.0.1:{server.port}"


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


@pytest.fixture
def panel(visitor: Page, complaints: list[str], seeded: Seeded) -> Iterator[Page]:
    """The panel with the owner signed in; a page that breaks the content security policy fails the test."""
    sign_in(visitor)
    yield visitor
    assert complaints == []
