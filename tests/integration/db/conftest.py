"""Plain connections beside the ORM's, an ear for notices, and a database that the tests of a module share."""

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet

from db import cluster as database_admin
from runtime import postgres
from runtime.files import write_private

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


@pytest.fixture(scope="module")
def module_db_url(postgres_server: postgres.Cluster, _admin: Connection) -> Iterator[str]:
    """A migrated database for a module whose tests clear up before themselves."""
    name = f"db_{uuid.uuid4().hex}"
    database_admin.create_database(_admin, database=name, owner="lintas", template="lintas_template")
    yield postgres.url(postgres_server, database=name, role="lintas", password="lintas")
    database_admin.drop_database(_admin, database=name)


@pytest.fixture(scope="module")
def module_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One key for all tests of a module."""
    path = tmp_path_factory.mktemp("keys") / "keys"
    write_private(path, Fernet.generate_key().decode() + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINTAS_KEYS_FILE", str(path))
        yield


def clear(url: str) -> None:
    """Remove every row that a test may have left."""
    with psycopg.connect(url, autocommit=True) as connection:
        # The books may only be added to; here they are emptied with the rest.
        for table in ("ledger_entries", "ledger_postings"):
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
        connection.execute("TRUNCATE customers, service_plans, nas_servers, radacct, session_changes CASCADE")
        for table in ("ledger_entries", "ledger_postings"):
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER append_only")
