"""Bills for many at once: runs with their progress, what each suspended, how customers want to be billed, notices.

A run is one for a provider and a local day, however many start it; where it stands is in its row, so that anybody can
go on with it.
"""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, Numeric, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Json, TenantOwned, Timestamps, one_of
from domain.billing import NOTICE_KINDS, RUN_KINDS, RUN_STATUSES
from domain.payments import METHODS


class BillingRun(TenantOwned, Timestamps, Base):
    """One run. `as_of` is the moment that it decides for, whenever its portions are worked on.

    `position` is the last customer who is done, `done` and `total` count what the customers' portions weigh.
    """

    __tablename__ = "billing_runs"
    __table_args__ = (
        one_of("kind", RUN_KINDS),
        one_of("status", RUN_STATUSES),
        Index("uq_billing_runs_day", "tenant_id", "kind", "day", unique=True, postgresql_where=text("NOT is_dry")),
        Index("ix_billing_runs_open", "id", postgresql_where=text("status = 'running'")),
        CheckConstraint("(status = 'stopped') = (stopped_because IS NOT NULL)", name="stopped"),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(12))
    day: Mapped[date]
    as_of: Mapped[datetime]
    is_dry: Mapped[bool] = mapped_column(server_default="false")
    status: Mapped[str] = mapped_column(String(10), server_default="running")
    # The provider's rules as they were when it began: all portions go by the same.
    rules: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    total: Mapped[int] = mapped_column(Integer, server_default="0")
    done: Mapped[int] = mapped_column(Integer, server_default="0")
    position: Mapped[int] = mapped_column(BigInteger, server_default="0")
    worked_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    worked_at: Mapped[datetime | None]
    # How many it found to suspend when it began, of how many that are active.
    to_suspend: Mapped[int] = mapped_column(Integer, server_default="0")
    active: Mapped[int] = mapped_column(Integer, server_default="0")
    # Whether it suspends at all, and whether a person has allowed it to suspend however many.
    suspends: Mapped[bool] = mapped_column(server_default="true")
    is_allowed: Mapped[bool] = mapped_column(server_default="false")
    marked_overdue: Mapped[int] = mapped_column(Integer, server_default="0")
    suspended: Mapped[int] = mapped_column(Integer, server_default="0")
    reminded: Mapped[int] = mapped_column(Integer, server_default="0")
    invoiced: Mapped[int] = mapped_column(Integer, server_default="0")
    invoiced_total: Mapped[Decimal] = mapped_column(Numeric(18, 2), server_default="0")
    paid: Mapped[int] = mapped_column(Integer, server_default="0")
    paid_total: Mapped[Decimal] = mapped_column(Numeric(18, 2), server_default="0")
    restored: Mapped[int] = mapped_column(Integer, server_default="0")
    skipped: Mapped[int] = mapped_column(Integer, server_default="0")
    stopped_because: Mapped[str | None] = mapped_column(String(20))
    requested_by: Mapped[str] = mapped_column(String(255))
    continued_by: Mapped[str | None] = mapped_column(String(255))
    continue_reason: Mapped[str | None] = mapped_column(String(255))
    finished_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None] = mapped_column(String(255))
    undo_reason: Mapped[str | None] = mapped_column(String(255))
    undone_restored: Mapped[int] = mapped_column(Integer, server_default="0")


class BillingRunTarget(Base):
    """A customer who pays, that a run has to look at; gone when the run is over."""

    __tablename__ = "billing_run_targets"

    run_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("billing_runs.id", ondelete="CASCADE"), primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    weight: Mapped[int] = mapped_column(Integer, server_default="1")


class BillingRunSuspension(Base):
    """A subscription that a run suspended; `suspended_at` tells that suspension from any later one."""

    __tablename__ = "billing_run_suspensions"
    __table_args__ = (Index("ix_billing_run_suspensions_subscription_id", "subscription_id"),)

    run_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("billing_runs.id", ondelete="CASCADE"), primary_key=True)
    subscription_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True
    )
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="CASCADE"))
    cause: Mapped[str] = mapped_column(String(20))
    days_late: Mapped[int | None] = mapped_column(Integer)
    owed: Mapped[Decimal] = mapped_column(Numeric(18, 2))
    suspended_at: Mapped[datetime]
    restored_at: Mapped[datetime | None]


class BillingProfile(TenantOwned, Timestamps, Base):
    """How a customer, or one subscription of his, wants to be billed: whom to write to, how it is paid, who pays."""

    __tablename__ = "billing_profiles"
    __table_args__ = (
        one_of("payment_method", METHODS),
        Index(
            "uq_billing_profiles_whose",
            "customer_id",
            "subscription_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("NOT parent_pays OR subscription_id IS NULL", name="parent_pays"),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="CASCADE"))
    subscription_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"), index=True
    )
    payment_method: Mapped[str | None] = mapped_column(String(20))
    contact_name: Mapped[str | None] = mapped_column(String(255))
    contact_phone: Mapped[str | None] = mapped_column(String(20))
    contact_email: Mapped[str | None] = mapped_column(String(255))
    contact_address: Mapped[str | None] = mapped_column(String(500))
    # The head of the family gets the invoices.
    parent_pays: Mapped[bool] = mapped_column(server_default="false")
    version: Mapped[int] = mapped_column(Integer, server_default="1")

    __mapper_args__ = {"version_id_col": version}


class CustomerNotice(TenantOwned, Base):
    """Something a customer is to be told, once: whoever sends messages takes it from here."""

    __tablename__ = "customer_notices"
    __table_args__ = (
        one_of("kind", NOTICE_KINDS),
        Index("uq_customer_notices_once", "tenant_id", "notice_key", unique=True),
        Index("ix_customer_notices_waiting", "id", postgresql_where=text("taken_at IS NULL")),
        Index("ix_customer_notices_customer", "customer_id", "id"),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(20))
    notice_key: Mapped[str] = mapped_column(String(120))
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="CASCADE"))
    subscription_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"))
    invoice_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("invoices.id", ondelete="CASCADE"))
    days: Mapped[int | None] = mapped_column(SmallInteger)
    facts: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
