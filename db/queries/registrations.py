"""Customers to be added in the background: which are due, one with its lock, and the old ones that may go."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, undefer

from db.models import CustomerRegistration
from db.queries.paging import Page, Wanted, fetch_page

REGISTRATION_SORTS: Mapping[str, Any] = MappingProxyType({"created_at": CustomerRegistration.id})


def due(session: Session, *, now: datetime, limit: int) -> list[int]:
    """Ids of those whose next try has come, of all providers."""
    statement = select(CustomerRegistration.id).where(
        CustomerRegistration.state == "waiting", CustomerRegistration.next_try_at <= now
    )
    return list(session.scalars(statement.order_by(CustomerRegistration.next_try_at).limit(limit)))


def claim(session: Session, registration_id: int, *, now: datetime) -> CustomerRegistration | None:
    """One that is due, locked, with what was asked for; None when it is over or another worker is at it."""
    statement = (
        select(CustomerRegistration)
        .where(
            CustomerRegistration.id == registration_id,
            CustomerRegistration.state == "waiting",
            CustomerRegistration.next_try_at <= now,
        )
        .options(undefer(CustomerRegistration.asked))
        .with_for_update(skip_locked=True)
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()


def with_key(session: Session, tenant_id: int, request_key: str) -> CustomerRegistration | None:
    """The one that this key asked for, or None."""
    statement = select(CustomerRegistration).where(
        CustomerRegistration.tenant_id == tenant_id, CustomerRegistration.request_key == request_key
    )
    return session.scalars(statement).one_or_none()


def count_waiting(session: Session, tenant_id: int) -> int:
    """How many of a provider are not over."""
    statement = select(func.count()).where(
        CustomerRegistration.tenant_id == tenant_id, CustomerRegistration.state == "waiting"
    )
    return session.scalar(statement) or 0


def page_of_registrations(
    session: Session, *, tenant_id: int, state: str | None, wanted: Wanted
) -> Page[CustomerRegistration]:
    """A provider's registrations, in one state or all."""
    statement = select(CustomerRegistration).where(CustomerRegistration.tenant_id == tenant_id)
    if state is not None:
        statement = statement.where(CustomerRegistration.state == state)
    return fetch_page(session, statement, sorts=REGISTRATION_SORTS, row_id=CustomerRegistration.id, wanted=wanted)


def forget_old(session: Session, tenant_id: int, *, before: datetime) -> None:
    """Remove those that ended before."""
    session.execute(
        delete(CustomerRegistration).where(
            CustomerRegistration.tenant_id == tenant_id, CustomerRegistration.finished_at < before
        )
    )
