"""An index for finding a subscription by a part of its username, as the search box does while somebody types."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX ix_subscriptions_username_search ON subscriptions USING gin (username gin_trgm_ops)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_subscriptions_username_search")
