"""What is kept on routers through their API: secrets, what is still to be done there, and what they last showed."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, EncryptedText, Id, Json, TenantOwned, Timestamps, one_of
from domain.router_order import ORDER_KINDS, ORDER_STATUSES
from domain.router_secret import SECRET_SERVICES

SECRET_ORIGINS = ("subscription", "staff", "import")


class RouterSecret(TenantOwned, Timestamps, Base):
    """A name and password that a router knows by itself, as it should be there.

    One of a subscription follows it (`origin` says so) and is written by whoever carries it to the router; the others
    are staff's own. `password` None: the router has one that we do not know, and it is left alone.
    """

    __tablename__ = "router_secrets"
    __table_args__ = (
        UniqueConstraint("nas_server_id", "username"),
        one_of("service", SECRET_SERVICES),
        one_of("origin", SECRET_ORIGINS),
        Index("ix_router_secrets_subscription", "subscription_id"),
    )

    id: Mapped[Id]
    nas_server_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("nas_servers.id", ondelete="CASCADE"))
    subscription_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("subscriptions.id", ondelete="SET NULL"))
    username: Mapped[str] = mapped_column(String(253))
    password: Mapped[str | None] = mapped_column("password_enc", EncryptedText)
    service: Mapped[str] = mapped_column(String(10), server_default="pppoe")
    profile: Mapped[str] = mapped_column(String(100), server_default="default")
    local_address: Mapped[str] = mapped_column(String(100), server_default="")
    remote_address: Mapped[str] = mapped_column(String(100), server_default="")
    comment: Mapped[str] = mapped_column(String(255), server_default="")
    is_disabled: Mapped[bool] = mapped_column(server_default="false")
    origin: Mapped[str] = mapped_column(String(12), server_default="staff")
    # When the router was last seen to have it so.
    synced_at: Mapped[datetime | None]


class RouterOrder(TenantOwned, Base):
    """The outbox towards routers' APIs: one thing to be done on one router, and what became of it.

    It says what is concerned, not what is to be written there: that is looked up when it is carried out.
    """

    __tablename__ = "router_orders"
    __table_args__ = (
        one_of("kind", ORDER_KINDS),
        one_of("status", ORDER_STATUSES),
        Index(
            "uq_router_orders_pending",
            "nas_server_id",
            "kind",
            "key",
            unique=True,
            postgresql_where=text("status = 'pending'"),
        ),
        Index("ix_router_orders_due", "next_attempt_at", postgresql_where=text("status = 'pending'")),
        Index("ix_router_orders_sending", "claimed_until", postgresql_where=text("status = 'sending'")),
        Index("ix_router_orders_nas", "nas_server_id", "id"),
    )

    id: Mapped[Id]
    nas_server_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("nas_servers.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    # The name of the secret or queue, the list and address, the device.
    key: Mapped[str]
    arguments: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    reason: Mapped[str] = mapped_column(String(40))
    requested_by: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(12), server_default="pending")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    claimed_until: Mapped[datetime | None]
    # What it came to on the router (added, changed, equal, removed, absent), or why it did not.
    result: Mapped[str | None] = mapped_column(String(12))
    problem: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    finished_at: Mapped[datetime | None]


class RouterSnapshot(Base):
    """The last answer of a router to one question, for whoever asks while it does not answer."""

    __tablename__ = "router_snapshots"

    nas_server_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("nas_servers.id", ondelete="CASCADE"), primary_key=True
    )
    part: Mapped[str] = mapped_column(String(20), primary_key=True)
    rows: Mapped[list[Json] | None] = mapped_column(JSONB)
    # How many there were; `rows` holds so many of them at most as a page shows.
    total: Mapped[int] = mapped_column(Integer, server_default="0")
    taken_at: Mapped[datetime | None]
    # Somebody looked and got no answer: the next job asks with more patience.
    asked_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(String(300))
