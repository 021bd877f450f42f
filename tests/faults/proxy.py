"""A bad network between routers and servers: a UDP proxy that loses, doubles and holds up datagrams.

A router is known by the address its packets come from, so what is passed on leaves from that same address: every
router port gets a socket of its own towards the server. Runs as a process of its own; the kernel here has no netem.

    python -m faults.proxy --seed 7 --loss 0.2 --duplicate 0.1 --reorder 0.3 --pair 20001:1812 --pair 20002:1813
"""

import argparse
import heapq
import json
import selectors
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import count
from types import FrameType

from faults.fates import TO_ROUTER, TO_SERVER, Fates, Weather

LISTENING = "passing on"
_RECEIVE_BYTES = 4 << 20
_LONGEST = 8192
_WAIT_S = 0.2

Address = tuple[str, int]


class Proxy:
    """Listens for routers on each pair's first port and passes on to its second, on the same host."""

    def __init__(self, pairs: Sequence[tuple[int, int]], *, host: str, weather: Weather, seed: int) -> None:
        self._host = host
        self._selector = selectors.DefaultSelector()
        self._there = Fates(weather, seed, TO_SERVER)
        self._back = Fates(weather, seed, TO_ROUTER)
        self._late: list[tuple[float, int, socket.socket, bytes, Address | None]] = []
        self._order = count()
        self._towards: dict[tuple[int, Address], socket.socket] = {}
        self._stopping = False
        for outside, inside in pairs:
            self._selector.register(self._bound(outside), selectors.EVENT_READ, (None, inside))

    def run(self) -> None:
        """Passes on until told to stop."""
        while not self._stopping:
            for key, _ in self._selector.select(self._wait_s()):
                self._drain(key)
            self._send_late(time.monotonic())
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """End `run` within a moment; fits as a signal's handler."""
        self._stopping = True

    def told(self) -> str:
        """What was done to whom, as JSON."""
        return json.dumps({TO_SERVER: asdict(self._there.tally), TO_ROUTER: asdict(self._back.tally)})

    def _bound(self, port: int, host: str | None = None) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        opened.bind((host or self._host, port))
        return opened

    def _wait_s(self) -> float:
        return max(0.0, min(_WAIT_S, self._late[0][0] - time.monotonic())) if self._late else _WAIT_S

    def _drain(self, key: selectors.SelectorKey) -> None:
        opened: socket.socket = key.fileobj  # type: ignore[assignment]
        router, inside = key.data
        while True:
            try:
                data, sender = opened.recvfrom(_LONGEST)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                # The server is down; what the router sends meanwhile is lost, as on any network.
                continue
            if router is None:
                self._pass_on(self._there, self._towards_server(opened, sender, inside), data, None)
            else:
                listening, address = router
                self._pass_on(self._back, listening, data, address)

    def _towards_server(self, listening: socket.socket, sender: Address, inside: int) -> socket.socket:
        found = self._towards.get((inside, sender))
        if found is None:
            found = self._bound(0, sender[0])
            found.connect((self._host, inside))
            self._towards[inside, sender] = found
            self._selector.register(found, selectors.EVENT_READ, ((listening, sender), inside))
        return found

    def _pass_on(self, fates: Fates, opened: socket.socket, data: bytes, to: Address | None) -> None:
        for delay_s in fates.delays_s():
            if delay_s:
                heapq.heappush(self._late, (time.monotonic() + delay_s, next(self._order), opened, data, to))
            else:
                _send(opened, data, to)

    def _send_late(self, now: float) -> None:
        while self._late and self._late[0][0] <= now:
            _, _, opened, data, to = heapq.heappop(self._late)
            _send(opened, data, to)


def _send(opened: socket.socket, data: bytes, to: Address | None) -> None:
    try:
        if to is None:
            opened.send(data)
        else:
            opened.sendto(data, to)
    except (BlockingIOError, ConnectionRefusedError):
        # A full buffer or a dead server: one more lost datagram.
        return


def main() -> None:
    """The proxy as a process; says what it did when it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pair", action="append", required=True, help="OUTSIDE:INSIDE, UDP ports")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--seed", type=int, required=True)
    for name in ("loss", "duplicate", "reorder"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    parser.add_argument("--delay", type=float, default=0.5)
    given = parser.parse_args()
    weather = Weather(
        loss=given.loss, duplication=given.duplicate, reordering=given.reorder, delay_s=given.delay
    )  # fmt: skip
    pairs = [(int(outside), int(inside)) for outside, inside in (pair.split(":") for pair in given.pair)]
    proxy = Proxy(pairs, host=given.host, weather=weather, seed=given.seed)
    signal.signal(signal.SIGTERM, proxy.stop)
    print(LISTENING, flush=True)
    proxy.run()
    print(proxy.told(), flush=True)


if __name__ == "__main__":
    main()
