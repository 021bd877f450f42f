"""A MikroTik router as the RADIUS server sees it.

Decides session ids, logins, the delivery of accounting records, reboots.  It owns the truth about bytes: what its
sessions counted is right, and whatever the server stored is compared with it.  Every packet leaves from `source_ip`,
so several routers on 127.0.0.x look to the server like several routers.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from secrets import token_bytes
from types import TracebackType
from typing import Any, Self

from . import attributes as ros
from . import wire
from .attributes import Counters, Login, RouterFacts, Service, SessionFacts
from .client import Exchange, RadiusClient
from .coa_server import CoaRecord, CoaServer
from .credentials import Method, Proof
from .faults import Faults
from .session import AccountingResult, Report, SimulatedSession
from .wire import Attribute, Code, Value

_FIRST_ADDRESS = IPv4Address("100.64.0.2")
_REMEMBERED = 100_000
_LAST_SESSION_NUMBER = 0xFFFFF


@dataclass(frozen=True, kw_only=True)
class LoginResult:
    """What the server said, and whether a session came of it.

    `accepted` is None when no valid answer came; `problems` then says what was wrong with the invalid ones.
    `mschap_success` is None unless MS-CHAPv2 was used; False means the client would hang up.
    `session_id` is empty when no session began.
    """

    accepted: bool | None
    reply: tuple[Attribute, ...] = ()
    latency_ms: float = 0.0
    sends: int = 0
    message_authenticator_first: bool = False
    mschap_success: bool | None = None
    session_id: str = ""
    problems: tuple[str, ...] = ()

    @property
    def reply_message(self) -> str:
        """All Reply-Message texts as one."""
        return "".join(str(value) for value in self.all("Reply-Message"))

    def all(self, name: str) -> list[Value]:
        """Every value of a reply attribute, in wire order."""
        return [value for attribute, value in self.reply if attribute == name]

    def first(self, name: str) -> Value | None:
        """The first value of a reply attribute."""
        return next(iter(self.all(name)), None)


class LoginRefused(Exception):
    """No session: rejected, unanswered, or the server failed MS-CHAPv2."""

    def __init__(self, login: Login, result: LoginResult) -> None:
        self.login, self.result = login, result
        said = {True: "accepted without proof", False: "rejected", None: "not answered"}[result.accepted]
        super().__init__(f"{login.username!r} was {said}: {result.reply_message or ', '.join(result.problems)}")


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something worth printing: login, refused, accounting, coa, disconnected, ended, reboot."""

    at: datetime
    kind: str
    username: str = ""
    session_id: str = ""
    detail: dict[str, object] = field(default_factory=dict)


