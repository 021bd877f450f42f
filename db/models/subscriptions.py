"""What a customer has: subscriptions with their overrides, devices and fair-use state."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INET, MACADDR
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, EncryptedText, Id, Json, TenantOwned, Timestamps, one_of
from db.models.nas import NasServer
from db.models.plans import BILLING_CYCLES, CONNECTION_TYPES, ServicePlan
from domain.access import MAC_BINDINGS, NAS_BINDINGS
from domain.entitlement import SUSPEND_CAUSES
from domain.lifecycle import SUBSCRIPTION_STATUSES

if TYPE_CHECKING:
    from db.models.customers import Customer

MAC_STATUSES = ("approved", "pending", "blocked")
MAC_SOURCES = ("manual", "learned")
LIVE = text("deleted_at IS NULL AND status <> 'terminated'")


class SubscriptionLimits(Timestamps, Base):
    """What one subscription gets instead of its plan; an empty column means the plan's value."""

    __tablename__ = "subscription_limits"
    __table_args__ = (
        CheckConstraint("(download_kbps IS NULL) = (upload_kbps IS NULL)", name="both_speeds"),
        CheckConstraint("download_kbps >= 0 AND upload_kbps >= 0", name="speed"),
        CheckConstraint("session_timeout_s >= 60", name="session_timeout_s"),
        CheckConstraint("concurrent_connections >= 1", name="concurrent_connections"),
    )

    subscription_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True
    )
    download_kbps: Mapped[int | None] = mapped_column(Integer)
    upload_kbps: Mapped[int | None] = mapped_column(Integer)
    speed_expires_at: Mapped[datetime | None]
    session_timeout_s: Mapped[int | None] = mapped_column(Integer)
    concurrent_connections: Mapped[int | None] = mapped_column(Integer)


class SubscriptionMac(TenantOwned, Timestamps, Base):
    """A device that may (or may not) use the subscription."""

    __tablename__ = "subscription_macs"
    __table_args__ = (
        UniqueConstraint("subscription_id", "mac"),
        one_of("status", MAC_STATUSES),
        one_of("source", MAC_SOURCES),
        Index("ix_subscription_macs_mac", "mac"),
    )

    id: Mapped[Id]
    subscription_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"))
    mac: Mapped[str] = mapped_column(MACADDR)
    status: Mapped[str] = mapped_column(String(10), server_default="approved")
    source: Mapped[str] = mapped_column(String(10), server_default="manual")
    note: Mapped[str] = mapped_column(server_default="")


