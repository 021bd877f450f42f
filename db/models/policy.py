"""What a login may be granted or refused for beyond status, expiry and speed: hours, allowances, gardens, places."""

from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, MACADDR
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Json, TenantOwned, Timestamps, one_of
from domain.fup import COUNTS
from domain.quota import QUOTA_ACTIONS, QUOTA_KINDS, QUOTA_PERIODS

# How a reply attribute is merged: set in place of ours, add one more, set only where nothing is.
REPLY_OPERATORS = (":=", "+=", "=")
CHECK_OPERATORS = (":=", "==", "!=", "=~", "!~", ">", ">=", "<", "<=")


class NasGroup(TenantOwned, Timestamps, Base):
    """Routers that count as one place: a subscription may be bound to a group instead of a router."""

    __tablename__ = "nas_groups"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(100))


class Family(TenantOwned, Timestamps, Base):
    """Subscriptions that use one allowance together."""

    __tablename__ = "families"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(100))


class PlanTimeWindow(TenantOwned, Timestamps, Base):
    """Hours in which a plan may be used. `weekdays` has bit 0 for Monday; not after the start is the next day."""

    __tablename__ = "plan_time_windows"
    __table_args__ = (
        UniqueConstraint("service_plan_id", "position"),
        CheckConstraint("weekdays BETWEEN 1 AND 127", name="weekdays"),
        CheckConstraint("start_minute BETWEEN 0 AND 1439 AND end_minute BETWEEN 1 AND 1440", name="minutes"),
        CheckConstraint("(download_kbps IS NULL) = (upload_kbps IS NULL)", name="both_speeds"),
        CheckConstraint("download_kbps >= 0 AND upload_kbps >= 0", name="speed"),
    )

    id: Mapped[Id]
    service_plan_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("service_plans.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer)
    weekdays: Mapped[int] = mapped_column(SmallInteger)
    start_minute: Mapped[int] = mapped_column(SmallInteger)
    end_minute: Mapped[int] = mapped_column(SmallInteger)
    download_kbps: Mapped[int | None] = mapped_column(Integer)
    upload_kbps: Mapped[int | None] = mapped_column(Integer)


class AllowanceQuota(TenantOwned, Timestamps, Base):
    """An allowance of a plan, of one subscription (instead of the plan's of that kind and period) or of a family.

    `limit_amount` is bytes or seconds, by `kind`.
    """

    __tablename__ = "quotas"
    __table_args__ = (
        one_of("kind", QUOTA_KINDS),
        one_of("period", QUOTA_PERIODS),
        one_of("counts", COUNTS),
        one_of("action", QUOTA_ACTIONS),
        CheckConstraint("num_nonnulls(service_plan_id, subscription_id, family_id) = 1", name="one_owner"),
        CheckConstraint("limit_amount > 0", name="limit_amount"),
        CheckConstraint(
            "(action = 'throttle') = (throttle_download_kbps IS NOT NULL)"
            " AND (throttle_download_kbps IS NULL) = (throttle_upload_kbps IS NULL)",
            name="throttle",
        ),
        CheckConstraint("throttle_download_kbps > 0 AND throttle_upload_kbps > 0", name="throttle_speed"),
        Index(
            "uq_quotas_owner",
            "service_plan_id",
            "subscription_id",
            "family_id",
            "kind",
            "period",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_quotas_subscription_id", "subscription_id"),
        Index("ix_quotas_family_id", "family_id"),
    )

    id: Mapped[Id]
    service_plan_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("service_plans.id", ondelete="CASCADE"))
    subscription_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"))
    family_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("families.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10))
    period: Mapped[str] = mapped_column(String(20))
    counts: Mapped[str] = mapped_column(String(10), server_default="total")
    limit_amount: Mapped[int] = mapped_column(BigInteger)
    action: Mapped[str] = mapped_column(String(10), server_default="reject")
    throttle_download_kbps: Mapped[int | None] = mapped_column(Integer)
    throttle_upload_kbps: Mapped[int | None] = mapped_column(Integer)


class QuotaTopup(TenantOwned, Timestamps, Base):
    """More of an allowance, and of what fair use lets pass, while it is valid (no end: for good).

    `look_at` is when a job must look at it next: whoever adds one without it makes the job look at once.
    """

    __tablename__ = "quota_topups"
    __table_args__ = (
        one_of("kind", QUOTA_KINDS),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("valid_until > valid_from", name="validity"),
        Index("ix_quota_topups_subscription_id", "subscription_id"),
        Index("ix_quota_topups_look_at", "look_at"),
        Index("ix_quota_topups_invoice_id", "invoice_id", postgresql_where=text("invoice_id IS NOT NULL")),
    )

    id: Mapped[Id]
    subscription_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10), server_default="data")
    amount: Mapped[int] = mapped_column(BigInteger)
    valid_from: Mapped[datetime] = mapped_column(server_default=func.now())
    valid_until: Mapped[datetime | None]
    look_at: Mapped[datetime | None] = mapped_column(server_default=func.now())
    # What it was sold with; given or sold by hand otherwise.
    invoice_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("invoices.id", ondelete="RESTRICT"))
    note: Mapped[str] = mapped_column(server_default="")
    created_by: Mapped[str] = mapped_column(String(255), server_default="")


