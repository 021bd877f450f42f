"""Billing runs, how customers want to be billed, what they are to be told, and what jobs did."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NOW = sa.text("now()")
_EMPTY = sa.text("'{}'::jsonb")
_OLD_ALARMS = ("spool_closed", "spool_room", "spool_lag", "spool_sync", "collector_silent", "month_not_retired")
_NEW_ALARMS = ("books_wrong", "billing_stopped", "job_fails")
# Who pays a customer's invoices: he himself, or the head of his family.
_PAYERS = """
CREATE VIEW customer_payers AS
SELECT c.id AS customer_id, coalesce(q.id, c.id) AS payer_id FROM customers c
LEFT JOIN billing_profiles f ON f.customer_id = c.id AND f.subscription_id IS NULL AND f.parent_pays
LEFT JOIN customers q ON f.id IS NOT NULL AND q.id = c.parent_customer_id AND q.deleted_at IS NULL
"""
_TABLES = (
    "customer_notices",
    "billing_run_suspensions",
    "billing_profiles",
    "billing_run_targets",
    "billing_runs",
    "job_states",
    "job_runs",
)


def upgrade() -> None:
    _job_runs()
    _job_states()
    _billing_runs()
    _billing_run_targets()
    _billing_profiles()
    _billing_run_suspensions()
    _customer_notices()
    op.create_foreign_key(
        op.f("fk_invoices_run_id"), "invoices", "billing_runs", ["run_id"], ["id"], ondelete="RESTRICT"
    )
    op.add_column("subscriptions", sa.Column("is_postpaid", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("subscriptions", sa.Column("suspend_on", sa.Date(), nullable=True))
    op.add_column("subscriptions", sa.Column("suspend_recurring_day", sa.SmallInteger(), nullable=True))
    op.create_check_constraint(
        op.f("ck_subscriptions_suspend_recurring_day"), "subscriptions", "suspend_recurring_day BETWEEN 1 AND 31"
    )
    op.create_index(
        "ix_subscriptions_suspend_on",
        "subscriptions",
        ["suspend_on"],
        unique=False,
        postgresql_where=sa.text("suspend_on IS NOT NULL"),
    )
    op.execute(_PAYERS)
    _allow_alarms((*_OLD_ALARMS, *_NEW_ALARMS))


def downgrade() -> None:
    op.execute("DELETE FROM alarms WHERE code IN ('books_wrong', 'billing_stopped', 'job_fails')")
    _allow_alarms(_OLD_ALARMS)
    op.execute("DROP VIEW customer_payers")
    op.drop_index("ix_subscriptions_suspend_on", table_name="subscriptions")
    for column in ("suspend_recurring_day", "suspend_on", "is_postpaid"):
        op.drop_column("subscriptions", column)
    op.drop_constraint(op.f("fk_invoices_run_id"), "invoices", type_="foreignkey")
    for table in _TABLES:
        op.drop_table(table)


def _allow_alarms(codes: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_alarms_code"), "alarms", type_="check")
    listed = ", ".join(f"'{code}'" for code in codes)
    op.create_check_constraint(op.f("ck_alarms_code"), "alarms", f"code IN ({listed})")


def _job_runs() -> None:
    op.create_table(
        "job_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("task_id", sa.String(length=60), nullable=True),
        sa.Column("requested_by", sa.String(length=255), nullable=True),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("said", sa.String(length=500), server_default="", nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.CheckConstraint("outcome IN ('running', 'done', 'stopped', 'failed')", name=op.f("ck_job_runs_outcome")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_runs")),
    )
    op.create_index("ix_job_runs_name", "job_runs", ["name", "id"], unique=False)
    op.create_index("ix_job_runs_started_at", "job_runs", ["started_at"], unique=False)
    op.create_index(
        "uq_job_runs_task_id", "job_runs", ["task_id"], unique=True, postgresql_where=sa.text("task_id IS NOT NULL")
    )


def _job_states() -> None:
    op.create_table(
        "job_states",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("started_at", _TIME, nullable=True),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=True),
        sa.Column("said", sa.String(length=500), server_default="", nullable=False),
        sa.Column("took_ms", sa.Integer(), server_default="0", nullable=False),
        sa.Column("runs", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("is_off", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("schedule", sa.String(length=60), nullable=True),
        sa.Column("changed_by", sa.String(length=255), nullable=True),
        sa.CheckConstraint("outcome IN ('running', 'done', 'stopped', 'failed')", name=op.f("ck_job_states_outcome")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_states")),
    )


def _billing_runs() -> None:
    op.create_table(
        "billing_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("as_of", _TIME, nullable=False),
        sa.Column("is_dry", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("status", sa.String(length=10), server_default="running", nullable=False),
        sa.Column("rules", postgresql.JSONB(), server_default=_EMPTY, nullable=False),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("worked_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("worked_at", _TIME, nullable=True),
        sa.Column("to_suspend", sa.Integer(), server_default="0", nullable=False),
        sa.Column("active", sa.Integer(), server_default="0", nullable=False),
        sa.Column("suspends", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("is_allowed", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("marked_overdue", sa.Integer(), server_default="0", nullable=False),
        sa.Column("suspended", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reminded", sa.Integer(), server_default="0", nullable=False),
        sa.Column("invoiced", sa.Integer(), server_default="0", nullable=False),
        sa.Column("invoiced_total", sa.Numeric(precision=18, scale=2), server_default="0", nullable=False),
        sa.Column("paid", sa.Integer(), server_default="0", nullable=False),
        sa.Column("paid_total", sa.Numeric(precision=18, scale=2), server_default="0", nullable=False),
        sa.Column("restored", sa.Integer(), server_default="0", nullable=False),
        sa.Column("skipped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stopped_because", sa.String(length=20), nullable=True),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("continued_by", sa.String(length=255), nullable=True),
        sa.Column("continue_reason", sa.String(length=255), nullable=True),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("undone_at", _TIME, nullable=True),
        sa.Column("undone_by", sa.String(length=255), nullable=True),
        sa.Column("undo_reason", sa.String(length=255), nullable=True),
        sa.Column("undone_restored", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint(
            "(status = 'stopped') = (stopped_because IS NOT NULL)", name=op.f("ck_billing_runs_stopped")
        ),
        sa.CheckConstraint("kind IN ('nightly', 'postpaid')", name=op.f("ck_billing_runs_kind")),
        sa.CheckConstraint("status IN ('running', 'stopped', 'done', 'undone')", name=op.f("ck_billing_runs_status")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_billing_runs_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_runs")),
    )
    op.create_index(
        "ix_billing_runs_open", "billing_runs", ["id"], unique=False, postgresql_where=sa.text("status = 'running'")
    )
    op.create_index(op.f("ix_billing_runs_tenant_id"), "billing_runs", ["tenant_id"], unique=False)
    op.create_index(
        "uq_billing_runs_day",
        "billing_runs",
        ["tenant_id", "kind", "day"],
        unique=True,
        postgresql_where=sa.text("NOT is_dry"),
    )


def _billing_run_targets() -> None:
    op.create_table(
        "billing_run_targets",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("weight", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["billing_runs.id"], name=op.f("fk_billing_run_targets_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "customer_id", name=op.f("pk_billing_run_targets")),
    )


def _billing_profiles() -> None:
    op.create_table(
        "billing_profiles",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("payment_method", sa.String(length=20), nullable=True),
        sa.Column("contact_name", sa.String(length=255), nullable=True),
        sa.Column("contact_phone", sa.String(length=20), nullable=True),
        sa.Column("contact_email", sa.String(length=255), nullable=True),
        sa.Column("contact_address", sa.String(length=500), nullable=True),
        sa.Column("parent_pays", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint(
            "payment_method IN ('cash', 'transfer', 'midtrans', 'xendit', 'mpesa', 'stripe', 'qris', 'gopay', 'ovo', 'dana', 'card', 'wallet', 'voucher', 'other')",
            name=op.f("ck_billing_profiles_payment_method"),
        ),
        sa.CheckConstraint("NOT parent_pays OR subscription_id IS NULL", name=op.f("ck_billing_profiles_parent_pays")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_billing_profiles_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_billing_profiles_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_billing_profiles_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_billing_profiles")),
    )
    op.create_index(op.f("ix_billing_profiles_subscription_id"), "billing_profiles", ["subscription_id"], unique=False)
    op.create_index(op.f("ix_billing_profiles_tenant_id"), "billing_profiles", ["tenant_id"], unique=False)
    op.create_index(
        "uq_billing_profiles_whose",
        "billing_profiles",
        ["customer_id", "subscription_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )


def _billing_run_suspensions() -> None:
    op.create_table(
        "billing_run_suspensions",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("days_late", sa.Integer(), nullable=True),
        sa.Column("owed", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("suspended_at", _TIME, nullable=False),
        sa.Column("restored_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_billing_run_suspensions_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["billing_runs.id"], name=op.f("fk_billing_run_suspensions_run_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_billing_run_suspensions_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "subscription_id", name=op.f("pk_billing_run_suspensions")),
    )
    op.create_index(
        "ix_billing_run_suspensions_subscription_id", "billing_run_suspensions", ["subscription_id"], unique=False
    )


def _customer_notices() -> None:
    op.create_table(
        "customer_notices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("notice_key", sa.String(length=120), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("days", sa.SmallInteger(), nullable=True),
        sa.Column("facts", postgresql.JSONB(), server_default=_EMPTY, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("taken_at", _TIME, nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('invoice_due', 'invoice_overdue', 'suspended', 'expired', 'expiring', 'renewed', 'suspend_ahead')",
            name=op.f("ck_customer_notices_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_notices_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoices.id"], name=op.f("fk_customer_notices_invoice_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_customer_notices_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_customer_notices_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_notices")),
    )
    op.create_index("ix_customer_notices_customer", "customer_notices", ["customer_id", "id"], unique=False)
    op.create_index(op.f("ix_customer_notices_tenant_id"), "customer_notices", ["tenant_id"], unique=False)
    op.create_index(
        "ix_customer_notices_waiting",
        "customer_notices",
        ["id"],
        unique=False,
        postgresql_where=sa.text("taken_at IS NULL"),
    )
    op.create_index("uq_customer_notices_once", "customer_notices", ["tenant_id", "notice_key"], unique=True)
