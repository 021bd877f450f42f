"""The outbox of live changes: what should happen to a running session, and every attempt to make it so."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, func, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Json, TenantOwned, one_of
from domain.live_change import CHANGE_KINDS, CHANGE_STATUSES


class SessionChange(TenantOwned, Base):
    """One change wanted for one running session, written in the transaction that causes it."""

    __tablename__ = "session_changes"
    __table_args__ = (
        one_of("kind", CHANGE_KINDS),
        one_of("status", CHANGE_STATUSES),
        Index(
            "ix_session_changes_due", "nas_server_id", "next_attempt_at", postgresql_where=text("status = 'pending'")
        ),
        Index("ix_session_changes_sending", "claimed_until", postgresql_where=text("status = 'sending'")),
        Index("ix_session_changes_subscription", "subscription_id", "created_at"),
        Index("ix_session_changes_session", "acctuniqueid", postgresql_where=text("status IN ('pending', 'sending')")),
        Index(
            "ix_session_changes_plan_rollout",
            "plan_rollout_id",
            "status",
            postgresql_where=text("plan_rollout_id IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    subscription_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"))
    nas_server_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("nas_servers.id", ondelete="CASCADE"))
    acctuniqueid: Mapped[str]
    acctsessionid: Mapped[str]
    username: Mapped[str]
    framedipaddress: Mapped[str | None] = mapped_column(INET)
    callingstationid: Mapped[str | None]
    kind: Mapped[str] = mapped_column(String(12))
    attributes: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    reason: Mapped[str] = mapped_column(String(40))
    requested_by: Mapped[str] = mapped_column(String(255))
    caused_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(12), server_default="pending")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    claimed_until: Mapped[datetime | None]
    error_cause: Mapped[str | None] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    # The roll-out of a plan's change that this belongs to.
    plan_rollout_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("plan_rollouts.id", ondelete="SET NULL"))


class SessionChangeAttempt(Base):
    """One packet exchange of a change: when it left, what came back, how long it took."""

    __tablename__ = "session_change_attempts"
    __table_args__ = (
        one_of("result", ("ack", "nak", "timeout", "error")),
        Index("ix_session_change_attempts_change", "session_change_id"),
    )

    id: Mapped[Id]
    session_change_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("session_changes.id", ondelete="CASCADE"))
    sent_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    transmissions: Mapped[int] = mapped_column(Integer, server_default="1")
    result: Mapped[str] = mapped_column(String(10))
    error_cause: Mapped[str | None] = mapped_column(String(60))
