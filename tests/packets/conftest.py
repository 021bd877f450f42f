"""The servers of the packet tests: one FreeRADIUS per module, on a database of its own."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from db import cluster as database_admin
from radius_stack import RadiusStack, radius_stack
from runtime import postgres

SECRET = "the-secret-of-the-test-router"


@pytest.fixture(scope="module")
def module_db_url(postgres_server: postgres.Cluster, _admin: psycopg.Connection) -> Iterator[str]:
    """A migrated database for all tests of a module."""
    name = f"packets_{uuid.uuid4().hex}"
    database_admin.create_database(_admin, database=name, owner="lintas", template="lintas_template")
    yield postgres.url(postgres_server, database=name, role="lintas", password="lintas")
    _admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
    database_admin.drop_database(_admin, database=name)


@pytest.fixture(scope="module")
def stack(module_db_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadiusStack]:
    """A running FreeRADIUS."""
    with radius_stack(_short(tmp_path_factory), module_db_url) as running:
        yield running


def _short(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("radius")
