"""Views of lists: one's own and those that others share, and the columns somebody chose."""

from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import ListColumns, SavedView

MOST_SHOWN = 60


def views_of(session: Session, *, tenant_id: int, user_id: int, list_key: str) -> Sequence[SavedView]:
    """One's own views and the shared ones, by name."""
    statement = (
        select(SavedView)
        .where(
            SavedView.tenant_id == tenant_id,
            SavedView.list_key == list_key,
            or_(SavedView.user_id == user_id, SavedView.is_shared),
        )
        .order_by(func.lower(SavedView.name), SavedView.id)
        .limit(MOST_SHOWN)
    )
    return session.scalars(statement).all()


def count_of(session: Session, *, user_id: int, list_key: str) -> int:
    """How many views of a list somebody keeps."""
    mine = select(func.count()).where(SavedView.user_id == user_id, SavedView.list_key == list_key)
    return session.scalar(mine) or 0


def view_named(session: Session, *, user_id: int, list_key: str, name: str) -> SavedView | None:
    """One's own view of that name."""
    statement = select(SavedView).where(
        SavedView.user_id == user_id, SavedView.list_key == list_key, SavedView.name == name
    )
    return session.scalars(statement).one_or_none()


def columns_of(session: Session, *, user_id: int, list_key: str) -> list[str] | None:
    """The columns somebody chose; None when the list's own are meant."""
    return session.scalar(
        select(ListColumns.columns).where(ListColumns.user_id == user_id, ListColumns.list_key == list_key)
    )


def keep_columns(session: Session, *, user_id: int, list_key: str, columns: list[str]) -> None:
    """Remember the columns; they replace those chosen before."""
    statement = insert(ListColumns).values(user_id=user_id, list_key=list_key, columns=columns)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[ListColumns.user_id, ListColumns.list_key], set_={"columns": statement.excluded.columns}
        )
    )