class SubscriptionQuotaState(Base):
    """An allowance that was used up, until its period turns (empty: for good). Written by whoever counts."""

    __tablename__ = "subscription_quota_states"
    __table_args__ = (Index("ix_subscription_quota_states_until", "until"),)

    subscription_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True
    )
    quota_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("quotas.id", ondelete="CASCADE"), primary_key=True)
    used_amount: Mapped[int] = mapped_column(BigInteger)
    used_up_at: Mapped[datetime]
    until: Mapped[datetime | None]


class UsageAlert(Base):
    """So much of an allowance was used: one row for each period and level, for whoever tells the customer.

    `notified_at` stays empty until he was told. An allowance that never turns has its period on 1970-01-01.
    """

    __tablename__ = "usage_alerts"
    __table_args__ = (
        CheckConstraint("level_percent BETWEEN 1 AND 100", name="level_percent"),
        Index("ix_usage_alerts_untold", "created_at", postgresql_where=text("notified_at IS NULL")),
    )

    subscription_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True
    )
    quota_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("quotas.id", ondelete="CASCADE"), primary_key=True)
    period_start: Mapped[date] = mapped_column(Date, primary_key=True)
    level_percent: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    used_amount: Mapped[int] = mapped_column(BigInteger)
    limit_amount: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
    notified_at: Mapped[datetime | None]


class WalledGarden(TenantOwned, Timestamps, Base):
    """Where a customer who would be refused for `reason` ends instead; reason `*` is for every one without its own."""

    __tablename__ = "walled_gardens"
    __table_args__ = (
        UniqueConstraint("tenant_id", "reason"),
        CheckConstraint("download_kbps > 0 AND upload_kbps > 0", name="speed"),
        CheckConstraint("session_timeout_s >= 60", name="session_timeout_s"),
    )

    id: Mapped[Id]
    reason: Mapped[str] = mapped_column(String(40))
    address_list: Mapped[str | None] = mapped_column(String(100))
    ip_pool: Mapped[str | None] = mapped_column(String(100))
    download_kbps: Mapped[int] = mapped_column(Integer, server_default="512")
    upload_kbps: Mapped[int] = mapped_column(Integer, server_default="512")
    redirect_url: Mapped[str | None]
    session_timeout_s: Mapped[int] = mapped_column(Integer, server_default="3600")
    is_active: Mapped[bool] = mapped_column(server_default="true")


class BlockedMac(TenantOwned, Timestamps, Base):
    """A device that may use nothing of this provider."""

    __tablename__ = "blocked_macs"
    __table_args__ = (UniqueConstraint("tenant_id", "mac"),)

    id: Mapped[Id]
    mac: Mapped[str] = mapped_column(MACADDR)
    note: Mapped[str] = mapped_column(server_default="")
    created_by: Mapped[str] = mapped_column(String(255), server_default="")


class DecisionReceipt(Base):
    """What a compiled decision was made from and how; many rows of the access log name one. No password is in it.

    `last_used_on` is a day on which it was still in use, at most a week before the last.
    """

    __tablename__ = "decision_receipts"
    __table_args__ = (Index("ix_decision_receipts_last_used_on", "last_used_on"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    tenant_id: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[Json] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_on: Mapped[date] = mapped_column(Date)


class PlanReplyAttribute(TenantOwned, Timestamps, Base):
    """A reply attribute of everybody on a plan, beyond what the plan's own fields say."""

    __tablename__ = "plan_reply_attributes"
    __table_args__ = (
        one_of("op", REPLY_OPERATORS),
        Index("ix_plan_reply_attributes_service_plan_id", "service_plan_id"),
    )

    id: Mapped[Id]
    service_plan_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("service_plans.id", ondelete="CASCADE"))
    attribute: Mapped[str] = mapped_column(String(64))
    op: Mapped[str] = mapped_column(String(2), server_default="=")
    value: Mapped[str] = mapped_column(String(253))


class RadCheck(TenantOwned, Base):
    """An operator's own condition on a username, in the shape that tools of this field know."""

    __tablename__ = "radcheck"
    __table_args__ = (one_of("op", CHECK_OPERATORS), Index("ix_radcheck_username", "tenant_id", "username"))

    id: Mapped[Id]
    username: Mapped[str] = mapped_column(String(253))
    attribute: Mapped[str] = mapped_column(String(64))
    op: Mapped[str] = mapped_column(String(2), server_default="==")
    value: Mapped[str] = mapped_column(String(253))


class RadReply(TenantOwned, Base):
    """An operator's own reply attribute for a username; it wins over what the plan says."""

    __tablename__ = "radreply"
    __table_args__ = (one_of("op", REPLY_OPERATORS), Index("ix_radreply_username", "tenant_id", "username"))

    id: Mapped[Id]
    username: Mapped[str] = mapped_column(String(253))
    attribute: Mapped[str] = mapped_column(String(64))
    op: Mapped[str] = mapped_column(String(2), server_default="=")
    value: Mapped[str] = mapped_column(String(253))
