"""The one database connection of a process that sends changes: kept between tasks, replaced when it breaks."""

import threading
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from db.engine import CONNECT_TIMEOUT_S, KEEPALIVE, STATEMENT_TIMEOUT_MS

_OPTIONS = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC"


def connect(url: str) -> psycopg.Connection[Any]:
    """A connection whose waits have deadlines; every `transaction()` on it is one of the server's."""
    # No prepared statements: they break behind a pooler that hands out another server connection each time.
    return psycopg.connect(
        make_conninfo(url, **KEEPALIVE),
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT_S,
        options=_OPTIONS,
        prepare_threshold=None,
    )


class KeptConnection:
    """Connecting costs more than a whole change does, so a worker connects once."""

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._lock = threading.Lock()

    def get(self, url: str) -> psycopg.Connection[Any]:
        """The kept connection if it still answers, else a new one."""
        with self._lock:
            if self._connection is None or not _answers(self._connection):
                self.drop()
                self._connection = connect(url)
            return self._connection

    def drop(self) -> None:
        """Forget the connection after an error; the next `get` makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _answers(connection: psycopg.Connection[Any]) -> bool:
    if connection.closed:
        return False
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
