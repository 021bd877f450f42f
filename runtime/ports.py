"""Chooses ports: the standard one when it is free, else one that the kernel says is free."""

import socket
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path


class Transport(Enum):
    """What travels through the port."""

    TCP = socket.SOCK_STREAM
    UDP = socket.SOCK_DGRAM


class NoFreePortError(Exception):
    """No free port was found; something on this machine holds a great many."""


def is_free(port: int, *, transport: Transport, host: str = "127.0.0.1") -> bool:
    """Whether a server could bind the port now, on this address and on all of them."""
    return all(can_bind(port, transport=transport, host=address) for address in {host, ""})


def choose(preferred: int, *, transport: Transport, host: str = "127.0.0.1", taken: Iterable[int] = ()) -> int:
    """The preferred port if it is free and not already given to another of our services, else a free one."""
    refused = set(taken)
    if preferred not in refused and is_free(preferred, transport=transport, host=host):
        return preferred
    for _ in range(64):
        port = _any_port(transport=transport, host=host)
        if port not in refused and is_free(port, transport=transport, host=host):
            return port
    raise NoFreePortError(f"no free {transport.name} port on {host} after 64 tries")


def can_bind(port: int, *, transport: Transport, host: str) -> bool:
    """Whether a server could bind the port now on this one address."""
    with socket.socket(socket.AF_INET, transport.value) as probe:
        if transport is Transport.TCP:
            # Servers set it too; without it a port in TIME_WAIT would look taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def are_bound(ports: Sequence[int]) -> bool:
    """Whether all these UDP ports of this machine are bound by somebody."""
    # Asking the kernel sends no packet: a probe would show up in the server's own statistics.
    bound: set[int] = set()
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        path = Path(table)
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        bound.update(int(line.split()[1].rpartition(":")[2], 16) for line in lines)
    return bound.issuperset(ports)


def _any_port(*, transport: Transport, host: str) -> int:
    with socket.socket(socket.AF_INET, transport.value) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