class SubscriptionFupState(Base):
    """The fair-use tier in force until `window_end`; no row, or tier 0, means full speed."""

    __tablename__ = "subscription_fup_states"
    __table_args__ = (Index("ix_subscription_fup_states_window_end", "window_end", postgresql_where=text("tier > 0")),)

    subscription_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True
    )
    tier: Mapped[int] = mapped_column(Integer, server_default="0")
    usage_at_activation_bytes: Mapped[int | None] = mapped_column(BigInteger)
    activated_at: Mapped[datetime | None]
    activated_by: Mapped[str | None] = mapped_column(String(255))
    window_start: Mapped[datetime | None]
    window_end: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class FupEvent(Base):
    """History of fair-use changes, for the customer page and for notices."""

    __tablename__ = "fup_events"
    __table_args__ = (
        one_of("action", ("activate", "reset")),
        Index("ix_fup_events_subscription", "subscription_id", "created_at"),
    )

    id: Mapped[Id]
    subscription_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"))
    action: Mapped[str] = mapped_column(String(10))
    tier: Mapped[int] = mapped_column(Integer)
    usage_bytes: Mapped[int | None] = mapped_column(BigInteger)
    threshold_bytes: Mapped[int | None] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Subscription(TenantOwned, Timestamps, Base):
    """One service of one customer: credentials, plan, dates and state."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        one_of("status", SUBSCRIPTION_STATUSES),
        one_of("connection_type", CONNECTION_TYPES),
        one_of("billing_cycle", BILLING_CYCLES),
        one_of("mac_binding", MAC_BINDINGS),
        one_of("nas_binding", NAS_BINDINGS),
        CheckConstraint("billing_day BETWEEN 1 AND 31", name="billing_day"),
        CheckConstraint("installation_fee >= 0 AND setup_fee >= 0", name="installation_fee"),
        one_of("suspend_cause", SUSPEND_CAUSES),
        CheckConstraint("suspend_recurring_day BETWEEN 1 AND 31", name="suspend_recurring_day"),
        Index("ix_subscriptions_suspend_on", "suspend_on", postgresql_where=text("suspend_on IS NOT NULL")),
        Index("uq_subscriptions_username", "tenant_id", "username", unique=True, postgresql_where=LIVE),
        Index("uq_subscriptions_code", "tenant_id", "subscription_code", unique=True),
        Index(
            "uq_subscriptions_assigned_ip",
            "tenant_id",
            "nas_server_id",
            "assigned_ip",
            unique=True,
            postgresql_where=LIVE,
        ),
        Index("ix_subscriptions_status", "tenant_id", "status"),
        Index("ix_subscriptions_expires_at", "expires_at", postgresql_where=text("status = 'active'")),
        Index("ix_subscriptions_created_at", "tenant_id", "created_at", "id"),
        Index("ix_subscriptions_username", "username"),
        Index(
            "ix_subscriptions_username_search",
            "username",
            postgresql_using="gin",
            postgresql_ops={"username": "gin_trgm_ops"},
        ),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="RESTRICT"), index=True)
    service_plan_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("service_plans.id", ondelete="RESTRICT"), index=True
    )
    nas_server_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("nas_servers.id", ondelete="RESTRICT"), index=True
    )
    subscription_code: Mapped[str] = mapped_column(String(50))
    connection_type: Mapped[str] = mapped_column(String(10), server_default="pppoe")
    username: Mapped[str] = mapped_column(String(253))
    service_password: Mapped[str] = mapped_column("service_password_enc", EncryptedText)
    status: Mapped[str] = mapped_column(String(20), server_default="pending")
    start_date: Mapped[date] = mapped_column(server_default=func.current_date())
    expires_at: Mapped[datetime | None]
    billing_day: Mapped[int] = mapped_column(Integer, server_default="1")
    price: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    setup_fee: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    billing_cycle: Mapped[str] = mapped_column(String(10), server_default="monthly")
    # Billed at the end of each month for the days that were used; its term has no end.
    is_postpaid: Mapped[bool] = mapped_column(server_default="false")
    auto_renew: Mapped[bool] = mapped_column(server_default="true")
    grace_period_days: Mapped[int | None] = mapped_column(Integer)
    # At the customer's wish it ends with its term.
    cancel_at_period_end: Mapped[bool] = mapped_column(server_default="false")
    installation_address: Mapped[str | None]
    installation_date: Mapped[date | None]
    installation_fee: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    # Set-up and installation are billed once, with the first invoice.
    fees_billed_at: Mapped[datetime | None]
    assigned_ip: Mapped[str | None] = mapped_column(INET)
    ip_pool: Mapped[str | None] = mapped_column(String(100))
    address_list: Mapped[str | None] = mapped_column(String(100))
    # The profile of its secret on a router that keeps its own, instead of the plan's.
    router_profile: Mapped[str | None] = mapped_column(String(100))
    mac_binding: Mapped[str] = mapped_column(String(10), server_default="off")
    nas_binding: Mapped[str] = mapped_column(String(10), server_default="off")
    nas_group_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("nas_groups.id", ondelete="RESTRICT"), index=True
    )
    family_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("families.id", ondelete="RESTRICT"), index=True
    )
    notes: Mapped[str] = mapped_column(server_default="")
    # What the provider wants to keep besides; `metadata` is taken by the ORM.
    details: Mapped[Json] = mapped_column("metadata", server_default=text("'{}'::jsonb"))
    suspend_reason: Mapped[str | None]
    # Why it is suspended, in a word: what was suspended for money comes back when it is paid.
    suspend_cause: Mapped[str | None] = mapped_column(String(20))
    # The local day on which it is suspended whatever was paid, and the day of the month on which that repeats.
    suspend_on: Mapped[date | None]
    suspend_recurring_day: Mapped[int | None] = mapped_column(SmallInteger)
    activated_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    terminated_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    deleted_at: Mapped[datetime | None]
    customer: Mapped["Customer"] = relationship()
    plan: Mapped[ServicePlan] = relationship()
    nas: Mapped[NasServer | None] = relationship()
    limits: Mapped[SubscriptionLimits | None] = relationship(cascade="all, delete-orphan")
    macs: Mapped[list[SubscriptionMac]] = relationship(cascade="all, delete-orphan", order_by=SubscriptionMac.id)
    fup_state: Mapped[SubscriptionFupState | None] = relationship(cascade="all, delete-orphan")

    __mapper_args__ = {"version_id_col": version}
