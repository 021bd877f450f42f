"""Everything a login may be granted or refused for: hours, allowances, walled gardens, places, vouchers, own attributes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Table, and for each word of a notice the column that holds its ids; a column may be empty in a row.
WATCHED = (
    ("plan_time_windows", "plan", "service_plan_id"),
    ("plan_reply_attributes", "plan", "service_plan_id"),
    ("quotas", "plan", "service_plan_id"),
    ("quotas", "subscription", "subscription_id"),
    ("quotas", "family", "family_id"),
    ("quota_topups", "subscription", "subscription_id"),
    ("subscription_quota_states", "subscription", "subscription_id"),
    ("vouchers", "subscription", "subscription_id"),
    ("walled_gardens", "tenant", "tenant_id"),
)

# As before, but for columns that may be empty: a row without an id there is news to nobody by that word.
NOTIFY = """
CREATE OR REPLACE FUNCTION notify_access_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids text[];
    listed text;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('access_changed', TG_ARGV[0] || ' *');
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format('SELECT array_agg(id) FROM (SELECT %1$I::text AS id FROM changed WHERE %1$I IS NOT NULL UNION'
            ' SELECT %1$I::text FROM before WHERE %1$I IS NOT NULL LIMIT 501) x', TG_ARGV[1]) INTO ids;
    ELSE
        EXECUTE format('SELECT array_agg(id) FROM (SELECT DISTINCT %1$I::text AS id FROM changed'
            ' WHERE %1$I IS NOT NULL LIMIT 501) x', TG_ARGV[1]) INTO ids;
    END IF;
    listed := array_to_string(ids, ',');
    -- NOTIFY refuses 8000 bytes and more, and with it the change itself.
    IF cardinality(ids) > 500 OR length(listed) > 7900 THEN
        PERFORM pg_notify('access_changed', TG_ARGV[0] || ' *');
    ELSIF ids IS NOT NULL THEN
        PERFORM pg_notify('access_changed', TG_ARGV[0] || ' ' || listed);
    END IF;
    RETURN NULL;
END $$
"""

# radcheck and radreply name a user as other tools write him.
NOTIFY_NAMED = """
CREATE FUNCTION notify_named_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids text[];
    listed text;
    names text := 'SELECT tenant_id, username FROM changed';
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('access_changed', 'subscription *');
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        names := names || ' UNION SELECT tenant_id, username FROM before';
    END IF;
    EXECUTE 'SELECT array_agg(id) FROM (SELECT DISTINCT s.id::text AS id FROM (' || names || ') n'
        ' JOIN subscriptions s ON s.tenant_id = n.tenant_id AND s.username = n.username LIMIT 501) x' INTO ids;
    listed := array_to_string(ids, ',');
    IF cardinality(ids) > 500 OR length(listed) > 7900 THEN
        PERFORM pg_notify('access_changed', 'subscription *');
    ELSIF ids IS NOT NULL THEN
        PERFORM pg_notify('access_changed', 'subscription ' || listed);
    END IF;
    RETURN NULL;
END $$
"""

# What subscriptions used together by day, from a day on; what lies further back than a period can reach is one row.
USAGE_SINCE = """
CREATE FUNCTION usage_since(ids bigint[], since date)
RETURNS TABLE (day date, down bigint, up bigint, seconds bigint) LANGUAGE sql STABLE AS $$
    SELECT greatest(d.day, current_date - 34), sum(d.download_bytes)::bigint, sum(d.upload_bytes)::bigint,
        sum(d.seconds)::bigint
    FROM unnest(ids) AS n (id) JOIN usage_daily d ON d.subscription_id = n.id AND d.day >= usage_since.since
    GROUP BY 1 ORDER BY 1
