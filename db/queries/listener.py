"""Hears NOTIFY with nothing between the socket and the caller: a login can look, or ask, without a thread switch.

A change is in force at the next login, and the next login may come half a millisecond after the commit. PostgreSQL
delivers a listener's notices before it finishes the listener's next statement, so one round trip proves that everything
committed before it has been heard. A slow answer is waited for no longer than the caller likes and taken when it comes:
being slow loses no notice, only a lost connection does.
"""

import select
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import psycopg
from psycopg import pq

from db.queries import deadline
from db.queries.deadline import PastDeadline

CONNECT_S = 3.0


class UnableToListen(Exception):
    """The connection was refused or lost; notices may have been missed."""


class Listener:
    """One connection that listens. Its methods may be called from any thread; one uses the connection at a time.

    `heard_at` is the monotonic time of the last question that was answered: what was committed before that question was
    sent is known.
    """

    def __init__(self, dsn: str, channels: Sequence[str], hear: Callable[[str, str], None]) -> None:
        self._hear = hear
        self._using = threading.Lock()
        self._asked_at: float | None = None
        # One each for those who look, ask and wait: a poll object must not be asked from two threads at once.
        self._looking, self._asking, self._waiting = select.poll(), select.poll(), select.poll()
        try:
            self._connection = deadline.connect(dsn, CONNECT_S)
            for channel in channels:
                deadline.run(
                    self._connection, partial(self._connection.send_query, f"LISTEN {channel}".encode()), CONNECT_S
                )
        except PastDeadline as error:
            raise UnableToListen(str(error)) from error
        for poll in (self._looking, self._asking, self._waiting):
            poll.register(self._connection.socket, select.POLLIN)
        self.heard_at = time.monotonic()

    def close(self) -> None:
        """Stop listening."""
        with self._using:
            self._connection.finish()

    def look(self) -> None:
        """Take what has arrived, without waiting for anything or anybody."""
        if self._looking.poll(0) and self._using.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._using.release()

    def ask(self, wait_ms: float) -> None:
        """Ask for what was committed before now, and wait for it no longer than `wait_ms`."""
        called_at = time.monotonic()
        until = called_at + wait_ms / 1000
        # Whoever uses the connection may be about to take the very notice that the caller must not miss.
        if not self._using.acquire(timeout=wait_ms / 1000):
            return
        try:
            # An older question that is still under way does not answer this one.
            while self.heard_at < called_at:
                self._send_question()
                left_ms = (until - time.monotonic()) * 1000
                if left_ms <= 0 or not self._asking.poll(left_ms):
                    return
                self._drain()
        finally:
            self._using.release()

    def wait(self, timeout_ms: int) -> None:
        """Wait for something to arrive, at most `timeout_ms`, and take it."""
        if self._waiting.poll(timeout_ms):
            with self._using:
                self._drain()

    def _send_question(self) -> None:
        if self._asked_at is None:
            try:
                self._connection.send_query(b"SELECT 1")
            except psycopg.Error as error:
                raise UnableToListen(str(error).strip()) from error
            self._asked_at = time.monotonic()

    def _drain(self) -> None:
        """Take notices and, if it is complete, the answer to the question; the notices come first on the wire."""
        try:
            self._connection.consume_input()
            self._take_answer()
        except psycopg.Error as error:
            raise UnableToListen(str(error).strip()) from error
        while (notice := self._connection.notifies()) is not None:
            self._hear(notice.relname.decode(), notice.extra.decode())

    def _take_answer(self) -> None:
        if self._asked_at is None or self._connection.is_busy():
            return
        asked_at = self._asked_at
        while not self._connection.is_busy():
            result = self._connection.get_result()
            if result is None:
                self._asked_at, self.heard_at = None, asked_at
                return
            if result.status != pq.ExecStatus.TUPLES_OK:
                raise UnableToListen(result.error_message.decode(errors="replace").strip() or "connection lost")
