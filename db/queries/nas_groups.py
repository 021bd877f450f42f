"""Groups of routers: the list, one by name, and who belongs to it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.models import NasGroup, NasServer, Subscription
from db.queries.paging import Page, Wanted, fetch_page
from db.queries.panel.customers import escape_like

GROUP_SORTS: Mapping[str, InstrumentedAttribute[Any]] = MappingProxyType({"name": NasGroup.name})


def page_of_groups(session: Session, *, tenant_id: int, search: str | None, wanted: Wanted) -> Page[NasGroup]:
    """Groups of routers, each with how many `routers` and `subscriptions` name it."""
    statement = select(NasGroup).where(NasGroup.tenant_id == tenant_id)
    if search:
        statement = statement.where(NasGroup.name.ilike(f"%{escape_like(search)}%"))
    page = fetch_page(session, statement, sorts=GROUP_SORTS, row_id=NasGroup.id, wanted=wanted)
    for group in page.items:
        group.routers, group.subscriptions = uses_of_group(session, group.id)
    return page


def groups_of(session: Session, tenant_id: int) -> Sequence[NasGroup]:
    """All groups by name, for a choice."""
    return session.scalars(
        select(NasGroup).where(NasGroup.tenant_id == tenant_id).order_by(NasGroup.name).limit(1000)
    ).all()


def group_named(session: Session, text: str, *, tenant_id: int) -> NasGroup | None:
    """By name or id; a name wins."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    statement = (
        select(NasGroup)
        .where(NasGroup.tenant_id == tenant_id, or_(NasGroup.name == text, NasGroup.id == number))
        .order_by(NasGroup.name != text)
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def uses_of_group(session: Session, group_id: int) -> tuple[int, int]:
    """How many routers and how many subscriptions name the group, ended ones included."""
    routers = select(func.count()).where(NasServer.nas_group_id == group_id, NasServer.deleted_at.is_(None))
    subscriptions = select(func.count()).where(Subscription.nas_group_id == group_id)
    return session.scalar(routers) or 0, session.scalar(subscriptions) or 0


def release_removed_routers(session: Session, group_id: int) -> None:
    """Take routers that were removed out of a group, which would otherwise keep it there."""
    removed = update(NasServer).where(NasServer.nas_group_id == group_id, NasServer.deleted_at.is_not(None))
    session.execute(removed.values(nas_group_id=None))


def group_ids_of(session: Session, nas_ids: Sequence[int]) -> dict[int, int | None]:
    """The group of each of the routers."""
    rows = session.execute(select(NasServer.id, NasServer.nas_group_id).where(NasServer.id.in_(nas_ids)))
    return dict(rows.all())
