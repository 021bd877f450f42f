"""Changes of plan that wait, and those whose time has come."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import PlanChange


def waiting_change(session: Session, subscription_id: int) -> PlanChange | None:
    """The change of plan that waits for the end of the term, locked."""
    return session.scalar(
        select(PlanChange)
        .where(PlanChange.subscription_id == subscription_id, PlanChange.status == "pending")
        .with_for_update()
    )


def waiting_change_of(session: Session, subscription_id: int) -> PlanChange | None:
    """The same, to look at."""
    return session.scalar(
        select(PlanChange).where(PlanChange.subscription_id == subscription_id, PlanChange.status == "pending")
    )


def change_at_end(session: Session, subscription_id: int, end: datetime) -> PlanChange | None:
    """The waiting change that is made when the term ends, or before."""
    return session.scalar(
        select(PlanChange).where(
            PlanChange.subscription_id == subscription_id,
            PlanChange.status == "pending",
            PlanChange.effective_at <= end,
        )
    )


def due_changes(session: Session, *, now: datetime, limit: int) -> Sequence[PlanChange]:
    """Changes whose time has come, of all tenants; those that another worker has in hand are left out."""
    return session.scalars(
        select(PlanChange)
        .where(PlanChange.status == "pending", PlanChange.effective_at <= now)
        .order_by(PlanChange.effective_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def changes_of(session: Session, subscription_id: int, *, limit: int = 20) -> Sequence[PlanChange]:
    """The changes of plan of a subscription, the newest first."""
    return session.scalars(
        select(PlanChange)
        .where(PlanChange.subscription_id == subscription_id)
        .order_by(PlanChange.id.desc())
        .limit(limit)
    ).all()
