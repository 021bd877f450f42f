"""Stored secrets and orders of routers, as staff look at them."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import RouterOrder, RouterSecret

MAX_SHOWN = 200


def secret_named(session: Session, nas_id: int, username: str) -> RouterSecret | None:
    """The stored secret of a router by its name."""
    return session.scalars(
        select(RouterSecret).where(RouterSecret.nas_server_id == nas_id, RouterSecret.username == username)
    ).one_or_none()


def stored_secrets(
    session: Session, nas_id: int, *, search: str = "", limit: int = MAX_SHOWN
) -> Sequence[RouterSecret]:
    """The stored secrets of a router by name, those whose name holds `search`."""
    statement = select(RouterSecret).where(RouterSecret.nas_server_id == nas_id)
    if search:
        statement = statement.where(RouterSecret.username.icontains(search, autoescape=True))
    return session.scalars(statement.order_by(RouterSecret.username).limit(limit)).all()


def orders_of(session: Session, nas_id: int, *, limit: int = 50) -> Sequence[RouterOrder]:
    """The newest orders of a router."""
    return session.scalars(
        select(RouterOrder).where(RouterOrder.nas_server_id == nas_id).order_by(RouterOrder.id.desc()).limit(limit)
    ).all()


def order_by_id(session: Session, nas_id: int, order_id: int) -> RouterOrder | None:
    """One order of a router."""
    return session.scalars(
        select(RouterOrder).where(RouterOrder.nas_server_id == nas_id, RouterOrder.id == order_id)
    ).one_or_none()
