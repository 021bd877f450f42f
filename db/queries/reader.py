"""Indexed reads inside a login: one connection, prepared statements, and a deadline on every answer.

The driver's own calls wait as long as the server likes. A login cannot: every other login queues behind it. So this
speaks libpq's asynchronous interface and gives up after `timeout_ms`; a connection that missed its deadline is thrown
away, because its late answer would be taken for the next one's.
"""

import select
import time
from collections.abc import Mapping

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn, PGresult


class UnableToRead(Exception):
    """The database did not answer in time, or not at all. Says nothing about whether a row exists."""


class DeadlineReader:
    """Runs prepared statements by name. Not thread-safe: whoever owns it serialises the calls."""

    def __init__(self, dsn: str, statements: Mapping[str, str], timeout_ms: int) -> None:
        self._dsn = dsn
        self._statements = statements
        self._timeout_s = timeout_ms / 1000
        self._connection: PGconn | None = None

    @property
    def is_open(self) -> bool:
        """Whether a read may be tried now."""
        return self._connection is not None

    def connect(self) -> None:
        """Open and prepare; blocks for at most libpq's connect_timeout, so never called by a login."""
        connection = pq.PGconn.connect(self._dsn.encode())
        if connection.status != pq.ConnStatus.OK:
            raise UnableToRead(connection.error_message.decode(errors="replace").strip())
        for name, statement in self._statements.items():
            result = connection.prepare(name.encode(), statement.encode())
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise UnableToRead(result.error_message.decode(errors="replace").strip())
        self._connection = connection

    def close(self) -> None:
        """Drop the connection; the next `connect` makes a fresh one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.finish()

    def read(self, name: str, *values: str) -> bytes | None:
        """The first column of the first row, or None for no row; raises `UnableToRead` past the deadline."""
        connection = self._connection
        if connection is None:
            raise UnableToRead("no connection")
        try:
            connection.send_query_prepared(name.encode(), [value.encode() for value in values])
            result = self._answer(connection)
        except (psycopg.Error, OSError) as error:
            self.close()
            raise UnableToRead(str(error)) from error
        if result.status != pq.ExecStatus.TUPLES_OK:
            self.close()
            raise UnableToRead(result.error_message.decode(errors="replace").strip())
        return result.get_value(0, 0) if result.ntuples else None

    def _answer(self, connection: PGconn) -> PGresult:
        deadline = time.monotonic() + self._timeout_s
        poll = select.poll()
        poll.register(connection.socket, select.POLLIN)
        first: PGresult | None = None
        while True:
            while connection.is_busy():
                left_ms = (deadline - time.monotonic()) * 1000
                if left_ms <= 0 or not poll.poll(left_ms):
                    raise TimeoutError(f"no answer in {self._timeout_s * 1000:.0f} ms")
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                break
            first = first or result
        if first is None:
            raise ConnectionError("the connection was lost")
        return first
