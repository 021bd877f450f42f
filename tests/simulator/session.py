"""One customer's session on a router: the truth about its bytes and its time.

Decides how traffic moves the counters, when an interim is due, when a limit ends the session, and what a CoA changes.
Time is the session's own: `traffic(..., seconds=60)` makes it a minute older at once, so a month of use takes no
month to test.  Without `seconds` the session ages by the router's clock.  Refuses to know sockets.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from .attributes import GIGAWORD_BITS, Counters, SessionFacts
from .wire import Attribute, Packet, Value

_BYTES_PER_PACKET = 1200
_NEVER = float("inf")


@dataclass(frozen=True, kw_only=True)
class AccountingResult:
    """What became of one accounting record."""

    status: str
    acknowledged: bool
    sends: int
    delay_seconds: int
    latency_ms: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """One accounting record to be delivered, counters frozen at the moment it was made."""

    facts: SessionFacts
    status: str
    counters: Counters
    session_seconds: int
    cause: str = ""


class Reporter(Protocol):
    """The router, as far as a session needs it."""

    def seconds_now(self) -> float:
        """The router's own clock."""

    async def report(self, report: Report) -> AccountingResult:
        """Deliver an accounting record, or give up."""

    def session_ended(self, session: SimulatedSession) -> None:
        """The session is no longer active."""


@dataclass(kw_only=True)
class Limits:
    """What the reply said about this session; 0 means no limit."""

    session_seconds: int = 0
    idle_seconds: int = 0
    interim_seconds: int = 0
    upload_bytes: int = 0
    download_bytes: int = 0
    total_bytes: int = 0