$$
"""

NAS_COLUMNS = (
    "tenant_id, name, host, radius_secret_enc, coa_port, require_message_authenticator, acct_input_is,"
    " is_active, deleted_at"
)
MORE_NAS_COLUMNS = NAS_COLUMNS + ", type, nas_group_id, service_map, signs_requests"

TRANSITIONS = {
    "INSERT": "REFERENCING NEW TABLE AS changed",
    "UPDATE": "REFERENCING NEW TABLE AS changed OLD TABLE AS before",
    "DELETE": "REFERENCING OLD TABLE AS changed",
    "TRUNCATE": "",
}
CHECKS = {
    ("subscriptions", "mac_binding"): (("off", "fixed"), ("off", "fixed", "learn", "approval")),
    **{
        (table, "connection_type"): (
            ("pppoe", "hotspot", "dhcp", "static", "any"),
            ("pppoe", "vpn", "hotspot", "dhcp", "wireless", "dot1x", "static", "any"),
        )
        for table in ("service_plans", "subscriptions")
    },
}


def upgrade() -> None:
    # Nothing reads it, and every login wrote it: whoever looks for a name looks for a part of one.
    op.drop_index("ix_access_log_username", table_name="access_log")
    _tables()
    _columns()
    for (table, column), (_, values) in CHECKS.items():
        _limit(table, column, values)
    _more_checks()
    op.execute(USAGE_SINCE)
    op.execute(NOTIFY)
    op.execute(NOTIFY_NAMED)
    for table, word, column in WATCHED:
        _watch(table, f"access_changed_{word}", f"notify_access_changed('{word}', '{column}')")
    for table in ("radcheck", "radreply"):
        _watch(table, "access_changed_named", "notify_named_changed()")
    _watch("blocked_macs", "nas_changed", "notify_nas_changed()")
    _watch_nas(MORE_NAS_COLUMNS)


def _watch(table: str, name: str, call: str) -> None:
    for event, referencing in TRANSITIONS.items():
        op.execute(
            f"CREATE TRIGGER {name}_{event.lower()} AFTER {event} ON {table} {referencing}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {call}"
        )


def _watch_nas(columns: str) -> None:
    op.execute("DROP TRIGGER notify_nas_changed ON nas_servers")
    op.execute(
        f"CREATE TRIGGER notify_nas_changed AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF {columns} ON nas_servers"
        " FOR EACH STATEMENT EXECUTE FUNCTION notify_nas_changed()"
    )


def _limit(table: str, column: str, values: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{value}'" for value in values)
    op.drop_constraint(op.f(f"ck_{table}_{column}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{column}"), table, f"{column} IN ({listed})")


def _more_checks() -> None:
    op.create_check_constraint(op.f("ck_customers_credit_limit"), "customers", "credit_limit >= 0")
    op.create_check_constraint(
        op.f("ck_nas_servers_type"),
        "nas_servers",
        "type IN ('mikrotik', 'cisco', 'huawei', 'juniper', 'ubiquiti', 'cambium')",
    )
    op.create_check_constraint(
        op.f("ck_nas_servers_provisioning_mode"),
        "nas_servers",
        "provisioning_mode IN ('radius', 'local_secret', 'both')",
    )
    op.create_check_constraint(
        op.f("ck_service_plans_min_speed"),
        "service_plans",
        "(min_download_kbps IS NULL) = (min_upload_kbps IS NULL) AND min_download_kbps BETWEEN 1 AND download_kbps"
        " AND min_upload_kbps BETWEEN 1 AND upload_kbps",
    )
    op.create_check_constraint(
        op.f("ck_service_plans_session_limit_action"), "service_plans", "session_limit_action IN ('refuse', 'replace')"
    )
    op.create_check_constraint(
        op.f("ck_service_plans_garden_mode"), "service_plans", "garden_mode IN ('tenant', 'never')"
    )
    op.create_check_constraint(
        op.f("ck_subscriptions_nas_binding"), "subscriptions", "nas_binding IN ('off', 'nas', 'group')"
    )


def _tables() -> None:
    op.create_table(
        "decision_receipts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision_receipts")),
    )
    op.create_index("ix_decision_receipts_last_used_on", "decision_receipts", ["last_used_on"], unique=False)
    op.create_table(
        "blocked_macs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("mac", postgresql.MACADDR(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_by", sa.String(length=255), server_default="", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_blocked_macs_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocked_macs")),
        sa.UniqueConstraint("tenant_id", "mac", name=op.f("uq_blocked_macs_tenant_id_mac")),
    )
    op.create_index(op.f("ix_blocked_macs_tenant_id"), "blocked_macs", ["tenant_id"], unique=False)
    op.create_table(
        "families",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_families_tenant_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_families")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_families_tenant_id_name")),
    )
    op.create_index(op.f("ix_families_tenant_id"), "families", ["tenant_id"], unique=False)
    op.create_table(
        "nas_groups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_nas_groups_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nas_groups")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_nas_groups_tenant_id_name")),
    )
    op.create_index(op.f("ix_nas_groups_tenant_id"), "nas_groups", ["tenant_id"], unique=False)
    op.create_table(
        "radcheck",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("username", sa.String(length=253), nullable=False),
        sa.Column("attribute", sa.String(length=64), nullable=False),
        sa.Column("op", sa.String(length=2), server_default="==", nullable=False),
        sa.Column("value", sa.String(length=253), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("op IN (':=', '==', '!=', '=~', '!~', '>', '>=', '<', '<=')", name=op.f("ck_radcheck_op")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_radcheck_tenant_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_radcheck")),
    )
    op.create_index(op.f("ix_radcheck_tenant_id"), "radcheck", ["tenant_id"], unique=False)
    op.create_index("ix_radcheck_username", "radcheck", ["tenant_id", "username"], unique=False)
    op.create_table(
        "radreply",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("username", sa.String(length=253), nullable=False),
        sa.Column("attribute", sa.String(length=64), nullable=False),
        sa.Column("op", sa.String(length=2), server_default="=", nullable=False),
        sa.Column("value", sa.String(length=253), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("op IN (':=', '+=', '=')", name=op.f("ck_radreply_op")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_radreply_tenant_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_radreply")),
    )
    op.create_index(op.f("ix_radreply_tenant_id"), "radreply", ["tenant_id"], unique=False)
    op.create_index("ix_radreply_username", "radreply", ["tenant_id", "username"], unique=False)
    op.create_table(
        "walled_gardens",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("address_list", sa.String(length=100), nullable=True),
        sa.Column("ip_pool", sa.String(length=100), nullable=True),
        sa.Column("download_kbps", sa.Integer(), server_default="512", nullable=False),
        sa.Column("upload_kbps", sa.Integer(), server_default="512", nullable=False),
        sa.Column("redirect_url", sa.Text(), nullable=True),
        sa.Column("session_timeout_s", sa.Integer(), server_default="3600", nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("download_kbps > 0 AND upload_kbps > 0", name=op.f("ck_walled_gardens_speed")),
        sa.CheckConstraint("session_timeout_s >= 60", name=op.f("ck_walled_gardens_session_timeout_s")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_walled_gardens_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_walled_gardens")),
        sa.UniqueConstraint("tenant_id", "reason", name=op.f("uq_walled_gardens_tenant_id_reason")),
    )
    op.create_index(op.f("ix_walled_gardens_tenant_id"), "walled_gardens", ["tenant_id"], unique=False)
    op.create_table(
        "plan_reply_attributes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("service_plan_id", sa.BigInteger(), nullable=False),
        sa.Column("attribute", sa.String(length=64), nullable=False),
        sa.Column("op", sa.String(length=2), server_default="=", nullable=False),
        sa.Column("value", sa.String(length=253), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("op IN (':=', '+=', '=')", name=op.f("ck_plan_reply_attributes_op")),
        sa.ForeignKeyConstraint(
            ["service_plan_id"],
            ["service_plans.id"],
            name=op.f("fk_plan_reply_attributes_service_plan_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_plan_reply_attributes_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_reply_attributes")),
    )
    op.create_index(
        "ix_plan_reply_attributes_service_plan_id", "plan_reply_attributes", ["service_plan_id"], unique=False
    )
    op.create_index(op.f("ix_plan_reply_attributes_tenant_id"), "plan_reply_attributes", ["tenant_id"], unique=False)
    op.create_table(
        "plan_time_windows",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("service_plan_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("weekdays", sa.SmallInteger(), nullable=False),
        sa.Column("start_minute", sa.SmallInteger(), nullable=False),
        sa.Column("end_minute", sa.SmallInteger(), nullable=False),
        sa.Column("download_kbps", sa.Integer(), nullable=True),
        sa.Column("upload_kbps", sa.Integer(), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(download_kbps IS NULL) = (upload_kbps IS NULL)", name=op.f("ck_plan_time_windows_both_speeds")
        ),
        sa.CheckConstraint("download_kbps >= 0 AND upload_kbps >= 0", name=op.f("ck_plan_time_windows_speed")),
        sa.CheckConstraint(
            "start_minute BETWEEN 0 AND 1439 AND end_minute BETWEEN 1 AND 1440",
            name=op.f("ck_plan_time_windows_minutes"),
        ),
        sa.CheckConstraint("weekdays BETWEEN 1 AND 127", name=op.f("ck_plan_time_windows_weekdays")),
        sa.ForeignKeyConstraint(
            ["service_plan_id"],
            ["service_plans.id"],
            name=op.f("fk_plan_time_windows_service_plan_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_plan_time_windows_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_time_windows")),
        sa.UniqueConstraint("service_plan_id", "position", name=op.f("uq_plan_time_windows_service_plan_id_position")),
    )
    op.create_index(op.f("ix_plan_time_windows_tenant_id"), "plan_time_windows", ["tenant_id"], unique=False)
    op.create_table(
        "quota_topups",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=10), server_default="data", nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_by", sa.String(length=255), server_default="", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('data', 'time')", name=op.f("ck_quota_topups_kind")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_quota_topups_amount")),
        sa.CheckConstraint("valid_until > valid_from", name=op.f("ck_quota_topups_validity")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_quota_topups_subscription_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_quota_topups_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_topups")),
    )
    op.create_index("ix_quota_topups_look_at", "quota_topups", ["look_at"], unique=False)
    op.create_index("ix_quota_topups_subscription_id", "quota_topups", ["subscription_id"], unique=False)
    op.create_index(op.f("ix_quota_topups_tenant_id"), "quota_topups", ["tenant_id"], unique=False)
    op.create_table(
        "quotas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("service_plan_id", sa.BigInteger(), nullable=True),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("family_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("period", sa.String(length=20), nullable=False),
        sa.Column("counts", sa.String(length=10), server_default="total", nullable=False),
        sa.Column("limit_amount", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=10), server_default="reject", nullable=False),
        sa.Column("throttle_download_kbps", sa.Integer(), nullable=True),
        sa.Column("throttle_upload_kbps", sa.Integer(), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(action = 'throttle') = (throttle_download_kbps IS NOT NULL) AND (throttle_download_kbps IS NULL) = (throttle_upload_kbps IS NULL)",
            name=op.f("ck_quotas_throttle"),
        ),
        sa.CheckConstraint("action IN ('reject', 'garden', 'throttle')", name=op.f("ck_quotas_action")),
        sa.CheckConstraint("counts IN ('total', 'download', 'upload')", name=op.f("ck_quotas_counts")),
        sa.CheckConstraint("kind IN ('data', 'time')", name=op.f("ck_quotas_kind")),
        sa.CheckConstraint(
            "period IN ('daily', 'weekly', 'monthly', 'billing_cycle', 'total')", name=op.f("ck_quotas_period")
        ),
        sa.CheckConstraint("limit_amount > 0", name=op.f("ck_quotas_limit_amount")),
        sa.CheckConstraint(
            "num_nonnulls(service_plan_id, subscription_id, family_id) = 1", name=op.f("ck_quotas_one_owner")
        ),
        sa.CheckConstraint(
            "throttle_download_kbps > 0 AND throttle_upload_kbps > 0", name=op.f("ck_quotas_throttle_speed")
        ),
        sa.ForeignKeyConstraint(["family_id"], ["families.id"], name=op.f("fk_quotas_family_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["service_plan_id"], ["service_plans.id"], name=op.f("fk_quotas_service_plan_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_quotas_subscription_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_quotas_tenant_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quotas")),
    )
    op.create_index("ix_quotas_family_id", "quotas", ["family_id"], unique=False)
    op.create_index("ix_quotas_subscription_id", "quotas", ["subscription_id"], unique=False)
    op.create_index(op.f("ix_quotas_tenant_id"), "quotas", ["tenant_id"], unique=False)
    op.create_index(
        "uq_quotas_owner",
        "quotas",
        ["service_plan_id", "subscription_id", "family_id", "kind", "period"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "vouchers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("batch", sa.String(length=50), server_default="", nullable=False),
        sa.Column("state", sa.String(length=10), server_default="unused", nullable=False),
        sa.Column("validity_s", sa.BigInteger(), nullable=True),
        sa.Column("binds_mac", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("sell_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('unused', 'active', 'used', 'expired', 'disabled')", name=op.f("ck_vouchers_state")
        ),
        sa.CheckConstraint("validity_s > 0", name=op.f("ck_vouchers_validity_s")),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_vouchers_subscription_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_vouchers_tenant_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vouchers")),
        sa.UniqueConstraint("subscription_id", name=op.f("uq_vouchers_subscription_id")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("uq_vouchers_tenant_id_code")),
    )
    op.create_index("ix_vouchers_batch", "vouchers", ["tenant_id", "batch"], unique=False)
    op.create_index(op.f("ix_vouchers_tenant_id"), "vouchers", ["tenant_id"], unique=False)
    op.create_table(
        "subscription_quota_states",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("quota_id", sa.BigInteger(), nullable=False),
        sa.Column("used_amount", sa.BigInteger(), nullable=False),
        sa.Column("used_up_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["quota_id"], ["quotas.id"], name=op.f("fk_subscription_quota_states_quota_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_subscription_quota_states_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscription_id", "quota_id", name=op.f("pk_subscription_quota_states")),
    )
    op.create_index("ix_subscription_quota_states_until", "subscription_quota_states", ["until"], unique=False)
    op.create_table(
        "usage_alerts",
        sa.Column("subscription_id", sa.BigInteger(), nullable=False),
        sa.Column("quota_id", sa.BigInteger(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("level_percent", sa.SmallInteger(), nullable=False),
        sa.Column("used_amount", sa.BigInteger(), nullable=False),
        sa.Column("limit_amount", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("level_percent BETWEEN 1 AND 100", name=op.f("ck_usage_alerts_level_percent")),
        sa.ForeignKeyConstraint(["quota_id"], ["quotas.id"], name=op.f("fk_usage_alerts_quota_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_usage_alerts_subscription_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "subscription_id", "quota_id", "period_start", "level_percent", name=op.f("pk_usage_alerts")
        ),
    )
    op.create_index(
        "ix_usage_alerts_untold",
        "usage_alerts",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("notified_at IS NULL"),
    )
    op.create_table(
        "plan_rollouts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("service_plan_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="running", nullable=False),
        sa.Column("stage", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("is_automatic", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("failures_percent", sa.SmallInteger(), server_default="5", nullable=False),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("plan_before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("plan_after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stage_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_because", sa.String(length=20), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'waiting', 'stopped', 'done', 'replaced')", name=op.f("ck_plan_rollouts_state")
        ),
        sa.CheckConstraint("stage BETWEEN 0 AND 3", name=op.f("ck_plan_rollouts_stage")),
        sa.CheckConstraint("failures_percent BETWEEN 0 AND 100", name=op.f("ck_plan_rollouts_failures_percent")),
        sa.ForeignKeyConstraint(
            ["service_plan_id"], ["service_plans.id"], name=op.f("fk_plan_rollouts_service_plan_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_plan_rollouts_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_rollouts")),
    )
    op.create_index(op.f("ix_plan_rollouts_tenant_id"), "plan_rollouts", ["tenant_id"], unique=False)
    op.create_index(
        "uq_plan_rollouts_open",
        "plan_rollouts",
        ["service_plan_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('running', 'waiting')"),
    )
    op.create_table(
        "router_probes",
        sa.Column("nas_server_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.String(length=12), nullable=True),
        sa.Column("error_cause", sa.Integer(), nullable=True),
        sa.Column("round_trip_ms", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(
            ["nas_server_id"], ["nas_servers.id"], name=op.f("fk_router_probes_nas_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("nas_server_id", name=op.f("pk_router_probes")),
    )


def _columns() -> None:
    op.add_column("access_log", sa.Column("receipt_id", sa.String(length=32), nullable=True))
    op.add_column("access_log", sa.Column("compiled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "customers", sa.Column("balance", sa.Numeric(precision=14, scale=2), server_default="0", nullable=False)
    )
    op.add_column("customers", sa.Column("credit_limit", sa.Numeric(precision=14, scale=2), nullable=True))
    op.add_column("nas_servers", sa.Column("nas_group_id", sa.BigInteger(), nullable=True))
    op.add_column(
        "nas_servers",
        sa.Column(
            "service_map", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
    )
    op.add_column("nas_servers", sa.Column("signs_requests", sa.Boolean(), nullable=True))
    op.add_column("nas_servers", sa.Column("unsigned_seen_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("nas_servers", sa.Column("login_heard_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("nas_servers", sa.Column("unreadable_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("nas_servers", sa.Column("clock_skew_s", sa.Integer(), nullable=True))
    op.add_column(
        "nas_servers",
        sa.Column("provisioning_mode", sa.String(length=12), server_default="radius", nullable=False),
    )
    op.add_column("session_changes", sa.Column("plan_rollout_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_session_changes_plan_rollout_id"),
        "session_changes",
        "plan_rollouts",
        ["plan_rollout_id"],
        ["id"],
        ondelete="SET NULL",
    )
    op.create_index(
        "ix_session_changes_plan_rollout",
        "session_changes",
        ["plan_rollout_id", "status"],
        unique=False,
        postgresql_where=sa.text("plan_rollout_id IS NOT NULL"),
    )
    op.create_index(op.f("ix_nas_servers_nas_group_id"), "nas_servers", ["nas_group_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_nas_servers_nas_group_id"), "nas_servers", "nas_groups", ["nas_group_id"], ["id"], ondelete="RESTRICT"
    )
    op.add_column("service_plans", sa.Column("min_download_kbps", sa.Integer(), nullable=True))
    op.add_column("service_plans", sa.Column("min_upload_kbps", sa.Integer(), nullable=True))
    op.add_column(
        "service_plans",
        sa.Column("session_limit_action", sa.String(length=10), server_default="refuse", nullable=False),
    )
    op.add_column(
        "service_plans", sa.Column("garden_mode", sa.String(length=10), server_default="tenant", nullable=False)
    )
    op.add_column("subscriptions", sa.Column("nas_binding", sa.String(length=10), server_default="off", nullable=False))
    op.add_column("subscriptions", sa.Column("nas_group_id", sa.BigInteger(), nullable=True))
    op.add_column("subscriptions", sa.Column("family_id", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_subscriptions_family_id"), "subscriptions", ["family_id"], unique=False)
    op.create_index(op.f("ix_subscriptions_nas_group_id"), "subscriptions", ["nas_group_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_subscriptions_nas_group_id"),
        "subscriptions",
        "nas_groups",
        ["nas_group_id"],
        ["id"],
        ondelete="RESTRICT",
    )
    op.create_foreign_key(
        op.f("fk_subscriptions_family_id"), "subscriptions", "families", ["family_id"], ["id"], ondelete="RESTRICT"
    )


def downgrade() -> None:
    op.create_index("ix_access_log_username", "access_log", ["username", "decided_at"], unique=False)
    op.drop_column("access_log", "compiled_at")
    op.drop_column("access_log", "receipt_id")
    op.drop_index("ix_decision_receipts_last_used_on", table_name="decision_receipts")
    op.drop_table("decision_receipts")
    op.execute("DROP FUNCTION usage_since(bigint[], date)")
    _watch_nas(NAS_COLUMNS)
    for table, column in (("customers", "credit_limit"), ("nas_servers", "type"), ("service_plans", "min_speed")):
        op.drop_constraint(op.f(f"ck_{table}_{column}"), table)
    for column in ("session_limit_action", "garden_mode"):
        op.drop_constraint(op.f(f"ck_service_plans_{column}"), "service_plans")
    op.drop_constraint(op.f("ck_subscriptions_nas_binding"), "subscriptions")
    op.execute("UPDATE subscriptions SET mac_binding = 'fixed' WHERE mac_binding NOT IN ('off', 'fixed')")
    for table in ("service_plans", "subscriptions"):
        op.execute(f"UPDATE {table} SET connection_type = 'any' WHERE connection_type IN ('vpn', 'wireless', 'dot1x')")  # noqa: S608 - our own names
    for (table, column), (values, _) in CHECKS.items():
        _limit(table, column, values)
    op.drop_constraint(op.f("fk_subscriptions_family_id"), "subscriptions", type_="foreignkey")
    op.drop_constraint(op.f("fk_subscriptions_nas_group_id"), "subscriptions", type_="foreignkey")
    op.drop_index(op.f("ix_subscriptions_nas_group_id"), table_name="subscriptions")
    op.drop_index(op.f("ix_subscriptions_family_id"), table_name="subscriptions")
    op.drop_column("subscriptions", "family_id")
    op.drop_column("subscriptions", "nas_group_id")
    op.drop_column("subscriptions", "nas_binding")
    op.drop_column("service_plans", "garden_mode")
    op.drop_column("service_plans", "session_limit_action")
    op.drop_column("service_plans", "min_upload_kbps")
    op.drop_column("service_plans", "min_download_kbps")
    op.drop_constraint(op.f("fk_nas_servers_nas_group_id"), "nas_servers", type_="foreignkey")
    op.drop_index(op.f("ix_nas_servers_nas_group_id"), table_name="nas_servers")
    op.drop_index("ix_session_changes_plan_rollout", table_name="session_changes")
    op.drop_constraint(op.f("fk_session_changes_plan_rollout_id"), "session_changes", type_="foreignkey")
    op.drop_column("session_changes", "plan_rollout_id")
    op.drop_constraint(op.f("ck_nas_servers_provisioning_mode"), "nas_servers")
    for column in ("provisioning_mode", "clock_skew_s", "login_heard_at", "unreadable_at", "unsigned_seen_at"):
        op.drop_column("nas_servers", column)
    op.drop_column("nas_servers", "signs_requests")
    op.drop_column("nas_servers", "service_map")
    op.drop_column("nas_servers", "nas_group_id")
    op.drop_column("customers", "credit_limit")
    op.drop_column("customers", "balance")
    op.drop_table("router_probes")
    op.drop_index("uq_plan_rollouts_open", table_name="plan_rollouts")
    op.drop_index(op.f("ix_plan_rollouts_tenant_id"), table_name="plan_rollouts")
    op.drop_table("plan_rollouts")
    op.drop_index("ix_usage_alerts_untold", table_name="usage_alerts", postgresql_where=sa.text("notified_at IS NULL"))
    op.drop_table("usage_alerts")
    op.drop_index("ix_subscription_quota_states_until", table_name="subscription_quota_states")
    op.drop_table("subscription_quota_states")
    op.drop_index(op.f("ix_vouchers_tenant_id"), table_name="vouchers")
    op.drop_index("ix_vouchers_batch", table_name="vouchers")
    op.drop_table("vouchers")
    op.drop_index("uq_quotas_owner", table_name="quotas", postgresql_nulls_not_distinct=True)
    op.drop_index(op.f("ix_quotas_tenant_id"), table_name="quotas")
    op.drop_index("ix_quotas_subscription_id", table_name="quotas")
    op.drop_index("ix_quotas_family_id", table_name="quotas")
    op.drop_table("quotas")
    op.drop_index(op.f("ix_quota_topups_tenant_id"), table_name="quota_topups")
    op.drop_index("ix_quota_topups_subscription_id", table_name="quota_topups")
    op.drop_index("ix_quota_topups_look_at", table_name="quota_topups")
    op.drop_table("quota_topups")
    op.drop_index(op.f("ix_plan_time_windows_tenant_id"), table_name="plan_time_windows")
    op.drop_table("plan_time_windows")
    op.drop_index(op.f("ix_plan_reply_attributes_tenant_id"), table_name="plan_reply_attributes")
    op.drop_index("ix_plan_reply_attributes_service_plan_id", table_name="plan_reply_attributes")
    op.drop_table("plan_reply_attributes")
    op.drop_index(op.f("ix_walled_gardens_tenant_id"), table_name="walled_gardens")
    op.drop_table("walled_gardens")
    op.drop_index("ix_radreply_username", table_name="radreply")
    op.drop_index(op.f("ix_radreply_tenant_id"), table_name="radreply")
    op.drop_table("radreply")
    op.drop_index("ix_radcheck_username", table_name="radcheck")
    op.drop_index(op.f("ix_radcheck_tenant_id"), table_name="radcheck")
    op.drop_table("radcheck")
    op.drop_index(op.f("ix_nas_groups_tenant_id"), table_name="nas_groups")
    op.drop_table("nas_groups")
    op.drop_index(op.f("ix_families_tenant_id"), table_name="families")
    op.drop_table("families")
    op.drop_index(op.f("ix_blocked_macs_tenant_id"), table_name="blocked_macs")
    op.drop_table("blocked_macs")
    op.execute("DROP FUNCTION notify_named_changed()")
