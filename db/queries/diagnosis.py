"""What a diagnosis reads besides what others read already: the last live change of a session."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import SessionChange


def last_change_of(session: Session, subscription_id: int, acctuniqueid: str) -> SessionChange | None:
    """The newest live change of a session that no newer one replaced."""
    statement = select(SessionChange).where(
        SessionChange.subscription_id == subscription_id,
        SessionChange.acctuniqueid == acctuniqueid,
        SessionChange.status != "superseded",
    )
    # The sender writes from another process: what stands in the table now counts.
    fresh = statement.order_by(SessionChange.created_at.desc(), SessionChange.id.desc()).limit(1)
    return session.scalars(fresh.execution_options(populate_existing=True)).one_or_none()
