"""What keeps years small and the spool watched: sums by hour and month, archived months, spool health, alarms.

`usage_hourly` is range-partitioned by `hour`, so that old hours leave as whole partitions.
"""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, Index, Integer, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Json, one_of
from domain.alarms import CODES
from domain.retirement import STATES
from domain.stale import ANSWERS


class UsageHourly(Base):
    """Bytes and seconds of a subscription that were counted in one hour (UTC) into one local day."""

    __tablename__ = "usage_hourly"
    __table_args__ = (
        Index("ix_usage_hourly_hour", "hour", postgresql_using="brin"),
        {"postgresql_partition_by": "RANGE (hour)"},
    )

    subscription_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    download_bytes: Mapped[int] = mapped_column(BigInteger)
    upload_bytes: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[int] = mapped_column(BigInteger)


class UsageMonthly(Base):
    """Bytes and seconds of a subscription in one calendar month of its provider: the sum of its days."""

    __tablename__ = "usage_monthly"
    __table_args__ = (Index("ix_usage_monthly_month", "month"),)

    subscription_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    month: Mapped[date] = mapped_column(Date, primary_key=True)
    download_bytes: Mapped[int] = mapped_column(BigInteger)
    upload_bytes: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[int] = mapped_column(BigInteger)
    sessions: Mapped[int] = mapped_column(BigInteger)


class PartitionArchive(Base):
    """A month that left the live tables, and how far it got: detached, written to a file, dropped, brought back."""

    __tablename__ = "partition_archives"
    __table_args__ = (one_of("state", STATES),)

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    parent: Mapped[str] = mapped_column(String(30))
    month: Mapped[date] = mapped_column(Date)
    state: Mapped[str] = mapped_column(String(10))
    node: Mapped[str | None] = mapped_column(String(64))
    file: Mapped[str | None]
    rows: Mapped[int | None] = mapped_column(BigInteger)
    file_bytes: Mapped[int | None] = mapped_column(BigInteger)
    # Of the text inside the file, so that a file compressed again is still the same.
    sha256: Mapped[str | None] = mapped_column(String(64))
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    kept_until: Mapped[datetime | None]
    # Somebody wants it back in the live table: since when, who, how far that is, and why it failed.
    asked_at: Mapped[datetime | None]
    asked_by: Mapped[str | None]
    rows_back: Mapped[int | None] = mapped_column(BigInteger)
    problem: Mapped[str | None]

    @property
    def id(self) -> int:
        """Its month as a number, by which the audit log names it."""
        return self.month.year * 100 + self.month.month


class SpoolHealth(Base):
    """How a node's accounting spool does, written by its collector every few seconds."""

    __tablename__ = "spool_health"

    node: Mapped[str] = mapped_column(String(64), primary_key=True)
    measured_at: Mapped[datetime]
    waiting_bytes: Mapped[int] = mapped_column(BigInteger)
    oldest_waiting_at: Mapped[datetime | None]
    written_bytes_per_s: Mapped[int] = mapped_column(BigInteger)
    counted_bytes_per_s: Mapped[int] = mapped_column(BigInteger)
    free_bytes: Mapped[int] = mapped_column(BigInteger)
    min_free_bytes: Mapped[int] = mapped_column(BigInteger)
    is_open: Mapped[bool]
    # From the watch inside FreeRADIUS; empty where none has reported.
    sync_mode: Mapped[str | None] = mapped_column(String(10))
    synced_at: Mapped[datetime | None]
    sync_ms: Mapped[int | None] = mapped_column(Integer)
    sync_errors: Mapped[int] = mapped_column(BigInteger, server_default="0")


class Alarm(Base):
    """Something a person should look at, from when it was noticed until it was over."""

    __tablename__ = "alarms"
    __table_args__ = (
        one_of("code", CODES),
        one_of("severity", ("warning", "critical")),
        Index("uq_alarms_open", "code", "subject", unique=True, postgresql_where=text("cleared_at IS NULL")),
        Index("ix_alarms_raised_at", "raised_at"),
    )

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(String(30))
    subject: Mapped[str] = mapped_column(String(64))
    severity: Mapped[str] = mapped_column(String(10))
    facts: Mapped[Json]
    raised_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]


class SessionCheck(Base):
    """A session that fell silent: what its router was asked and said. Stays for a while after the end."""

    __tablename__ = "session_checks"
    __table_args__ = (
        one_of("answer", ANSWERS),
        Index("ix_session_checks_due", "look_at", postgresql_where=text("answer IS NULL")),
    )

    acctuniqueid: Mapped[str] = mapped_column(primary_key=True)
    nas_server_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("nas_servers.id", ondelete="CASCADE"))
    asked_at: Mapped[datetime | None]
    # Until then there is nothing to decide about it.
    look_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    answer: Mapped[str | None] = mapped_column(String(10))
    answered_at: Mapped[datetime | None]
    error_cause: Mapped[str | None] = mapped_column(String(60))