class VirtualClock:
    """A clock that moves when told to."""

    def __init__(self, at: datetime) -> None:
        self._seconds = at.timestamp()

    def __call__(self) -> float:
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Make it later."""
        self._seconds += seconds


class Router:
    """A NAS.  Use as `async with Router(...) as router`.

    `routeros` 7 signs Access-Requests and wants signed answers (7.15's default), 6 does neither.
    `coa_port` 0 picks a free port (see `coa.port`), None does not listen.  `gigawords=False`, `input_is_upload=False`
    and `clock_skew_seconds` are the router faults that accounting has to live with.
    """

    def __init__(
        self,
        *,
        secret: str | bytes,
        identity: str = "MikroTik",
        source_ip: str = "127.0.0.1",
        nas_ip: str = "",
        radius_host: str = "127.0.0.1",
        auth_port: int = 1812,
        acct_port: int = 1813,
        coa_port: int | None = 0,
        routeros: int = 7,
        timeout_ms: int = 300,
        resends: int = 3,
        accounting_rounds: int = 5,
        interim_seconds: int = 0,
        gigawords: bool = True,
        input_is_upload: bool = True,
        clock_skew_seconds: float = 0.0,
        clock: Callable[[], float] = time.time,
        honour_limits: bool = True,
        redial_after_ms: int | None = None,
        faults: Faults | None = None,
        also_changeable: frozenset[str] = frozenset(),
    ) -> None:
        self.secret = secret.encode() if isinstance(secret, str) else secret
        self.identity, self.source_ip, self.nas_ip = identity, source_ip, nas_ip or source_ip
        self.coa_port, self.routeros, self.accounting_rounds = coa_port, routeros, accounting_rounds
        self.interim_seconds = interim_seconds
        self.gigawords, self.input_is_upload = gigawords, input_is_upload
        self.clock, self.clock_skew_seconds = clock, clock_skew_seconds
        self.honour_limits, self.redial_after_ms = honour_limits, redial_after_ms
        self.faults = faults or Faults()
        self.auth_client = self._client(radius_host, auth_port, timeout_ms, resends)
        self.acct_client = self._client(radius_host, acct_port, timeout_ms, resends)
        self.coa = CoaServer(host=self, secret=self.secret, also_changeable=also_changeable)
        self.sessions: dict[str, SimulatedSession] = {}
        self.history: deque[SimulatedSession] = deque(maxlen=_REMEMBERED)
        self.listeners: list[Callable[[Event], None]] = []
        self.reboots = 0
        self._session_number = 0
        self._address_number = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._changed = asyncio.Event()

    def _client(self, host: str, port: int, timeout_ms: int, resends: int) -> RadiusClient:
        return RadiusClient(
            host=host,
            port=port,
            secret=self.secret,
            source_ip=self.source_ip,
            timeout_ms=timeout_ms,
            resends=resends,
            require_message_authenticator=self.routeros >= 7,
            faults=self.faults,
        )

    async def __aenter__(self) -> Self:
        if self.coa_port is not None:
            address = (self.source_ip, self.coa_port)
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: self.coa, local_addr=address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.coa.close()
        self.auth_client.close()
        self.acct_client.close()

    # -- logins ------------------------------------------------------------------------------------------------

    async def authenticate(self, login: Login) -> LoginResult:
        """Send only the Access-Request; no session begins."""
        result, _ = await self._authenticate(login)
        return result

    async def login(self, login: Login, *, start: bool = True) -> LoginResult:
        """Log in and, when accepted, begin a session and send its Start (unless `start` is False: a lost Start)."""
        result, facts = await self._authenticate(login)
        if not result.accepted or result.mschap_success is False:
            self._tell(
                "refused", login.username, accepted=result.accepted, reply=result.reply, problems=result.problems
            )
            return result
        session = self._begin(facts, result)
        result = replace(result, session_id=session.session_id)
        self._tell("login", login.username, session.session_id, reply=result.reply, latency_ms=result.latency_ms)
        if start:
            await session.start()
        return result

    async def open(self, login: Login, *, start: bool = True) -> SimulatedSession:
        """Log in and return the session; raises LoginRefused."""
        result = await self.login(login, start=start)
        if not result.session_id:
            raise LoginRefused(login, result)
        return self.sessions[result.session_id]

    async def login_pppoe(
        self, username: str, password: str, *, mac: str = "02:00:00:00:00:01", method: Method = Method.CHAP
    ) -> SimulatedSession:
        """A PPPoE customer dials in."""
        return await self.open(
            Login(service=Service.PPPOE, username=username, password=password, mac=mac, method=method)
        )

    async def login_hotspot(
        self, username: str, password: str, *, mac: str = "02:00:00:00:00:01", method: Method = Method.CHAP
    ) -> SimulatedSession:
        """A hotspot customer fills in the login page."""
        return await self.open(
            Login(service=Service.HOTSPOT, username=username, password=password, mac=mac, method=method)
        )

    async def login_hotspot_mac(self, mac: str, password: str = "") -> SimulatedSession:
        """A hotspot lets a known device in by its MAC; the password is blank by default."""
        return await self.open(
            Login(service=Service.HOTSPOT, username=mac.upper(), password=password, mac=mac, method=Method.PAP)
        )

    async def login_dhcp(self, mac: str, *, address: str = "") -> SimulatedSession:
        """A DHCP client asks for a lease."""
        return await self.open(Login(service=Service.DHCP, username=mac.upper(), mac=mac, address=address))

    async def login_wireless(self, mac: str, *, password: str = "") -> SimulatedSession:
        """An access point asks whether a device may join; the password is blank or the name again."""
        return await self.open(Login(service=Service.WIRELESS, username=mac.upper(), password=password, mac=mac))

    async def _authenticate(self, login: Login) -> tuple[LoginResult, SessionFacts]:
        facts = self._new_facts(login)
        proof = Proof(method=login.effective_method, username=login.username, password=login.password)
        authenticator = token_bytes(16)

        def build(identifier: int) -> bytes:
            credentials = proof.attributes(secret=self.secret, authenticator=authenticator)
            return wire.access_request(
                identifier=identifier,
                authenticator=authenticator,
                attributes=ros.access_request(facts, self._facts(), credentials),
                secret=self.secret,
                sign=self.routeros >= 7,
            )

        exchange = await self.auth_client.exchange(build)
        return _login_result(exchange, proof), facts

    def _new_facts(self, login: Login) -> SessionFacts:
        self._session_number = (self._session_number + 1) & _LAST_SESSION_NUMBER
        session_id = f"{ros.SESSION_ID_PREFIX[login.service]}{self.reboots % 16:x}{self._session_number:05x}"
        address = login.address or (self._next_address() if login.service is Service.HOTSPOT else "")
        return SessionFacts(login=login, session_id=session_id, number=self._session_number, framed_ip=address)

    def _begin(self, facts: SessionFacts, result: LoginResult) -> SimulatedSession:
        classes = tuple(value for value in result.all("Class") if isinstance(value, bytes))
        facts = replace(facts, framed_ip=self._address(facts, result), class_values=classes)
        session = SimulatedSession(
            facts=facts,
            reporter=self,
            reply=result.reply,
            default_interim_seconds=self.interim_seconds,
            honour_limits=self.honour_limits,
        )
        self.sessions[session.session_id] = session
        self.history.append(session)
        return session

    def _address(self, facts: SessionFacts, result: LoginResult) -> str:
        given = result.first("Framed-IP-Address")
        # RouterOS ignores loopback and multicast addresses and takes one from its own pool.
        if isinstance(given, str) and not given.startswith("127.") and int(given.split(".")[0]) < 224:
            return given
        return facts.framed_ip or self._next_address()

    def _next_address(self) -> str:
        self._address_number += 1
        return str(_FIRST_ADDRESS + self._address_number - 1)

    def _facts(self) -> RouterFacts:
        return RouterFacts(identity=self.identity, nas_ip=self.nas_ip)

    # -- accounting --------------------------------------------------------------------------------------------

    def seconds_now(self) -> float:
        """The router's clock, wrong by its skew."""
        return self.clock() + self.clock_skew_seconds

    async def report(self, report: Report) -> AccountingResult:
        """Deliver a record; each new round of sends carries a larger Acct-Delay-Time, and rounds are bounded."""
        happened_at, begun, sends = int(self.seconds_now()), time.monotonic(), 0
        for round_ in range(self.accounting_rounds):
            delay_seconds = max(round_, int(time.monotonic() - begun))
            exchange = await self.acct_client.exchange(self._accounting_packet(report, happened_at, delay_seconds))
            sends += exchange.sends
            if exchange.reply is not None:
                break
        result = AccountingResult(
            status=report.status,
            acknowledged=exchange.reply is not None,
            sends=sends,
            delay_seconds=delay_seconds,
            latency_ms=(time.monotonic() - begun) * 1000,
        )
        self._tell_accounting(report, result)
        return result

    def _accounting_packet(self, report: Report, happened_at: int, delay_seconds: int) -> Callable[[int], bytes]:
        usage = ros.usage_attributes(
            report.counters,
            session_seconds=report.session_seconds,
            gigawords=self.gigawords,
            input_is_upload=self.input_is_upload,
        )
        attributes = ros.accounting_request(
            report.facts,
            self._facts(),
            status=report.status,
            event_timestamp=max(0, happened_at),
            delay_seconds=delay_seconds,
            usage=[] if report.status == "Start" else usage,
            cause=report.cause,
        )
        return lambda identifier: wire.hashed_request(
            code=Code.ACCOUNTING_REQUEST, identifier=identifier, attributes=attributes, secret=self.secret
        )

    def session_ended(self, session: SimulatedSession) -> None:
        """Forget an ended session; its truth stays in `history`."""
        self.sessions.pop(session.session_id, None)
        self._tell("ended", session.username, session.session_id, cause=session.terminate_cause)

    async def stop_all(self, cause: str = "NAS-Request") -> list[AccountingResult]:
        """End every session properly."""
        return list(await asyncio.gather(*(session.stop(cause) for session in self.open_sessions)))

    def reboot(self) -> None:
        """Power loss: sessions are forgotten without a Stop and session ids start over, one reboot further."""
        forgotten = self.open_sessions
        self.sessions.clear()
        for session in forgotten:
            session.is_open = False
        self.reboots += 1
        self._session_number = 0
        self._tell("reboot", forgotten=[session.session_id for session in forgotten])

    def truth_by_user(self) -> dict[str, Counters]:
        """Every byte that passed, per User-Name, over all sessions since the router was made."""
        totals: dict[str, Counters] = {}
        for session in self.history:
            totals[session.username] = totals.get(session.username, Counters()) + session.truth
        return totals

    def acknowledged_by_user(self) -> dict[str, Counters]:
        """What the server has confirmed, per User-Name: it must have stored exactly this, and never less."""
        totals: dict[str, Counters] = {}
        for session in self.history:
            if session.acknowledged is not None:
                totals[session.username] = totals.get(session.username, Counters()) + session.acknowledged
        return totals

    # -- changes to live sessions ------------------------------------------------------------------------------

    @property
    def open_sessions(self) -> list[SimulatedSession]:
        """Sessions that are active now."""
        return list(self.sessions.values())

    def disconnect(self, session: SimulatedSession) -> None:
        """Disconnect-Request: the session is gone at once, its Stop follows, and the customer may dial again."""
        session.end("Admin-Reset")
        self._tell("disconnected", session.username, session.session_id)
        self._background(self._after_disconnect(session))

    async def _after_disconnect(self, session: SimulatedSession) -> None:
        await session.stop()
        if self.redial_after_ms is not None:
            await asyncio.sleep(self.redial_after_ms / 1000)
            await self.login(session.facts.login)

    def coa_arrived(self, record: CoaRecord) -> None:
        """A CoA or Disconnect was handled."""
        self._tell(
            "coa",
            str(record.first("User-Name") or ""),
            str(record.first("Acct-Session-Id") or ""),
            record=record,
        )

    # -- watching ----------------------------------------------------------------------------------------------

    async def wait_until(self, condition: Callable[[], bool], *, timeout_seconds: float = 5.0) -> None:
        """Wait for something to become true; raises TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def wait_for_coa(self, count: int = 1, *, timeout_seconds: float = 5.0) -> list[CoaRecord]:
        """Wait until so many CoA and Disconnect requests were handled since the router started; returns them all."""
        await self.wait_until(lambda: len(self.coa.records) >= count, timeout_seconds=timeout_seconds)
        return list(self.coa.records)

    async def settle(self) -> None:
        """Wait for Stops and redials that follow disconnects."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def server_silent(self) -> AsyncIterator[None]:
        """Inside, no reply reaches the router."""
        before, self.faults.reply_loss = self.faults.reply_loss, 1.0
        try:
            yield
        finally:
            self.faults.reply_loss = before

    def _background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._changed.set()
        if not task.cancelled() and task.exception() is not None:
            self._tell("failed", error=repr(task.exception()))

    def _tell_accounting(self, report: Report, result: AccountingResult) -> None:
        self._tell(
            "accounting",
            report.facts.login.username,
            report.facts.session_id,
            status=report.status,
            acknowledged=result.acknowledged,
            sends=result.sends,
            session_seconds=report.session_seconds,
            upload_bytes=report.counters.upload_bytes,
            download_bytes=report.counters.download_bytes,
        )

    def _tell(self, kind: str, username: str = "", session_id: str = "", **detail: object) -> None:
        event = Event(at=datetime.now(UTC), kind=kind, username=username, session_id=session_id, detail=detail)
        for listener in self.listeners:
            listener(event)
        self._changed.set()


def _login_result(exchange: Exchange, proof: Proof) -> LoginResult:
    reply = exchange.reply
    if reply is None:
        return LoginResult(
            accepted=None, latency_ms=exchange.latency_ms, sends=exchange.sends, problems=exchange.problems
        )
    accepted = reply.code == Code.ACCESS_ACCEPT
    success = reply.first("MS-CHAP2-Success")
    proven = proof.server_is_genuine(success if isinstance(success, bytes) else None)
    return LoginResult(
        accepted=accepted,
        reply=reply.attributes,
        latency_ms=exchange.latency_ms,
        sends=exchange.sends,
        message_authenticator_first=bool(reply.attributes) and reply.attributes[0][0] == wire.MESSAGE_AUTHENTICATOR,
        mschap_success=proven if accepted and proof.method is Method.MSCHAPV2 else None,
        problems=exchange.problems,
    )
