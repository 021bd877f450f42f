"""Several FreeRADIUS servers behind one UDP port, each a process without threads.

Python decides one login at a time in a process, so a machine's other processors would look on. Decides who of the
servers gets which packet (`packet_filter`) and starts again what ended; refuses to know what is in a packet.

The shared sockets belong to this process. When a server dies, what arrives for it waits in its socket until the next
one takes it up, so nothing is lost but what was being answered.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from domain.sharing import ADDRESS, CHANNEL, PORT, SHARE, SHARES, TAKEN, TLS, WRITER
from runtime.packet_filter import deal_by_name
from runtime.ports import are_bound

LOAD_WITHIN_S = 60.0
TAKE_WITHIN_S = 10.0
END_WITHIN_S = 8.0
# A server that ends at once would otherwise be started again without pause.
REST_S = 1.0
_LOOK_EVERY_S = 0.05
_PR_SET_PDEATHSIG = 1
_IPV6_RECVPKTINFO = 49
_IP_PKTINFO = 8


class ServerGroupError(Exception):
    """The servers cannot be started; the text says why."""


class ServerGroup:
    """The group: `start`, then `watch` until asked to end."""

    def __init__(
        self, command: Sequence[str], *, name: str, host: str, port: int, shares: int, receive_bytes: int
    ) -> None:
        self._host = host
        self._port = port
        self._receive_bytes = receive_bytes
        self._sockets: list[socket.socket] = []
        self._servers: list[_Server] = [_Server(list(command), name, _loopback(host), n, shares) for n in range(shares)]
        self._stack = ExitStack()
        self._is_ending = False

    def start(self) -> None:
        """Start all. The port is opened when each has read its configuration, so whoever sees it open is served."""
        for server in self._servers:
            server.start()
        for server in self._servers:
            server.wait_loaded()
        self._sockets = [self._stack.enter_context(one) for one in self._open()]
        for server, shared in zip(self._servers, self._sockets, strict=True):
            server.hand_over(shared)

    def _open(self) -> list[socket.socket]:
        """The shared sockets, in the order of the shares."""
        # Without sharing first: any other program on the port is an error, also one that would share it.
        _bound(self._host, self._port, self._receive_bytes, shared=False).close()
        if len(self._servers) == 1:
            return [_bound(self._host, self._port, self._receive_bytes, shared=False)]
        sockets = [_bound(self._host, self._port, self._receive_bytes, shared=True) for _ in self._servers]
        try:
            deal_by_name(sockets)
        except OSError as error:
            raise ServerGroupError(
                f"this system does not deal packets out to several servers ({error.strerror}); "
                "set LINTAS_RADIUS_SERVERS=1"
            ) from None
        return sockets

    def watch(self) -> None:
        """Start again what ends, until asked to end."""
        while not self._is_ending:
            time.sleep(_LOOK_EVERY_S)
            for server, shared in zip(self._servers, self._sockets, strict=True):
                if not self._is_ending and server.is_due():
                    server.start_again(shared)

    def ask_to_end(self) -> None:
        """From a signal: `watch` returns soon."""
        self._is_ending = True

    def close(self) -> None:
        """End all servers, the slow ones by force."""
        for server in self._servers:
            server.ask_to_end()
        for server in self._servers:
            server.end()
        self._stack.close()


class _Server:
    """One FreeRADIUS and the channel over which it is given its socket."""

    def __init__(self, command: list[str], name: str, address: str, share: int, shares: int) -> None:
        self._command = command
        self._name = name
        self._address = address
        self._share = share
        self._shares = shares
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._started_at = 0.0
        self._waits_until: float | None = None

    def start(self) -> None:
        self._port = _free_port(self._address)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        environment = {
            ADDRESS: self._address,
            PORT: str(self._port),
            SHARE: str(self._share),
            SHARES: str(self._shares),
            WRITER: f"{self._name}{self._share}",
            TLS: "radsec" if self._share == 0 else "elsewhere",
            CHANNEL: str(theirs.fileno()),
        }
        with theirs:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **environment},
                pass_fds=[theirs.fileno()],
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - this process has one thread
            )
        if self._channel is not None:
            self._channel.close()
        self._channel = ours
        self._started_at = time.monotonic()

    def wait_loaded(self) -> None:
        """Returns once the server listens on its private port."""
        while not are_bound([self._port]):
            if self._process is None or self._process.poll() is not None:
                raise ServerGroupError(f"server {self._share + 1} ended while it started")
            if time.monotonic() > self._started_at + LOAD_WITHIN_S:
                raise ServerGroupError(f"server {self._share + 1} does not listen after {LOAD_WITHIN_S:.0f} s")
            time.sleep(_LOOK_EVERY_S)

    def hand_over(self, shared: socket.socket) -> None:
        """Give the server its socket and wait until it reads from it."""
        if self._channel is None:
            raise ServerGroupError(f"server {self._share + 1} was not started")
        self._channel.settimeout(TAKE_WITHIN_S)
        socket.send_fds(self._channel, [b"listen"], [shared.fileno()])
        try:
            answer = self._channel.recv(len(TAKEN))
        except TimeoutError:
            answer = b""
        if answer != TAKEN:
            raise ServerGroupError(f"server {self._share + 1} does not take the port")

    def is_due(self) -> bool:
        """Whether the server has ended and rested long enough to be started again."""
        if self._process is None or self._process.poll() is None:
            return False
        if self._waits_until is None:
            lived_s = time.monotonic() - self._started_at
            self._waits_until = time.monotonic() + (REST_S if lived_s < REST_S * 2 else 0.0)
            _say(f"server {self._share + 1} ended with {self._process.returncode}; starting another")
        return time.monotonic() >= self._waits_until

    def start_again(self, shared: socket.socket) -> None:
        """Start a successor, which answers what waits in the socket; a failure is tried again."""
        self._waits_until = None
        try:
            self.start()
            self.wait_loaded()
            self.hand_over(shared)
        except (ServerGroupError, OSError) as error:
            _say(str(error))
            self.ask_to_end()

    def ask_to_end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def end(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._channel is not None:
            self._channel.close()


def _bound(host: str, port: int, receive_bytes: int, *, shared: bool) -> socket.socket:
    """A UDP socket as FreeRADIUS would have opened it: told each packet's own address, and never blocking."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
    else:
        opened.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    if shared:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    opened.setblocking(False)
    try:
        opened.bind(("" if host == "*" else host, port))
    except OSError as error:
        opened.close()
        raise ServerGroupError(f"UDP port {port} on {host}: {error.strerror}") from None
    return opened


def _loopback(host: str) -> str:
    return "::1" if ":" in host else "127.0.0.1"


def _free_port(address: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def _die_with(parent: int) -> Callable[[], None]:
    """For a child before it becomes FreeRADIUS: killed when this process dies, so the port is free at once."""
    prctl = ctypes.CDLL(None).prctl

    def apply() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return apply


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """NAME HOST PORT SHARES RECEIVE_BYTES COMMAND...: run the servers until SIGTERM or SIGINT."""
    name, host, port, shares, receive_bytes, *command = arguments
    servers = ServerGroup(
        command, name=name, host=host, port=int(port), shares=int(shares), receive_bytes=int(receive_bytes)
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: servers.ask_to_end())
    try:
        servers.start()
        servers.watch()
    except ServerGroupError as error:
        _say(str(error))
        return 1
    finally:
        servers.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
