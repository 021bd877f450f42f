"""A private redis-server: broker of the jobs and counters of the rate limits, nothing that must survive a restart.

Jobs that matter are rows in PostgreSQL; Redis only says "look now". Therefore no persistence, and no eviction: a full
Redis refuses new work loudly instead of dropping old work in silence.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis

from runtime import files
from runtime.processes import ProcessId, launch

_CONFIG = """\
bind {host}
port {port}
requirepass {password}
protected-mode yes
daemonize no
dir {directory}
appendonly no
save ""
maxmemory {max_memory_mb}mb
maxmemory-policy noeviction
timeout 0
tcp-keepalive 60
loglevel notice
"""


class RedisError(Exception):
    """The server could not be started; the text holds its own words."""


@dataclass(frozen=True, kw_only=True)
class RedisServer:
    """One server: where its files lie and where it listens."""

    directory: Path
    port: int
    password: str
    host: str = "127.0.0.1"
    max_memory_mb: int = 256

    @property
    def config_file(self) -> Path:
        return self.directory / "redis.conf"

    @property
    def url(self) -> str:
        return f"redis://:{quote(self.password, safe='')}@{self.host}:{self.port}/0"


def init(server: RedisServer) -> None:
    """Writes the configuration; safe to repeat."""
    files.private_dir(server.directory)
    values = {**vars(server), "directory": f'"{server.directory}"'}
    files.write_private(server.config_file, _CONFIG.format(**values))


def command(server: RedisServer) -> list[str]:
    """The server in the foreground, as a supervisor starts it."""
    return ["redis-server", str(server.config_file)]


def start(server: RedisServer, *, timeout_seconds: float = 10.0) -> ProcessId:
    """Starts the server in the background and waits until it answers; the caller ends it by the id returned."""
    init(server)
    process = launch(command(server), log_file=server.directory / "redis.log")
    if process is None:
        raise RedisError(f"redis-server ended at once; see {server.directory / 'redis.log'}")
    wait_ready(server.url, timeout_seconds=timeout_seconds)
    return process


def answers(url: str, *, timeout_seconds: float = 1.0) -> bool:
    """Whether the server at the address answers a PING in time."""
    client = redis.Redis.from_url(url, socket_connect_timeout=timeout_seconds, socket_timeout=timeout_seconds)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def queue_lengths(url: str, names: Sequence[str]) -> dict[str, int]:
    """How many messages wait in each of the queues."""
    client = redis.Redis.from_url(url, socket_connect_timeout=1.0, socket_timeout=1.0)
    try:
        return {name: int(str(client.llen(name))) for name in names}
    finally:
        client.close()


def wait_ready(url: str, *, timeout_seconds: float) -> None:
    """Returns when the server answers, raises at the deadline."""
    deadline = time.monotonic() + timeout_seconds
    while not answers(url):
        if time.monotonic() >= deadline:
            raise RedisError(f"Redis does not answer after {timeout_seconds:.0f} s; see its log")
        time.sleep(0.05)


def empty(url: str) -> None:
    """Deletes every key; for servers that belong to a test."""
    client = redis.Redis.from_url(url)
    try:
        client.flushall()
    finally:
        client.close()
