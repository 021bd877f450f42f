"""A period is the sum of its days: running totals beside them cost every accounting record one more row."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("usage_counters")


def downgrade() -> None:
    # Left empty: who adds to a counter that is not there begins it as the sum of its days.
    op.create_table(
        "usage_counters",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("period_kind", sa.String(length=20), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("download_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("upload_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "period_kind IN ('daily', 'weekly', 'monthly', 'billing_cycle')", name=op.f("ck_usage_counters_period_kind")
        ),
        sa.PrimaryKeyConstraint("subscription_id", "period_kind", "period_start", name=op.f("pk_usage_counters")),
    )
    op.execute("ALTER TABLE usage_counters SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05)")
