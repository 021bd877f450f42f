"""Resellers: operators and sub-operators inside one provider, and customers on their way from one to another."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, Numeric, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Json, TenantOwned, Timestamps, one_of
from domain.operators import MOST_LEVEL, OPEN_TRANSFERS, TRANSFER_STATUSES

_OPEN = ", ".join(f"'{status}'" for status in OPEN_TRANSFERS)


class Operator(TenantOwned, Timestamps, Base):
    """One who has customers of his own under the provider. The lower the level, the more power; the provider has 0."""

    __tablename__ = "operators"
    __table_args__ = (
        CheckConstraint(f"level BETWEEN 1 AND {MOST_LEVEL}", name="level"),
        CheckConstraint("commission_rate BETWEEN 0 AND 100", name="commission_rate"),
        Index("uq_operators_name", "tenant_id", text("lower(name)"), unique=True),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(150))
    parent_operator_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("operators.id", ondelete="RESTRICT"), index=True
    )
    level: Mapped[int] = mapped_column(SmallInteger)
    phone: Mapped[str | None] = mapped_column(String(20))
    email: Mapped[str | None] = mapped_column(String(255))
    # Percent of what his customers pay.
    commission_rate: Mapped[Decimal] = mapped_column(Numeric(5, 2), server_default="0")
    is_active: Mapped[bool] = mapped_column(server_default="true")
    version: Mapped[int] = mapped_column(Integer, server_default="1")

    __mapper_args__ = {"version_id_col": version}


class CustomerTransfer(TenantOwned, Timestamps, Base):
    """A customer asked for by, or offered to, another operator. No operator stands for the provider itself."""

    __tablename__ = "customer_transfers"
    __table_args__ = (
        one_of("status", TRANSFER_STATUSES),
        Index(
            "uq_customer_transfers_open",
            "customer_id",
            unique=True,
            postgresql_where=text(f"status IN ({_OPEN})"),
        ),
        Index("ix_customer_transfers_status", "tenant_id", "status"),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="RESTRICT"), index=True)
    from_operator_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("operators.id", ondelete="RESTRICT"))
    to_operator_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("operators.id", ondelete="RESTRICT"))
    status: Mapped[str] = mapped_column(String(20), server_default="requested")
    note: Mapped[str] = mapped_column(server_default="")
    requested_by: Mapped[str] = mapped_column(String(255))
    confirmed_from_at: Mapped[datetime | None]
    confirmed_from_by: Mapped[str | None] = mapped_column(String(255))
    confirmed_to_at: Mapped[datetime | None]
    confirmed_to_by: Mapped[str | None] = mapped_column(String(255))
    # What went along when it was done: how many subscriptions and open invoices, what is owed, the balance.
    handed_over: Mapped[Json | None]
    done_at: Mapped[datetime | None]
