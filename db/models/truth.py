"""What became of every accounting packet, corrections of ended sessions, and when routers restarted."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, ForeignKey, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Json, one_of
from domain.quarantine import OUTCOMES


class RecordOutcome(Base):
    """How many accounting packets that a node received on a day (UTC) ended so; written with the spool position.

    The sum over everything is the number of packets that were received. A packet that is replayed out of quarantine
    moves from one row to another.
    """

    __tablename__ = "record_outcomes"
    __table_args__ = (one_of("outcome", OUTCOMES),)

    node: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    outcome: Mapped[str] = mapped_column(String(12), primary_key=True)
    reason: Mapped[str] = mapped_column(String(60), primary_key=True)
    records: Mapped[int] = mapped_column(BigInteger)


class SessionCorrection(Base):
    """What a late packet changed of a session that had ended: bytes and seconds added, and the end before and after."""

    __tablename__ = "session_corrections"
    __table_args__ = (
        Index("ix_session_corrections_made_at", "made_at"),
        Index("ix_session_corrections_acctuniqueid", "acctuniqueid"),
    )

    id: Mapped[Id]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
    acctuniqueid: Mapped[str] = mapped_column(String(32))
    tenant_id: Mapped[int] = mapped_column(BigInteger)
    subscription_id: Mapped[int | None] = mapped_column(BigInteger)
    nas_server_id: Mapped[int] = mapped_column(BigInteger)
    download_bytes: Mapped[int] = mapped_column(BigInteger)
    upload_bytes: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[int] = mapped_column(BigInteger)
    old_stopped_at: Mapped[datetime]
    old_cause: Mapped[str | None]
    # Empty: the session was taken for lost and runs after all.
    new_stopped_at: Mapped[datetime | None]
    new_cause: Mapped[str | None]


class NasBoot(Base):
    """The last restart that is known of a router, and the restart counters in its session ids by service."""

    __tablename__ = "nas_boots"
    __table_args__ = (one_of("told_by", ("accounting_on", "session_ids", "uptime")),)

    nas_server_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("nas_servers.id", ondelete="CASCADE"), primary_key=True
    )
    # Empty until the first restart.
    booted_at: Mapped[datetime | None]
    told_by: Mapped[str | None] = mapped_column(String(15))
    # Service digits to [counter, microseconds since the epoch when it was first seen].
    counters: Mapped[Json]
