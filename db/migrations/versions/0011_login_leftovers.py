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

# As `domain.names.folded`; a device's name is its address in one spelling.
_FOLDED = """
CREATE FUNCTION folded_username(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN name ~ '^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$' THEN upper(replace(name, '-', ':'))
        ELSE lower(name COLLATE "C") END
$$
"""
# Whoever writes a name, also by SQL: where case does not count it is stored folded, and one index keeps it unique.
_KEEP_FOLDED = """
CREATE FUNCTION keep_username_folded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.username IS DISTINCT FROM folded_username(NEW.username)
        AND EXISTS (SELECT FROM tenants t WHERE t.id = NEW.tenant_id AND t.usernames_ignore_case) THEN
        NEW.username := folded_username(NEW.username);
    END IF;
    RETURN NEW;
END $$
"""
# The RADIUS servers must look names up folded from the very notice on, before they hear that names were folded.
_TELL = """
CREATE FUNCTION tell_usernames_ignore_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('access_changed', 'nas names ' || NEW.id || ' ' || NEW.usernames_ignore_case);
    RETURN NULL;
END $$
"""
_NAMED = ("subscriptions", "radcheck", "radreply")


def upgrade() -> None:
    op.add_column("tenants", sa.Column("usernames_ignore_case", sa.Boolean(), server_default="false", nullable=False))
    for function in (_FOLDED, _KEEP_FOLDED, _TELL):
        op.execute(function)
    for table in _NAMED:
        op.execute(
            f"CREATE TRIGGER keep_username_folded BEFORE INSERT OR UPDATE OF username ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION keep_username_folded()"
        )
    op.execute(
        "CREATE TRIGGER tell_usernames_ignore_case AFTER UPDATE OF usernames_ignore_case ON tenants FOR EACH ROW"
        " WHEN (OLD.usernames_ignore_case IS DISTINCT FROM NEW.usernames_ignore_case)"
        " EXECUTE FUNCTION tell_usernames_ignore_case()"
    )
    op.add_column("customers", sa.Column("is_walk_in", sa.Boolean(), server_default="false", nullable=False))
    op.execute(_MARK_WALK_IN)
    op.create_index(
        "uq_customers_walk_in",
        "customers",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("is_walk_in AND deleted_at IS NULL"),
    )
    _certificates()


def _certificates() -> None:
    op.create_table(
        "issued_certificates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("nas_server_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.String(length=255), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=255), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('customer', 'router')", name=op.f("ck_issued_certificates_kind")),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_issued_certificates_subscription_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["nas_server_id"],
            ["nas_servers.id"],
            name=op.f("fk_issued_certificates_nas_server_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_issued_certificates_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issued_certificates")),
        sa.UniqueConstraint("serial", name=op.f("uq_issued_certificates_serial")),
    )
    op.create_index(op.f("ix_issued_certificates_tenant_id"), "issued_certificates", ["tenant_id"])
    op.create_index(op.f("ix_issued_certificates_subscription_id"), "issued_certificates", ["subscription_id"])
    op.create_index(op.f("ix_issued_certificates_nas_server_id"), "issued_certificates", ["nas_server_id"])
    op.create_index("ix_issued_certificates_name", "issued_certificates", ["tenant_id", "name"])
    op.create_index(
        "ix_issued_certificates_revoked",
        "issued_certificates",
        ["kind"],
        postgresql_where=sa.text("revoked_at IS NOT NULL"),
    )
    for event in ("UPDATE OF revoked_at", "DELETE"):
        name = f"notify_revoked_{event.split()[0].lower()}"
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON issued_certificates"
            " FOR EACH STATEMENT EXECUTE FUNCTION notify_nas_changed()"
        )


def downgrade() -> None:
    op.drop_table("issued_certificates")
    op.execute("DROP TRIGGER tell_usernames_ignore_case ON tenants")
    for table in _NAMED:
        op.execute(f"DROP TRIGGER keep_username_folded ON {table}")
    for function in ("tell_usernames_ignore_case()", "keep_username_folded()", "folded_username(text)"):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_column("tenants", "usernames_ignore_case")
    op.drop_index("uq_customers_walk_in", table_name="customers")
    op.drop_column("customers", "is_walk_in")
