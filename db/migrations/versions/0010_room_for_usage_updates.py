"""Room on each page of the usage tables, whose rows are updated at every interim."""

from alembic import op

revision = "0010"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("usage_daily", "usage_counters")


def upgrade() -> None:
    # A row that finds room on its own page is updated without touching an index (HOT).
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05)")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} RESET (fillfactor, autovacuum_vacuum_scale_factor)")
