"""A provider whose router has an API: simulated, at an address of its own."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy.orm import Session

import routeros
from bss.actor import Actor
from bss.router_api import dispatch
from db.models import NasServer, Tenant
from factories import make_nas, make_tenant
from simulator import ApiServer

_addresses = itertools.count(2)
NewRouter = Callable[..., tuple[ApiServer, NasServer]]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def tenant(db: Session) -> Tenant:
    return make_tenant(db)


@pytest.fixture
def actor(tenant: Tenant) -> Actor:
    return Actor.system(tenant_id=tenant.id, name="Dewi")


@pytest.fixture
def new_router(db: Session, keys_file: object, tenant: Tenant) -> Iterator[NewRouter]:
    """Make a simulated API and the row of its router."""
    with ExitStack() as servers:

        def make(**over: Any) -> tuple[ApiServer, NasServer]:
            host = f"127.0.1.{next(_addresses) % 250 + 1}"
            api = servers.enter_context(ApiServer(host=host, tls=over.get("api_tls", False)))
            account = {"api_port": api.port, "api_username": api.username, "api_password": api.password}
            nas = make_nas(db, tenant=tenant, host=host, **account | over)
            db.commit()
            return api, nas

        yield make
        routeros.pool.close()


@pytest.fixture
def connection(db_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(db_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def carry_out(db: Session, connection: psycopg.Connection[Any]) -> Callable[[], int]:
    """Commit, and do what a worker does."""

    def run() -> int:
        db.commit()
        count = dispatch.run(connection, clock=now)
        db.expire_all()
        return count

    return run
