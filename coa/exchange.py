"""One request to one router and the answer that belongs to it, many at a time. The only user of pyrad.

Decides which packet leaves, when it leaves again and which reply is believed. Refuses to know why a change is wanted
and what follows from the answer.

A request keeps its identifier, authenticator and bytes through every retransmission, so a router that lost only its
reply repeats the reply and not the change (RFC 5176 section 2.3). An identifier is used once per source port: no
router can take a new request for an old one, and no late reply can meet another request.
"""

import asyncio
import importlib.util
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import cast

from pyrad.dictionary import Dictionary
from pyrad.packet import (
    CoAACK,
    CoANAK,
    CoAPacket,
    CoARequest,
    DisconnectACK,
    DisconnectNAK,
    DisconnectRequest,
    PacketError,
)

from domain.retransmission import waits_ms

MOST_IDENTIFIERS = 256
# Per source port, so that a burst never waits for the last identifiers of a port.
MOST_IN_FLIGHT = 200
_ERROR_CAUSE = 101
_CODES = {"coa": (CoARequest, CoAACK, CoANAK), "disconnect": (DisconnectRequest, DisconnectACK, DisconnectNAK)}
# They say which session is meant; a change must not point at another one.
_IDENTIFYING = frozenset({"User-Name", "Acct-Session-Id", "Framed-IP-Address"})


class Unsendable(ValueError):
    """The request cannot be put into a packet; the text says what is wrong with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Router:
    """Where a router listens for changes, and the secret that signs them."""

    host: str
    port: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is asked of which session; the identification exactly as accounting brought it."""

    kind: str
    username: str
    session_id: str
    framed_ip: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came of a request: `result` is one of `domain.retransmission.RESULTS`.

    `left_out` are attributes of the change that were not asked for, because the router is known to refuse them.
    """

    result: str
    sent_at: datetime
    answered_at: datetime | None = None
    transmissions: int = 0
    cause: int | None = None
    note: str | None = None
    left_out: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def dictionary() -> Dictionary:
    """The attributes both sides know: radius/dictionaries, data that is read without importing the room."""
    spec = importlib.util.find_spec("radius")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the radius package, which holds the dictionaries, is not installed")
    return Dictionary(str(Path(next(iter(spec.submodule_search_locations))) / "dictionaries" / "dictionary"))


def build(request: Request, *, identifier: int, secret: bytes) -> tuple[CoAPacket, bytes]:
    """The packet, kept to check replies against, and its bytes; raises `Unsendable`.

    NAS-IP-Address stays out (a router behind NAT would refuse its own), and so does Event-Timestamp: routers without
    the right time drop what looks old.
    """
    packet = CoAPacket(code=_CODES[request.kind][0], id=identifier, secret=secret, dict=dictionary())
    try:
        for name, value in _attributes(request):
            packet.AddAttribute(name, value)
        return packet, packet.RequestPacket()
    except KeyError as error:
        raise Unsendable(f"unknown attribute {error.args[0]}") from error
    except (ValueError, TypeError) as error:
        raise Unsendable(str(error)) from error


def _attributes(request: Request) -> list[tuple[str, str]]:
    if not request.session_id:
        raise Unsendable("no Acct-Session-Id: every session of the user could be hit")
    if not _IDENTIFYING.isdisjoint(request.attributes):
        raise Unsendable("a change must not name another session")
    pairs = [("User-Name", request.username), ("Acct-Session-Id", request.session_id)]
    # Nothing but an IPv6 address, which Framed-IP-Address cannot hold, has a colon.
    if request.framed_ip and ":" not in request.framed_ip:
        pairs.append(("Framed-IP-Address", request.framed_ip))
    return [*pairs, *request.attributes.items()]


def read_reply(packet: CoAPacket, data: bytes) -> CoAPacket | None:
    """The reply if it is signed for this request, else None: forged, late, damaged or for somebody else."""
    try:
        reply = packet.CreateReply(packet=data)
    except PacketError:
        return None
    return reply if packet.VerifyReply(reply) else None


def error_cause(reply: CoAPacket) -> int | None:
    """The reply's Error-Cause by number; names differ between dictionaries."""
    values = reply.get(_ERROR_CAUSE)
    return int.from_bytes(values[0], "big") if values else None


@dataclass(kw_only=True, slots=True)
class _Pending:
    """A request on its way; `reply` is its signed answer, or None when the waits are over."""

    reply: asyncio.Future[tuple[CoAPacket, datetime] | None]
    packet: CoAPacket | None = None
    accepted: tuple[int, int] = (0, 0)
    data: bytes = b""
    transmissions: int = 0
    timer: asyncio.TimerHandle | None = None


