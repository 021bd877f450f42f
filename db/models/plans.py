"""What is sold: service plans and their fair-use tiers."""

from datetime import datetime
from decimal import Decimal

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
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, Id, Json, TenantOwned, Timestamps, one_of
from db.models.policy import AllowanceQuota, PlanReplyAttribute, PlanTimeWindow
from domain.access import SESSION_LIMIT_ACTIONS
from domain.fup import COUNTS, RESET_PERIODS
from domain.garden import GARDEN_MODES

CONNECTION_TYPES = ("pppoe", "vpn", "hotspot", "dhcp", "wireless", "dot1x", "static", "any")
BILLING_CYCLES = ("daily", "monthly", "quarterly", "yearly", "custom")


class PlanFupRule(TenantOwned, Timestamps, Base):
    """One fair-use tier: past `threshold_bytes` in the reset period the speed falls to a figure or by a percentage."""

    __tablename__ = "plan_fup_rules"
    __table_args__ = (
        UniqueConstraint("service_plan_id", "tier"),
        one_of("counts", COUNTS),
        one_of("reset_period", RESET_PERIODS),
        CheckConstraint("threshold_bytes > 0", name="threshold_bytes"),
        CheckConstraint("tier >= 1", name="tier"),
        CheckConstraint("reduction_percent BETWEEN 1 AND 99", name="reduction_percent"),
        CheckConstraint(
            "(reduction_percent IS NULL) <> (reduced_download_kbps IS NULL)"
            " AND (reduced_download_kbps IS NULL) = (reduced_upload_kbps IS NULL)",
            name="one_reduction",
        ),
        CheckConstraint("reduced_download_kbps > 0 AND reduced_upload_kbps > 0", name="reduced_speed"),
    )

    id: Mapped[Id]
    service_plan_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("service_plans.id", ondelete="CASCADE"))
    tier: Mapped[int] = mapped_column(Integer)
    threshold_bytes: Mapped[int] = mapped_column(BigInteger)
    counts: Mapped[str] = mapped_column(String(10), server_default="total")
    reduced_download_kbps: Mapped[int | None] = mapped_column(Integer)
    reduced_upload_kbps: Mapped[int | None] = mapped_column(Integer)
    reduction_percent: Mapped[int | None] = mapped_column(SmallInteger)
    reset_period: Mapped[str] = mapped_column(String(20), server_default="billing_cycle")


