"""How this server comes to listen on the port it shares with others.

FreeRADIUS opens a socket of its own and cannot be given one. So it opens one on a private port, and when its starter
hands over the shared socket, that takes the private one's place under the same number. FreeRADIUS waits on the old one
meanwhile and would go on doing so; a packet to it wakes it, and the exchange is made in the lookup of that packet's
sender: at that moment nobody waits.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from domain.sharing import ADDRESS, CHANNEL, PORT, TAKEN

WAKE_EVERY_S = 0.005
READY_WITHIN_S = 1.0
# An Access-Request without attributes: enough for FreeRADIUS to ask who sent it.
_ANYTHING = bytes([1, 0, 0, 20]) + bytes(16)


class SharedPort:
    """Waits for the shared socket and puts it in the private one's place."""

    def __init__(
        self, environment: Mapping[str, str], complain: Callable[[str], None], is_ready: Callable[[], bool]
    ) -> None:
        self._is_ready = is_ready
        self._channel = int(environment[CHANNEL])
        self._private = (environment[ADDRESS], int(environment[PORT]))
        self._complain = complain
        self._shared: int | None = None
        self._is_taken = threading.Event()
        self.is_waiting = True

    def run(self) -> None:
        """Wait until the shared socket comes, then knock until it was taken; tell whoever sent it."""
        with socket.socket(fileno=self._channel) as channel:
            # The end of the channel would be the end of whoever started this server, and of this server with it.
            _, received, _, _ = socket.recv_fds(channel, 16, 1)
            if not received:
                return
            self._wait_ready()
            self._shared = received[0]
            with socket.socket(_family(self._private[0]), socket.SOCK_DGRAM) as knocker:
                while not self._is_taken.wait(WAKE_EVERY_S):
                    knocker.sendto(_ANYTHING, self._private)
            channel.send(TAKEN)

    def _wait_ready(self) -> None:
        """What waits in the socket after a death is answered once: silence for want of a database counts as an answer,
        and FreeRADIUS would ignore the router's next tries. Without a database it must go on without."""
        until = time.monotonic() + READY_WITHIN_S
        while not self._is_ready() and time.monotonic() < until:
            time.sleep(WAKE_EVERY_S)

    def take(self) -> bool:
        """Exchange the sockets, if the shared one has come; called by the thread that reads packets, between two."""
        shared = self._shared
        if shared is None:
            return False
        private = _socket_on(self._private)
        if private is None:
            self._complain(f"shared port not taken: nothing listens on {self._private}")
            return False
        os.dup2(shared, private, inheritable=False)
        os.close(shared)
        self.is_waiting = False
        self._is_taken.set()
        return True

    def stop(self) -> None:
        """Nothing to write: a server that ends before it took the port leaves the waiting thread behind."""


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _socket_on(address: tuple[str, int]) -> int | None:
    """The number of this process's UDP socket that is bound to the address."""
    for entry in Path("/proc/self/fd").iterdir():
        number = int(entry.name)
        try:
            candidate = socket.socket(fileno=os.dup(number))
        except OSError:
            # Not a socket, or the directory that is being listed.
            continue
        with closing(candidate):
            if candidate.type == socket.SOCK_DGRAM and candidate.getsockname()[:2] == address:
                return number
    return None
