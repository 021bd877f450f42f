"""Money: the accounts and what was written on them, invoices and payments.

What is written on an account is never changed: triggers refuse it, keep each entry balanced, and keep the balances of
customers and operators. An invoice that is open or paid and a payment keep their amounts for the same reason; their
states move.
"""

from datetime import date, datetime
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
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, Id, TenantOwned, Timestamps, one_of
from domain.books import ACCOUNT_KINDS, ENTRY_KINDS
from domain.invoices import ITEM_TYPES, KINDS, STATUSES
from domain.payments import METHODS, PURPOSES
from domain.payments import STATUSES as PAYMENT_STATUSES

MONEY = Numeric(14, 2)
BALANCE = Numeric(18, 2)


class LedgerAccount(TenantOwned, Base):
    """One account. `balance` is the sum of its postings where it is a customer's or an operator's; elsewhere 0.

    The provider's own accounts have no running balance, because everybody who pays would wait for everybody else.
    """

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        one_of("kind", ACCOUNT_KINDS),
        Index(
            "uq_ledger_accounts_who",
            "tenant_id",
            "kind",
            "name",
            "customer_id",
            "operator_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_ledger_accounts_customer_id", "customer_id"),
        Index("ix_ledger_accounts_operator_id", "operator_id", postgresql_where=text("operator_id IS NOT NULL")),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(50), server_default="")
    customer_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="RESTRICT"))
    operator_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("operators.id", ondelete="RESTRICT"))
    balance: Mapped[Decimal] = mapped_column(BALANCE, server_default="0")


class LedgerEntry(TenantOwned, Base):
    """Something that happened to money. `event_key` says what, so that it is booked once."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        one_of("kind", ENTRY_KINDS),
        UniqueConstraint("tenant_id", "event_key"),
        Index("uq_ledger_entries_reverses_id", "reverses_id", unique=True),
        Index("ix_ledger_entries_customer", "customer_id", "id"),
        Index("ix_ledger_entries_occurred_at", "tenant_id", "occurred_at"),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(20))
    event_key: Mapped[str] = mapped_column(String(120))
    occurred_at: Mapped[datetime]
    customer_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="RESTRICT"))
    subscription_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("subscriptions.id", ondelete="RESTRICT"))
    # What people call the movement of a customer's balance: credit, debit, carry_over.
    balance_word: Mapped[str | None] = mapped_column(String(20))
    reference_type: Mapped[str] = mapped_column(String(30), server_default="")
    reference_id: Mapped[int | None] = mapped_column(BigInteger)
    reverses_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ledger_entries.id", ondelete="RESTRICT"))
    description: Mapped[str] = mapped_column(server_default="")
    actor_user_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="RESTRICT"))
    actor_name: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LedgerPosting(Base):
    """An amount on an account: a debit above zero, a credit below. All postings of an entry come in one statement."""

    __tablename__ = "ledger_postings"
    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount"),
        UniqueConstraint("entry_id", "account_id"),
        Index("ix_ledger_postings_account", "account_id", "id"),
    )

    id: Mapped[Id]
    entry_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ledger_entries.id", ondelete="RESTRICT"))
    account_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ledger_accounts.id", ondelete="RESTRICT"))
    amount: Mapped[Decimal] = mapped_column(MONEY)


class InvoiceItem(Base):
    """One line of an invoice."""

    __tablename__ = "invoice_items"
    __table_args__ = (one_of("item_type", ITEM_TYPES), UniqueConstraint("invoice_id", "position"))

    id: Mapped[Id]
    invoice_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("invoices.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(SmallInteger)
    item_type: Mapped[str] = mapped_column(String(20))
    description: Mapped[str] = mapped_column(String(255))
    quantity: Mapped[Decimal] = mapped_column(Numeric(12, 3), server_default="1")
    unit_price: Mapped[Decimal] = mapped_column(MONEY)
    amount: Mapped[Decimal] = mapped_column(MONEY)


class Invoice(TenantOwned, Timestamps, Base):
    """What a customer is asked to pay. The period is half-open, in the provider's local days."""

    __tablename__ = "invoices"
    __table_args__ = (
        one_of("kind", KINDS),
        one_of("status", STATUSES),
        UniqueConstraint("tenant_id", "invoice_number"),
        Index(
            "uq_invoices_request_key",
            "tenant_id",
            "request_key",
            unique=True,
            postgresql_where=text("request_key IS NOT NULL"),
        ),
        # One invoice for a period of a subscription, whatever crashes or runs twice.
        Index(
            "uq_invoices_period",
            "subscription_id",
            "period_start",
            unique=True,
            postgresql_where=text("kind = 'recurring' AND status <> 'cancelled'"),
        ),
        Index("ix_invoices_customer", "customer_id", "id"),
        Index(
            "ix_invoices_open",
            "tenant_id",
            "due_date",
            postgresql_where=text("status IN ('unpaid', 'overdue')"),
        ),
        Index(
            "ix_invoices_open_of_customer",
            "customer_id",
            "due_date",
            "id",
            postgresql_where=text("status IN ('unpaid', 'overdue')"),
        ),
        Index("ix_invoices_status", "tenant_id", "status", "id"),
        CheckConstraint("period_start < period_end", name="period"),
        CheckConstraint("subtotal - discount + tax = total", name="sums"),
        CheckConstraint("total >= 0 AND discount >= 0 AND tax >= 0", name="amounts"),
        CheckConstraint("(status IN ('paid', 'refunded')) = (paid_at IS NOT NULL)", name="paid_at"),
        CheckConstraint("status = 'draft' OR issued_at IS NOT NULL", name="issued_at"),
    )

    id: Mapped[Id]
    invoice_number: Mapped[str | None] = mapped_column(String(50))
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="RESTRICT"))
    subscription_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("subscriptions.id", ondelete="RESTRICT"), index=True
    )
    kind: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20), server_default="unpaid")
    period_start: Mapped[date | None]
    period_end: Mapped[date | None]
    # How many cycles it pays for: their end moves the subscription's when it is paid.
    terms: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    currency: Mapped[str] = mapped_column(String(3))
    subtotal: Mapped[Decimal] = mapped_column(MONEY)
    discount: Mapped[Decimal] = mapped_column(MONEY, server_default="0")
    discount_note: Mapped[str] = mapped_column(String(255), server_default="")
    tax_percent: Mapped[Decimal] = mapped_column(Numeric(5, 2), server_default="0")
    tax_included: Mapped[bool] = mapped_column(server_default="false")
    tax: Mapped[Decimal] = mapped_column(MONEY, server_default="0")
    total: Mapped[Decimal] = mapped_column(MONEY)
    due_date: Mapped[date]
    issued_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None] = mapped_column(String(255))
    entry_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ledger_entries.id", ondelete="RESTRICT"))
    run_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("billing_runs.id", ondelete="RESTRICT"), index=True
    )
    notes: Mapped[str] = mapped_column(server_default="")
    created_by: Mapped[str] = mapped_column(String(255), server_default="")
    # The request that it was written for, so that one that comes twice buys once.
    request_key: Mapped[str | None] = mapped_column(String(120))
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    items: Mapped[list[InvoiceItem]] = relationship(
        order_by=InvoiceItem.position, cascade="all, delete-orphan", lazy="selectin"
    )

    __mapper_args__ = {"version_id_col": version}


