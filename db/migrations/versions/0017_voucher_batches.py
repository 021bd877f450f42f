"""Voucher batches with their terms, price and seller; vouchers sold, redeemed or worth money; sheets, and the letterhead."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_NEW_COLUMNS = (
    ("batch_id", sa.BigInteger()),
    ("sold_at", _MOMENT),
    ("sold_by", sa.String(length=255)),
    ("payment_id", sa.BigInteger()),
    ("redeemed_at", _MOMENT),
    ("redeemed_by", sa.String(length=255)),
    ("redeemed_customer_id", sa.BigInteger()),
    ("redeemed_subscription_id", sa.BigInteger()),
)
_FOREIGN = (
    ("batch_id", "voucher_batches", "RESTRICT"),
    ("payment_id", "payments", "RESTRICT"),
    ("redeemed_customer_id", "customers", "RESTRICT"),
    ("redeemed_subscription_id", "subscriptions", "SET NULL"),
)
# Until now a batch was a word on each of its vouchers. Those without one become a batch, too.
_WORD = "CASE WHEN v.batch = '' THEN '(unnamed)' ELSE v.batch END"
_MAKE_BATCHES = f"""
INSERT INTO voucher_batches (tenant_id, name, kind, service_plan_id, validity_s, binds_mac, sell_until, created_by,
    created_at)
SELECT DISTINCT ON (v.tenant_id, {_WORD}) v.tenant_id, {_WORD}, 'access', s.service_plan_id, v.validity_s, v.binds_mac,
    v.sell_until, '', v.created_at
