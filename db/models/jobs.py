"""Background jobs: when each ran last and what came of it, and the runs that are worth remembering."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Json, one_of

JOB_OUTCOMES = ("running", "done", "stopped", "failed")


class JobState(Base):
    """One job as it stands: its last run, and how it is scheduled where staff changed that."""

    __tablename__ = "job_states"
    __table_args__ = (one_of("outcome", JOB_OUTCOMES),)

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(10))
    said: Mapped[str] = mapped_column(String(500), server_default="")
    took_ms: Mapped[int] = mapped_column(Integer, server_default="0")
    runs: Mapped[int] = mapped_column(BigInteger, server_default="0")
    failures: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # What staff set instead of the built-in schedule; empty means as built in.
    is_off: Mapped[bool] = mapped_column(server_default="false")
    schedule: Mapped[str | None] = mapped_column(String(60))
    changed_by: Mapped[str | None] = mapped_column(String(255))


class JobRun(Base):
    """One run of a job that is rare, was asked for by hand, or failed; forgotten after some months."""

    __tablename__ = "job_runs"
    __table_args__ = (
        one_of("outcome", JOB_OUTCOMES),
        Index("ix_job_runs_name", "name", "id"),
        Index("ix_job_runs_started_at", "started_at"),
        Index("uq_job_runs_task_id", "task_id", unique=True, postgresql_where=text("task_id IS NOT NULL")),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(60))
    task_id: Mapped[str | None] = mapped_column(String(60))
    requested_by: Mapped[str | None] = mapped_column(String(255))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(10))
    said: Mapped[str] = mapped_column(String(500), server_default="")
    result: Mapped[Json | None]
