"""The people who pay: customers."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Index, Integer, Numeric, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, TenantOwned, Timestamps, one_of
from domain.lifecycle import CUSTOMER_STATUSES

CUSTOMER_TYPES = ("residential", "business", "enterprise")
# What the search box looks through, as one text with one trigram index.
SEARCHED = "(name || ' ' || customer_code || ' ' || coalesce(phone, '') || ' ' || coalesce(email, ''))"
ALIVE = text("deleted_at IS NULL")


class Customer(TenantOwned, Timestamps, Base):
    """A person or company with one or more subscriptions."""

    __tablename__ = "customers"
    __table_args__ = (
        one_of("status", CUSTOMER_STATUSES),
        one_of("customer_type", CUSTOMER_TYPES),
        Index("uq_customers_code", "tenant_id", "customer_code", unique=True, postgresql_where=ALIVE),
        Index("uq_customers_email", "tenant_id", text("lower(email)"), unique=True, postgresql_where=ALIVE),
        Index("uq_customers_phone", "tenant_id", "phone", unique=True, postgresql_where=ALIVE),
        Index("ix_customers_status", "tenant_id", "status"),
        Index(
            "uq_customers_walk_in", "tenant_id", unique=True, postgresql_where=text("is_walk_in AND deleted_at IS NULL")
        ),
        CheckConstraint("credit_limit >= 0", name="credit_limit"),
        Index(
            "ix_customers_search",
            text(SEARCHED + " gin_trgm_ops"),
            postgresql_using="gin",
        ),
    )

    id: Mapped[Id]
    customer_code: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(255))
    phone: Mapped[str | None] = mapped_column(String(20))
    address: Mapped[str | None]
    city: Mapped[str | None] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), server_default="prospect")
    suspend_reason: Mapped[str | None]
    customer_type: Mapped[str] = mapped_column(String(20), server_default="residential")
    language: Mapped[str] = mapped_column(String(5), server_default="id")
    registration_date: Mapped[date] = mapped_column(server_default=func.current_date())
    notes: Mapped[str] = mapped_column(server_default="")
    # What the provider owes the customer; below zero the customer owes. Kept by the books, read at every login.
    balance: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    credit_limit: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    deleted_at: Mapped[datetime | None]
    # Who buys vouchers without giving a name. It has one subscription for each of them: far too many to load together,
    # so no customer has a collection of them here; `db.queries.owned` reads what is shown.
    is_walk_in: Mapped[bool] = mapped_column(server_default="false")

    __mapper_args__ = {"version_id_col": version}
