"""Second factors, sessions of staff, and the chain that the audit log hangs on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_EMPTY = sa.text("'[]'::jsonb")

# What is written down here is sealed within the minute; the money that wrote it does not wait for that.
_QUEUE = """
CREATE FUNCTION queue_audit_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_unsealed (audit_id) SELECT id FROM fresh;
    RETURN NULL;
END $$
"""
_REFUSE = """
CREATE FUNCTION refuse_seal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_seals is append-only';
END $$
"""


def upgrade() -> None:
    _users()
    _sessions()
    op.drop_constraint(op.f("uq_roles_name"), "roles", type_="unique")
    op.add_column("roles", sa.Column("tenant_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_roles_tenant_id"), "roles", "tenants", ["tenant_id"], ["id"], ondelete="RESTRICT")
    op.create_index(op.f("ix_roles_tenant_id"), "roles", ["tenant_id"])
    op.create_index("uq_roles_name", "roles", ["tenant_id", "name"], unique=True, postgresql_nulls_not_distinct=True)
    _chain()


def _users() -> None:
    op.drop_column("users", "tf_totp_secret")
    op.drop_column("users", "tf_primary_method")
    op.add_column("users", sa.Column("must_change_password", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("users", sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("users", sa.Column("totp_secret_enc", sa.LargeBinary(), nullable=True))
    op.add_column("users", sa.Column("totp_step", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("recovery_codes", JSONB(), server_default=_EMPTY, nullable=False))


def _owned(table: str, *columns: sa.schema.SchemaItem) -> None:
    """A table of things that a member of staff has."""
    op.create_table(
        table,
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        *columns,
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_tenant_id"), table, ["tenant_id"])


def _moment(name: str, *, nullable: bool = False, server_default: sa.TextClause | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=server_default)


def _sessions() -> None:
    _owned(
        "passkeys",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("transports", JSONB(), server_default=_EMPTY, nullable=False),
        _moment("last_used_at", nullable=True),
        _moment("created_at", server_default=sa.text("now()")),
        _moment("updated_at", server_default=sa.text("now()")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkeys_credential_id")),
    )
    op.create_index(op.f("ix_passkeys_user_id"), "passkeys", ["user_id"])
    _owned(
        "staff_sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        _moment("begun_at"),
        _moment("last_seen_at"),
        sa.Column("ip", sa.String(64), nullable=True),
        sa.Column("agent", sa.String(300), server_default="", nullable=False),
        sa.Column("proved_by", sa.String(20), nullable=False),
        _moment("proved_at"),
        _moment("ended_at", nullable=True),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_sessions_token_hash")),
        sa.CheckConstraint(
            "proved_by IN ('password', 'totp', 'recovery_code', 'passkey')", name=op.f("ck_staff_sessions_proved_by")
        ),
    )
    op.create_index("ix_staff_sessions_user", "staff_sessions", ["user_id", "begun_at"])
    op.create_index("ix_staff_sessions_begun_at", "staff_sessions", ["begun_at"])
    _owned(
        "password_links",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("made_by", sa.String(255), nullable=False),
        _moment("created_at"),
        _moment("expires_at"),
        sa.UniqueConstraint("user_id", name=op.f("uq_password_links_user_id")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_password_links_token_hash")),
    )


def _chain() -> None:
    op.create_table(
        "audit_seals",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("audit_id", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        _moment("sealed_at"),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_seals")),
        sa.UniqueConstraint("audit_id", name=op.f("uq_audit_seals_audit_id")),
    )
    op.create_table(
        "audit_unsealed",
        sa.Column("audit_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit_unsealed")),
    )
    op.create_index("ix_audit_logs_tenant_created", "audit_logs", ["tenant_id", "created_at", "id"])
    op.execute(_QUEUE)
    op.execute("INSERT INTO audit_unsealed (audit_id) SELECT id FROM audit_logs")
    op.execute(
        "CREATE TRIGGER queue_for_seal AFTER INSERT ON audit_logs REFERENCING NEW TABLE AS fresh"
        " FOR EACH STATEMENT EXECUTE FUNCTION queue_audit_rows()"
    )
    op.execute(_REFUSE)
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_seal_change()"
    )


def downgrade() -> None:
    """Second factors, sessions and the chain are gone; custom roles must be taken away before."""
    op.execute("DROP TRIGGER queue_for_seal ON audit_logs")
    op.execute("DROP FUNCTION queue_audit_rows()")
    op.drop_index("ix_audit_logs_tenant_created", table_name="audit_logs")
    for table in ("audit_unsealed", "audit_seals", "password_links", "staff_sessions", "passkeys"):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_seal_change()")
    op.drop_index("uq_roles_name", table_name="roles")
    op.drop_index(op.f("ix_roles_tenant_id"), table_name="roles")
    op.drop_column("roles", "tenant_id")
    op.create_unique_constraint(op.f("uq_roles_name"), "roles", ["name"])
    for column in ("recovery_codes", "totp_step", "totp_secret_enc", "password_changed_at", "must_change_password"):
        op.drop_column("users", column)
    op.add_column("users", sa.Column("tf_primary_method", sa.String(64), nullable=True))
    op.add_column("users", sa.Column("tf_totp_secret", sa.String(255), nullable=True))