class Payment(TenantOwned, Timestamps, Base):
    """Money that came in, or is said to be coming. A request is recorded once: by its key, or by its gateway's id."""

    __tablename__ = "payments"
    __table_args__ = (
        one_of("method", METHODS),
        one_of("purpose", PURPOSES),
        one_of("status", PAYMENT_STATUSES),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("status NOT IN ('completed', 'refunded') OR receipt_number IS NOT NULL", name="receipt"),
        UniqueConstraint("tenant_id", "receipt_number"),
        UniqueConstraint("tenant_id", "request_key"),
        Index(
            "uq_payments_gateway",
            "tenant_id",
            "gateway",
            "gateway_transaction_id",
            unique=True,
            postgresql_where=text("gateway IS NOT NULL"),
        ),
        Index("ix_payments_customer", "customer_id", "id"),
        Index("ix_payments_invoice_id", "invoice_id"),
        Index("ix_payments_operator_id", "operator_id", postgresql_where=text("operator_id IS NOT NULL")),
        Index("ix_payments_expense_id", "expense_id", postgresql_where=text("expense_id IS NOT NULL")),
        Index("ix_payments_paid_at", "tenant_id", "paid_at"),
        CheckConstraint("(gateway IS NULL) = (gateway_transaction_id IS NULL)", name="gateway"),
    )

    id: Mapped[Id]
    receipt_number: Mapped[str | None] = mapped_column(String(50))
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="RESTRICT"))
    invoice_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("invoices.id", ondelete="RESTRICT"))
    subscription_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("subscriptions.id", ondelete="RESTRICT"))
    amount: Mapped[Decimal] = mapped_column(MONEY)
    currency: Mapped[str] = mapped_column(String(3))
    method: Mapped[str] = mapped_column(String(20), server_default="cash")
    purpose: Mapped[str] = mapped_column(String(20), server_default="invoice")
    category: Mapped[str] = mapped_column(String(50), server_default="")
    status: Mapped[str] = mapped_column(String(20), server_default="completed")
    reference: Mapped[str] = mapped_column(String(100), server_default="")
    gateway: Mapped[str | None] = mapped_column(String(20))
    gateway_transaction_id: Mapped[str | None] = mapped_column(String(100))
    gateway_status: Mapped[str | None] = mapped_column(String(40))
    request_key: Mapped[str | None] = mapped_column(String(120))
    paid_at: Mapped[datetime]
    refunded_at: Mapped[datetime | None]
    entry_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ledger_entries.id", ondelete="RESTRICT"))
    note: Mapped[str] = mapped_column(server_default="")
    recorded_by: Mapped[str] = mapped_column(String(255), server_default="")
    recorded_by_user_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="RESTRICT"))
    # Whose customer it was then; for other income, what the sold thing had cost.
    operator_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("operators.id", ondelete="RESTRICT"))
    expense_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("expenses.id", ondelete="RESTRICT"))


class InvoiceSettlement(Base):
    """How an invoice was paid: as a whole, out of the wallet, by the payment that made it possible where there was one.

    An invoice has one settlement that stands. What it was paid with again after a refund is a row of its own.
    """

    __tablename__ = "invoice_settlements"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount"),
        Index(
            "uq_invoice_settlements_invoice",
            "invoice_id",
            unique=True,
            postgresql_where=text("reversed_at IS NULL"),
        ),
        Index("ix_invoice_settlements_payment_id", "payment_id"),
    )

    id: Mapped[Id]
    invoice_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("invoices.id", ondelete="RESTRICT"))
    payment_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("payments.id", ondelete="RESTRICT"))
    entry_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("ledger_entries.id", ondelete="RESTRICT"))
    amount: Mapped[Decimal] = mapped_column(MONEY)
    settled_at: Mapped[datetime]
    reversed_at: Mapped[datetime | None]
    # What paying did to the subscription, to take it back when the money goes back.
    extended_from: Mapped[datetime | None]
    extended_to: Mapped[datetime | None]
