"""Pictures of customers, their speed tests, registrations in the background, and what is left of one who was forgotten.

The audit log stays append-only, with one door: the values in it may be taken out while somebody is made anonymous, who
did what and when may not. The list with debts first and the deleted ones that are due get an index each.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_REFUSE = """
CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('lintas.forgetting', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'audit_logs is append-only';
END $$
"""
_REFUSE_BEFORE = """
CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_logs is append-only';
END $$
"""
_KEEP = """
CREATE FUNCTION keep_audit_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) - 'old_values' - 'new_values' IS DISTINCT FROM to_jsonb(NEW) - 'old_values' - 'new_values' THEN
        RAISE EXCEPTION 'of audit_logs only values can be taken out';
    END IF;
    RETURN NEW;
END $$
"""
# Those in debt before all others, the last changed first. In UTC, because an index keeps no time zone; no moment has as
# many seconds as the number, so that whoever owes nothing stands behind.
_DEBT_RANK = """
CREATE FUNCTION debt_rank(balance numeric, updated_at timestamptz) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN balance < 0 THEN 0 ELSE 1000000000000 END - EXTRACT(epoch FROM updated_at AT TIME ZONE 'UTC')
"""


def upgrade() -> None:
    _pictures()
    _speed_tests()
    _registrations()
    op.execute(_DEBT_RANK)
    op.create_index(
        "ix_customers_debt_rank",
        "customers",
        ["tenant_id", sa.text("debt_rank(balance, updated_at)"), "id"],
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "ix_customers_to_forget",
        "customers",
        ["tenant_id", "deleted_at"],
        postgresql_where=sa.text("deleted_at IS NOT NULL AND anonymized_at IS NULL"),
    )
    op.execute(_REFUSE)
    op.execute(_KEEP)
    op.execute("CREATE TRIGGER keep_facts BEFORE UPDATE ON audit_logs FOR EACH ROW EXECUTE FUNCTION keep_audit_facts()")


def downgrade() -> None:
    op.execute("DROP TRIGGER keep_facts ON audit_logs")
    op.execute("DROP FUNCTION keep_audit_facts()")
    op.execute(_REFUSE_BEFORE)
    for name in ("ix_customers_to_forget", "ix_customers_debt_rank"):
        op.drop_index(name, table_name="customers")
    op.execute("DROP FUNCTION debt_rank(numeric, timestamptz)")
    for table in ("customer_registrations", "customer_speed_tests", "customer_pictures"):
        op.drop_table(table)


def _pictures() -> None:
    name = "customer_pictures"
    op.create_table(
        name,
        *_head(),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("content_enc", sa.LargeBinary(), nullable=False),
        sa.Column("thumbnail_enc", sa.LargeBinary(), nullable=True),
        *_times(),
        sa.CheckConstraint("kind IN ('photo', 'id_card')", name=op.f(f"ck_{name}_kind")),
        _to(name, "customer_id", "customers", "CASCADE"),
        _to(name, "tenant_id", "tenants", "RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sa.UniqueConstraint("customer_id", "kind", name=op.f(f"uq_{name}_customer_id_kind")),
    )
    op.create_index(op.f(f"ix_{name}_tenant_id"), name, ["tenant_id"])


def _speed_tests() -> None:
    name = "customer_speed_tests"
    op.create_table(
        name,
        *_head(),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("nas_server_id", sa.BigInteger(), nullable=True),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="waiting", nullable=False),
        sa.Column("address", postgresql.INET(), nullable=True),
        sa.Column("account_enc", sa.LargeBinary(), nullable=True),
        sa.Column("download_kbps", sa.Integer(), nullable=True),
        sa.Column("upload_kbps", sa.Integer(), nullable=True),
        sa.Column("latency_ms", sa.Numeric(precision=9, scale=3), nullable=True),
        sa.Column("server", sa.String(length=100), server_default="", nullable=False),
        sa.Column("problem", sa.String(length=300), server_default="", nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        _moment("measured_at"),
        _moment("claimed_until"),
        *_times(),
        sa.CheckConstraint("source IN ('router', 'client')", name=op.f(f"ck_{name}_source")),
        sa.CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name=op.f(f"ck_{name}_state")),
        sa.CheckConstraint(
            "download_kbps >= 0 AND upload_kbps >= 0 AND latency_ms >= 0", name=op.f(f"ck_{name}_figures")
        ),
        sa.CheckConstraint(
            "state <> 'done' OR num_nonnulls(download_kbps, upload_kbps) > 0", name=op.f(f"ck_{name}_result")
        ),
        _to(name, "customer_id", "customers", "CASCADE"),
        _to(name, "subscription_id", "subscriptions", "SET NULL"),
        _to(name, "nas_server_id", "nas_servers", "SET NULL"),
        _to(name, "tenant_id", "tenants", "RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )
    for column in ("tenant_id", "subscription_id", "nas_server_id"):
        op.create_index(op.f(f"ix_{name}_{column}"), name, [column])
    op.create_index(f"ix_{name}_customer", name, ["customer_id", "id"])
    op.create_index(f"ix_{name}_waiting", name, ["id"], postgresql_where=sa.text("state IN ('waiting', 'running')"))


def _registrations() -> None:
    name = "customer_registrations"
    op.create_table(
        name,
        *_head(),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("request_key", sa.String(length=120), nullable=True),
        sa.Column("state", sa.String(length=10), server_default="waiting", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_enc", sa.LargeBinary(), nullable=True),
        sa.Column("problem", sa.String(length=500), server_default="", nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger(), nullable=True),
        sa.Column("requested_kind", sa.String(length=10), nullable=False),
        sa.Column("operator_id", sa.BigInteger(), nullable=True),
        _moment("finished_at"),
        *_times(),
        sa.CheckConstraint("state IN ('waiting', 'done', 'failed')", name=op.f(f"ck_{name}_state")),
        _to(name, "customer_id", "customers", "SET NULL"),
        _to(name, "requested_by_id", "users", "SET NULL"),
        _to(name, "operator_id", "operators", "RESTRICT"),
        _to(name, "tenant_id", "tenants", "RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
    )
    op.create_index(op.f(f"ix_{name}_tenant_id"), name, ["tenant_id"])
    op.create_index(f"ix_{name}_due", name, ["next_try_at"], postgresql_where=sa.text("state = 'waiting'"))
    op.create_index(f"ix_{name}_state", name, ["tenant_id", "state", "id"])
    op.create_index(
        f"uq_{name}_request_key",
        name,
        ["tenant_id", "request_key"],
        unique=True,
        postgresql_where=sa.text("request_key IS NOT NULL"),
    )


def _head() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
    )


def _to(table: str, column: str, target: str, on_delete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=on_delete)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _times() -> tuple[sa.Column[Any], ...]:
    return tuple(
        sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
        for name in ("created_at", "updated_at")
    )
