"""Reads running and past sessions."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import RadAcct


def find_running(session: Session, acctuniqueid: str, *, tenant_id: int) -> RadAcct | None:
    """The running session with that unique id."""
    statement = select(RadAcct).where(
        RadAcct.acctuniqueid == acctuniqueid, RadAcct.acctstoptime.is_(None), RadAcct.tenant_id == tenant_id
    )
    return session.scalars(statement).one_or_none()


def running_as(session: Session, username: str, *, nas_server_id: int, tenant_id: int) -> list[str]:
    """The unique ids of the sessions that run under a name on a router."""
    statement = select(RadAcct.acctuniqueid).where(
        RadAcct.username == username,
        RadAcct.nas_server_id == nas_server_id,
        RadAcct.acctstoptime.is_(None),
        RadAcct.tenant_id == tenant_id,
    )
    return list(session.scalars(statement.order_by(RadAcct.acctuniqueid)))


def count_running_on(session: Session, nas_server_id: int) -> int:
    """Sessions that run on a router."""
    statement = select(func.count()).where(RadAcct.nas_server_id == nas_server_id, RadAcct.acctstoptime.is_(None))
    return session.scalar(statement) or 0