@dataclass(kw_only=True)
class SimulatedSession:
    """An active (or ended) session.

    `truth` counts every byte that passed; `acknowledged` is the last record the server confirmed.
    `rate_limit` is the applied Mikrotik-Rate-Limit, upload first; `applied` holds every other applied attribute.
    """

    facts: SessionFacts
    reporter: Reporter
    reply: tuple[Attribute, ...] = ()
    default_interim_seconds: int = 0
    honour_limits: bool = True
    rate_limit: str = ""
    applied: dict[str, list[Value]] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    truth: Counters = field(default_factory=Counters)
    acknowledged: Counters | None = None
    age_seconds: float = 0.0
    is_open: bool = True
    terminate_cause: str = ""
    _quiet_seconds: float = 0.0
    _next_interim: float = _NEVER
    _seen_clock: float = 0.0
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    def __post_init__(self) -> None:
        self._seen_clock = self.reporter.seconds_now()
        self.apply(self.reply)

    @property
    def session_id(self) -> str:
        """Acct-Session-Id."""
        return self.facts.session_id

    @property
    def username(self) -> str:
        """User-Name as the customer typed it."""
        return self.facts.login.username

    @property
    def framed_ip(self) -> str:
        """The customer's address."""
        return self.facts.framed_ip

    @property
    def class_values(self) -> tuple[bytes, ...]:
        """The Class cookies of the Accept, echoed in accounting."""
        return self.facts.class_values

    def apply(self, attributes: tuple[Attribute, ...]) -> None:
        """Take over what an Accept or a CoA says; an attribute replaces all earlier values of its name."""
        fresh: dict[str, list[Value]] = {}
        for name, value in attributes:
            fresh.setdefault(name, []).append(value)
        # A new low word without its twin is a limit below 4 GiB, not half of the old one.
        for name in [f"{name}-Gigawords" for name in fresh]:
            self.applied.pop(name, None)
        self.applied.update(fresh)
        self.rate_limit = str(self.applied.get("Mikrotik-Rate-Limit", [""])[-1])
        interim = self.limits.interim_seconds
        self.limits = _limits(self.applied)
        # The server's interval wins over the router's own (/ppp/aaa interim-update).
        self.limits.interim_seconds = self.limits.interim_seconds or self.default_interim_seconds
        if self.limits.interim_seconds != interim:
            self._next_interim = self.age_seconds + (self.limits.interim_seconds or _NEVER)

    async def start(self) -> AccountingResult:
        """Send the Accounting Start."""
        return await self._send("Start")

    async def interim(self) -> AccountingResult:
        """Send an Interim-Update with the counters of this moment."""
        return await self._send("Interim-Update")

    async def stop(self, cause: str = "User-Request") -> AccountingResult:
        """End the session and send the Stop; a second stop sends the same record again."""
        self.end(cause)
        return await self._send("Stop")

    def end(self, cause: str) -> None:
        """No more traffic from now on; nothing is sent."""
        if self.is_open:
            self.is_open = False
            self.terminate_cause = cause
            self.reporter.session_ended(self)

    async def traffic(
        self, *, download_bytes: int = 0, upload_bytes: int = 0, seconds: float | None = None
    ) -> Counters:
        """Let bytes pass, spread evenly over `seconds`; returns what really passed before any limit ended it.

        Interims that fall due on the way are sent, with the counters they would have had at that moment.
        """
        before = self.truth
        left = Counters(upload_bytes=upload_bytes, download_bytes=download_bytes)
        remaining = self._seconds_since_last_look() if seconds is None else seconds
        while self.is_open and (remaining > 0 or left.total_bytes):
            step = min(remaining, max(0.0, self._seconds_to_next_event()))
            now = _share(left, step, remaining)
            left = _minus(left, now)
            remaining -= step
            self._pass(now, step)
            await self._act_on_events()
        return _minus(self.truth, before)

    async def idle(self, seconds: float) -> None:
        """Get older without traffic."""
        await self.traffic(seconds=seconds)

    def _seconds_since_last_look(self) -> float:
        now = self.reporter.seconds_now()
        elapsed, self._seen_clock = now - self._seen_clock, now
        return max(0.0, elapsed)

    def _pass(self, wanted: Counters, seconds: float) -> None:
        passed = self._within_limits(wanted) if self.honour_limits else wanted
        packets = Counters(
            upload_packets=-(-passed.upload_bytes // _BYTES_PER_PACKET),
            download_packets=-(-passed.download_bytes // _BYTES_PER_PACKET),
        )
        self.truth += passed + packets
        self.age_seconds += seconds
        self._quiet_seconds = 0.0 if passed.total_bytes else self._quiet_seconds + seconds

    def _within_limits(self, wanted: Counters) -> Counters:
        upload = _room(wanted.upload_bytes, self.limits.upload_bytes, self.truth.upload_bytes)
        download = _room(wanted.download_bytes, self.limits.download_bytes, self.truth.download_bytes)
        total = _room(upload + download, self.limits.total_bytes, self.truth.total_bytes)
        download = min(download, total)
        return Counters(upload_bytes=min(upload, total - download), download_bytes=download)

    def _seconds_to_next_event(self) -> float:
        if not self.honour_limits:
            return _NEVER
        session_end = (self.limits.session_seconds or _NEVER) - self.age_seconds
        idle_end = (self.limits.idle_seconds or _NEVER) - self._quiet_seconds
        return min(session_end, idle_end, self._next_interim - self.age_seconds)

    async def _act_on_events(self) -> None:
        if not self.honour_limits or not self.is_open:
            return
        cause = self._limit_reached()
        if cause:
            await self.stop(cause)
        elif self.age_seconds >= self._next_interim:
            self._next_interim += self.limits.interim_seconds
            await self.interim()

    def _limit_reached(self) -> str:
        limits, truth = self.limits, self.truth
        if limits.session_seconds and self.age_seconds >= limits.session_seconds:
            return "Session-Timeout"
        if limits.idle_seconds and self._quiet_seconds >= limits.idle_seconds:
            return "Idle-Timeout"
        used = (
            (truth.upload_bytes, limits.upload_bytes),
            (truth.download_bytes, limits.download_bytes),
            (truth.total_bytes, limits.total_bytes),
        )
        # RouterOS' cause for a reached byte limit is not documented; the router ends it, so: NAS-Request.
        return "NAS-Request" if any(limit and bytes_ >= limit for bytes_, limit in used) else ""

    async def _send(self, status: str) -> AccountingResult:
        # One record of a session at a time: a router never has a Stop overtake its own Interim.
        async with self._sending:
            report = Report(
                facts=self.facts,
                status=status,
                counters=self.truth,
                session_seconds=int(self.age_seconds),
                cause=self.terminate_cause if status == "Stop" else "",
            )
            result = await self.reporter.report(report)
            if result.acknowledged:
                self.acknowledged = report.counters
            return result

    def matches(self, packet: Packet) -> bool:
        """Whether every identification attribute of a CoA or Disconnect is this session's; case matters."""
        mine = {
            "User-Name": self.username,
            "Acct-Session-Id": self.session_id,
            "Framed-IP-Address": self.framed_ip,
        }
        named = [(name, value) for name, value in packet.attributes if name in mine]
        return bool(named) and all(mine[name] == value for name, value in named)


def _room(wanted: int, limit: int, used: int) -> int:
    return min(wanted, max(0, limit - used)) if limit else wanted


def _share(left: Counters, step: float, remaining: float) -> Counters:
    # The last step takes the rest, so that no byte is lost to rounding.
    if step >= remaining:
        return left
    return Counters(
        upload_bytes=int(left.upload_bytes * step / remaining),
        download_bytes=int(left.download_bytes * step / remaining),
    )


def _minus(a: Counters, b: Counters) -> Counters:
    return Counters(
        upload_bytes=a.upload_bytes - b.upload_bytes,
        download_bytes=a.download_bytes - b.download_bytes,
        upload_packets=a.upload_packets - b.upload_packets,
        download_packets=a.download_packets - b.download_packets,
    )


def _limits(applied: dict[str, list[Value]]) -> Limits:
    return Limits(
        session_seconds=_number(applied, "Session-Timeout"),
        idle_seconds=_number(applied, "Idle-Timeout"),
        interim_seconds=_number(applied, "Acct-Interim-Interval"),
        upload_bytes=_wide(applied, "Mikrotik-Recv-Limit"),
        download_bytes=_wide(applied, "Mikrotik-Xmit-Limit"),
        total_bytes=_wide(applied, "Mikrotik-Total-Limit"),
    )


def _number(applied: dict[str, list[Value]], name: str) -> int:
    value = applied.get(name, [0])[-1]
    return value if isinstance(value, int) else 0


def _wide(applied: dict[str, list[Value]], name: str) -> int:
    return (_number(applied, f"{name}-Gigawords") << GIGAWORD_BITS) + _number(applied, name)
