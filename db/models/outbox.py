"""The outbox of live changes: what should happen to a running session, and every attempt to make it so."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, SmallInteger, String, func, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Json, TenantOwned, Timestamps, one_of
from domain.bulk import BULK_KINDS, BULK_STATES, TAKEN_BACK
from domain.live_change import CHANGE_KINDS, CHANGE_STATUSES, PROOFS, WAYS, WITNESSES, outcome_of


class SessionChange(TenantOwned, Base):
    """One change wanted for one running session, written in the transaction that causes it."""

    __tablename__ = "session_changes"
    __table_args__ = (
        one_of("kind", CHANGE_KINDS),
        one_of("status", CHANGE_STATUSES),
        CheckConstraint("priority IN (0, 1)", name="priority"),
        one_of("via", WAYS),
        one_of("proof", PROOFS),
        one_of("proved_by", WITNESSES),
        Index(
            "ix_session_changes_due",
            "nas_server_id",
            "priority",
            "next_attempt_at",
            postgresql_where=text("status = 'pending' AND via = 'radius'"),
        ),
        Index(
            "ix_session_changes_api",
            "next_attempt_at",
            postgresql_where=text("status = 'pending' AND via = 'api'"),
        ),
        Index("ix_session_changes_look", "look_at", postgresql_where=text("look_at IS NOT NULL")),
        Index(
            "ix_session_changes_bulk",
            "bulk_change_id",
            "status",
            postgresql_where=text("bulk_change_id IS NOT NULL"),
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
    # The change to many sessions that this belongs to.
    bulk_change_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("bulk_changes.id", ondelete="SET NULL"))
    # 0 goes first: somebody waits for it.
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    # The rung of the ladder it stands on: RADIUS (CoA or Disconnect), or the router's API.
    via: Mapped[str] = mapped_column(String(8), server_default="radius")
    # What was seen when it was looked at again, by whom, and when somebody should look.
    proof: Mapped[str | None] = mapped_column(String(10))
    proved_by: Mapped[str | None] = mapped_column(String(8))
    proved_at: Mapped[datetime | None]
    look_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(SmallInteger, server_default="0")

    @property
    def outcome(self) -> str:
        """What became of it, one of `domain.live_change.OUTCOMES`."""
        return outcome_of(self.status, self.proof)

    @property
    def is_taken_back(self) -> bool:
        """It belongs to many that were stopped before it was sent."""
        return self.status == "superseded" and self.error_cause == TAKEN_BACK


class SessionChangeAttempt(Base):
    """One packet exchange of a change: when it left, what came back, how long it took."""

    __tablename__ = "session_change_attempts"
    __table_args__ = (
        one_of("result", ("ack", "nak", "timeout", "error")),
        one_of("via", WAYS),
        Index("ix_session_change_attempts_change", "session_change_id"),
    )

    id: Mapped[Id]
    session_change_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("session_changes.id", ondelete="CASCADE"))
    sent_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    transmissions: Mapped[int] = mapped_column(Integer, server_default="1")
    result: Mapped[str] = mapped_column(String(10))
    error_cause: Mapped[str | None] = mapped_column(String(60))
    via: Mapped[str] = mapped_column(String(8), server_default="radius")


class BulkChange(TenantOwned, Timestamps, Base):
    """One change asked of many running sessions at once, in portions; what became of it stands in their changes.

    `looked_at_until` is the last session looked at, in the order of their unique ids. `is_again`: also those whom the
    same was told last.
    """

    __tablename__ = "bulk_changes"
    __table_args__ = (
        one_of("kind", BULK_KINDS),
        one_of("state", BULK_STATES),
        Index("ix_bulk_changes_open", "id", postgresql_where=text("state = 'running'")),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(10), server_default="running")
    nas_server_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("nas_servers.id", ondelete="CASCADE"))
    service_plan_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("service_plans.id", ondelete="CASCADE"))
    search: Mapped[str] = mapped_column(String(100), server_default="")
    is_again: Mapped[bool] = mapped_column(server_default="false")
    # How many running sessions it was for when it was asked for.
    sessions: Mapped[int] = mapped_column(Integer)
    looked_at_sessions: Mapped[int] = mapped_column(Integer, server_default="0")
    looked_at_until: Mapped[str] = mapped_column(server_default="")
    requested_by: Mapped[str] = mapped_column(String(255))
    started_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class NasRefusal(Base):
    """Something that a router refused to do: an attribute of a CoA, or all CoA or Disconnect requests."""

    __tablename__ = "nas_refusals"

    nas_server_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("nas_servers.id", ondelete="CASCADE"), primary_key=True
    )
    what: Mapped[str] = mapped_column(String(120), primary_key=True)
    error_cause: Mapped[str] = mapped_column(String(60))
    refusals: Mapped[int] = mapped_column(Integer)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


class SenderTurn(Base):
    """Which sender may send bulk changes: one at a time, so that a router's pace is kept over all of them."""

    __tablename__ = "sender_turns"

    lane: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    sender: Mapped[str] = mapped_column(String(40))
    until: Mapped[datetime]
