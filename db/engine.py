"""Connections for everything that uses the ORM: engine, session, and the tenant filter."""

from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria

from db.models.base import TenantOwned

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 30_000


def make_engine(url: str, *, pool_size: int = 5, **options: Any) -> Engine:
    """An engine for a libpq URL (`postgresql://…`); waits and statements have deadlines."""
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=pool_size,
        pool_pre_ping=True,
        pool_timeout=10,
        # An error's text goes into logs, and among the values are customers' passwords.
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC",
        },
        **options,
    )


def make_session_factory(engine: Engine) -> sessionmaker[Session]:
    """Sessions on which `use_tenant` can be called."""
    return sessionmaker(engine, expire_on_commit=False)


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
