"""The newest subscriptions first, and whose they are, without a look at each."""

from alembic import op
from sqlalchemy import text

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_subscriptions_created_at", "subscriptions", ["tenant_id", "created_at", "id"])
    op.create_index("ix_customers_walk_ins", "customers", ["id"], postgresql_where=text("is_walk_in"))


def downgrade() -> None:
    op.drop_index("ix_customers_walk_ins", table_name="customers")
    op.drop_index("ix_subscriptions_created_at", table_name="subscriptions")
