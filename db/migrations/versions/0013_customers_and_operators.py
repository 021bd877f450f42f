"""Customers in full: contacts, tags, equipment, operators and transfers, referrals, imports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_NOW = sa.text("now()")
_TIME = sa.DateTime(timezone=True)
_ALIVE = sa.text("deleted_at IS NULL")
_SEARCHED = "name || ' ' || customer_code || ' ' || coalesce(phone, '') || ' ' || coalesce(email, '')"
_WITH_WHATSAPP = _SEARCHED + " || ' ' || coalesce(whatsapp, '')"
_CHECKS = {
    "gender": "gender IN ('male', 'female', 'other')",
    "latitude": "latitude BETWEEN -90 AND 90",
    "longitude": "longitude BETWEEN -180 AND 180",
    "place": "(latitude IS NULL) = (longitude IS NULL)",
    "not_itself": "parent_customer_id <> id AND referred_by_id <> id",
}
_TABLES = (
    "customer_job_items", "customer_jobs", "customer_transfers", "customer_equipment", "customer_tags",
    "customer_contacts",
)  # fmt: skip


_COLUMNS = (
    sa.Column("whatsapp", sa.String(length=20), nullable=True),
    sa.Column("apartment_number", sa.String(length=50), nullable=True),
    sa.Column("house_number", sa.String(length=50), nullable=True),
    sa.Column("province", sa.String(length=100), nullable=True),
    sa.Column("postal_code", sa.String(length=10), nullable=True),
    sa.Column("country", sa.String(length=100), server_default="Indonesia", nullable=False),
    sa.Column("location", sa.Text(), nullable=True),
    sa.Column("latitude", sa.Numeric(precision=10, scale=8), nullable=True),
    sa.Column("longitude", sa.Numeric(precision=11, scale=8), nullable=True),
    sa.Column("birth_date", sa.Date(), nullable=True),
    sa.Column("gender", sa.String(length=10), nullable=True),
    sa.Column("id_card_number_enc", sa.LargeBinary(), nullable=True),
    sa.Column("company_name", sa.String(length=255), nullable=True),
    sa.Column("tax_id", sa.String(length=50), nullable=True),
    sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
    sa.Column("operator_id", sa.BigInteger(), nullable=True),
    sa.Column("parent_customer_id", sa.BigInteger(), nullable=True),
    sa.Column("referral_code", sa.String(length=20), nullable=True),
    sa.Column("referred_by_id", sa.BigInteger(), nullable=True),
    sa.Column("created_by_id", sa.BigInteger(), nullable=True),
    sa.Column("created_by_name", sa.String(length=255), nullable=True),
    sa.Column("anonymized_at", _TIME, nullable=True),
)


def upgrade() -> None:
    _operators()
    _staff()
    _customers_columns()
    _customers_indexes()
    _contacts()
    _tags()
    _equipment()
    _transfers()
    _jobs()
    _job_items()


def _operators() -> None:
    op.create_table(
        "operators",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(length=150), nullable=False),
        sa.Column("parent_operator_id", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("commission_rate", sa.Numeric(precision=5, scale=2), server_default="0", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint("commission_rate BETWEEN 0 AND 100", name=op.f("ck_operators_commission_rate")),
        sa.CheckConstraint("level BETWEEN 1 AND 99", name=op.f("ck_operators_level")),
        sa.ForeignKeyConstraint(
            ["parent_operator_id"], ["operators.id"], name=op.f("fk_operators_parent_operator_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_operators_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operators")),
    )
    op.create_index(op.f("ix_operators_parent_operator_id"), "operators", ["parent_operator_id"], unique=False)
    op.create_index(op.f("ix_operators_tenant_id"), "operators", ["tenant_id"], unique=False)
    op.create_index("uq_operators_name", "operators", ["tenant_id", sa.literal_column("lower(name)")], unique=True)


def _staff() -> None:
    op.add_column("users", sa.Column("operator_id", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_users_operator_id"), "users", ["operator_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_users_operator_id"), "users", "operators", ["operator_id"], ["id"], ondelete="RESTRICT"
    )


def _customers_columns() -> None:
    for column in _COLUMNS:
        op.add_column("customers", column)
    op.create_foreign_key(
        op.f("fk_customers_operator_id"), "customers", "operators", ["operator_id"], ["id"], ondelete="RESTRICT"
    )
    op.create_foreign_key(
        op.f("fk_customers_referred_by_id"), "customers", "customers", ["referred_by_id"], ["id"], ondelete="SET NULL"
    )
    op.create_foreign_key(
        op.f("fk_customers_parent_customer_id"),
        "customers",
        "customers",
        ["parent_customer_id"],
        ["id"],
        ondelete="RESTRICT",
    )
    op.create_foreign_key(
        op.f("fk_customers_created_by_id"), "customers", "users", ["created_by_id"], ["id"], ondelete="SET NULL"
    )
    for name, rule in _CHECKS.items():
        op.create_check_constraint(op.f(f"ck_customers_{name}"), "customers", rule)


def _customers_indexes() -> None:
    op.create_index(
        "ix_customers_balance", "customers", ["tenant_id", "balance", "id"], unique=False, postgresql_where=_ALIVE
    )
    op.create_index("ix_customers_city", "customers", ["tenant_id", "city"], unique=False)
    op.create_index(
        "ix_customers_created", "customers", ["tenant_id", "created_at", "id"], unique=False, postgresql_where=_ALIVE
    )
    op.create_index(
        "ix_customers_name", "customers", ["tenant_id", "name", "id"], unique=False, postgresql_where=_ALIVE
    )
    op.create_index(op.f("ix_customers_operator_id"), "customers", ["operator_id"], unique=False)
    op.create_index(op.f("ix_customers_parent_customer_id"), "customers", ["parent_customer_id"], unique=False)
    op.create_index(
        "ix_customers_place",
        "customers",
        ["latitude", "longitude"],
        unique=False,
        postgresql_where=sa.text("latitude IS NOT NULL"),
    )
    op.create_index(op.f("ix_customers_referred_by_id"), "customers", ["referred_by_id"], unique=False)
    op.create_index("uq_customers_referral_code", "customers", ["tenant_id", "referral_code"], unique=True)
    op.create_index(
        "uq_customers_whatsapp", "customers", ["tenant_id", "whatsapp"], unique=True, postgresql_where=_ALIVE
    )
    _search(_WITH_WHATSAPP)
    op.drop_index("ix_customers_status", table_name="customers")
    columns = ["tenant_id", "status", "created_at", "id"]
    op.create_index("ix_customers_status", "customers", columns, postgresql_where=_ALIVE)


def _contacts() -> None:
    op.create_table(
        "customer_contacts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=100), nullable=False),
        sa.Column("is_primary", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("notes", sa.String(length=200), server_default="", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint("type IN ('whatsapp', 'email', 'phone')", name=op.f("ck_customer_contacts_type")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_contacts_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_customer_contacts_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_contacts")),
    )
    op.create_index(op.f("ix_customer_contacts_tenant_id"), "customer_contacts", ["tenant_id"], unique=False)
    op.create_index("ix_customer_contacts_value", "customer_contacts", ["value"], unique=False)
    op.create_index(
        "uq_customer_contacts_primary",
        "customer_contacts",
        ["customer_id", "type"],
        unique=True,
        postgresql_where=sa.text("is_primary"),
    )
    op.create_index("uq_customer_contacts_value", "customer_contacts", ["customer_id", "type", "value"], unique=True)


def _tags() -> None:
    op.create_table(
        "customer_tags",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.String(length=50), nullable=False),
        sa.Column("color", sa.String(length=7), server_default="#007bff", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name=op.f("ck_customer_tags_color")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_tags_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_customer_tags_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_tags")),
    )
    op.create_index(
        "ix_customer_tags_tag", "customer_tags", ["tenant_id", sa.literal_column("lower(tag)")], unique=False
    )
    op.create_index(op.f("ix_customer_tags_tenant_id"), "customer_tags", ["tenant_id"], unique=False)
    op.create_index(
        "uq_customer_tags_tag", "customer_tags", ["customer_id", sa.literal_column("lower(tag)")], unique=True
    )


def _equipment() -> None:
    op.create_table(
        "customer_equipment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("device_name", sa.String(length=255), nullable=False),
        sa.Column("device_type", sa.String(length=20), server_default="other", nullable=False),
        sa.Column("ip_address", postgresql.INET(), nullable=True),
        sa.Column("mac_address", postgresql.MACADDR(), nullable=True),
        sa.Column("interface", sa.String(length=100), nullable=True),
        sa.Column("vlan_id", sa.String(length=10), nullable=True),
        sa.Column("manufacturer", sa.String(length=100), nullable=True),
        sa.Column("model", sa.String(length=100), nullable=True),
        sa.Column("firmware_version", sa.String(length=50), nullable=True),
        sa.Column("location_description", sa.Text(), nullable=True),
        sa.Column("is_primary", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("network_config", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("last_seen_at", _TIME, nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint(
            "device_type IN ('router', 'switch', 'access_point', 'cpe', 'ont', 'computer', 'mobile', 'other')",
            name=op.f("ck_customer_equipment_device_type"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_equipment_customer_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_customer_equipment_subscription_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_customer_equipment_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_equipment")),
    )
    op.create_index(op.f("ix_customer_equipment_customer_id"), "customer_equipment", ["customer_id"], unique=False)
    op.create_index("ix_customer_equipment_ip_address", "customer_equipment", ["ip_address"], unique=False)
    op.create_index("ix_customer_equipment_mac_address", "customer_equipment", ["mac_address"], unique=False)
    op.create_index(op.f("ix_customer_equipment_tenant_id"), "customer_equipment", ["tenant_id"], unique=False)
    op.create_index(
        "uq_customer_equipment_primary",
        "customer_equipment",
        ["subscription_id"],
        unique=True,
        postgresql_where=sa.text("is_primary"),
    )


def _transfers() -> None:
    op.create_table(
        "customer_transfers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("from_operator_id", sa.BigInteger(), nullable=True),
        sa.Column("to_operator_id", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(length=20), server_default="requested", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("confirmed_from_at", _TIME, nullable=True),
        sa.Column("confirmed_from_by", sa.String(length=255), nullable=True),
        sa.Column("confirmed_to_at", _TIME, nullable=True),
        sa.Column("confirmed_to_by", sa.String(length=255), nullable=True),
        sa.Column("done_at", _TIME, nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint(
            "status IN ('requested', 'confirmed_from', 'confirmed_to', 'done', 'rejected')",
            name=op.f("ck_customer_transfers_status"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_transfers_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["from_operator_id"],
            ["operators.id"],
            name=op.f("fk_customer_transfers_from_operator_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_customer_transfers_tenant_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["to_operator_id"], ["operators.id"], name=op.f("fk_customer_transfers_to_operator_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_transfers")),
    )
    op.create_index(op.f("ix_customer_transfers_customer_id"), "customer_transfers", ["customer_id"], unique=False)
    op.create_index("ix_customer_transfers_status", "customer_transfers", ["tenant_id", "status"], unique=False)
    op.create_index(op.f("ix_customer_transfers_tenant_id"), "customer_transfers", ["tenant_id"], unique=False)
    op.create_index(
        "uq_customer_transfers_open",
        "customer_transfers",
        ["customer_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('requested', 'confirmed_from', 'confirmed_to')"),
    )


def _jobs() -> None:
    op.create_table(
        "customer_jobs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="running", nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("arguments", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("file_name", sa.String(length=255), server_default="", nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger(), nullable=True),
        sa.Column("operator_id", sa.BigInteger(), nullable=True),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, server_default=_NOW, nullable=False),
        sa.Column("updated_at", _TIME, server_default=_NOW, nullable=False),
        sa.CheckConstraint("kind IN ('import', 'bulk')", name=op.f("ck_customer_jobs_kind")),
        sa.CheckConstraint("state IN ('running', 'done', 'stopped')", name=op.f("ck_customer_jobs_state")),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_customer_jobs_operator_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["requested_by_id"], ["users.id"], name=op.f("fk_customer_jobs_requested_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_customer_jobs_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_jobs")),
    )
    op.create_index("ix_customer_jobs_started_at", "customer_jobs", ["tenant_id", "started_at"], unique=False)
    op.create_index(op.f("ix_customer_jobs_tenant_id"), "customer_jobs", ["tenant_id"], unique=False)
    op.create_index(
        "uq_customer_jobs_running",
        "customer_jobs",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("state = 'running'"),
    )


def _job_items() -> None:
    op.create_table(
        "customer_job_items",
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=10), server_default="waiting", nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        sa.Column("problems", postgresql.JSONB(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'done', 'failed')", name=op.f("ck_customer_job_items_state")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_customer_job_items_customer_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["customer_jobs.id"], name=op.f("fk_customer_job_items_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_customer_job_items")),
    )
    op.create_index(
        "ix_customer_job_items_waiting",
        "customer_job_items",
        ["job_id", "position"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )


def _search(text: str) -> None:
    op.execute("DROP INDEX ix_customers_search")
    op.execute(f"CREATE INDEX ix_customers_search ON customers USING gin (({text}) gin_trgm_ops)")


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
    _search(_SEARCHED)
    op.drop_index("ix_customers_status", table_name="customers")
    op.create_index("ix_customers_status", "customers", ["tenant_id", "status"])
    for name in _CHECKS:
        op.drop_constraint(op.f(f"ck_customers_{name}"), "customers", type_="check")
    # Their indexes and references go with the columns.
    for column in reversed(_COLUMNS):
        op.drop_column("customers", column.name)
    for index in ("ix_customers_created", "ix_customers_name", "ix_customers_balance", "ix_customers_city"):
        op.drop_index(index, table_name="customers")
    op.drop_column("users", "operator_id")
    op.drop_table("operators")
