"""Payment gateways: the provider's accounts there, what was ordered, what was said, links to pay, and parked money."""

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
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, EncryptedText, Id, Json, TenantOwned, Timestamps, one_of
from domain.gateway import KINDS, MAX_ORDER_ID, PARKED_REASONS, PARKED_STATES, PURPOSES, STATUSES

MONEY = Numeric(14, 2)
EVENTS = ("create", "notification", "status_check", "cancel", "refund", "test", "token")


class PaymentGateway(TenantOwned, Timestamps, Base):
    """One account of the provider at a gateway; several may be in use at once, also of one kind."""

    __tablename__ = "payment_gateways"
    __table_args__ = (
        one_of("kind", KINDS),
        Index(
            "uq_payment_gateways_name",
            "tenant_id",
            text("lower(name)"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(20))
    # What payers read.
    name: Mapped[str] = mapped_column(String(80))
    is_active: Mapped[bool] = mapped_column(server_default="true")
    is_production: Mapped[bool] = mapped_column(server_default="false")
    settings: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    # JSON of the keys, encrypted as one.
    secrets: Mapped[str] = mapped_column("secrets_enc", EncryptedText, deferred=True)
    # In the address of its webhooks. It says whose they are and proves nothing.
    public_key: Mapped[str] = mapped_column(String(40), unique=True)
    position: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    tested_at: Mapped[datetime | None]
    # What the last test came to; empty when the keys opened the door.
    problem: Mapped[str] = mapped_column(String(300), server_default="")
    last_webhook_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default="1")


class PaymentLink(TenantOwned, Timestamps, Base):
    """An address at which one customer pays one invoice, or tops up. Only a hash of its token is kept."""

    __tablename__ = "payment_links"
    __table_args__ = (
        CheckConstraint("(invoice_id IS NULL) <> (amount IS NULL)", name="what_for"),
        Index("ix_payment_links_invoice", "invoice_id"),
        Index("ix_payment_links_customer", "customer_id", "id"),
    )

    id: Mapped[Id]
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="RESTRICT"))
    invoice_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("invoices.id", ondelete="RESTRICT"))
    amount: Mapped[Decimal | None] = mapped_column(MONEY)
    # Which gateways it offers; none means all that are in use.
    gateway_ids: Mapped[list[int] | None] = mapped_column(JSONB)
    expires_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    open_count: Mapped[int] = mapped_column(Integer, server_default="0")
    click_count: Mapped[int] = mapped_column(Integer, server_default="0")
    last_opened_at: Mapped[datetime | None]
    # By which channels it was sent, and when.
    sent_via: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    created_by: Mapped[str] = mapped_column(String(255), server_default="")


class GatewayOrder(TenantOwned, Timestamps, Base):
    """One try to pay at a gateway. Its state only gives way to one that says more (`domain.gateway`)."""

    __tablename__ = "gateway_orders"
    __table_args__ = (
        one_of("status", STATUSES),
        one_of("purpose", PURPOSES),
        CheckConstraint("amount > 0 AND refunded_amount >= 0", name="amounts"),
        CheckConstraint("(purpose = 'invoice') = (invoice_id IS NOT NULL)", name="what_for"),
        Index("ix_gateway_orders_reference", "gateway_id", "reference"),
        Index("ix_gateway_orders_invoice", "invoice_id"),
        Index("ix_gateway_orders_customer", "customer_id", "id"),
        Index("ix_gateway_orders_due", "next_check_at", postgresql_where=text("next_check_at IS NOT NULL")),
        Index("ix_gateway_orders_status", "tenant_id", "status", "id"),
    )

    id: Mapped[Id]
    gateway_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("payment_gateways.id", ondelete="RESTRICT"))
    order_id: Mapped[str] = mapped_column(String(MAX_ORDER_ID), unique=True)
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="RESTRICT"))
    invoice_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("invoices.id", ondelete="RESTRICT"))
    link_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("payment_links.id", ondelete="SET NULL"))
    purpose: Mapped[str] = mapped_column(String(20))
    amount: Mapped[Decimal] = mapped_column(MONEY)
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(20), server_default="created")
    # The gateway's own name for it, its own word for the state, and how it was paid in the gateway's words.
    reference: Mapped[str] = mapped_column(String(255), server_default="")
    gateway_status: Mapped[str] = mapped_column(String(60), server_default="")
    payment_type: Mapped[str] = mapped_column(String(50), server_default="")
    transaction_id: Mapped[str] = mapped_column(String(100), server_default="")
    # In the address to which the payer comes back.
    page_key: Mapped[str] = mapped_column(String(40), unique=True)
    redirect_url: Mapped[str | None]
    instructions: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    expires_at: Mapped[datetime]
    next_check_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    payment_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("payments.id", ondelete="RESTRICT"))
    refunded_amount: Mapped[Decimal] = mapped_column(MONEY, server_default="0")
    # When we learned that it is paid, and the changes of running sessions that this caused: how long paying took.
    told_at: Mapped[datetime | None]
    change_ids: Mapped[list[int] | None] = mapped_column(JSONB)
    problem: Mapped[str] = mapped_column(String(300), server_default="")
    created_by: Mapped[str] = mapped_column(String(255), server_default="")
    gateway: Mapped[PaymentGateway] = relationship(lazy="joined", innerjoin=True)


