"""Webhooks of a provider: who is told what, what happened, and what became of telling it."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, SmallInteger, String, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, EncryptedText, Id, Json, TenantOwned, Timestamps, one_of
from domain.webhook import STATUSES


class Webhook(TenantOwned, Timestamps, Base):
    """An address that is told of chosen events. `failures`: calls that failed one after another."""

    __tablename__ = "webhooks"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(80))
    url: Mapped[str] = mapped_column(String(500))
    events: Mapped[list[str]]
    secret: Mapped[str] = mapped_column("secret_enc", EncryptedText, deferred=True)
    # Switched off, nothing more is noted for it; paused, what happens waits.
    is_active: Mapped[bool] = mapped_column(server_default="true")
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    paused_at: Mapped[datetime | None]
    # How many deliveries were given up because too many waited.
    dropped: Mapped[int] = mapped_column(Integer, server_default="0")
    last_delivered_at: Mapped[datetime | None]
    last_problem: Mapped[str] = mapped_column(String(300), server_default="")
    # A row that is gone would refuse the change that is just being told to it, so it goes later.
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default="1")


class WebhookEvent(TenantOwned, Base):
    """Something that happened, written by a trigger in the transaction in which it did."""

    __tablename__ = "webhook_events"
    __table_args__ = (Index("ix_webhook_events_occurred_at", "occurred_at"),)

    id: Mapped[Id]
    type: Mapped[str] = mapped_column(String(60))
    data: Mapped[Json]
    occurred_at: Mapped[datetime]


class WebhookDelivery(TenantOwned, Base):
    """One event on its way to one webhook."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        one_of("status", STATUSES),
        Index("ix_webhook_deliveries_webhook", "webhook_id", "id"),
        Index("ix_webhook_deliveries_event", "event_id"),
        Index(
            "ix_webhook_deliveries_due",
            "webhook_id",
            "next_attempt_at",
            postgresql_where=text("status = 'waiting'"),
        ),
    )

    id: Mapped[Id]
    webhook_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("webhooks.id", ondelete="CASCADE"))
    event_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("webhook_events.id", ondelete="CASCADE"))
    status: Mapped[str] = mapped_column(String(10), server_default="waiting")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    claimed_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    event: Mapped[WebhookEvent] = relationship(lazy="joined")
    calls: Mapped[list["WebhookAttempt"]] = relationship(order_by="WebhookAttempt.id.desc()", lazy="select")


class WebhookAttempt(Base):
    """One call of a webhook, and what came back. `http_status` is empty when no answer came."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (Index("ix_webhook_attempts_delivery", "delivery_id"),)

    id: Mapped[Id]
    delivery_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("webhook_deliveries.id", ondelete="CASCADE"))
    sent_at: Mapped[datetime]
    took_ms: Mapped[int] = mapped_column(Integer)
    http_status: Mapped[int | None] = mapped_column(SmallInteger)
    problem: Mapped[str] = mapped_column(String(300), server_default="")
    answer: Mapped[str] = mapped_column(String(500), server_default="")
