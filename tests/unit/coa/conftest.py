"""A router that answers each datagram as a test tells it to, on real UDP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from pyrad.packet import CoAACK, CoANAK, CoAPacket, DisconnectACK, DisconnectNAK, DisconnectRequest

from coa.exchange import Router, RouterLink, dictionary

SECRET = b"a-long-enough-secret"
Script = Callable[[bytes], Iterable[bytes]]


def reply_to(data: bytes, *, cause: int | None = None, secret: bytes = SECRET, signed: bool = False) -> bytes:
    """An ACK, or a NAK with the cause, as the router with this secret would send it."""
    request = CoAPacket(packet=data, secret=secret, dict=dictionary())
    codes = (DisconnectACK, DisconnectNAK) if request.code == DisconnectRequest else (CoAACK, CoANAK)
    reply = request.CreateReply(message_authenticator=True if signed else None)
    reply.code = codes[cause is not None]
    if cause is not None:
        reply[101] = [cause.to_bytes(4, "big")]
    return bytes(reply.ReplyPacket())


class ScriptedRouter(asyncio.DatagramProtocol):
    """Calls `script` with each datagram and sends back what it yields."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.received: list[bytes] = []
        self.senders: list[tuple[str, int]] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.append(data)
        self.senders.append(addr)
        for answer in self.script(data):
            self.transport.sendto(answer, addr)

    @property
    def port(self) -> int:
        return int(self.transport.get_extra_info("sockname")[1])


class Bench:
    """Makes routers and links that are closed together."""

    def __init__(self) -> None:
        self._closing: list[Callable[[], None]] = []

    async def router(self, script: Script) -> ScriptedRouter:
        _, router = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: ScriptedRouter(script), local_addr=("127.0.0.1", 0)
        )
        self._closing.append(router.transport.close)
        return router

    def link(self, port: int, *, secret: bytes = SECRET, bind: str = "") -> RouterLink:
        link = RouterLink(
            Router(host="127.0.0.1", port=port, secret=secret),
            bind=bind,
            clock=lambda: datetime.now(UTC),
            variation=lambda: 0,
        )
        self._closing.append(link.close)
        return link

    def close(self) -> None:
        for close in self._closing:
            close()


@asynccontextmanager
async def _bench() -> AsyncIterator[Bench]:
    bench = Bench()
    try:
        yield bench
    finally:
        bench.close()
        # Closed transports let go of their sockets in the next turn of the loop.
        await asyncio.sleep(0.01)


@pytest.fixture
def bench() -> Callable[[], Any]:
    return _bench


@pytest.fixture
def reply() -> Callable[..., bytes]:
    return reply_to


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retransmission in milliseconds instead of seconds."""
    monkeypatch.setattr("domain.retransmission.WAIT_AFTER_SEND_MS", (20, 20, 20, 20, 20))
