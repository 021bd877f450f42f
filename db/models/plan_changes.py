"""Changes of plan that were asked for: when they take effect and what they cost."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, Numeric, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, Id, TenantOwned, Timestamps, one_of
from db.models.plans import ServicePlan

PLAN_CHANGE_STATES = ("pending", "applied", "cancelled", "failed")
PENDING = text("status = 'pending'")


class PlanChange(TenantOwned, Timestamps, Base):
    """One change of a subscription's plan; at most one waits. `problem` says why one that was due could not be made."""

    __tablename__ = "plan_changes"
    __table_args__ = (
        one_of("status", PLAN_CHANGE_STATES),
        Index("ix_plan_changes_subscription", "subscription_id", "id"),
        Index("uq_plan_changes_pending", "subscription_id", unique=True, postgresql_where=PENDING),
        Index("ix_plan_changes_due", "effective_at", postgresql_where=PENDING),
    )

    id: Mapped[Id]
    subscription_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"))
    old_plan_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("service_plans.id", ondelete="RESTRICT"))
    new_plan_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("service_plans.id", ondelete="RESTRICT"))
    status: Mapped[str] = mapped_column(String(10), server_default="pending")
    effective_at: Mapped[datetime]
    period_start: Mapped[date | None]
    period_end: Mapped[date | None]
    days_left: Mapped[int] = mapped_column(Integer, server_default="0")
    credit: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    charge: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    invoice_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("invoices.id", ondelete="RESTRICT"))
    entry_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ledger_entries.id", ondelete="RESTRICT"))
    requested_by: Mapped[str] = mapped_column(String(255))
    closed_at: Mapped[datetime | None]
    problem: Mapped[str | None]
    old_plan: Mapped[ServicePlan] = relationship(foreign_keys=old_plan_id)
    new_plan: Mapped[ServicePlan] = relationship(foreign_keys=new_plan_id)
