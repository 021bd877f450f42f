"""Hears NOTIFY with nothing between the socket and the caller: a login can look, or ask, without a thread switch.

A change is in force at the next login, and the next login may come half a millisecond after the commit. PostgreSQL
delivers a listener's notices before it finishes the listener's next statement, so one round trip proves that everything
committed before it has been heard.
"""

import select
import threading
from collections.abc import Callable, Sequence

import psycopg

from db.queries import deadline
from db.queries.deadline import PastDeadline

CONNECT_S = 3.0


class UnableToListen(Exception):
    """The connection was refused, lost or too slow; notices may have been missed."""


class Listener:
    """One connection that listens. Its methods may be called from any thread; one uses the connection at a time."""

    def __init__(
        self, dsn: str, channels: Sequence[str], hear: Callable[[str, str], None], timeout_ms: int = 250
    ) -> None:
        self._hear = hear
        self._timeout_s = timeout_ms / 1000
        self._using = threading.Lock()
        # One each for those who look and those who wait: a poll object must not be asked from two threads at once.
        self._looking, self._waiting = select.poll(), select.poll()
        try:
            self._connection = deadline.connect(dsn, CONNECT_S)
            for channel in channels:
                self._run(f"LISTEN {channel}")
        except PastDeadline as error:
            raise UnableToListen(str(error)) from error
        for poll in (self._looking, self._waiting):
            poll.register(self._connection.socket, select.POLLIN)

    def close(self) -> None:
        """Stop listening."""
        with self._using:
            self._connection.finish()

    def look(self) -> None:
        """Hand over the notices that have arrived, without waiting for any or for another thread."""
        if self._looking.poll(0) and self._using.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._using.release()

    def wait(self, timeout_ms: int) -> None:
        """Wait for a notice at most `timeout_ms`, and hand it over."""
        if self._waiting.poll(timeout_ms):
            with self._using:
                self._drain()

    def ask(self) -> None:
        """Hear everything that was committed before this call; raises `UnableToListen` past the deadline."""
        if not self._using.acquire(timeout=self._timeout_s):
            raise UnableToListen("another thread is still waiting for an answer")
        try:
            self._run("SELECT 1")
            self._drain()
        except PastDeadline as error:
            raise UnableToListen(str(error)) from error
        finally:
            self._using.release()

    def _run(self, statement: str) -> None:
        deadline.run(self._connection, lambda: self._connection.send_query(statement.encode()), self._timeout_s)

    def _drain(self) -> None:
        try:
            self._connection.consume_input()
        except psycopg.Error as error:
            raise UnableToListen(str(error).strip()) from error
        while (notice := self._connection.notifies()) is not None:
            self._hear(notice.relname.decode(), notice.extra.decode())
