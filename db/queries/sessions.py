"""Reads running and past sessions."""

from collections.abc import Iterable, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import NasServer, RadAcct


def find_running(session: Session, acctuniqueid: str, *, tenant_id: int) -> RadAcct | None:
    """The running session with that unique id."""
    statement = select(RadAcct).where(
        RadAcct.acctuniqueid == acctuniqueid, RadAcct.acctstoptime.is_(None), RadAcct.tenant_id == tenant_id
    )
    return session.scalars(statement).one_or_none()


def running_of(session: Session, subscription_id: int, *, limit: int) -> list[RadAcct]:
    """The running sessions of a subscription, newest first."""
    statement = select(RadAcct).where(RadAcct.subscription_id == subscription_id, RadAcct.acctstoptime.is_(None))
    return list(session.scalars(statement.order_by(RadAcct.acctstarttime.desc()).limit(limit)))


def last_ended(session: Session, subscription_id: int) -> RadAcct | None:
    """The ended session of a subscription that began last."""
    statement = select(RadAcct).where(RadAcct.subscription_id == subscription_id, RadAcct.acctstoptime.is_not(None))
    return session.scalars(statement.order_by(RadAcct.acctstarttime.desc()).limit(1)).one_or_none()


def routers_of(session: Session, sessions: Iterable[RadAcct], *, tenant_id: int) -> dict[int, NasServer]:
    """The routers that sessions run on, by id; without those that were removed."""
    ids = {one.nas_server_id for one in sessions}
    statement = select(NasServer).where(
        NasServer.id.in_(ids), NasServer.tenant_id == tenant_id, NasServer.deleted_at.is_(None)
    )
    return {router.id: router for router in session.scalars(statement)}


def running_as(session: Session, username: str, *, nas_server_id: int, tenant_id: int) -> list[str]:
    """The unique ids of the sessions that run under a name on a router."""
    statement = select(RadAcct.acctuniqueid).where(
        RadAcct.username == username,
        RadAcct.nas_server_id == nas_server_id,
        RadAcct.acctstoptime.is_(None),
        RadAcct.tenant_id == tenant_id,
    )
    return list(session.scalars(statement.order_by(RadAcct.acctuniqueid)))


def running_named(session: Session, names: Sequence[str], *, tenant_id: int) -> list[tuple[str, int | None, str]]:
    """Of these unique ids those that run now: each with its subscription and the name of its router."""
    statement = (
        select(RadAcct.acctuniqueid, RadAcct.subscription_id, func.coalesce(NasServer.name, ""))
        .outerjoin(NasServer, NasServer.id == RadAcct.nas_server_id)
        .where(RadAcct.acctuniqueid.in_(names), RadAcct.acctstoptime.is_(None), RadAcct.tenant_id == tenant_id)
    )
    return [(name, owner, router) for name, owner, router in session.execute(statement)]


def count_running_on(session: Session, nas_server_id: int) -> int:
    """Sessions that run on a router."""
    statement = select(func.count()).where(RadAcct.nas_server_id == nas_server_id, RadAcct.acctstoptime.is_(None))
    return session.scalar(statement) or 0