class GatewayLog(TenantOwned, Base):
    """What was said between us and a gateway, without secrets. A webhook is there once, with how often it came."""

    __tablename__ = "gateway_log"
    __table_args__ = (
        one_of("event", EVENTS),
        Index("ix_gateway_log_order", "order_id", "id"),
        Index("ix_gateway_log_gateway", "gateway_id", "id"),
        Index(
            "uq_gateway_log_event",
            "gateway_id",
            "event_key",
            unique=True,
            postgresql_where=text("event_key IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    gateway_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("payment_gateways.id", ondelete="CASCADE"))
    order_id: Mapped[str] = mapped_column(String(MAX_ORDER_ID), server_default="")
    event: Mapped[str] = mapped_column(String(20))
    # The HTTP status of the answer, 0 where none came; what a webhook claims, or what was wrong.
    status: Mapped[int] = mapped_column(Integer, server_default="0")
    claims: Mapped[str] = mapped_column(String(80), server_default="")
    problem: Mapped[str] = mapped_column(String(300), server_default="")
    request: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    response: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    took_ms: Mapped[int] = mapped_column(Integer, server_default="0")
    event_key: Mapped[str | None] = mapped_column(String(300))
    repeats: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ParkedPayment(TenantOwned, Timestamps, Base):
    """Money at a gateway that nobody may guess about: a person assigns it, gives it back or dismisses it."""

    __tablename__ = "parked_payments"
    __table_args__ = (
        one_of("reason", PARKED_REASONS),
        one_of("status", PARKED_STATES),
        UniqueConstraint("gateway_id", "transaction_id", "reason"),
        Index("ix_parked_payments_status", "tenant_id", "status", "id"),
        CheckConstraint("(status = 'open') = (resolved_at IS NULL)", name="resolved"),
    )

    id: Mapped[Id]
    gateway_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("payment_gateways.id", ondelete="RESTRICT"))
    gateway_order_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("gateway_orders.id"), index=True)
    reason: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20), server_default="open")
    # As the gateway names them; the order may be nobody's.
    order_id: Mapped[str] = mapped_column(String(MAX_ORDER_ID), server_default="")
    reference: Mapped[str] = mapped_column(String(255), server_default="")
    transaction_id: Mapped[str] = mapped_column(String(100))
    amount: Mapped[Decimal] = mapped_column(MONEY)
    currency: Mapped[str] = mapped_column(String(3))
    expected: Mapped[Decimal | None] = mapped_column(MONEY)
    payment_type: Mapped[str] = mapped_column(String(50), server_default="")
    payer: Mapped[str] = mapped_column(String(200), server_default="")
    detail: Mapped[str] = mapped_column(String(300), server_default="")
    paid_at: Mapped[datetime | None]
    payment_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("payments.id", ondelete="RESTRICT"))
    note: Mapped[str] = mapped_column(String(500), server_default="")
    resolved_by: Mapped[str] = mapped_column(String(255), server_default="")
    resolved_at: Mapped[datetime | None]
    gateway: Mapped[PaymentGateway] = relationship(lazy="joined", innerjoin=True)
