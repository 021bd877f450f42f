"""Vouchers: batches with their terms, the codes of each, and sheets on their way to paper."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, Id, Json, TenantOwned, Timestamps, one_of
from db.models.operators import Operator
from db.models.plans import ServicePlan
from domain.voucher import BATCH_KINDS, SHEET_STATES, VOUCHER_STATES


class VoucherBatch(TenantOwned, Timestamps, Base):
    """Vouchers that were made together and are worth the same.

    `access` logs in at a hotspot on its plan, or lengthens a customer's subscription; `credit` is money for somebody's
    balance. What is sold is sold at `price`; `commission_percent` of it is the operator's.
    """

    __tablename__ = "voucher_batches"
    __table_args__ = (
        one_of("kind", BATCH_KINDS),
        UniqueConstraint("tenant_id", "name"),
        CheckConstraint(
            "(kind = 'credit') = (credit IS NOT NULL) AND (kind = 'access') = (service_plan_id IS NOT NULL)",
            name="worth",
        ),
        CheckConstraint("price >= 0 AND credit > 0", name="money"),
        CheckConstraint("commission_percent BETWEEN 0 AND 100", name="commission_percent"),
        CheckConstraint("validity_s > 0 AND time_limit_s > 0 AND data_limit_bytes > 0", name="limits"),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(50))
    kind: Mapped[str] = mapped_column(String(10), server_default="access")
    service_plan_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("service_plans.id", ondelete="RESTRICT"), index=True
    )
    operator_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("operators.id", ondelete="RESTRICT"), index=True
    )
    prefix: Mapped[str] = mapped_column(String(10), server_default="")
    code_pattern: Mapped[str] = mapped_column(String(40), server_default="XXXX-XXXX-XXXX")
    price: Mapped[Decimal] = mapped_column(Numeric(14, 2), server_default="0")
    commission_percent: Mapped[Decimal] = mapped_column(Numeric(5, 2), server_default="0")
    credit: Mapped[Decimal | None] = mapped_column(Numeric(14, 2))
    validity_s: Mapped[int | None] = mapped_column(BigInteger)
    time_limit_s: Mapped[int | None] = mapped_column(BigInteger)
    data_limit_bytes: Mapped[int | None] = mapped_column(BigInteger)
    binds_mac: Mapped[bool] = mapped_column(server_default="false")
    sell_until: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(server_default="")
    created_by: Mapped[str] = mapped_column(String(255), server_default="")
    plan: Mapped[ServicePlan | None] = relationship(lazy="selectin")
    operator: Mapped[Operator | None] = relationship(lazy="selectin")


def _where_set(column: str) -> Index:
    return Index(f"ix_vouchers_{column}", column, postgresql_where=text(f"{column} IS NOT NULL"))


class Voucher(TenantOwned, Timestamps, Base):
    """One code. For access it is a hotspot login of its own: the username of its subscription is the code.

    `validity_s` runs from the first login; allowances of time and data are quotas of period `total`. A voucher that was
    redeemed is used, and logs in nowhere any more.
    """

    __tablename__ = "vouchers"
    __table_args__ = (
        one_of("state", VOUCHER_STATES),
        UniqueConstraint("subscription_id"),
        UniqueConstraint("tenant_id", "code"),
        CheckConstraint("validity_s > 0", name="validity_s"),
        CheckConstraint(
            "(sold_at IS NULL) = (sold_by IS NULL) AND (sold_at IS NOT NULL OR payment_id IS NULL)", name="sold"
        ),
        CheckConstraint(
            "(redeemed_at IS NULL) = (redeemed_by IS NULL) AND (redeemed_at IS NULL) = (redeemed_customer_id IS NULL)"
            " AND (redeemed_at IS NULL OR state = 'used')",
            name="redeemed",
        ),
        Index("ix_vouchers_batch", "batch_id", "id"),
        _where_set("payment_id"),
        _where_set("redeemed_customer_id"),
        _where_set("redeemed_subscription_id"),
    )

    id: Mapped[Id]
    batch_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("voucher_batches.id", ondelete="RESTRICT"))
    subscription_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("subscriptions.id", ondelete="CASCADE"))
    code: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10), server_default="unused")
    validity_s: Mapped[int | None] = mapped_column(BigInteger)
    binds_mac: Mapped[bool] = mapped_column(server_default="false")
    sell_until: Mapped[datetime | None]
    first_used_at: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    sold_at: Mapped[datetime | None]
    sold_by: Mapped[str | None] = mapped_column(String(255))
    payment_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("payments.id", ondelete="RESTRICT"))
    redeemed_at: Mapped[datetime | None]
    redeemed_by: Mapped[str | None] = mapped_column(String(255))
    redeemed_customer_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("customers.id", ondelete="RESTRICT")
    )
    redeemed_subscription_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("subscriptions.id", ondelete="SET NULL")
    )
    # None only for a code that somebody wrote by SQL.
    batch: Mapped[VoucherBatch | None] = relationship(lazy="selectin")

    @property
    def batch_name(self) -> str:
        """The name of its batch, or nothing."""
        return "" if self.batch is None else self.batch.name


class VoucherSheet(TenantOwned, Timestamps, Base):
    """A sheet of vouchers being printed in the background, and for a day the PDF that came of it."""

    __tablename__ = "voucher_sheets"
    __table_args__ = (
        one_of("state", SHEET_STATES),
        CheckConstraint("(state = 'done') = (pdf IS NOT NULL)", name="pdf"),
        Index("ix_voucher_sheets_waiting", "id", postgresql_where=text("state IN ('waiting', 'running')")),
    )

    id: Mapped[Id]
    batch_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("voucher_batches.id", ondelete="CASCADE"), index=True)
    options: Mapped[Json]
    state: Mapped[str] = mapped_column(String(10), server_default="waiting")
    total_count: Mapped[int] = mapped_column(Integer, server_default="0")
    done_count: Mapped[int] = mapped_column(Integer, server_default="0")
    problem: Mapped[str] = mapped_column(server_default="")
    pdf: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    asked_by: Mapped[str] = mapped_column(String(255))
    claimed_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    batch: Mapped[VoucherBatch] = relationship(lazy="selectin")
