"""How many were online and what passed, every few minutes: the curves of the first page."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One row for each provider and five minutes."""
    op.create_table(
        "online_samples",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("online", sa.Integer(), nullable=False),
        sa.Column("download_kbps", sa.BigInteger(), nullable=False),
        sa.Column("upload_kbps", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_online_samples_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "taken_at", name="pk_online_samples"),
    )
    op.create_index("ix_online_samples_taken_at", "online_samples", ["taken_at"])


def downgrade() -> None:
    """Without them."""
    op.drop_table("online_samples")
