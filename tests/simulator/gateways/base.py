"""What simulated gateways are made of: an HTTP server on a real socket, its bad days, webhooks sent for real."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

MAX_BODY_BYTES = 1 << 20
DELIVERY_S = 10.0
_Body = dict[str, Any]
Reply = tuple[int, _Body]


@dataclass(kw_only=True)
class BadDay:
    """What goes wrong from now on. `errors` is how many questions are answered with 500, -1 for all."""

    delay_s: float = 0.0
    errors: int = 0
    # Accepts the question, acts on it, and hangs up without an answer.
    hangs_up: bool = False
    # One byte at a time, for ever.
    drips: bool = False
    raw: bytes | None = None
    redirect_to: str = ""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A webhook as it goes over the wire."""

    headers: dict[str, str]
    body: bytes
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question that came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: _Body


@dataclass(kw_only=True)
class PaymentServer:
    """An HTTP server that subclasses give an API by `answer`. `url` is where it listens."""

    host: str = "127.0.0.1"
    port: int = 0
    bad_day: BadDay = field(default_factory=BadDay)
    # Goes forward with `wait`, so that hours pass in no time.
    ahead: timedelta = timedelta()

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.asked: deque[Asked] = deque(maxlen=20_000)
        self.delivered: deque[int] = deque(maxlen=20_000)
        self._stopping = threading.Event()
        self._server = _Server((self.host, self.port), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.host}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen."""
        self._thread.start()

    def stop(self) -> None:
        """End every conversation."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: Asked) -> Reply:
        """The answer of the gateway; subclasses say what it is."""
        raise NotImplementedError

    def page(self, asked: Asked) -> tuple[int, str, str] | None:
        """A page for the payer: status, HTML, and where to go instead; None when the path is none."""
        return None

    def now(self) -> datetime:
        """This gateway's clock."""
        return datetime.now(UTC) + self.ahead

    def questions(self, path_has: str) -> int:
        """How often something was asked."""
        return sum(1 for asked in list(self.asked) if path_has in asked.path)

    def deliver(self, notice: Notice, url: str = "", *, times: int = 1) -> list[int]:
        """Send a webhook; returns the HTTP statuses, 0 for no answer."""
        return [self._post(notice, url or notice.url) for _ in range(times)]

    def _post(self, notice: Notice, url: str) -> int:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=DELIVERY_S)
        status = 0
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            connection.request("POST", parts.path, body=notice.body, headers=notice.headers)
            status = connection.getresponse().status
        self.delivered.append(status)
        return status

    def handle(self, handler: Any) -> None:
        """Answer one request, or misbehave as this day has it."""
        asked = _read(handler)
        self.asked.append(asked)
        if self.bad_day.delay_s:
            self._stopping.wait(self.bad_day.delay_s)
        if self._is_ill():
            _write(handler, 500, b'{"message": "internal error"}')
            return
        if (page := self.page(asked)) is not None:
            _write_page(handler, *page)
            return
        with self.lock:
            status, body = self.answer(asked)
        self._reply(handler, status, json.dumps(body).encode())

    def _is_ill(self) -> bool:
        with self.lock:
            if self.bad_day.errors > 0:
                self.bad_day.errors -= 1
                return True
            return self.bad_day.errors < 0

    def _reply(self, handler: Any, status: int, raw: bytes) -> None:
        day = self.bad_day
        if day.hangs_up:
            handler.close_connection = True
        elif day.redirect_to:
            handler.send_response(302)
            handler.send_header("Location", day.redirect_to)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        elif day.drips:
            self._drip(handler, raw)
        else:
            _write(handler, status, raw if day.raw is None else day.raw)

    def _drip(self, handler: Any, raw: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        with contextlib.suppress(OSError):
            while not self._stopping.wait(0.05):
                handler.wfile.write(raw[:1] or b" ")
                handler.wfile.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A thousand conversations at once is a test's everyday.
    request_queue_size = 512


def _handler_of(server: PaymentServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            self._any()

        def do_POST(self) -> None:
            self._any()

        def _any(self) -> None:
            with contextlib.suppress(ConnectionError):
                server.handle(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _read(handler: Any) -> Asked:
    parts = urlsplit(handler.path)
    length = min(int(handler.headers.get("Content-Length") or 0), MAX_BODY_BYTES)
    raw = handler.rfile.read(length)
    headers = {name.lower(): value for name, value in handler.headers.items()}
    return Asked(
        method=handler.command,
        path=parts.path,
        query=parse_qs(parts.query),
        headers=headers,
        body=_body(raw, headers.get("content-type", "")),
    )


def _body(raw: bytes, kind: str) -> _Body:
    if not raw:
        return {}
    if "json" in kind:
        data = json.loads(raw)
        return data if isinstance(data, dict) else {}
    return {name: values[0] for name, values in parse_qs(raw.decode(), keep_blank_values=True).items()}


def _write(handler: Any, status: int, raw: bytes, kind: str = "application/json") -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(raw)))
    handler.end_headers()
    handler.wfile.write(raw)


def _write_page(handler: Any, status: int, html: str, elsewhere: str) -> None:
    if elsewhere:
        handler.send_response(303)
        handler.send_header("Location", elsewhere)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    _write(handler, status, html.encode(), "text/html; charset=utf-8")


def payer_page(name: str, what: str, amount: str, action: str) -> str:
    """The page where a payer would pay."""
    return (
        "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{name} (simulated)</title><h1>{name} (simulated)</h1><p>{what}<p><b>{amount}</b>"
        f"<form method=post action='{action}'><button name=do value=pay>Pay</button> "
        "<button name=do value=leave>Leave</button></form>"
    )


def east(hours: int) -> timezone:
    """A zone that gateways write their times in."""
    return timezone(timedelta(hours=hours))
