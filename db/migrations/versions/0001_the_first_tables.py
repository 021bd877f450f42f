"""the first tables"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("CREATE SEQUENCE radacct_radacctid_seq")
    op.create_table(
        "access_log",
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("nas_server_id", sa.BigInteger(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("callingstationid", sa.Text(), nullable=True),
        sa.Column("service", sa.String(length=10), nullable=False),
        sa.Column("result", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("decision_id", sa.String(length=32), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("result IN ('accept', 'reject')", name=op.f("ck_access_log_result")),
        postgresql_partition_by="RANGE (decided_at)",
    )
    op.create_index("ix_access_log_subscription", "access_log", ["subscription_id", "decided_at"], unique=False)
    op.create_index("ix_access_log_username", "access_log", ["username", "decided_at"], unique=False)
    op.create_table(
        "quarantined_records",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("stream", sa.String(length=20), nullable=False),
        sa.Column("file", sa.String(length=255), nullable=False),
        sa.Column("offset_bytes", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantined_records")),
    )
    op.create_index("ix_quarantined_records_created_at", "quarantined_records", ["created_at"], unique=False)
    op.create_table(
        "radacct",
        sa.Column(
            "radacctid", sa.BigInteger(), server_default=sa.text("nextval('radacct_radacctid_seq')"), nullable=False
        ),
        sa.Column("acctsessionid", sa.Text(), nullable=False),
        sa.Column("acctuniqueid", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), server_default="", nullable=False),
        sa.Column("realm", sa.Text(), nullable=True),
        sa.Column("nasipaddress", postgresql.INET(), nullable=False),
        sa.Column("nasportid", sa.Text(), nullable=True),
        sa.Column("nasporttype", sa.Text(), nullable=True),
        sa.Column("acctstarttime", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acctupdatetime", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acctstoptime", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acctinterval", sa.BigInteger(), nullable=True),
        sa.Column("acctsessiontime", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("acctauthentic", sa.Text(), nullable=True),
        sa.Column("connectinfo_start", sa.Text(), nullable=True),
        sa.Column("connectinfo_stop", sa.Text(), nullable=True),
        sa.Column("acctinputoctets", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("acctoutputoctets", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("calledstationid", sa.Text(), nullable=True),
        sa.Column("callingstationid", sa.Text(), nullable=True),
        sa.Column("acctterminatecause", sa.Text(), nullable=True),
        sa.Column("servicetype", sa.Text(), nullable=True),
        sa.Column("framedprotocol", sa.Text(), nullable=True),
        sa.Column("framedipaddress", postgresql.INET(), nullable=True),
        sa.Column("framedipv6address", postgresql.INET(), nullable=True),
        sa.Column("framedipv6prefix", postgresql.INET(), nullable=True),
        sa.Column("framedinterfaceid", sa.Text(), nullable=True),
        sa.Column("delegatedipv6prefix", postgresql.INET(), nullable=True),
        sa.Column("class", sa.Text(), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("nas_server_id", sa.BigInteger(), nullable=False),
        postgresql_partition_by="RANGE (acctstoptime)",
    )
    op.create_index("ix_radacct_acctuniqueid", "radacct", ["acctuniqueid"], unique=False)
    op.create_index("ix_radacct_framedipaddress", "radacct", ["framedipaddress"], unique=False)
    op.create_index("ix_radacct_radacctid", "radacct", ["radacctid"], unique=False)
    op.create_index("ix_radacct_subscription", "radacct", ["subscription_id", "acctstarttime"], unique=False)
    op.create_index("ix_radacct_username", "radacct", ["username", "acctstarttime"], unique=False)
    op.create_table(
        "roles",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "permissions",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("name", name=op.f("uq_roles_name")),
    )
    op.create_table(
        "spool_positions",
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("stream", sa.String(length=20), nullable=False),
        sa.Column("file", sa.String(length=255), nullable=False),
        sa.Column("offset_bytes", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("node", "stream", "file", name=op.f("pk_spool_positions")),
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(length=150), nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("currency", sa.String(length=3), server_default="IDR", nullable=False),
        sa.Column("locale", sa.String(length=10), server_default="en", nullable=False),
        sa.Column("timezone", sa.String(length=50), server_default="Asia/Jakarta", nullable=False),
        sa.Column("country_code", sa.String(length=4), server_default="62", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
        sa.UniqueConstraint("slug", name=op.f("uq_tenants_slug")),
    )
    op.create_table(
        "usage_counters",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("period_kind", sa.String(length=20), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("download_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("upload_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "period_kind IN ('daily', 'weekly', 'monthly', 'billing_cycle')", name=op.f("ck_usage_counters_period_kind")
        ),
        sa.PrimaryKeyConstraint("subscription_id", "period_kind", "period_start", name=op.f("pk_usage_counters")),
    )
    op.create_table(
        "usage_daily",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("nas_server_id", sa.BigInteger(), nullable=False),
        sa.Column("download_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("upload_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seconds", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("sessions", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("subscription_id", "day", "nas_server_id", name=op.f("pk_usage_daily")),
    )
    op.create_index("ix_usage_daily_day", "usage_daily", ["day"], unique=False)
    op.create_table(
        "customers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("city", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=20), server_default="prospect", nullable=False),
        sa.Column("suspend_reason", sa.Text(), nullable=True),
        sa.Column("customer_type", sa.String(length=20), server_default="residential", nullable=False),
        sa.Column("language", sa.String(length=5), server_default="id", nullable=False),
        sa.Column("registration_date", sa.Date(), server_default=sa.text("CURRENT_DATE"), nullable=False),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "customer_type IN ('residential', 'business', 'enterprise')", name=op.f("ck_customers_customer_type")
        ),
        sa.CheckConstraint(
            "status IN ('prospect', 'active', 'suspended', 'expired', 'inactive', 'disabled', 'blacklisted', 'terminated')",
            name=op.f("ck_customers_status"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_customers_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
    )
    op.create_index(
        "ix_customers_search",
        "customers",
        [
            sa.literal_column(
                "(name || ' ' || customer_code || ' ' || coalesce(phone, '') || ' ' || coalesce(email, '')) gin_trgm_ops"
            )
        ],
        unique=False,
        postgresql_using="gin",
    )
    op.create_index("ix_customers_status", "customers", ["tenant_id", "status"], unique=False)
    op.create_index(op.f("ix_customers_tenant_id"), "customers", ["tenant_id"], unique=False)
    op.create_index(
        "uq_customers_code",
        "customers",
        ["tenant_id", "customer_code"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_customers_email",
        "customers",
        ["tenant_id", sa.literal_column("lower(email)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "uq_customers_phone",
        "customers",
        ["tenant_id", "phone"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "nas_servers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("host", postgresql.INET(), nullable=False),
        sa.Column("nas_identifier", sa.String(length=253), server_default="", nullable=False),
        sa.Column("radius_secret_enc", sa.LargeBinary(), nullable=False),
        sa.Column("coa_port", sa.Integer(), server_default="3799", nullable=False),
        sa.Column("type", sa.String(length=30), server_default="mikrotik", nullable=False),
        sa.Column("routeros_version", sa.SmallInteger(), server_default="7", nullable=False),
        sa.Column("require_message_authenticator", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("acct_input_is", sa.String(length=10), server_default="upload", nullable=False),
        sa.Column("location", sa.Text(), server_default="", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("status", sa.String(length=10), server_default="unknown", nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("acct_input_is IN ('upload', 'download')", name=op.f("ck_nas_servers_acct_input_is")),
        sa.CheckConstraint("status IN ('online', 'offline', 'unknown')", name=op.f("ck_nas_servers_status")),
        sa.CheckConstraint("coa_port BETWEEN 1 AND 65535", name=op.f("ck_nas_servers_coa_port")),
        sa.CheckConstraint("masklen(host) IN (32, 128)", name=op.f("ck_nas_servers_host")),
        sa.CheckConstraint("routeros_version IN (6, 7)", name=op.f("ck_nas_servers_routeros_version")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_nas_servers_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nas_servers")),
    )
    op.create_index(op.f("ix_nas_servers_tenant_id"), "nas_servers", ["tenant_id"], unique=False)
    op.create_index(
        "uq_nas_servers_host", "nas_servers", ["host"], unique=True, postgresql_where=sa.text("deleted_at IS NULL")
    )
    op.create_index(
        "uq_nas_servers_name",
        "nas_servers",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "number_sequences",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("last_value", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_number_sequences_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "name", "period", name=op.f("pk_number_sequences")),
    )
    op.create_table(
        "service_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("slug", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("connection_type", sa.String(length=10), server_default="pppoe", nullable=False),
        sa.Column("price", sa.Numeric(precision=14, scale=2), server_default="0", nullable=False),
        sa.Column("setup_fee", sa.Numeric(precision=14, scale=2), server_default="0", nullable=False),
        sa.Column("billing_cycle", sa.String(length=10), server_default="monthly", nullable=False),
        sa.Column("validity_days", sa.Integer(), server_default="30", nullable=False),
        sa.Column("download_kbps", sa.Integer(), nullable=False),
        sa.Column("upload_kbps", sa.Integer(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default="8", nullable=False),
        sa.Column("burst_enabled", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("burst_download_kbps", sa.Integer(), nullable=True),
        sa.Column("burst_upload_kbps", sa.Integer(), nullable=True),
        sa.Column("burst_threshold_download_kbps", sa.Integer(), nullable=True),
        sa.Column("burst_threshold_upload_kbps", sa.Integer(), nullable=True),
        sa.Column("burst_time_s", sa.Integer(), nullable=True),
        sa.Column("concurrent_connections", sa.Integer(), server_default="1", nullable=False),
        sa.Column("grace_period_days", sa.Integer(), server_default="7", nullable=False),
        sa.Column("session_timeout_s", sa.Integer(), nullable=True),
        sa.Column("idle_timeout_s", sa.Integer(), nullable=True),
        sa.Column("interim_interval_s", sa.Integer(), server_default="300", nullable=False),
        sa.Column("ip_pool", sa.String(length=100), nullable=True),
        sa.Column("address_list", sa.String(length=100), nullable=True),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "billing_cycle IN ('daily', 'monthly', 'quarterly', 'yearly', 'custom')",
            name=op.f("ck_service_plans_billing_cycle"),
        ),
        sa.CheckConstraint(
            "connection_type IN ('pppoe', 'hotspot', 'dhcp', 'static', 'any')",
            name=op.f("ck_service_plans_connection_type"),
        ),
        sa.CheckConstraint(
            "NOT burst_enabled OR (burst_download_kbps >= download_kbps AND burst_upload_kbps >= upload_kbps AND burst_time_s BETWEEN 1 AND 600)",
            name=op.f("ck_service_plans_burst"),
        ),
        sa.CheckConstraint("concurrent_connections >= 1", name=op.f("ck_service_plans_concurrent_connections")),
        sa.CheckConstraint("download_kbps >= 0 AND upload_kbps >= 0", name=op.f("ck_service_plans_speed")),
        sa.CheckConstraint("grace_period_days >= 0", name=op.f("ck_service_plans_grace_period_days")),
        sa.CheckConstraint("idle_timeout_s >= 60", name=op.f("ck_service_plans_idle_timeout_s")),
        sa.CheckConstraint("interim_interval_s BETWEEN 60 AND 3600", name=op.f("ck_service_plans_interim_interval_s")),
        sa.CheckConstraint("price >= 0 AND setup_fee >= 0", name=op.f("ck_service_plans_money")),
        sa.CheckConstraint("priority BETWEEN 1 AND 8", name=op.f("ck_service_plans_priority")),
        sa.CheckConstraint("session_timeout_s >= 60", name=op.f("ck_service_plans_session_timeout_s")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_service_plans_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_plans")),
    )
    op.create_index(op.f("ix_service_plans_tenant_id"), "service_plans", ["tenant_id"], unique=False)
    op.create_index(
        "uq_service_plans_slug",
        "service_plans",
        ["tenant_id", "slug"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "settings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_settings_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settings")),
    )
    op.create_index(
        "uq_settings_key", "settings", ["tenant_id", "key"], unique=True, postgresql_nulls_not_distinct=True
    )
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("fs_uniquifier", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=5), server_default="en", nullable=False),
        sa.Column("theme", sa.String(length=10), server_default="auto", nullable=False),
        sa.Column("last_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("current_login_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_login_ip", sa.String(length=64), nullable=True),
        sa.Column("current_login_ip", sa.String(length=64), nullable=True),
        sa.Column("login_count", sa.Integer(), nullable=True),
        sa.Column("tf_primary_method", sa.String(length=64), nullable=True),
        sa.Column("tf_totp_secret", sa.String(length=255), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_users_tenant_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_users_fs_uniquifier")),
    )
    op.create_index(op.f("ix_users_tenant_id"), "users", ["tenant_id"], unique=False)
    op.create_index("uq_users_email", "users", [sa.literal_column("lower(email)")], unique=True)
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column(
            "scopes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_api_tokens_tenant_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_tokens_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_tokens_prefix")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )
    op.create_index(op.f("ix_api_tokens_tenant_id"), "api_tokens", ["tenant_id"], unique=False)
    op.create_index(op.f("ix_api_tokens_user_id"), "api_tokens", ["user_id"], unique=False)
    op.create_table(
        "audit_logs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("actor_user_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_name", sa.String(length=255), nullable=False),
        sa.Column("actor_type", sa.String(length=10), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("entity_type", sa.String(length=40), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("old_values", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("new_values", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("ip", postgresql.INET(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "actor_type IN ('user', 'token', 'customer', 'system')", name=op.f("ck_audit_logs_actor_type")
        ),
        sa.ForeignKeyConstraint(
            ["actor_user_id"], ["users.id"], name=op.f("fk_audit_logs_actor_user_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_audit_logs_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_logs")),
    )
    op.create_index("ix_audit_logs_created_at", "audit_logs", ["created_at"], unique=False)
    op.create_index("ix_audit_logs_customer", "audit_logs", ["customer_id", "created_at"], unique=False)
    op.create_index("ix_audit_logs_entity", "audit_logs", ["entity_type", "entity_id"], unique=False)
    op.create_index(op.f("ix_audit_logs_tenant_id"), "audit_logs", ["tenant_id"], unique=False)
    op.create_table(
        "plan_fup_rules",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("service_plan_id", sa.BigInteger(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("threshold_bytes", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.String(length=10), server_default="total", nullable=False),
        sa.Column("reduced_download_kbps", sa.Integer(), nullable=True),
        sa.Column("reduced_upload_kbps", sa.Integer(), nullable=True),
        sa.Column("reduction_percent", sa.SmallInteger(), nullable=True),
        sa.Column("reset_period", sa.String(length=20), server_default="billing_cycle", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("counts IN ('total', 'download', 'upload')", name=op.f("ck_plan_fup_rules_counts")),
        sa.CheckConstraint(
            "reset_period IN ('daily', 'weekly', 'monthly', 'billing_cycle')",
            name=op.f("ck_plan_fup_rules_reset_period"),
        ),
        sa.CheckConstraint(
            "(reduction_percent IS NULL) <> (reduced_download_kbps IS NULL) AND (reduced_download_kbps IS NULL) = (reduced_upload_kbps IS NULL)",
            name=op.f("ck_plan_fup_rules_one_reduction"),
        ),
        sa.CheckConstraint(
            "reduced_download_kbps > 0 AND reduced_upload_kbps > 0", name=op.f("ck_plan_fup_rules_reduced_speed")
        ),
        sa.CheckConstraint("reduction_percent BETWEEN 1 AND 99", name=op.f("ck_plan_fup_rules_reduction_percent")),
        sa.CheckConstraint("threshold_bytes > 0", name=op.f("ck_plan_fup_rules_threshold_bytes")),
        sa.CheckConstraint("tier >= 1", name=op.f("ck_plan_fup_rules_tier")),
        sa.ForeignKeyConstraint(
            ["service_plan_id"],
            ["service_plans.id"],
            name=op.f("fk_plan_fup_rules_service_plan_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_plan_fup_rules_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_fup_rules")),
        sa.UniqueConstraint("service_plan_id", "tier", name=op.f("uq_plan_fup_rules_service_plan_id_tier")),
    )
    op.create_index(op.f("ix_plan_fup_rules_tenant_id"), "plan_fup_rules", ["tenant_id"], unique=False)
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("service_plan_id", sa.BigInteger(), nullable=False),
        sa.Column("nas_server_id", sa.BigInteger(), nullable=True),
        sa.Column("subscription_code", sa.String(length=50), nullable=False),
        sa.Column("connection_type", sa.String(length=10), server_default="pppoe", nullable=False),
        sa.Column("username", sa.String(length=253), nullable=False),
        sa.Column("service_password_enc", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="pending", nullable=False),
        sa.Column("start_date", sa.Date(), server_default=sa.text("CURRENT_DATE"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("billing_day", sa.Integer(), server_default="1", nullable=False),
        sa.Column("price", sa.Numeric(precision=14, scale=2), server_default="0", nullable=False),
        sa.Column("setup_fee", sa.Numeric(precision=14, scale=2), server_default="0", nullable=False),
        sa.Column("billing_cycle", sa.String(length=10), server_default="monthly", nullable=False),
        sa.Column("auto_renew", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("grace_period_days", sa.Integer(), nullable=True),
        sa.Column("assigned_ip", postgresql.INET(), nullable=True),
        sa.Column("ip_pool", sa.String(length=100), nullable=True),
        sa.Column("address_list", sa.String(length=100), nullable=True),
        sa.Column("mac_binding", sa.String(length=10), server_default="off", nullable=False),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column("suspend_reason", sa.Text(), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("terminated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "billing_cycle IN ('daily', 'monthly', 'quarterly', 'yearly', 'custom')",
            name=op.f("ck_subscriptions_billing_cycle"),
        ),
        sa.CheckConstraint(
            "connection_type IN ('pppoe', 'hotspot', 'dhcp', 'static', 'any')",
            name=op.f("ck_subscriptions_connection_type"),
        ),
        sa.CheckConstraint("mac_binding IN ('off', 'fixed')", name=op.f("ck_subscriptions_mac_binding")),
        sa.CheckConstraint(
            "status IN ('pending', 'active', 'suspended', 'expired', 'disabled', 'cancelled', 'terminated')",
            name=op.f("ck_subscriptions_status"),
        ),
        sa.CheckConstraint("billing_day BETWEEN 1 AND 31", name=op.f("ck_subscriptions_billing_day")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_subscriptions_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["nas_server_id"], ["nas_servers.id"], name=op.f("fk_subscriptions_nas_server_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["service_plan_id"],
            ["service_plans.id"],
            name=op.f("fk_subscriptions_service_plan_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_subscriptions_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
    )
    op.create_index(op.f("ix_subscriptions_customer_id"), "subscriptions", ["customer_id"], unique=False)
    op.create_index(
        "ix_subscriptions_expires_at",
        "subscriptions",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_index(op.f("ix_subscriptions_nas_server_id"), "subscriptions", ["nas_server_id"], unique=False)
    op.create_index(op.f("ix_subscriptions_service_plan_id"), "subscriptions", ["service_plan_id"], unique=False)
    op.create_index("ix_subscriptions_status", "subscriptions", ["tenant_id", "status"], unique=False)
    op.create_index(op.f("ix_subscriptions_tenant_id"), "subscriptions", ["tenant_id"], unique=False)
    op.create_index("ix_subscriptions_username", "subscriptions", ["username"], unique=False)
    op.create_index(
        "uq_subscriptions_assigned_ip",
        "subscriptions",
        ["tenant_id", "nas_server_id", "assigned_ip"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND status <> 'terminated'"),
    )
    op.create_index("uq_subscriptions_code", "subscriptions", ["tenant_id", "subscription_code"], unique=True)
    op.create_index(
        "uq_subscriptions_username",
        "subscriptions",
        ["tenant_id", "username"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL AND status <> 'terminated'"),
    )
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("role_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_user_roles_role_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_roles_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "role_id", name=op.f("pk_user_roles")),
    )
    op.create_table(
        "fup_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=10), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("usage_bytes", sa.BigInteger(), nullable=True),
        sa.Column("threshold_bytes", sa.BigInteger(), nullable=True),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("action IN ('activate', 'reset')", name=op.f("ck_fup_events_action")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_fup_events_subscription_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fup_events")),
    )
    op.create_index("ix_fup_events_subscription", "fup_events", ["subscription_id", "created_at"], unique=False)
    op.create_table(
        "session_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("nas_server_id", sa.BigInteger(), nullable=False),
        sa.Column("acctuniqueid", sa.Text(), nullable=False),
        sa.Column("acctsessionid", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("framedipaddress", postgresql.INET(), nullable=True),
        sa.Column("callingstationid", sa.Text(), nullable=True),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column(
            "attributes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("caused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=12), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_cause", sa.String(length=60), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('coa', 'disconnect')", name=op.f("ck_session_changes_kind")),
        sa.CheckConstraint(
            "status IN ('pending', 'sending', 'ack', 'nak', 'timeout', 'superseded', 'gone')",
            name=op.f("ck_session_changes_status"),
        ),
        sa.ForeignKeyConstraint(
            ["nas_server_id"], ["nas_servers.id"], name=op.f("fk_session_changes_nas_server_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_session_changes_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_session_changes_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_changes")),
    )
    op.create_index(
        "ix_session_changes_due",
        "session_changes",
        ["nas_server_id", "next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "ix_session_changes_sending",
        "session_changes",
        ["claimed_until"],
        unique=False,
        postgresql_where=sa.text("status = 'sending'"),
    )
    op.create_index(
        "ix_session_changes_session",
        "session_changes",
        ["acctuniqueid"],
        unique=False,
        postgresql_where=sa.text("status IN ('pending', 'sending')"),
    )
    op.create_index(
        "ix_session_changes_subscription", "session_changes", ["subscription_id", "created_at"], unique=False
    )
    op.create_index(op.f("ix_session_changes_tenant_id"), "session_changes", ["tenant_id"], unique=False)
    op.create_table(
        "subscription_fup_states",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("tier", sa.Integer(), server_default="0", nullable=False),
        sa.Column("usage_at_activation_bytes", sa.BigInteger(), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activated_by", sa.String(length=255), nullable=True),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_subscription_fup_states_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_subscription_fup_states")),
    )
    op.create_index(
        "ix_subscription_fup_states_window_end",
        "subscription_fup_states",
        ["window_end"],
        unique=False,
        postgresql_where=sa.text("tier > 0"),
    )
    op.create_table(
        "subscription_limits",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("download_kbps", sa.Integer(), nullable=True),
        sa.Column("upload_kbps", sa.Integer(), nullable=True),
        sa.Column("speed_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("session_timeout_s", sa.Integer(), nullable=True),
        sa.Column("concurrent_connections", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(download_kbps IS NULL) = (upload_kbps IS NULL)", name=op.f("ck_subscription_limits_both_speeds")
        ),
        sa.CheckConstraint("concurrent_connections >= 1", name=op.f("ck_subscription_limits_concurrent_connections")),
        sa.CheckConstraint("download_kbps >= 0 AND upload_kbps >= 0", name=op.f("ck_subscription_limits_speed")),
        sa.CheckConstraint("session_timeout_s >= 60", name=op.f("ck_subscription_limits_session_timeout_s")),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_subscription_limits_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_subscription_limits")),
    )
    op.create_table(
        "subscription_macs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("mac", postgresql.MACADDR(), nullable=False),
        sa.Column("status", sa.String(length=10), server_default="approved", nullable=False),
        sa.Column("source", sa.String(length=10), server_default="manual", nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("source IN ('manual', 'learned')", name=op.f("ck_subscription_macs_source")),
        sa.CheckConstraint("status IN ('approved', 'pending', 'blocked')", name=op.f("ck_subscription_macs_status")),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_subscription_macs_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_subscription_macs_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_macs")),
        sa.UniqueConstraint("subscription_id", "mac", name=op.f("uq_subscription_macs_subscription_id_mac")),
    )
    op.create_index("ix_subscription_macs_mac", "subscription_macs", ["mac"], unique=False)
    op.create_index(op.f("ix_subscription_macs_tenant_id"), "subscription_macs", ["tenant_id"], unique=False)
    op.create_table(
        "session_change_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("session_change_id", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("transmissions", sa.Integer(), server_default="1", nullable=False),
        sa.Column("result", sa.String(length=10), nullable=False),
        sa.Column("error_cause", sa.String(length=60), nullable=True),
        sa.CheckConstraint(
            "result IN ('ack', 'nak', 'timeout', 'error')", name=op.f("ck_session_change_attempts_result")
        ),
        sa.ForeignKeyConstraint(
            ["session_change_id"],
            ["session_changes.id"],
            name=op.f("fk_session_change_attempts_session_change_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session_change_attempts")),
    )
    op.create_index("ix_session_change_attempts_change", "session_change_attempts", ["session_change_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_session_change_attempts_change", table_name="session_change_attempts")
    op.drop_table("session_change_attempts")
    op.drop_index(op.f("ix_subscription_macs_tenant_id"), table_name="subscription_macs")
    op.drop_index("ix_subscription_macs_mac", table_name="subscription_macs")
    op.drop_table("subscription_macs")
    op.drop_table("subscription_limits")
    op.drop_index(
        "ix_subscription_fup_states_window_end",
        table_name="subscription_fup_states",
        postgresql_where=sa.text("tier > 0"),
    )
    op.drop_table("subscription_fup_states")
    op.drop_index(op.f("ix_session_changes_tenant_id"), table_name="session_changes")
    op.drop_index("ix_session_changes_subscription", table_name="session_changes")
    op.drop_index(
        "ix_session_changes_session",
        table_name="session_changes",
        postgresql_where=sa.text("status IN ('pending', 'sending')"),
    )
    op.drop_index(
        "ix_session_changes_sending", table_name="session_changes", postgresql_where=sa.text("status = 'sending'")
    )
    op.drop_index(
        "ix_session_changes_due", table_name="session_changes", postgresql_where=sa.text("status = 'pending'")
    )
    op.drop_table("session_changes")
    op.drop_index("ix_fup_events_subscription", table_name="fup_events")
    op.drop_table("fup_events")
    op.drop_table("user_roles")
    op.drop_index(
        "uq_subscriptions_username",
        table_name="subscriptions",
        postgresql_where=sa.text("deleted_at IS NULL AND status <> 'terminated'"),
    )
    op.drop_index("uq_subscriptions_code", table_name="subscriptions")
    op.drop_index(
        "uq_subscriptions_assigned_ip",
        table_name="subscriptions",
        postgresql_where=sa.text("deleted_at IS NULL AND status <> 'terminated'"),
    )
    op.drop_index("ix_subscriptions_username", table_name="subscriptions")
    op.drop_index(op.f("ix_subscriptions_tenant_id"), table_name="subscriptions")
    op.drop_index("ix_subscriptions_status", table_name="subscriptions")
    op.drop_index(op.f("ix_subscriptions_service_plan_id"), table_name="subscriptions")
    op.drop_index(op.f("ix_subscriptions_nas_server_id"), table_name="subscriptions")
    op.drop_index(
        "ix_subscriptions_expires_at", table_name="subscriptions", postgresql_where=sa.text("status = 'active'")
    )
    op.drop_index(op.f("ix_subscriptions_customer_id"), table_name="subscriptions")
    op.drop_table("subscriptions")
    op.drop_index(op.f("ix_plan_fup_rules_tenant_id"), table_name="plan_fup_rules")
    op.drop_table("plan_fup_rules")
    op.drop_index(op.f("ix_audit_logs_tenant_id"), table_name="audit_logs")
    op.drop_index("ix_audit_logs_entity", table_name="audit_logs")
    op.drop_index("ix_audit_logs_customer", table_name="audit_logs")
    op.drop_index("ix_audit_logs_created_at", table_name="audit_logs")
    op.drop_table("audit_logs")
    op.drop_index(op.f("ix_api_tokens_user_id"), table_name="api_tokens")
    op.drop_index(op.f("ix_api_tokens_tenant_id"), table_name="api_tokens")
    op.drop_table("api_tokens")
    op.drop_index("uq_users_email", table_name="users")
    op.drop_index(op.f("ix_users_tenant_id"), table_name="users")
    op.drop_table("users")
    op.drop_index("uq_settings_key", table_name="settings", postgresql_nulls_not_distinct=True)
    op.drop_table("settings")
    op.drop_index("uq_service_plans_slug", table_name="service_plans", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(op.f("ix_service_plans_tenant_id"), table_name="service_plans")
    op.drop_table("service_plans")
    op.drop_table("number_sequences")
    op.drop_index("uq_nas_servers_name", table_name="nas_servers", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("uq_nas_servers_host", table_name="nas_servers", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(op.f("ix_nas_servers_tenant_id"), table_name="nas_servers")
    op.drop_table("nas_servers")
    op.drop_index("uq_customers_phone", table_name="customers", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("uq_customers_email", table_name="customers", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index("uq_customers_code", table_name="customers", postgresql_where=sa.text("deleted_at IS NULL"))
    op.drop_index(op.f("ix_customers_tenant_id"), table_name="customers")
    op.drop_index("ix_customers_status", table_name="customers")
    op.drop_index("ix_customers_search", table_name="customers", postgresql_using="gin")
    op.drop_table("customers")
    op.drop_index("ix_usage_daily_day", table_name="usage_daily")
    op.drop_table("usage_daily")
    op.drop_table("usage_counters")
    op.drop_table("tenants")
    op.drop_table("spool_positions")
    op.drop_table("roles")
    op.drop_index("ix_radacct_username", table_name="radacct")
    op.drop_index("ix_radacct_subscription", table_name="radacct")
    op.drop_index("ix_radacct_radacctid", table_name="radacct")
    op.drop_index("ix_radacct_framedipaddress", table_name="radacct")
    op.drop_index("ix_radacct_acctuniqueid", table_name="radacct")
    op.drop_table("radacct")
    op.drop_index("ix_quarantined_records_created_at", table_name="quarantined_records")
    op.drop_table("quarantined_records")
    op.drop_index("ix_access_log_username", table_name="access_log")
    op.drop_index("ix_access_log_subscription", table_name="access_log")
    op.drop_table("access_log")
    op.execute("DROP SEQUENCE radacct_radacctid_seq")
