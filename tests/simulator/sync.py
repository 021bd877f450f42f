"""The same router for code that does not await: tests, the demo, a Python prompt.

One thread runs the event loop; every method here hands its work to that thread and waits, with a deadline.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from .attributes import Counters, Login, Service
from .coa_server import CoaBehaviour, CoaRecord
from .credentials import Method
from .router import LoginResult, Router
from .session import AccountingResult, SimulatedSession

T = TypeVar("T")
_DEADLINE_SECONDS = 120.0


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="simulated-router", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_DEADLINE_SECONDS)

    def call(self, function: Callable[[], T]) -> T:
        async def work() -> T:
            return function()

        return self.run(work())

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_DEADLINE_SECONDS)
        self.loop.close()


class SessionHandle:
    """A session of a `SimulatedRouter`; `session` is the thing itself, safe to read."""

    def __init__(self, loop: _Loop, session: SimulatedSession) -> None:
        self._loop, self.session = loop, session

    @property
    def session_id(self) -> str:
        """Acct-Session-Id."""
        return self.session.session_id

    @property
    def username(self) -> str:
        """User-Name."""
        return self.session.username

    @property
    def framed_ip(self) -> str:
        """The customer's address."""
        return self.session.framed_ip

    @property
    def rate_limit(self) -> str:
        """The applied Mikrotik-Rate-Limit, upload first."""
        return self.session.rate_limit

    @property
    def truth(self) -> Counters:
        """Every byte that passed."""
        return self.session.truth

    @property
    def is_open(self) -> bool:
        """Whether the customer is still online."""
        return self.session.is_open

    @property
    def terminate_cause(self) -> str:
        """Why it ended."""
        return self.session.terminate_cause

    def start(self) -> AccountingResult:
        """Send the Accounting Start (again)."""
        return self._loop.run(self.session.start())

    def traffic(self, *, download_bytes: int = 0, upload_bytes: int = 0, seconds: float | None = None) -> Counters:
        """Let bytes pass; see SimulatedSession.traffic."""
        return self._loop.run(
            self.session.traffic(download_bytes=download_bytes, upload_bytes=upload_bytes, seconds=seconds)
        )

    def idle(self, seconds: float) -> None:
        """Get older without traffic."""
        self._loop.run(self.session.idle(seconds))

    def interim(self) -> AccountingResult:
        """Send an Interim-Update."""
        return self._loop.run(self.session.interim())

    def stop(self, cause: str = "User-Request") -> AccountingResult:
        """End the session and send its Stop."""
        return self._loop.run(self.session.stop(cause))


class SimulatedRouter:
    """`with SimulatedRouter(secret=..., auth_port=..., acct_port=...) as router:`; keywords as for `Router`.

    `router` is the asynchronous router itself, for what has no method here.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._loop: _Loop | None = None
        self._router: Router | None = None

    def __enter__(self) -> Self:
        self._loop = _Loop()
        try:
            self._router = self._loop.call(lambda: Router(**self._options))
            self._loop.run(self._router.__aenter__())
        except BaseException:
            self._loop.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._thread.run(self.router.__aexit__(kind, error, trace))
        finally:
            self._thread.close()

    @property
    def router(self) -> Router:
        """The asynchronous router."""
        assert self._router is not None, "use SimulatedRouter as a context manager"
        return self._router

    @property
    def _thread(self) -> _Loop:
        assert self._loop is not None, "use SimulatedRouter as a context manager"
        return self._loop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the asynchronous router, for many things at once."""
        return self._thread.run(work)

    @property
    def coa_port(self) -> int:
        """Where this router listens for CoA."""
        return self.router.coa.port

    @property
    def coa_behaviour(self) -> CoaBehaviour:
        """How the CoA server misbehaves."""
        return self.router.coa.behaviour

    @property
    def coa_records(self) -> list[CoaRecord]:
        """Every CoA and Disconnect request so far."""
        return list(self.router.coa.records)

    @property
    def open_sessions(self) -> list[SessionHandle]:
        """Sessions that are active now."""
        return [SessionHandle(self._thread, session) for session in self.router.open_sessions]

    def authenticate(self, login: Login) -> LoginResult:
        """Send only the Access-Request."""
        return self._thread.run(self.router.authenticate(login))

    def login(self, login: Login, *, start: bool = True) -> LoginResult:
        """Log in; a refused login is a normal result."""
        return self._thread.run(self.router.login(login, start=start))

    def open(self, login: Login, *, start: bool = True) -> SessionHandle:
        """Log in and return the session; raises LoginRefused."""
        return SessionHandle(self._thread, self._thread.run(self.router.open(login, start=start)))

    def login_pppoe(
        self, username: str, password: str, *, mac: str = "02:00:00:00:00:01", method: Method = Method.CHAP
    ) -> SessionHandle:
        """A PPPoE customer dials in."""
        login = Login(service=Service.PPPOE, username=username, password=password, mac=mac, method=method)
        return self.open(login)

    def login_hotspot(
        self, username: str, password: str, *, mac: str = "02:00:00:00:00:01", method: Method = Method.CHAP
    ) -> SessionHandle:
        """A hotspot customer fills in the login page."""
        login = Login(service=Service.HOTSPOT, username=username, password=password, mac=mac, method=method)
        return self.open(login)

    def login_hotspot_mac(self, mac: str, password: str = "") -> SessionHandle:
        """A hotspot lets a known device in by its MAC."""
        return SessionHandle(self._thread, self._thread.run(self.router.login_hotspot_mac(mac, password)))

    def login_dhcp(self, mac: str, *, address: str = "") -> SessionHandle:
        """A DHCP client asks for a lease."""
        return SessionHandle(self._thread, self._thread.run(self.router.login_dhcp(mac, address=address)))

    def session(self, session_id: str) -> SessionHandle:
        """An active session by its id."""
        return SessionHandle(self._thread, self.router.sessions[session_id])

    def reboot(self) -> None:
        """Power loss: no Stops, ids start over."""
        self._thread.call(self.router.reboot)

    def stop_all(self, cause: str = "NAS-Request") -> list[AccountingResult]:
        """End every session properly."""
        return self._thread.run(self.router.stop_all(cause))

    def wait_for_coa(self, count: int = 1, *, timeout_seconds: float = 5.0) -> list[CoaRecord]:
        """Wait until so many CoA and Disconnect requests were handled; returns them all."""
        return self._thread.run(self.router.wait_for_coa(count, timeout_seconds=timeout_seconds))

    def wait_until(self, condition: Callable[[], bool], *, timeout_seconds: float = 5.0) -> None:
        """Wait for something about the router to become true."""
        self._thread.run(self.router.wait_until(condition, timeout_seconds=timeout_seconds))

    def settle(self) -> None:
        """Wait for Stops and redials that follow disconnects."""
        self._thread.run(self.router.settle())

    def truth_by_user(self) -> dict[str, Counters]:
        """Every byte that passed, per User-Name."""
        return self._thread.call(self.router.truth_by_user)

    def acknowledged_by_user(self) -> dict[str, Counters]:
        """What the server has confirmed, per User-Name."""
        return self._thread.call(self.router.acknowledged_by_user)
