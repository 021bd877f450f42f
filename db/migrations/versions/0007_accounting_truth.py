"""What a record became, and how far a session may be trusted."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _radacct()
    _quarantine()
    _outcomes()
    _corrections()
    _boots()


def _radacct() -> None:
    # Constant defaults: no row is rewritten, however many there are.
    op.add_column("radacct", sa.Column("start_told_s", sa.Integer(), server_default="-1", nullable=False))
    op.add_column("radacct", sa.Column("integrity_marks", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("radacct", sa.Column("counter_trail", sa.ARRAY(sa.BigInteger()), nullable=True))


def _quarantine() -> None:
    for column in (
        sa.Column("tenant_id", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.String(45), nullable=True),
        sa.Column("state", sa.String(10), server_default="waiting", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("settled_at", _TIME, nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
    ):
        op.add_column("quarantined_records", column)
    op.create_check_constraint(
        op.f("ck_quarantined_records_state"),
        "quarantined_records",
        "state IN ('waiting', 'replay', 'replayed', 'dismissed')",
    )
    op.create_index(
        "ix_quarantined_records_replay", "quarantined_records", ["id"], postgresql_where=sa.text("state = 'replay'")
    )


def _outcomes() -> None:
    op.create_table(
        "record_outcomes",
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(12), nullable=False),
        sa.Column("reason", sa.String(60), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("outcome IN ('stored', 'merged', 'quarantined')", name=op.f("ck_record_outcomes_outcome")),
        sa.PrimaryKeyConstraint("node", "day", "outcome", "reason", name=op.f("pk_record_outcomes")),
    )
    # What was counted before outcomes were kept: all that was not put aside was stored or merged, nobody knows which.
    op.execute(
        "INSERT INTO record_outcomes (node, day, outcome, reason, records)"
        " SELECT node, current_date, 'stored', 'before_outcomes', records - put_aside FROM ("
        " SELECT p.node, p.records, (SELECT count(*) FROM quarantined_records q"
        "  WHERE q.node = p.node AND q.stream = 'acct') AS put_aside"
        " FROM spool_positions p WHERE p.stream = 'acct' AND p.file = '') x WHERE records > put_aside"
    )
    op.execute(
        "INSERT INTO record_outcomes (node, day, outcome, reason, records)"
        " SELECT node, (created_at AT TIME ZONE 'UTC')::date, 'quarantined', left(reason, 60), count(*)"
        " FROM quarantined_records WHERE stream = 'acct' GROUP BY 1, 2, 4"
    )


def _corrections() -> None:
    op.create_table(
        "session_corrections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("made_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("acctuniqueid", sa.String(32), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("nas_server_id", sa.BigInteger(), nullable=False),
        sa.Column("download_bytes", sa.BigInteger(), nullable=False),
        sa.Column("upload_bytes", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.Column("old_stopped_at", _TIME, nullable=False),
        sa.Column("old_cause", sa.Text(), nullable=True),
        sa.Column("new_stopped_at", _TIME, nullable=True),
        sa.Column("new_cause", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_corrections")),
    )
    op.create_index("ix_session_corrections_made_at", "session_corrections", ["made_at"])
    op.create_index("ix_session_corrections_acctuniqueid", "session_corrections", ["acctuniqueid"])


def _boots() -> None:
    op.create_table(
        "nas_boots",
        sa.Column("nas_server_id", sa.BigInteger(), nullable=False),
        sa.Column("booted_at", _TIME, nullable=True),
        sa.Column("told_by", sa.String(15), nullable=True),
        sa.Column("counters", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint("told_by IN ('accounting_on', 'session_ids', 'uptime')", name=op.f("ck_nas_boots_told_by")),
        sa.ForeignKeyConstraint(
            ["nas_server_id"], ["nas_servers.id"], name=op.f("fk_nas_boots_nas_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("nas_server_id", name=op.f("pk_nas_boots")),
    )


def downgrade() -> None:
    op.drop_table("nas_boots")
    op.drop_table("session_corrections")
    op.drop_table("record_outcomes")
    op.drop_index("ix_quarantined_records_replay", table_name="quarantined_records")
    op.drop_constraint(op.f("ck_quarantined_records_state"), "quarantined_records")
    for column in ("settled_by", "settled_at", "tries", "state", "source", "tenant_id"):
        op.drop_column("quarantined_records", column)
    for column in ("counter_trail", "integrity_marks", "start_told_s"):
        op.drop_column("radacct", column)
