"""Changes of plan with what they cost, and what is done once at the beginning or the end of a subscription."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_MONEY = sa.Numeric(precision=14, scale=2)


def _columns() -> tuple[sa.Column[Any], ...]:
    """Made anew for each table that they are added to."""
    return (
        sa.Column("cancel_at_period_end", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("installation_address", sa.Text(), nullable=True),
        sa.Column("installation_date", sa.Date(), nullable=True),
        sa.Column("installation_fee", _MONEY, server_default="0", nullable=False),
        sa.Column("fees_billed_at", sa.DateTime(timezone=True), nullable=True),
    )


def upgrade() -> None:
    for column in _columns():
        op.add_column("subscriptions", column)
    op.create_check_constraint(
        op.f("ck_subscriptions_installation_fee"), "subscriptions", "installation_fee >= 0 AND setup_fee >= 0"
    )
    op.create_table(
        "plan_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("old_plan_id", sa.BigInteger(), nullable=False),
        sa.Column("new_plan_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), server_default="pending", nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("days_left", sa.Integer(), server_default="0", nullable=False),
        sa.Column("credit", _MONEY, server_default="0", nullable=False),
        sa.Column("charge", _MONEY, server_default="0", nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'applied', 'cancelled', 'failed')", name=op.f("ck_plan_changes_status")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_plan_changes_subscription_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["old_plan_id"], ["service_plans.id"], name=op.f("fk_plan_changes_old_plan_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["new_plan_id"], ["service_plans.id"], name=op.f("fk_plan_changes_new_plan_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoices.id"], name=op.f("fk_plan_changes_invoice_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger_entries.id"], name=op.f("fk_plan_changes_entry_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_plan_changes_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_changes")),
    )
    op.create_index(op.f("ix_plan_changes_tenant_id"), "plan_changes", ["tenant_id"])
    op.create_index("ix_plan_changes_subscription", "plan_changes", ["subscription_id", "id"])
    op.create_index(
        "uq_plan_changes_pending",
        "plan_changes",
        ["subscription_id"],
        unique=True,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_plan_changes_due", "plan_changes", ["effective_at"], postgresql_where=sa.text("status = 'pending'")
    )


def downgrade() -> None:
    op.drop_table("plan_changes")
    op.drop_constraint(op.f("ck_subscriptions_installation_fee"), "subscriptions", type_="check")
    for column in _columns():
        op.drop_column("subscriptions", column.name)
