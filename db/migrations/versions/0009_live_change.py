"""What a session should have, what the router shows, and changes to many at once."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_DUE = "ix_session_changes_due"
_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    _bulk_changes()
    _refusals()
    _turns()
    op.add_column("nas_servers", sa.Column("coa_per_second", sa.Integer(), server_default="300", nullable=False))
    op.create_check_constraint(
        op.f("ck_nas_servers_coa_per_second"), "nas_servers", "coa_per_second BETWEEN 1 AND 10000"
    )
    _columns_of_changes()
    op.add_column(
        "session_change_attempts", sa.Column("via", sa.String(length=8), server_default="radius", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_session_change_attempts_via"), "session_change_attempts", "via IN ('radius', 'api')"
    )


def _bulk_changes() -> None:
    op.create_table(
        "bulk_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="running", nullable=False),
        sa.Column("nas_server_id", sa.BigInteger(), nullable=True),
        sa.Column("service_plan_id", sa.BigInteger(), nullable=True),
        sa.Column("search", sa.String(length=100), server_default="", nullable=False),
        sa.Column("is_again", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("looked_at_sessions", sa.Integer(), server_default="0", nullable=False),
        sa.Column("looked_at_until", sa.Text(), server_default="", nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("started_at", _WHEN, nullable=False),
        sa.Column("asked_at", _WHEN, nullable=True),
        sa.Column("finished_at", _WHEN, nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _WHEN, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _WHEN, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('disconnect', 'speed')", name=op.f("ck_bulk_changes_kind")),
        sa.CheckConstraint("state IN ('running', 'paused', 'stopped', 'done')", name=op.f("ck_bulk_changes_state")),
        sa.ForeignKeyConstraint(
            ["nas_server_id"], ["nas_servers.id"], name=op.f("fk_bulk_changes_nas_server_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["service_plan_id"], ["service_plans.id"], name=op.f("fk_bulk_changes_service_plan_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_bulk_changes_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_changes")),
    )
    op.create_index(op.f("ix_bulk_changes_tenant_id"), "bulk_changes", ["tenant_id"], unique=False)
    op.create_index(
        "ix_bulk_changes_open", "bulk_changes", ["id"], unique=False, postgresql_where=sa.text("state = 'running'")
    )


def _refusals() -> None:
    op.create_table(
        "nas_refusals",
        sa.Column("nas_server_id", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=120), nullable=False),
        sa.Column("error_cause", sa.String(length=60), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("first_at", _WHEN, nullable=False),
        sa.Column("last_at", _WHEN, nullable=False),
        sa.ForeignKeyConstraint(
            ["nas_server_id"], ["nas_servers.id"], name=op.f("fk_nas_refusals_nas_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("nas_server_id", "what", name=op.f("pk_nas_refusals")),
    )


def _turns() -> None:
    op.create_table(
        "sender_turns",
        sa.Column("lane", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("sender", sa.String(length=40), nullable=False),
        sa.Column("until", _WHEN, nullable=False),
        sa.PrimaryKeyConstraint("lane", name=op.f("pk_sender_turns")),
    )


def _columns_of_changes() -> None:
    table = "session_changes"
    op.add_column(table, sa.Column("bulk_change_id", sa.BigInteger(), nullable=True))
    op.add_column(table, sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column(table, sa.Column("via", sa.String(length=8), server_default="radius", nullable=False))
    op.add_column(table, sa.Column("proof", sa.String(length=10), nullable=True))
    op.add_column(table, sa.Column("proved_by", sa.String(length=8), nullable=True))
    op.add_column(table, sa.Column("proved_at", _WHEN, nullable=True))
    op.add_column(table, sa.Column("look_at", _WHEN, nullable=True))
    op.add_column(table, sa.Column("looks", sa.SmallInteger(), server_default="0", nullable=False))
    op.create_foreign_key(
        op.f("fk_session_changes_bulk_change_id"), table, "bulk_changes", ["bulk_change_id"], ["id"],
        ondelete="SET NULL",
    )  # fmt: skip
    op.create_check_constraint(op.f("ck_session_changes_priority"), table, "priority IN (0, 1)")
    op.create_check_constraint(op.f("ck_session_changes_via"), table, "via IN ('radius', 'api')")
    op.create_check_constraint(op.f("ck_session_changes_proof"), table, "proof IN ('applied', 'differs', 'unknown')")
    op.create_check_constraint(op.f("ck_session_changes_proved_by"), table, "proved_by IN ('stop', 'api')")
    op.drop_index(_DUE, table_name=table)
    op.create_index(
        _DUE, table, ["nas_server_id", "priority", "next_attempt_at"], unique=False,
        postgresql_where=sa.text("status = 'pending' AND via = 'radius'"),
    )  # fmt: skip
    op.create_index(
        "ix_session_changes_api", table, ["next_attempt_at"], unique=False,
        postgresql_where=sa.text("status = 'pending' AND via = 'api'"),
    )  # fmt: skip
    op.create_index(
        "ix_session_changes_look", table, ["look_at"], unique=False, postgresql_where=sa.text("look_at IS NOT NULL")
    )
    op.create_index(
        "ix_session_changes_bulk", table, ["bulk_change_id", "status"], unique=False,
        postgresql_where=sa.text("bulk_change_id IS NOT NULL"),
    )  # fmt: skip


def downgrade() -> None:
    table = "session_changes"
    op.drop_column("session_change_attempts", "via")
    for name in ("ix_session_changes_bulk", "ix_session_changes_look", "ix_session_changes_api", _DUE):
        op.drop_index(name, table_name=table)
    for name in ("looks", "look_at", "proved_at", "proved_by", "proof", "via", "priority", "bulk_change_id"):
        op.drop_column(table, name)
    op.create_index(
        _DUE, table, ["nas_server_id", "next_attempt_at"], unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )  # fmt: skip
    op.drop_column("nas_servers", "coa_per_second")
    for name in ("sender_turns", "nas_refusals", "bulk_changes"):
        op.drop_table(name)
