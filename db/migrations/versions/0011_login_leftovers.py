"""What logins still lacked: the walk-in customer by a mark of its own, and names that are told apart by letters alone."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Until now it was found by its name; the oldest of that name with a voucher is the one.
_MARK_WALK_IN = """
UPDATE customers SET is_walk_in = true WHERE id IN (
    SELECT min(c.id) FROM customers c
    WHERE c.name = 'Walk-in (vouchers)' AND c.deleted_at IS NULL AND EXISTS (
        SELECT FROM subscriptions s JOIN vouchers v ON v.subscription_id = s.id WHERE s.customer_id = c.id)
    GROUP BY c.tenant_id)
"""


def upgrade() -> None:
    op.add_column("customers", sa.Column("is_walk_in", sa.Boolean(), server_default="false", nullable=False))
    op.execute(_MARK_WALK_IN)
    op.create_index(
        "uq_customers_walk_in",
        "customers",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("is_walk_in AND deleted_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("uq_customers_walk_in", table_name="customers")
    op.drop_column("customers", "is_walk_in")