class _SourcePort(asyncio.DatagramProtocol):
    """A connected UDP socket: only datagrams from the router's own address and port get in."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.pending: dict[int, _Pending] = {}
        self.used = 0
        self.trouble: str | None = None
        self.transport: asyncio.DatagramTransport | None = None

    @property
    def has_room(self) -> bool:
        return self.used < MOST_IDENTIFIERS and len(self.pending) < MOST_IN_FLIGHT

    @property
    def is_spent(self) -> bool:
        return self.used >= MOST_IDENTIFIERS and not self.pending

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: the selector loop's own datagram transport is no DatagramTransport.
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, _addr: object) -> None:
        pending = self.pending.get(data[1]) if len(data) > 1 else None
        if pending is None or pending.packet is None or pending.reply.done():
            return
        reply = read_reply(pending.packet, data)
        if reply is not None and reply.code in pending.accepted:
            pending.reply.set_result((reply, self.clock()))

    def error_received(self, exc: Exception) -> None:
        # ICMP "unreachable" is a hint and no answer: anybody may send it, and routers come back.
        self.trouble = "port unreachable" if isinstance(exc, ConnectionRefusedError) else str(exc)

    def send(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.sendto(data)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


class RouterLink:
    """All exchanges with one router, over as many source ports as their number needs.

    `bind` is the source address: a router obeys only the address it has as RADIUS server. `variation` gives numbers
    between -1 and 1 for the waits.
    """

    def __init__(
        self, router: Router, *, bind: str, clock: Callable[[], datetime], variation: Callable[[], float]
    ) -> None:
        self.router = router
        self._bind = bind
        self._clock = clock
        self._variation = variation
        self._ports: list[_SourcePort] = []
        self._opening = asyncio.Lock()

    async def exchange(self, request: Request, *, send_until: float) -> Answer:
        """Send until a signed answer comes or the waits are over; nothing leaves after `send_until` (loop time)."""
        begun_at = self._clock()
        try:
            port, identifier = await self._take()
        except OSError as error:
            return Answer(result="error", sent_at=begun_at, note=error.strerror or str(error))
        try:
            packet, data = build(request, identifier=identifier, secret=self.router.secret)
            pending = port.pending[identifier]
            pending.packet, pending.accepted, pending.data = packet, _CODES[request.kind][1:], data
            return await self._send_until_answered(port, pending, send_until)
        except Unsendable as error:
            return Answer(result="unsendable", sent_at=begun_at, note=str(error))
        finally:
            self._give_back(port, identifier)

    async def _send_until_answered(self, port: _SourcePort, pending: _Pending, send_until: float) -> Answer:
        sent_at = self._clock()
        # A timer for each wait rather than a task: tens of thousands of these are on their way at once.
        self._send(port, pending, iter(waits_ms(self._variation)), send_until)
        try:
            answered = await pending.reply
        finally:
            if pending.timer is not None:
                pending.timer.cancel()
        if answered is None:
            return Answer(result="timeout", sent_at=sent_at, transmissions=pending.transmissions, note=port.trouble)
        reply, answered_at = answered
        return _answer(reply, pending, sent_at=sent_at, answered_at=answered_at)

    def _send(self, port: _SourcePort, pending: _Pending, waits: Iterator[float], send_until: float) -> None:
        """Send once and come back after the next wait; when there is none, or the claim is over, give up."""
        if pending.reply.done():
            return
        loop = asyncio.get_running_loop()
        wait_ms = next(waits, None)
        # After the lease another sender may hold this change, or a newer one may have been applied.
        if wait_ms is None or loop.time() > send_until:
            pending.reply.set_result(None)
            return
        port.send(pending.data)
        pending.transmissions += 1
        pending.timer = loop.call_later(wait_ms / 1000, self._send, port, pending, waits, send_until)

    async def _take(self) -> tuple[_SourcePort, int]:
        port = self._with_room()
        if port is None:
            async with self._opening:
                # Another that waited for the same may have opened one.
                port = self._with_room()
                if port is None:
                    port = await self._open()
                    self._ports.append(port)
                return self._reserve(port)
        return self._reserve(port)

    def _with_room(self) -> _SourcePort | None:
        return next((port for port in self._ports if port.has_room), None)

    def _reserve(self, port: _SourcePort) -> tuple[_SourcePort, int]:
        identifier = port.used
        port.used += 1
        port.pending[identifier] = _Pending(reply=asyncio.get_running_loop().create_future())
        return port, identifier

    async def _open(self) -> _SourcePort:
        family = socket.AF_INET if isinstance(ip_address(self.router.host), IPv4Address) else socket.AF_INET6
        _, port = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _SourcePort(self._clock),
            remote_addr=(self.router.host, self.router.port),
            local_addr=(self._bind, 0) if self._bind else None,
            family=family,
        )
        return port

    def _give_back(self, port: _SourcePort, identifier: int) -> None:
        del port.pending[identifier]
        if port.is_spent:
            port.close()
            self._ports.remove(port)

    def close(self) -> None:
        """Close every source port; exchanges still running would end in silence."""
        for port in self._ports:
            port.close()
        self._ports.clear()


def _answer(reply: CoAPacket, pending: _Pending, *, sent_at: datetime, answered_at: datetime) -> Answer:
    result = "ack" if reply.code == pending.accepted[0] else "nak"
    return Answer(
        result=result,
        sent_at=sent_at,
        answered_at=answered_at,
        transmissions=pending.transmissions,
        cause=error_cause(reply) if result == "nak" else None,
    )
