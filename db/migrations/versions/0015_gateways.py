"""Payment gateways: accounts there, orders, a log of every exchange, links to pay, and parked money."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")
_EMPTY = sa.text("'{}'::jsonb")
_TIME = sa.DateTime(timezone=True)
_TABLES = ("parked_payments", "gateway_orders", "payment_links", "gateway_log", "payment_gateways")


def upgrade() -> None:
    _payment_gateways()
    _gateway_log()
    _payment_links()
    _gateway_orders()
    _parked_payments()


def _payment_gateways() -> None:
    op.create_table(
        "payment_gateways",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("is_production", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("settings", postgresql.JSONB(), server_default=_EMPTY, nullable=False),
        sa.Column("secrets_enc", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.String(length=40), nullable=False),
        sa.Column("position", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("tested_at", _TIME, nullable=True),
        sa.Column("problem", sa.String(length=300), server_default="", nullable=False),
        sa.Column("last_webhook_at", _TIME, nullable=True),
        sa.Column("deleted_at", _TIME, nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint(
            "kind IN ('midtrans', 'xendit', 'mpesa', 'stripe', 'transfer')", name=op.f("ck_payment_gateways_kind")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_payment_gateways_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_gateways")),
        sa.UniqueConstraint("public_key", name=op.f("uq_payment_gateways_public_key")),
    )
    op.create_index(op.f("ix_payment_gateways_tenant_id"), "payment_gateways", ["tenant_id"], unique=False)
    op.create_index(
        "uq_payment_gateways_name",
        "payment_gateways",
        ["tenant_id", sa.literal_column("lower(name)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _gateway_log() -> None:
    op.create_table(
        "gateway_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("gateway_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.String(length=50), server_default="", nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("status", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claims", sa.String(length=80), server_default="", nullable=False),
        sa.Column("problem", sa.String(length=300), server_default="", nullable=False),
        sa.Column("request", postgresql.JSONB(), server_default=_EMPTY, nullable=False),
        sa.Column("response", postgresql.JSONB(), server_default=_EMPTY, nullable=False),
        sa.Column("took_ms", sa.Integer(), server_default="0", nullable=False),
        sa.Column("event_key", sa.String(length=300), nullable=True),
        sa.Column("repeats", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "event IN ('create', 'notification', 'status_check', 'cancel', 'refund', 'test', 'token')",
            name=op.f("ck_gateway_log_event"),
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["payment_gateways.id"], name=op.f("fk_gateway_log_gateway_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_gateway_log_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_log")),
    )
    op.create_index("ix_gateway_log_gateway", "gateway_log", ["gateway_id", "id"], unique=False)
    op.create_index("ix_gateway_log_order", "gateway_log", ["order_id", "id"], unique=False)
    op.create_index(op.f("ix_gateway_log_tenant_id"), "gateway_log", ["tenant_id"], unique=False)
    op.create_index(
        "uq_gateway_log_event",
        "gateway_log",
        ["gateway_id", "event_key"],
        unique=True,
        postgresql_where=sa.text("event_key IS NOT NULL"),
    )


def _payment_links() -> None:
    op.create_table(
        "payment_links",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("gateway_ids", postgresql.JSONB(), nullable=True),
        sa.Column("expires_at", _TIME, nullable=True),
        sa.Column("withdrawn_at", _TIME, nullable=True),
        sa.Column("paid_at", _TIME, nullable=True),
        sa.Column("open_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("click_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_opened_at", _TIME, nullable=True),
        sa.Column("sent_via", postgresql.JSONB(), server_default=_EMPTY, nullable=False),
        sa.Column("created_by", sa.String(length=255), server_default="", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint("(invoice_id IS NULL) <> (amount IS NULL)", name=op.f("ck_payment_links_what_for")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_payment_links_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoices.id"], name=op.f("fk_payment_links_invoice_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_payment_links_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_payment_links_token_hash")),
    )
    op.create_index("ix_payment_links_customer", "payment_links", ["customer_id", "id"], unique=False)
    op.create_index("ix_payment_links_invoice", "payment_links", ["invoice_id"], unique=False)
    op.create_index(op.f("ix_payment_links_tenant_id"), "payment_links", ["tenant_id"], unique=False)


def _gateway_orders() -> None:
    op.create_table(
        "gateway_orders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("gateway_id", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.String(length=50), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("link_id", sa.BigInteger(), nullable=True),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="created", nullable=False),
        sa.Column("reference", sa.String(length=255), server_default="", nullable=False),
        sa.Column("gateway_status", sa.String(length=60), server_default="", nullable=False),
        sa.Column("payment_type", sa.String(length=50), server_default="", nullable=False),
        sa.Column("transaction_id", sa.String(length=100), server_default="", nullable=False),
        sa.Column("page_key", sa.String(length=40), nullable=False),
        sa.Column("redirect_url", sa.Text(), nullable=True),
        sa.Column("instructions", postgresql.JSONB(), server_default=_EMPTY, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("next_check_at", _TIME, nullable=True),
        sa.Column("checked_at", _TIME, nullable=True),
        sa.Column("paid_at", _TIME, nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("refunded_amount", sa.Numeric(precision=14, scale=2), server_default="0", nullable=False),
        sa.Column("told_at", _TIME, nullable=True),
        sa.Column("change_ids", postgresql.JSONB(), nullable=True),
        sa.Column("problem", sa.String(length=300), server_default="", nullable=False),
        sa.Column("created_by", sa.String(length=255), server_default="", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint("(purpose = 'invoice') = (invoice_id IS NOT NULL)", name=op.f("ck_gateway_orders_what_for")),
        sa.CheckConstraint("purpose IN ('invoice', 'recharge')", name=op.f("ck_gateway_orders_purpose")),
        sa.CheckConstraint(
            "status IN ('created', 'pending', 'held', 'failed', 'expired', 'cancelled', 'paid', 'refunded')",
            name=op.f("ck_gateway_orders_status"),
        ),
        sa.CheckConstraint("amount > 0 AND refunded_amount >= 0", name=op.f("ck_gateway_orders_amounts")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_gateway_orders_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["payment_gateways.id"], name=op.f("fk_gateway_orders_gateway_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoices.id"], name=op.f("fk_gateway_orders_invoice_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["link_id"], ["payment_links.id"], name=op.f("fk_gateway_orders_link_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_gateway_orders_payment_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_gateway_orders_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_orders")),
        sa.UniqueConstraint("order_id", name=op.f("uq_gateway_orders_order_id")),
        sa.UniqueConstraint("page_key", name=op.f("uq_gateway_orders_page_key")),
    )
    op.create_index("ix_gateway_orders_customer", "gateway_orders", ["customer_id", "id"], unique=False)
    op.create_index(
        "ix_gateway_orders_due",
        "gateway_orders",
        ["next_check_at"],
        unique=False,
        postgresql_where=sa.text("next_check_at IS NOT NULL"),
    )
    op.create_index("ix_gateway_orders_invoice", "gateway_orders", ["invoice_id"], unique=False)
    op.create_index("ix_gateway_orders_reference", "gateway_orders", ["gateway_id", "reference"], unique=False)
    op.create_index("ix_gateway_orders_status", "gateway_orders", ["tenant_id", "status", "id"], unique=False)
    op.create_index(op.f("ix_gateway_orders_tenant_id"), "gateway_orders", ["tenant_id"], unique=False)


def _parked_payments() -> None:
    op.create_table(
        "parked_payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("gateway_id", sa.BigInteger(), nullable=False),
        sa.Column("gateway_order_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="open", nullable=False),
        sa.Column("order_id", sa.String(length=50), server_default="", nullable=False),
        sa.Column("reference", sa.String(length=255), server_default="", nullable=False),
        sa.Column("transaction_id", sa.String(length=100), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("expected", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("payment_type", sa.String(length=50), server_default="", nullable=False),
        sa.Column("payer", sa.String(length=200), server_default="", nullable=False),
        sa.Column("detail", sa.String(length=300), server_default="", nullable=False),
        sa.Column("paid_at", _TIME, nullable=True),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.String(length=500), server_default="", nullable=False),
        sa.Column("resolved_by", sa.String(length=255), server_default="", nullable=False),
        sa.Column("resolved_at", _TIME, nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint("(status = 'open') = (resolved_at IS NULL)", name=op.f("ck_parked_payments_resolved")),
        sa.CheckConstraint(
            "reason IN ('unknown_order', 'amount', 'currency', 'unconfirmed', 'not_booked', 'charged_back', 'refunded_there')",
            name=op.f("ck_parked_payments_reason"),
        ),
        sa.CheckConstraint(
            "status IN ('open', 'assigned', 'refunded', 'dismissed')", name=op.f("ck_parked_payments_status")
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["payment_gateways.id"], name=op.f("fk_parked_payments_gateway_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["gateway_order_id"], ["gateway_orders.id"], name=op.f("fk_parked_payments_gateway_order_id")
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_parked_payments_payment_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_parked_payments_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parked_payments")),
        sa.UniqueConstraint(
            "gateway_id", "transaction_id", "reason", name=op.f("uq_parked_payments_gateway_id_transaction_id_reason")
        ),
    )
    op.create_index(op.f("ix_parked_payments_gateway_order_id"), "parked_payments", ["gateway_order_id"], unique=False)
    op.create_index("ix_parked_payments_status", "parked_payments", ["tenant_id", "status", "id"], unique=False)
    op.create_index(op.f("ix_parked_payments_tenant_id"), "parked_payments", ["tenant_id"], unique=False)


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
