"""A customer's pictures: whether there are any, and one of them with its lock."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from db.models import CustomerPicture


def kinds_of_pictures(session: Session, customer_ids: Sequence[int]) -> dict[int, frozenset[str]]:
    """Which pictures each of the customers has; the pictures themselves are not read."""
    found: dict[int, set[str]] = {customer_id: set() for customer_id in customer_ids}
    statement = select(CustomerPicture.customer_id, CustomerPicture.kind).where(
        CustomerPicture.customer_id.in_(customer_ids)
    )
    for customer_id, kind in session.execute(statement) if customer_ids else ():
        found[customer_id].add(kind)
    return {customer_id: frozenset(kinds) for customer_id, kinds in found.items()}


def with_pictures(session: Session, customers: Iterable[Any]) -> None:
    """Put `has_photo` and `has_id_card_picture` on each of the customers, for those who show them."""
    rows = list(customers)
    found = kinds_of_pictures(session, [row.id for row in rows])
    for row in rows:
        row.has_photo, row.has_id_card_picture = "photo" in found[row.id], "id_card" in found[row.id]


def picture_of(session: Session, customer_id: int, kind: str) -> CustomerPicture | None:
    """The picture with what it shows, or None."""
    statement = select(CustomerPicture).where(CustomerPicture.customer_id == customer_id, CustomerPicture.kind == kind)
    return session.scalars(
        statement.options(undefer(CustomerPicture.content), undefer(CustomerPicture.thumbnail))
    ).one_or_none()


def lock_picture(session: Session, customer_id: int, kind: str) -> CustomerPicture | None:
    """The picture's row, locked; what it shows is not read."""
    statement = select(CustomerPicture).where(CustomerPicture.customer_id == customer_id, CustomerPicture.kind == kind)
    return session.scalars(statement.with_for_update(), execution_options={"populate_existing": True}).one_or_none()
