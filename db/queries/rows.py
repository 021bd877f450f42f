"""Fetches single rows of a tenant, with or without a lock. The caller's tenant is always part of the condition."""

from typing import Any, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

RowT = TypeVar("RowT")


def _owned(model: Any, row_id: int, tenant_id: int) -> Select[Any]:
    statement = select(model).where(model.id == row_id, model.tenant_id == tenant_id)
    return statement.where(model.deleted_at.is_(None)) if hasattr(model, "deleted_at") else statement


def find_row(session: Session, model: type[RowT], row_id: int, *, tenant_id: int) -> RowT | None:
    """The tenant's row with that id unless it is deleted."""
    return session.scalars(_owned(model, row_id, tenant_id)).one_or_none()


def lock_row(session: Session, model: type[RowT], row_id: int, *, tenant_id: int) -> RowT | None:
    """The same row, locked until the transaction ends and as it stands now, whatever the session had read before."""
    statement = _owned(model, row_id, tenant_id).with_for_update(of=model)
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()
