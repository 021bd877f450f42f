"""Reads and replaces the attribute rows of a username: radcheck, radreply."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from db.models import RadCheck, RadReply, Subscription
from domain.access import AttributeItem

Rows = type[RadCheck] | type[RadReply]
_BOTH: tuple[Rows, ...] = (RadCheck, RadReply)


def rows_of(session: Session, model: Rows, owner: Subscription) -> list[AttributeItem]:
    """The rows in the order in which they are applied."""
    statement = select(model.attribute, model.op, model.value).order_by(model.id)
    found = session.execute(statement.where(*_of(model, owner.tenant_id, owner.username)))
    return [AttributeItem(*row) for row in found]


def replace_rows(session: Session, model: Rows, rows: Iterable[AttributeItem], owner: Subscription) -> None:
    """Take away what there is and write these."""
    session.execute(delete(model).where(*_of(model, owner.tenant_id, owner.username)))
    session.add_all(model(tenant_id=owner.tenant_id, username=owner.username, **row._asdict()) for row in rows)
    session.flush()


def rename_user(session: Session, *, tenant_id: int, old: str, new: str) -> None:
    """The rows of a username follow it."""
    for model in _BOTH:
        session.execute(update(model).where(*_of(model, tenant_id, old)).values(username=new))


def forget_user(session: Session, *, tenant_id: int, username: str) -> None:
    """A name that is free again must not bring its last owner's rows to the next one."""
    for model in _BOTH:
        session.execute(delete(model).where(*_of(model, tenant_id, username)))


def _of(model: Rows, tenant_id: int, username: str) -> tuple[ColumnElement[bool], ...]:
    return model.tenant_id == tenant_id, model.username == username
