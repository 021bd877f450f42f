"""Work on many customers at once: imports of a file and actions on a selection, item by item, in the background."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, EncryptedText, Id, Json, TenantOwned, Timestamps, one_of
from domain.customer_jobs import ITEM_STATES, JOB_KINDS, JOB_STATES


class CustomerJob(TenantOwned, Timestamps, Base):
    """One import or one action on many. At most one of a provider runs at a time."""

    __tablename__ = "customer_jobs"
    __table_args__ = (
        one_of("kind", JOB_KINDS),
        one_of("state", JOB_STATES),
        Index("uq_customer_jobs_running", "tenant_id", unique=True, postgresql_where=text("state = 'running'")),
        Index("ix_customer_jobs_started_at", "tenant_id", "started_at"),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10), server_default="running")
    action: Mapped[str] = mapped_column(String(20))
    arguments: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    file_name: Mapped[str] = mapped_column(String(255), server_default="")
    total: Mapped[int] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(Integer, server_default="0")
    failed: Mapped[int] = mapped_column(Integer, server_default="0")
    requested_by: Mapped[str] = mapped_column(String(255))
    requested_by_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="SET NULL"))
    # In whose name it acts: the rows it may touch are those this operator sees; none means the provider's staff.
    operator_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("operators.id", ondelete="RESTRICT"))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class CustomerJobItem(Base):
    """One row of a file (its line, the head being line 1) or one customer, and what came of it."""

    __tablename__ = "customer_job_items"
    __table_args__ = (
        one_of("state", ITEM_STATES),
        Index("ix_customer_job_items_waiting", "job_id", "position", postgresql_where=text("state = 'waiting'")),
    )

    job_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("customer_jobs.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    customer_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(String(10), server_default="waiting")
    # A row of a file may hold a password, so the whole row is kept like one; gone once it was imported.
    data: Mapped[str | None] = mapped_column(EncryptedText)
    problems: Mapped[list[Json] | None] = mapped_column(JSONB)
