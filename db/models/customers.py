"""The people who pay: customers."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, Numeric, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, EncryptedText, Id, Json, TenantOwned, Timestamps, one_of
from domain.customer_record import CUSTOMER_TYPES, DEFAULT_COUNTRY, GENDERS
from domain.lifecycle import CUSTOMER_STATUSES

# What the search box looks through, as one text with one trigram index.
SEARCHED = (
    "(name || ' ' || customer_code || ' ' || coalesce(phone, '') || ' ' || coalesce(email, '')"
    " || ' ' || coalesce(whatsapp, ''))"
)
ALIVE = text("deleted_at IS NULL")


class Customer(TenantOwned, Timestamps, Base):
    """A person or company with one or more subscriptions."""

    __tablename__ = "customers"
    __table_args__ = (
        one_of("status", CUSTOMER_STATUSES),
        one_of("customer_type", CUSTOMER_TYPES),
        one_of("gender", GENDERS),
        CheckConstraint("latitude BETWEEN -90 AND 90", name="latitude"),
        CheckConstraint("longitude BETWEEN -180 AND 180", name="longitude"),
        CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="place"),
        CheckConstraint("parent_customer_id <> id AND referred_by_id <> id", name="not_itself"),
        Index("uq_customers_whatsapp", "tenant_id", "whatsapp", unique=True, postgresql_where=ALIVE),
        Index("uq_customers_referral_code", "tenant_id", "referral_code", unique=True),
        Index("ix_customers_created", "tenant_id", "created_at", "id", postgresql_where=ALIVE),
        Index("ix_customers_name", "tenant_id", "name", "id", postgresql_where=ALIVE),
        Index("ix_customers_balance", "tenant_id", "balance", "id", postgresql_where=ALIVE),
        Index(
            "ix_customers_debt_rank", "tenant_id", text("debt_rank(balance, updated_at)"), "id", postgresql_where=ALIVE
        ),
        Index(
            "ix_customers_to_forget",
            "tenant_id",
            "deleted_at",
            postgresql_where=text("deleted_at IS NOT NULL AND anonymized_at IS NULL"),
        ),
        Index("ix_customers_city", "tenant_id", "city"),
        Index("ix_customers_place", "latitude", "longitude", postgresql_where=text("latitude IS NOT NULL")),
        Index("uq_customers_code", "tenant_id", "customer_code", unique=True, postgresql_where=ALIVE),
        Index("uq_customers_email", "tenant_id", text("lower(email)"), unique=True, postgresql_where=ALIVE),
        Index("uq_customers_phone", "tenant_id", "phone", unique=True, postgresql_where=ALIVE),
        Index("ix_customers_status", "tenant_id", "status", "created_at", "id", postgresql_where=ALIVE),
        Index(
            "uq_customers_walk_in", "tenant_id", unique=True, postgresql_where=text("is_walk_in AND deleted_at IS NULL")
        ),
        Index("ix_customers_walk_ins", "id", postgresql_where=text("is_walk_in")),
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
    whatsapp: Mapped[str | None] = mapped_column(String(20))
    address: Mapped[str | None]
    apartment_number: Mapped[str | None] = mapped_column(String(50))
    house_number: Mapped[str | None] = mapped_column(String(50))
    city: Mapped[str | None] = mapped_column(String(100))
    province: Mapped[str | None] = mapped_column(String(100))
    postal_code: Mapped[str | None] = mapped_column(String(10))
    country: Mapped[str] = mapped_column(String(100), server_default=DEFAULT_COUNTRY)
    # How to find the place, in words, and on the map.
    location: Mapped[str | None]
    latitude: Mapped[Decimal | None] = mapped_column(Numeric(10, 8))
    longitude: Mapped[Decimal | None] = mapped_column(Numeric(11, 8))
    birth_date: Mapped[date | None]
    gender: Mapped[str | None] = mapped_column(String(10))
    id_card_number: Mapped[str | None] = mapped_column("id_card_number_enc", EncryptedText, deferred=True)
    company_name: Mapped[str | None] = mapped_column(String(255))
    tax_id: Mapped[str | None] = mapped_column(String(50))
    # What the provider wants to keep besides; `metadata` is taken by the ORM.
    details: Mapped[Json] = mapped_column("metadata", server_default=text("'{}'::jsonb"))
    status: Mapped[str] = mapped_column(String(20), server_default="prospect")
    suspend_reason: Mapped[str | None]
    customer_type: Mapped[str] = mapped_column(String(20), server_default="residential")
    language: Mapped[str] = mapped_column(String(5), server_default="id")
    registration_date: Mapped[date] = mapped_column(server_default=func.current_date())
    notes: Mapped[str] = mapped_column(server_default="")
    # What the provider owes the customer; below zero the customer owes. Kept by the books, read at every login.
    balance: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    credit_limit: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    # Whose customer it is; none means the provider's own.
    operator_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("operators.id", ondelete="RESTRICT"), index=True
    )
    # The head of the family this one belongs to, whose contacts it shares.
    parent_customer_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("customers.id", ondelete="RESTRICT"), index=True
    )
    referral_code: Mapped[str | None] = mapped_column(String(20))
    referred_by_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("customers.id", ondelete="SET NULL"), index=True
    )
    created_by_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="SET NULL"))
    created_by_name: Mapped[str | None] = mapped_column(String(255))
    anonymized_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    deleted_at: Mapped[datetime | None]
    # Who buys vouchers without giving a name. It has one subscription for each of them: far too many to load together,
    # so no customer has a collection of them here; `db.queries.owned` reads what is shown.
    is_walk_in: Mapped[bool] = mapped_column(server_default="false")

    __mapper_args__ = {"version_id_col": version}
