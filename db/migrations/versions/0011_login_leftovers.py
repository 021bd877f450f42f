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


def downgrade() -> None:
    op.execute("DROP TRIGGER tell_usernames_ignore_case ON tenants")
    for table in _NAMED:
        op.execute(f"DROP TRIGGER keep_username_folded ON {table}")
    for function in ("tell_usernames_ignore_case()", "keep_username_folded()", "folded_username(text)"):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_column("tenants", "usernames_ignore_case")
    op.drop_index("uq_customers_walk_in", table_name="customers")
    op.drop_column("customers", "is_walk_in")