FROM vouchers v JOIN subscriptions s ON s.id = v.subscription_id ORDER BY v.tenant_id, {_WORD}, v.id
"""  # noqa: S608 - our own text
_JOIN_BATCHES = f"""
UPDATE vouchers v SET batch_id = b.id FROM voucher_batches b WHERE b.tenant_id = v.tenant_id AND b.name = {_WORD}
"""  # noqa: S608 - our own text


def upgrade() -> None:
    _batches()
    _vouchers()
    _sheets()
    _letterheads()


def _letterheads() -> None:
    texts = ("address", "contact", "tax_id", "bank", "footer", "logo", "hotspot_login_url", "voucher_note")
    op.create_table(
        "letterheads",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text(), server_default="", nullable=False) for name in texts),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_letterheads_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_letterheads")),
    )


def _batches() -> None:
    op.create_table(
        "voucher_batches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("kind", sa.String(length=10), server_default="access", nullable=False),
        sa.Column("service_plan_id", sa.BigInteger(), nullable=True),
        sa.Column("operator_id", sa.BigInteger(), nullable=True),
        sa.Column("prefix", sa.String(length=10), server_default="", nullable=False),
        sa.Column("code_pattern", sa.String(length=40), server_default="XXXX-XXXX-XXXX", nullable=False),
        sa.Column("price", sa.Numeric(precision=14, scale=2), server_default="0", nullable=False),
        sa.Column("commission_percent", sa.Numeric(precision=5, scale=2), server_default="0", nullable=False),
        sa.Column("credit", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("validity_s", sa.BigInteger(), nullable=True),
        sa.Column("time_limit_s", sa.BigInteger(), nullable=True),
        sa.Column("data_limit_bytes", sa.BigInteger(), nullable=True),
        sa.Column("binds_mac", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("sell_until", _MOMENT, nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_by", sa.String(length=255), server_default="", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('access', 'credit')", name=op.f("ck_voucher_batches_kind")),
        sa.CheckConstraint(
            "(kind = 'credit') = (credit IS NOT NULL) AND (kind = 'access') = (service_plan_id IS NOT NULL)",
            name=op.f("ck_voucher_batches_worth"),
        ),
        sa.CheckConstraint("price >= 0 AND credit > 0", name=op.f("ck_voucher_batches_money")),
        sa.CheckConstraint("commission_percent BETWEEN 0 AND 100", name=op.f("ck_voucher_batches_commission_percent")),
        sa.CheckConstraint(
            "validity_s > 0 AND time_limit_s > 0 AND data_limit_bytes > 0", name=op.f("ck_voucher_batches_limits")
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_voucher_batches_operator_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["service_plan_id"],
            ["service_plans.id"],
            name=op.f("fk_voucher_batches_service_plan_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_voucher_batches_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_batches")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_voucher_batches_tenant_id_name")),
    )
    op.create_index(op.f("ix_voucher_batches_operator_id"), "voucher_batches", ["operator_id"])
    op.create_index(op.f("ix_voucher_batches_service_plan_id"), "voucher_batches", ["service_plan_id"])
    op.create_index(op.f("ix_voucher_batches_tenant_id"), "voucher_batches", ["tenant_id"])


def _vouchers() -> None:
    for name, kind in _NEW_COLUMNS:
        op.add_column("vouchers", sa.Column(name, kind, nullable=True))
    op.execute(_MAKE_BATCHES)
    op.execute(_JOIN_BATCHES)
    op.drop_index("ix_vouchers_batch", table_name="vouchers")
    op.drop_column("vouchers", "batch")
    # A voucher that is worth money logs in nowhere.
    op.alter_column("vouchers", "subscription_id", nullable=True)
    for column, table, on_delete in _FOREIGN:
        op.create_foreign_key(op.f(f"fk_vouchers_{column}"), "vouchers", table, [column], ["id"], ondelete=on_delete)
    op.create_index("ix_vouchers_batch", "vouchers", ["batch_id", "id"])
    for column, _, _ in _FOREIGN[1:]:
        op.create_index(
            f"ix_vouchers_{column}", "vouchers", [column], postgresql_where=sa.text(f"{column} IS NOT NULL")
        )
    op.create_check_constraint(
        op.f("ck_vouchers_sold"),
        "vouchers",
        "(sold_at IS NULL) = (sold_by IS NULL) AND (sold_at IS NOT NULL OR payment_id IS NULL)",
    )
    op.create_check_constraint(
        op.f("ck_vouchers_redeemed"),
        "vouchers",
        "(redeemed_at IS NULL) = (redeemed_by IS NULL) AND (redeemed_at IS NULL) = (redeemed_customer_id IS NULL)"
        " AND (redeemed_at IS NULL OR state = 'used')",
    )


def _sheets() -> None:
    op.create_table(
        "voucher_sheets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="waiting", nullable=False),
        sa.Column("total_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.Column("pdf", sa.LargeBinary(), nullable=True),
        sa.Column("asked_by", sa.String(length=255), nullable=False),
        sa.Column("claimed_until", _MOMENT, nullable=True),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name=op.f("ck_voucher_sheets_state")),
        sa.CheckConstraint("(state = 'done') = (pdf IS NOT NULL)", name=op.f("ck_voucher_sheets_pdf")),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["voucher_batches.id"], name=op.f("fk_voucher_sheets_batch_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_voucher_sheets_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_sheets")),
    )
    op.create_index(op.f("ix_voucher_sheets_batch_id"), "voucher_sheets", ["batch_id"])
    op.create_index(op.f("ix_voucher_sheets_tenant_id"), "voucher_sheets", ["tenant_id"])
    op.create_index(
        "ix_voucher_sheets_waiting",
        "voucher_sheets",
        ["id"],
        postgresql_where=sa.text("state IN ('waiting', 'running')"),
    )


def downgrade() -> None:
    op.drop_table("letterheads")
    op.drop_table("voucher_sheets")
    op.drop_constraint(op.f("ck_vouchers_redeemed"), "vouchers")
    op.drop_constraint(op.f("ck_vouchers_sold"), "vouchers")
    op.drop_index("ix_vouchers_batch", table_name="vouchers")
    for column, _, _ in _FOREIGN[1:]:
        op.drop_index(f"ix_vouchers_{column}", table_name="vouchers")
    op.execute("DELETE FROM vouchers WHERE subscription_id IS NULL")
    op.alter_column("vouchers", "subscription_id", nullable=False)
    op.add_column("vouchers", sa.Column("batch", sa.String(length=50), server_default="", nullable=False))
    op.execute("UPDATE vouchers v SET batch = b.name FROM voucher_batches b WHERE b.id = v.batch_id")
    for name, _ in reversed(_NEW_COLUMNS):
        op.drop_column("vouchers", name)
    op.create_index("ix_vouchers_batch", "vouchers", ["tenant_id", "batch"], unique=False)
    op.drop_table("voucher_batches")
