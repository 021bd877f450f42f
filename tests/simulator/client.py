"""The RADIUS client inside a router: sends, resends, and believes only what is signed.

Decides when a request is sent again and which reply counts.  RouterOS sends one request and three resends, all the
same octets, a timeout apart.  A reply that does not verify is dropped as if it never came, as the router does, and
what was wrong with it is kept for the person looking.  Refuses to know what a request is about.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from . import wire
from .faults import Faults

Build = Callable[[int], bytes]
_MOST_SOCKETS = 64


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What became of one request."""

    reply: wire.Packet | None
    sends: int
    latency_ms: float
    problems: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Statistics:
    """The counters of /radius/monitor."""

    requests: int = 0
    resends: int = 0
    replies: int = 0
    timeouts: int = 0
    bad_replies: int = 0
    late_replies: int = 0


@dataclass(kw_only=True)
class _Pending:
    authenticator: bytes
    code: int
    answer: asyncio.Future[wire.Packet]
    problems: list[str] = field(default_factory=list)


class _Socket(asyncio.DatagramProtocol):
    """One UDP source port: 256 identifiers, used in turn so that an old one rests as long as possible."""

    def __init__(self, client: RadiusClient) -> None:
        self.client = client
        self.free = deque(range(256))
        self.pending: dict[int, _Pending] = {}
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: CPython 3.11's own datagram transport is not a DatagramTransport.
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        for delay_ms in self.client.faults.reply_delays_ms():
            self.client.later(delay_ms, self.client.receive, self, data)

    def error_received(self, _exc: Exception) -> None:
        # "Connection refused" from a server that is down: the router's timer decides, as with a silent one.
        self.client.unreachable += 1


class RadiusClient:
    """Requests to one server port, many in flight.

    `require_message_authenticator` is RouterOS 7.15's default: an Access reply without one is dropped.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        secret: bytes,
        source_ip: str = "",
        timeout_ms: int = 300,
        resends: int = 3,
        require_message_authenticator: bool = False,
        faults: Faults | None = None,
    ) -> None:
        self.host, self.port, self.secret, self.source_ip = host, port, secret, source_ip
        self.timeout_ms, self.resends = timeout_ms, resends
        self.require_message_authenticator = require_message_authenticator
        self.faults = faults or Faults()
        self.statistics = Statistics()
        self.unreachable = 0
        self._sockets: list[_Socket] = []
        self._slots = asyncio.Semaphore(_MOST_SOCKETS * 256)
        self._opening = asyncio.Lock()

    async def exchange(self, build: Build) -> Exchange:
        """Send what `build(identifier)` makes until a valid reply comes or the resends are used up."""
        async with self._slots:
            socket, identifier = await self._take_slot()
            try:
                return await self._exchange(socket, identifier, build(identifier))
            finally:
                socket.pending.pop(identifier, None)
                socket.free.append(identifier)

    async def _exchange(self, socket: _Socket, identifier: int, raw: bytes) -> Exchange:
        pending = _Pending(authenticator=raw[4:20], code=raw[0], answer=asyncio.get_running_loop().create_future())
        socket.pending[identifier] = pending
        begun = time.perf_counter()
        self.statistics.requests += 1
        for sends in range(1, self.resends + 2):
            self.statistics.resends += sends > 1
            self._send(socket, raw)
            done, _ = await asyncio.wait([pending.answer], timeout=self.timeout_ms / 1000)
            if done:
                return self._outcome(pending, pending.answer.result(), sends, begun)
        self.statistics.timeouts += 1
        return self._outcome(pending, None, sends, begun)

    def _outcome(self, pending: _Pending, reply: wire.Packet | None, sends: int, begun: float) -> Exchange:
        latency_ms = (time.perf_counter() - begun) * 1000
        return Exchange(reply=reply, sends=sends, latency_ms=latency_ms, problems=tuple(pending.problems))

    def _send(self, socket: _Socket, raw: bytes) -> None:
        for delay_ms in self.faults.request_delays_ms():
            self.later(delay_ms, self._transmit, socket, raw)

    def _transmit(self, socket: _Socket, raw: bytes) -> None:
        if socket.transport is not None and not socket.transport.is_closing():
            socket.transport.sendto(raw)

    def later(self, delay_ms: int, call: Callable[[_Socket, bytes], None], socket: _Socket, data: bytes) -> None:
        """Run now, or after the delay that the bad network asks for."""
        if delay_ms:
            asyncio.get_running_loop().call_later(delay_ms / 1000, call, socket, data)
        else:
            call(socket, data)

    def receive(self, socket: _Socket, data: bytes) -> None:
        """One datagram arrived: the answer to a pending request, or nothing to us."""
        try:
            packet = wire.decode(data)
        except wire.MalformedPacket:
            self.statistics.bad_replies += 1
            return
        pending = socket.pending.get(packet.identifier)
        if pending is None or pending.answer.done():
            self.statistics.late_replies += 1
            return
        problem = self._problem(packet, pending)
        if problem:
            self.statistics.bad_replies += 1
            pending.problems.append(problem)
            return
        self.statistics.replies += 1
        pending.answer.set_result(packet)

    def _problem(self, packet: wire.Packet, pending: _Pending) -> str:
        if not wire.response_is_authentic(packet.raw, pending.authenticator, self.secret):
            return "Response Authenticator does not match"
        signed = wire.message_authenticator_state(packet.raw, pending.authenticator, self.secret)
        if signed is False:
            return "Message-Authenticator does not match"
        if signed is None and self.require_message_authenticator and pending.code == wire.Code.ACCESS_REQUEST:
            return "Message-Authenticator is missing"
        return ""

    async def _take_slot(self) -> tuple[_Socket, int]:
        async with self._opening:
            for socket in self._sockets:
                if socket.free:
                    return socket, socket.free.popleft()
            socket = await self._open()
            return socket, socket.free.popleft()

    async def _open(self) -> _Socket:
        loop = asyncio.get_running_loop()
        local = (self.source_ip, 0) if self.source_ip else None
        _, socket = await loop.create_datagram_endpoint(
            lambda: _Socket(self), local_addr=local, remote_addr=(self.host, self.port)
        )
        self._sockets.append(socket)
        return socket

    def close(self) -> None:
        """Close every socket; requests in flight time out."""
        for socket in self._sockets:
            if socket.transport is not None:
                socket.transport.close()
