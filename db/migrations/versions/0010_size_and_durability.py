"""Partitions that are retired by rule, sums by the hour, and who had an address."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ADDRESS_COLUMNS = ("framedipv6address", "framedipv6prefix", "delegatedipv6prefix")
ALARMS = ("spool_closed", "spool_room", "spool_lag", "spool_sync", "collector_silent", "month_not_retired")


def upgrade() -> None:
    _sums()
    _archives()
    _watch()
    # Who had an address at a time is asked by both; a single column would read every session the address ever had.
    op.drop_index("ix_radacct_framedipaddress", table_name="radacct")
    op.create_index("ix_radacct_framedipaddress", "radacct", ["framedipaddress", "acctstarttime"])
    for column in ADDRESS_COLUMNS:
        # Partial: where nobody has IPv6, they cost a new session nothing.
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_radacct_{column}", "radacct", [column, "acctstarttime"], postgresql_where=where)


def _sums() -> None:
    op.create_table(
        "usage_hourly",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("download_bytes", sa.BigInteger(), nullable=False),
        sa.Column("upload_bytes", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subscription_id", "hour", "day", name=op.f("pk_usage_hourly")),
        postgresql_partition_by="RANGE (hour)",
    )
    op.create_index("ix_usage_hourly_hour", "usage_hourly", ["hour"], postgresql_using="brin")
    op.execute("CREATE TABLE usage_hourly_default PARTITION OF usage_hourly DEFAULT")
    op.execute("SELECT ensure_month_partitions('usage_hourly', (now() - interval '1 month')::date, 5)")
    op.create_table(
        "usage_monthly",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("download_bytes", sa.BigInteger(), nullable=False),
        sa.Column("upload_bytes", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subscription_id", "month", name=op.f("pk_usage_monthly")),
    )
    op.create_index("ix_usage_monthly_month", "usage_monthly", ["month"])


def _archives() -> None:
    op.create_table(
        "partition_archives",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("parent", sa.String(length=30), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=True),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("file_bytes", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('detached', 'exported', 'dropped', 'restored')", name=op.f("ck_partition_archives_state")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_partition_archives")),
    )


def _watch() -> None:
    op.create_table(
        "spool_health",
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("measured_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting_bytes", sa.BigInteger(), nullable=False),
        sa.Column("oldest_waiting_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("written_bytes_per_s", sa.BigInteger(), nullable=False),
        sa.Column("counted_bytes_per_s", sa.BigInteger(), nullable=False),
        sa.Column("free_bytes", sa.BigInteger(), nullable=False),
        sa.Column("min_free_bytes", sa.BigInteger(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("sync_mode", sa.String(length=10), nullable=True),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sync_ms", sa.Integer(), nullable=True),
        sa.Column("sync_errors", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_spool_health")),
    )
    op.create_table(
        "alarms",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(f"code IN {ALARMS}", name=op.f("ck_alarms_code")),
        sa.CheckConstraint("severity IN ('warning', 'critical')", name=op.f("ck_alarms_severity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
    )
    is_open = sa.text("cleared_at IS NULL")
    op.create_index("uq_alarms_open", "alarms", ["code", "subject"], unique=True, postgresql_where=is_open)
    op.create_index("ix_alarms_raised_at", "alarms", ["raised_at"])
    op.create_table(
        "session_checks",
        sa.Column("acctuniqueid", sa.Text(), nullable=False),
        sa.Column("nas_server_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("answer", sa.String(length=10), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_cause", sa.String(length=60), nullable=True),
        sa.CheckConstraint("answer IN ('alive', 'gone', 'unknown')", name=op.f("ck_session_checks_answer")),
        sa.ForeignKeyConstraint(
            ["nas_server_id"], ["nas_servers.id"], name=op.f("fk_session_checks_nas_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("acctuniqueid", name=op.f("pk_session_checks")),
    )
    op.create_index("ix_session_checks_due", "session_checks", ["look_at"], postgresql_where=sa.text("answer IS NULL"))


def downgrade() -> None:
    for column in ADDRESS_COLUMNS:
        op.drop_index(f"ix_radacct_{column}", table_name="radacct")
    op.drop_index("ix_radacct_framedipaddress", table_name="radacct")
    op.create_index("ix_radacct_framedipaddress", "radacct", ["framedipaddress"])
    for table in ("session_checks", "alarms", "spool_health", "partition_archives", "usage_monthly", "usage_hourly"):
        op.drop_table(table)
