"""Many routers' CoA ports in one light process, for measurements: they say yes at once, late, or never.

    python -m benchmarks.coa_routers '{"secret": "…", "routers": 20, "first_host": 101, "dead": [3], "slow": {}}'

Writes JSON lines: first the ports, ten times a second how many sessions each router has been sent a CoA for, and each
Disconnect with its time of arrival on the monotonic clock, which all processes of a machine share. Rates and sessions
are not kept; the simulated router of the tests does that.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from typing import Any, cast

_DISCONNECT, _COA = 40, 43
_ACCT_SESSION_ID = 44
_SAY_EVERY_S = 0.1
_RECEIVE_BYTES = 4 << 20


class Port(asyncio.DatagramProtocol):
    """One router. A request that comes again is answered again and counted once."""

    def __init__(self, *, secret: bytes, delay_s: float | None) -> None:
        self.secret, self.delay_s = secret, delay_s
        self.changed: set[bytes] = set()
        self.repeated = 0
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        kind = data[0]
        if kind not in (_DISCONNECT, _COA) or not self._is_signed(data):
            return
        session = next((value for name, value in _attributes(data) if name == _ACCT_SESSION_ID), b"")
        if kind == _DISCONNECT:
            _say({"disconnect": session.decode(), "at": time.monotonic()})
        elif session in self.changed:
            self.repeated += 1
        if self.delay_s is None:
            return
        if kind == _COA:
            self.changed.add(session)
        if self.delay_s:
            asyncio.get_running_loop().call_later(self.delay_s, self._yes, data, addr)
        else:
            self._yes(data, addr)

    def _is_signed(self, data: bytes) -> bool:
        return hashlib.md5(data[:4] + bytes(16) + data[20:] + self.secret).digest() == data[4:20]

    def _yes(self, data: bytes, addr: Any) -> None:
        head = bytes([data[0] + 1, data[1], 0, 20])
        if self.transport is not None:
            self.transport.sendto(head + hashlib.md5(head + data[4:20] + self.secret).digest(), addr)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 20
    while at + 2 <= len(data) and data[at + 1] >= 2:
        yield data[at], data[at + 2 : at + data[at + 1]]
        at += data[at + 1]


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def _run(secret: str, routers: int, first_host: int, dead: list[int], slow: dict[str, int]) -> None:
    loop = asyncio.get_running_loop()
    ports = []
    for number in range(routers):
        delay = None if number in dead else slow.get(str(number), 0) / 1000
        port = Port(secret=secret.encode(), delay_s=delay)
        await loop.create_datagram_endpoint(lambda port=port: port, local_addr=(f"127.0.0.{first_host + number}", 0))  # type: ignore[misc]
        ports.append(port)
    for port in ports:
        assert port.transport is not None
        port.transport.get_extra_info("socket").setsockopt(1, 8, _RECEIVE_BYTES)
    _say({"ports": [port.transport.get_extra_info("sockname")[1] for port in ports if port.transport]})
    while True:
        await asyncio.sleep(_SAY_EVERY_S)
        changed, repeated = [len(port.changed) for port in ports], sum(port.repeated for port in ports)
        _say({"changed": changed, "repeated": repeated, "at": time.monotonic()})


if __name__ == "__main__":
    asyncio.run(_run(**json.loads(sys.argv[1])))
