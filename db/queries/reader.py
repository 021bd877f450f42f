"""Indexed reads inside a login: one connection, prepared statements, and a deadline on every answer.

A login must not wait long, because every other login queues behind it. A connection that missed its deadline is thrown
away: its late answer would be taken for the next one's.
"""

from collections.abc import Mapping

from psycopg.pq.abc import PGconn

from db.queries import deadline
from db.queries.deadline import PastDeadline

CONNECT_S = 3.0


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
        """Open and prepare, within three seconds, and take the place of the connection before.

        Never called by a login. One that still reads from the old connection finishes on it: the last to let go closes
        it. Raises `UnableToRead`.
        """
        try:
            connection = deadline.connect(self._dsn, CONNECT_S)
            for name, statement in self._statements.items():
                self._prepare(connection, name, statement)
        except PastDeadline as error:
            raise UnableToRead(str(error)) from error
        self._connection = connection

    def _prepare(self, connection: PGconn, name: str, statement: str) -> None:
        deadline.run(connection, lambda: connection.send_prepare(name.encode(), statement.encode()), CONNECT_S)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._drop(self._connection)

    def _drop(self, connection: PGconn) -> None:
        if self._connection is connection:
            self._connection = None
        connection.finish()

    def read(self, name: str, *values: str) -> bytes | None:
        """The first column of the first row, or None for no row; raises `UnableToRead` past the deadline."""
        connection = self._connection
        if connection is None:
            raise UnableToRead("no connection")
        try:
            result = deadline.run(
                connection,
                lambda: connection.send_query_prepared(name.encode(), [value.encode() for value in values]),
                self._timeout_s,
            )
        except PastDeadline as error:
            self._drop(connection)
            raise UnableToRead(str(error)) from error
        return result.get_value(0, 0) if result.ntuples else None
