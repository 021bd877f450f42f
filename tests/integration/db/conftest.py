"""Plain connections beside the ORM's, and an ear for notices."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

Connection = psycopg.Connection[Any]


class Ear:
    """Listens on a channel; everything committed before `heard` is called is in its answer."""

    def __init__(self, url: str, channel: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._payloads: list[str] = []
        self._connection.add_notify_handler(lambda notice: self._payloads.append(notice.payload))
        self._connection.execute(f"LISTEN {channel}")

    def heard(self) -> list[str]:
        """The payloads since the last call."""
        self._connection.execute("SELECT 1")
        payloads, self._payloads[:] = self._payloads[:], []
        return payloads

    def close(self) -> None:
        """Stop listening."""
        self._connection.close()


@pytest.fixture
def connection(db_url: str) -> Iterator[Connection]:
    """A connection whose statements are committed one by one."""
    with psycopg.connect(db_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def ear(db_url: str) -> Iterator[Ear]:
    """Listens for changes that a login depends on."""
    ear = Ear(db_url, "access_changed")
    yield ear
    ear.close()
