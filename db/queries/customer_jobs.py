"""Work on many customers: which job is next, its items, and the old ones that may go."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from db.models import CustomerJob, CustomerJobItem

JOBS_SHOWN = 50


def running_jobs(session: Session, *, limit: int) -> list[int]:
    """The jobs that are not over, of all providers."""
    statement = select(CustomerJob.id).where(CustomerJob.state == "running").order_by(CustomerJob.id).limit(limit)
    return list(session.scalars(statement))


def claim_job(session: Session, job_id: int) -> CustomerJob | None:
    """The running job, locked; None when it is over, or another worker is at it."""
    statement = select(CustomerJob).where(CustomerJob.id == job_id, CustomerJob.state == "running")
    locked = statement.with_for_update(skip_locked=True)
    return session.scalars(locked, execution_options={"populate_existing": True}).one_or_none()


def waiting_items(session: Session, job_id: int, *, limit: int) -> Sequence[CustomerJobItem]:
    """The next items of a job."""
    statement = select(CustomerJobItem).where(CustomerJobItem.job_id == job_id, CustomerJobItem.state == "waiting")
    return session.scalars(statement.order_by(CustomerJobItem.position).limit(limit)).all()


def items_of(
    session: Session, job_id: int, *, state: str | None = None, after: int = 0, limit: int = 200
) -> Sequence[CustomerJobItem]:
    """Items of a job in their order, from behind a position on."""
    statement = select(CustomerJobItem).where(CustomerJobItem.job_id == job_id, CustomerJobItem.position > after)
    if state is not None:
        statement = statement.where(CustomerJobItem.state == state)
    return session.scalars(statement.order_by(CustomerJobItem.position).limit(limit)).all()


def count_items(session: Session, job_id: int, *, state: str | None = None) -> int:
    """How many items a job has in a state."""
    statement = select(func.count()).where(CustomerJobItem.job_id == job_id)
    if state is not None:
        statement = statement.where(CustomerJobItem.state == state)
    return session.scalar(statement) or 0


def jobs_of(session: Session, tenant_id: int) -> Sequence[CustomerJob]:
    """The provider's last jobs, the newest first."""
    statement = select(CustomerJob).where(CustomerJob.tenant_id == tenant_id)
    return session.scalars(statement.order_by(CustomerJob.id.desc()).limit(JOBS_SHOWN)).all()


def forget_old_jobs(session: Session, tenant_id: int, *, before: datetime) -> None:
    """Remove jobs that ended before, with their items."""
    session.execute(delete(CustomerJob).where(CustomerJob.tenant_id == tenant_id, CustomerJob.finished_at < before))