class ServicePlan(TenantOwned, Timestamps, Base):
    """A plan: its price and what a login under it is granted. Speeds are from the customer's side; 0 = unlimited."""

    __tablename__ = "service_plans"
    __table_args__ = (
        one_of("connection_type", CONNECTION_TYPES),
        one_of("billing_cycle", BILLING_CYCLES),
        Index("uq_service_plans_slug", "tenant_id", "slug", unique=True, postgresql_where=text("deleted_at IS NULL")),
        CheckConstraint("price >= 0 AND setup_fee >= 0", name="money"),
        CheckConstraint("download_kbps >= 0 AND upload_kbps >= 0", name="speed"),
        CheckConstraint("priority BETWEEN 1 AND 8", name="priority"),
        CheckConstraint(
            "(min_download_kbps IS NULL) = (min_upload_kbps IS NULL) AND min_download_kbps BETWEEN 1 AND download_kbps"
            " AND min_upload_kbps BETWEEN 1 AND upload_kbps",
            name="min_speed",
        ),
        one_of("session_limit_action", SESSION_LIMIT_ACTIONS),
        one_of("garden_mode", GARDEN_MODES),
        CheckConstraint("concurrent_connections >= 1", name="concurrent_connections"),
        CheckConstraint("grace_period_days >= 0", name="grace_period_days"),
        CheckConstraint("contract_period_months BETWEEN 0 AND 120", name="contract_period_months"),
        CheckConstraint("early_end_fee >= 0", name="early_end_fee"),
        CheckConstraint("session_timeout_s >= 60", name="session_timeout_s"),
        CheckConstraint("idle_timeout_s >= 60", name="idle_timeout_s"),
        CheckConstraint("interim_interval_s BETWEEN 60 AND 3600", name="interim_interval_s"),
        CheckConstraint(
            "NOT burst_enabled OR (burst_download_kbps >= download_kbps AND burst_upload_kbps >= upload_kbps"
            " AND burst_time_s BETWEEN 1 AND 600)",
            name="burst",
        ),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(255))
    slug: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(server_default="")
    connection_type: Mapped[str] = mapped_column(String(10), server_default="pppoe")
    price: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    setup_fee: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    billing_cycle: Mapped[str] = mapped_column(String(10), server_default="monthly")
    validity_days: Mapped[int] = mapped_column(Integer, server_default="30")
    download_kbps: Mapped[int] = mapped_column(Integer)
    upload_kbps: Mapped[int] = mapped_column(Integer)
    priority: Mapped[int] = mapped_column(SmallInteger, server_default="8")
    burst_enabled: Mapped[bool] = mapped_column(server_default="false")
    burst_download_kbps: Mapped[int | None] = mapped_column(Integer)
    burst_upload_kbps: Mapped[int | None] = mapped_column(Integer)
    burst_threshold_download_kbps: Mapped[int | None] = mapped_column(Integer)
    burst_threshold_upload_kbps: Mapped[int | None] = mapped_column(Integer)
    burst_time_s: Mapped[int | None] = mapped_column(Integer)
    concurrent_connections: Mapped[int] = mapped_column(Integer, server_default="1")
    grace_period_days: Mapped[int] = mapped_column(Integer, server_default="7")
    session_timeout_s: Mapped[int | None] = mapped_column(Integer)
    idle_timeout_s: Mapped[int | None] = mapped_column(Integer)
    interim_interval_s: Mapped[int] = mapped_column(Integer, server_default="300")
    ip_pool: Mapped[str | None] = mapped_column(String(100))
    address_list: Mapped[str | None] = mapped_column(String(100))
    # The profile of secrets on routers that keep their own; without it the short name, or "default".
    router_profile: Mapped[str | None] = mapped_column(String(100))
    min_download_kbps: Mapped[int | None] = mapped_column(Integer)
    min_upload_kbps: Mapped[int | None] = mapped_column(Integer)
    session_limit_action: Mapped[str] = mapped_column(String(10), server_default="refuse")
    garden_mode: Mapped[str] = mapped_column(String(10), server_default="tenant")
    # How long one binds oneself, in months from the activation; 0 is not at all.
    contract_period_months: Mapped[int] = mapped_column(SmallInteger, server_default="1")
    # For whom it is; empty: for everybody.
    customer_types: Mapped[list[str]] = mapped_column(ARRAY(String(20)), server_default="{}")
    # What is said of it where plans are offered.
    features: Mapped[Json] = mapped_column(server_default="{}")
    # What whoever ends or lowers it within that time pays; 0: only a warning.
    early_end_fee: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    # What the provider wants to keep besides; `metadata` is taken by the ORM.
    details: Mapped[Json] = mapped_column("metadata", server_default=text("'{}'::jsonb"))
    is_popular: Mapped[bool] = mapped_column(server_default="false")
    is_active: Mapped[bool] = mapped_column(server_default="true")
    deleted_at: Mapped[datetime | None]
    fup_rules: Mapped[list[PlanFupRule]] = relationship(
        order_by=PlanFupRule.tier, cascade="all, delete-orphan", lazy="selectin"
    )
    time_windows: Mapped[list[PlanTimeWindow]] = relationship(
        order_by=PlanTimeWindow.position, cascade="all, delete-orphan", lazy="selectin"
    )
    quotas: Mapped[list[AllowanceQuota]] = relationship(
        order_by=AllowanceQuota.id, cascade="all, delete-orphan", lazy="selectin"
    )
    reply_attributes: Mapped[list[PlanReplyAttribute]] = relationship(
        order_by=PlanReplyAttribute.id, cascade="all, delete-orphan", lazy="selectin"
    )
