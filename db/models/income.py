"""What is spent, what operators earn, and what customers get for recommending others. The books have all of it too."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Numeric, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, TenantOwned, Timestamps, one_of
from db.models.books import MONEY
from domain.payments import EXTERNAL

STANDS = text("reversed_at IS NULL")


class Expense(TenantOwned, Timestamps, Base):
    """Money that the provider spent. It is never changed: a mistake is taken back and written again."""

    __tablename__ = "expenses"
    __table_args__ = (
        one_of("method", EXTERNAL),
        CheckConstraint("amount > 0", name="amount"),
        UniqueConstraint("tenant_id", "request_key"),
        Index("ix_expenses_spent_on", "tenant_id", "spent_on", "id"),
    )

    id: Mapped[Id]
    category: Mapped[str] = mapped_column(String(50))
    amount: Mapped[Decimal] = mapped_column(MONEY)
    currency: Mapped[str] = mapped_column(String(3))
    method: Mapped[str] = mapped_column(String(20), server_default="cash")
    # The provider's local day.
    spent_on: Mapped[date]
    description: Mapped[str] = mapped_column(server_default="")
    reference: Mapped[str] = mapped_column(String(100), server_default="")
    request_key: Mapped[str | None] = mapped_column(String(120))
    entry_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ledger_entries.id", ondelete="RESTRICT"))
    reversed_at: Mapped[datetime | None]
    reverse_reason: Mapped[str | None] = mapped_column(String(255))
    recorded_by: Mapped[str] = mapped_column(String(255), server_default="")


class Commission(TenantOwned, Base):
    """What an operator earned by a payment: once for each, at the rate of the time."""

    __tablename__ = "commissions"
    __table_args__ = (
        UniqueConstraint("operator_id", "payment_id"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("rate > 0 AND rate <= 100", name="rate"),
        Index("ix_commissions_payment_id", "payment_id"),
        Index("ix_commissions_operator", "operator_id", "id"),
    )

    id: Mapped[Id]
    operator_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("operators.id", ondelete="RESTRICT"))
    payment_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("payments.id", ondelete="RESTRICT"))
    # Percent of the payment that is this operator's: his rate less what those below him on the way got.
    rate: Mapped[Decimal] = mapped_column(Numeric(5, 2))
    amount: Mapped[Decimal] = mapped_column(MONEY)
    currency: Mapped[str] = mapped_column(String(3))
    entry_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ledger_entries.id", ondelete="RESTRICT"))
    earned_at: Mapped[datetime]
    reversed_at: Mapped[datetime | None]


class ReferralReward(TenantOwned, Base):
    """Credit for a customer because one whom he recommended paid for the first time: one that stands for each."""

    __tablename__ = "referral_rewards"
    __table_args__ = (
        CheckConstraint("amount > 0 AND customer_id <> referred_id", name="amount"),
        Index("uq_referral_rewards_referred", "referred_id", unique=True, postgresql_where=STANDS),
        Index("ix_referral_rewards_customer", "customer_id", "id"),
        Index("ix_referral_rewards_payment_id", "payment_id"),
    )

    id: Mapped[Id]
    # Who gets it.
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="RESTRICT"))
    referred_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="RESTRICT"))
    payment_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("payments.id", ondelete="RESTRICT"))
    amount: Mapped[Decimal] = mapped_column(MONEY)
    currency: Mapped[str] = mapped_column(String(3))
    entry_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ledger_entries.id", ondelete="RESTRICT"))
    given_at: Mapped[datetime]
    reversed_at: Mapped[datetime | None]
