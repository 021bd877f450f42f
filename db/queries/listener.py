"""Hears NOTIFY with nothing between the socket and the caller: a login can look without waiting.

A change is in force at the next login, and the next login may come half a millisecond after the commit. So besides the
thread that waits for notices, each login first takes what has already arrived: one system call when there is nothing.
"""

import select
import threading
from collections.abc import Callable, Sequence

import psycopg
from psycopg import pq


class UnableToListen(Exception):
    """The connection was refused or lost; notices may have been missed."""


class Listener:
    """One connection that listens; `take` may be called from any thread, and gives way to one that is at it."""

    def __init__(self, dsn: str, channels: Sequence[str], hear: Callable[[str, str], None]) -> None:
        self._hear = hear
        self._taking = threading.Lock()
        self._connection = pq.PGconn.connect(dsn.encode())
        if self._connection.status != pq.ConnStatus.OK:
            raise UnableToListen(self._connection.error_message.decode(errors="replace").strip())
        for channel in channels:
            self._run(f"LISTEN {channel}")
        # Two of them, because one poll object must not be asked from two threads at once.
        self._looking, self._waiting = select.poll(), select.poll()
        for poll in (self._looking, self._waiting):
            poll.register(self._connection.socket, select.POLLIN)

    def close(self) -> None:
        """Stop listening."""
        with self._taking:
            self._connection.finish()

    def take(self) -> None:
        """Hand over the notices that have arrived, without waiting for any."""
        if self._looking.poll(0) and self._taking.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._taking.release()

    def wait(self, timeout_ms: int) -> None:
        """Wait for a notice at most `timeout_ms`, and take it."""
        if self._waiting.poll(timeout_ms):
            with self._taking:
                self._drain()

    def check(self) -> None:
        """Ask the server for a sign of life; raises `UnableToListen`."""
        with self._taking:
            self._run("SELECT 1")
            self._drain()

    def _run(self, statement: str) -> None:
        result = self._connection.exec_(statement.encode())
        if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
            raise UnableToListen(result.error_message.decode(errors="replace").strip() or "connection lost")

    def _drain(self) -> None:
        try:
            self._connection.consume_input()
        except psycopg.Error as error:
            raise UnableToListen(str(error).strip()) from error
        while (notice := self._connection.notifies()) is not None:
            self._hear(notice.relname.decode(), notice.extra.decode())
