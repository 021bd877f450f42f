"""Connections for everything that uses the ORM: engine, session, and the tenant filter."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria

from db.models.base import TenantOwned

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 30_000
# A server that vanished without a word is noticed after about fifteen seconds, not after the kernel's two hours.
KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 5, "keepalives_count": 2, "tcp_user_timeout": 15_000}


def make_engine(url: str, *, pool_size: int = 5, **options: Any) -> Engine:
    """An engine for a libpq URL (`postgresql://…`, several servers too); waits and statements have deadlines."""
    return create_engine(
        _as_sqlalchemy(url),
        pool_size=pool_size,
        pool_pre_ping=True,
        pool_timeout=10,
        # An error's text goes into logs, and among the values are customers' passwords.
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            **KEEPALIVE,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC",
        },
        **options,
    )


def _as_sqlalchemy(url: str) -> URL:
    """SQLAlchemy reads one server before the path of a URL; libpq reads several, so it is asked what the URL says."""
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    username, password, database = (parts.pop(name, None) for name in ("user", "password", "dbname"))
    return URL.create("postgresql+psycopg", username=username, password=password, database=database, query=parts)


def make_session_factory(engine: Engine) -> sessionmaker[Session]:
    """Sessions on which `use_tenant` can be called."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def own_sessions(url: str) -> Iterator[sessionmaker[Session]]:
    """Sessions, one after another, on a connection that is closed at the end: for jobs, which do their thing and go."""
    engine = make_engine(url, pool_size=1)
    try:
        yield make_session_factory(engine)
    finally:
        engine.dispose()


@contextmanager
def one_session(url: str) -> Iterator[Session]:
    """The same with a single session."""
    with own_sessions(url) as sessions, sessions() as session:
        yield session


def use_tenant(session: Session, tenant_id: int) -> None:
    """Scope every ORM select of this session to one tenant's rows."""
    session.info["tenant_id"] = tenant_id


@event.listens_for(Session, "do_orm_execute")
def _scope_to_tenant(state: ORMExecuteState) -> None:
    tenant_id = state.session.info.get("tenant_id")
    if tenant_id is None or state.is_column_load or state.is_relationship_load:
        return
    state.statement = state.statement.options(
        with_loader_criteria(TenantOwned, lambda cls: cls.tenant_id == tenant_id, include_aliases=True)
    )


def psycopg_of(session: Session) -> psycopg.Connection[Any]:
    """The driver connection inside a session's transaction, for the queries written as plain SQL."""
    connection = session.connection().connection.driver_connection
    if not isinstance(connection, psycopg.Connection):
        raise TypeError("the session is not on psycopg")
    return connection
