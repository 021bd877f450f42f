"""How a router is reached through its API, and what is kept on it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_WHEN = sa.DateTime(timezone=True)

# Whoever changes what a secret depends on (panel, job, a person in psql), the router that keeps secrets of its own hears
# of it through an order, written in the same transaction. What is to be written there is looked up when the order is
# carried out; here it is only said whose secret it is.
DEFAULT_ROUTER = """
CREATE FUNCTION default_router_of(wanted_tenant bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT id FROM nas_servers
    WHERE tenant_id = wanted_tenant AND is_active AND deleted_at IS NULL ORDER BY id LIMIT 1
$$
"""

ORDER_SECRETS = """
CREATE FUNCTION order_router_secrets(routers bigint[], names text[], why text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO router_orders (tenant_id, nas_server_id, kind, key, reason, requested_by)
    SELECT DISTINCT n.tenant_id, n.id, 'secret', w.name, why, 'system'
    FROM unnest(routers, names) AS w(router, name)
    JOIN nas_servers n ON n.id = w.router
    WHERE n.deleted_at IS NULL
    ON CONFLICT (nas_server_id, kind, key) WHERE status = 'pending'
    DO UPDATE SET next_attempt_at = excluded.next_attempt_at, attempts = 0, reason = excluded.reason
$$
"""

# Most installations keep no secrets on routers: they pay one look at a handful of rows.
ON_SUBSCRIPTIONS = """
CREATE FUNCTION order_secrets_of_subscriptions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    routers bigint[];
    names text[];
BEGIN
    IF NOT EXISTS (SELECT FROM nas_servers WHERE provisioning_mode <> 'radius' AND deleted_at IS NULL) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(n.id), array_agg(x.username) INTO routers, names FROM (
            SELECT unnest(ARRAY[b.nas_server_id, c.nas_server_id]) AS place,
                unnest(ARRAY[b.username, c.username]) AS username, c.tenant_id
            FROM changed c JOIN before b USING (id)
            WHERE (b.status, b.username, b.service_password_enc, b.service_plan_id, b.nas_server_id, b.assigned_ip,
                b.connection_type, b.router_profile, b.expires_at, b.deleted_at, b.mac_binding)
                IS DISTINCT FROM (c.status, c.username, c.service_password_enc, c.service_plan_id, c.nas_server_id,
                c.assigned_ip, c.connection_type, c.router_profile, c.expires_at, c.deleted_at, c.mac_binding)
        ) x JOIN nas_servers n ON n.id = coalesce(x.place, default_router_of(x.tenant_id))
        WHERE n.provisioning_mode <> 'radius';
    ELSE
        SELECT array_agg(n.id), array_agg(c.username) INTO routers, names
        FROM changed c JOIN nas_servers n ON n.id = coalesce(c.nas_server_id, default_router_of(c.tenant_id))
        WHERE n.provisioning_mode <> 'radius';
    END IF;
    IF routers IS NOT NULL THEN
        PERFORM order_router_secrets(routers, names, 'subscription');
    END IF;
    RETURN NULL;
END $$
"""

ON_CUSTOMERS = """
CREATE FUNCTION order_secrets_of_customers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM nas_servers WHERE provisioning_mode <> 'radius' AND deleted_at IS NULL) THEN
        RETURN NULL;
    END IF;
    PERFORM order_router_secrets(array_agg(n.id), array_agg(s.username), 'customer')
    FROM changed c JOIN before b USING (id)
    JOIN subscriptions s ON s.customer_id = c.id AND s.deleted_at IS NULL AND s.status <> 'terminated'
    JOIN nas_servers n ON n.id = coalesce(s.nas_server_id, default_router_of(s.tenant_id))
    WHERE (b.status, b.name, b.customer_code) IS DISTINCT FROM (c.status, c.name, c.customer_code)
        AND n.provisioning_mode <> 'radius'
    HAVING count(*) > 0;
    RETURN NULL;
END $$
"""

ON_PLANS = """
CREATE FUNCTION order_secrets_of_plans() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM nas_servers WHERE provisioning_mode <> 'radius' AND deleted_at IS NULL) THEN
        RETURN NULL;
    END IF;
    PERFORM order_router_secrets(array_agg(n.id), array_agg(s.username), 'plan')
    FROM changed c JOIN before b USING (id)
    JOIN subscriptions s ON s.service_plan_id = c.id AND s.deleted_at IS NULL AND s.status <> 'terminated'
    JOIN nas_servers n ON n.id = coalesce(s.nas_server_id, default_router_of(s.tenant_id))
    WHERE (b.slug, b.router_profile, b.grace_period_days)
        IS DISTINCT FROM (c.slug, c.router_profile, c.grace_period_days)
        AND n.provisioning_mode <> 'radius'
    HAVING count(*) > 0;
    RETURN NULL;
END $$
"""

# A router that begins, or ceases, to keep secrets of its own.
ON_ROUTERS = """
CREATE FUNCTION order_secrets_of_routers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The collector notes with every batch when routers were heard: then there is nothing to look for.
    IF NOT EXISTS (SELECT FROM changed c JOIN before b USING (id)
        WHERE (b.provisioning_mode, b.configuration) IS DISTINCT FROM (c.provisioning_mode, c.configuration)) THEN
        RETURN NULL;
    END IF;
    PERFORM order_router_secrets(array_agg(x.router), array_agg(x.username), 'router') FROM (
        SELECT c.id AS router, s.username FROM changed c JOIN before b USING (id)
        JOIN subscriptions s ON s.tenant_id = c.tenant_id AND s.deleted_at IS NULL AND s.status <> 'terminated'
            AND (s.nas_server_id = c.id OR s.nas_server_id IS NULL AND c.id = default_router_of(c.tenant_id))
        WHERE (b.provisioning_mode, b.configuration) IS DISTINCT FROM (c.provisioning_mode, c.configuration)
        UNION
        SELECT c.id, r.username FROM changed c JOIN before b USING (id) JOIN router_secrets r ON r.nas_server_id = c.id
        WHERE b.provisioning_mode IS DISTINCT FROM c.provisioning_mode AND r.origin = 'subscription'
    ) x HAVING count(*) > 0;
    RETURN NULL;
END $$
"""

_UPDATED = "REFERENCING NEW TABLE AS changed OLD TABLE AS before"
TRIGGERS = (
    ("subscriptions", "insert", "REFERENCING NEW TABLE AS changed", "order_secrets_of_subscriptions"),
    ("subscriptions", "update", _UPDATED, "order_secrets_of_subscriptions"),
    ("subscriptions", "delete", "REFERENCING OLD TABLE AS changed", "order_secrets_of_subscriptions"),
    ("customers", "update", _UPDATED, "order_secrets_of_customers"),
    ("service_plans", "update", _UPDATED, "order_secrets_of_plans"),
    ("nas_servers", "update", _UPDATED, "order_secrets_of_routers"),
)


def upgrade() -> None:
    _columns_of_routers()
    for table in ("service_plans", "subscriptions"):
        op.add_column(table, sa.Column("router_profile", sa.String(length=100), nullable=True))
    _secrets()
    _orders()
    _snapshots()
    for function in (DEFAULT_ROUTER, ORDER_SECRETS, ON_SUBSCRIPTIONS, ON_CUSTOMERS, ON_PLANS, ON_ROUTERS):
        op.execute(function)
    for table, event, referencing, function in TRIGGERS:
        op.execute(
            f"CREATE TRIGGER order_secrets_{event} AFTER {event} ON {table} {referencing}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )


def _columns_of_routers() -> None:
    columns: tuple[sa.Column[object], ...] = (
        sa.Column("api_port", sa.Integer(), server_default="8728", nullable=False),
        sa.Column("api_username", sa.String(length=100), server_default="", nullable=False),
        sa.Column("api_password_enc", sa.LargeBinary(), nullable=True),
        sa.Column("api_tls", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("api_certificate_fingerprint", sa.String(length=64), nullable=True),
        sa.Column("api_checked_at", _WHEN, nullable=True),
        sa.Column("api_problem", sa.String(length=300), nullable=True),
        sa.Column("last_connected_at", _WHEN, nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("configuration", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )
    for column in columns:
        op.add_column("nas_servers", column)
    checks = {
        "api_port": "api_port BETWEEN 1 AND 65535",
        "position": "latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180",
        "whole_position": "(latitude IS NULL) = (longitude IS NULL)",
    }
    for name, condition in checks.items():
        op.create_check_constraint(op.f(f"ck_nas_servers_{name}"), "nas_servers", condition)


def _secrets() -> None:
    op.create_table(
        "router_secrets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("nas_server_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("username", sa.String(length=253), nullable=False),
        sa.Column("password_enc", sa.LargeBinary(), nullable=True),
        sa.Column("service", sa.String(length=10), server_default="pppoe", nullable=False),
        sa.Column("profile", sa.String(length=100), server_default="default", nullable=False),
        sa.Column("local_address", sa.String(length=100), server_default="", nullable=False),
        sa.Column("remote_address", sa.String(length=100), server_default="", nullable=False),
        sa.Column("comment", sa.String(length=255), server_default="", nullable=False),
        sa.Column("is_disabled", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("origin", sa.String(length=12), server_default="staff", nullable=False),
        sa.Column("synced_at", _WHEN, nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _WHEN, server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", _WHEN, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("service IN ('pppoe', 'hotspot', 'any')", name=op.f("ck_router_secrets_service")),
        sa.CheckConstraint("origin IN ('subscription', 'staff', 'import')", name=op.f("ck_router_secrets_origin")),
        sa.ForeignKeyConstraint(
            ["nas_server_id"], ["nas_servers.id"], name=op.f("fk_router_secrets_nas_server_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_router_secrets_subscription_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_router_secrets_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_router_secrets")),
        sa.UniqueConstraint("nas_server_id", "username", name=op.f("uq_router_secrets_nas_server_id_username")),
    )
    op.create_index("ix_router_secrets_subscription", "router_secrets", ["subscription_id"])
    op.create_index(op.f("ix_router_secrets_tenant_id"), "router_secrets", ["tenant_id"])


def _orders() -> None:
    op.create_table(
        "router_orders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("nas_server_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("requested_by", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=12), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", _WHEN, server_default=sa.text("now()"), nullable=False),
        sa.Column("claimed_until", _WHEN, nullable=True),
        sa.Column("result", sa.String(length=12), nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=True),
        sa.Column("created_at", _WHEN, server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", _WHEN, nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('secret', 'queue', 'list_entry', 'forget_device', 'end_sessions')",
            name=op.f("ck_router_orders_kind"),
        ),
        sa.CheckConstraint("status IN ('pending', 'sending', 'done', 'failed')", name=op.f("ck_router_orders_status")),
        sa.ForeignKeyConstraint(
            ["nas_server_id"], ["nas_servers.id"], name=op.f("fk_router_orders_nas_server_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_router_orders_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_router_orders")),
    )
    pending, sending = sa.text("status = 'pending'"), sa.text("status = 'sending'")
    op.create_index(
        "uq_router_orders_pending",
        "router_orders",
        ["nas_server_id", "kind", "key"],
        unique=True,
        postgresql_where=pending,
    )
    op.create_index("ix_router_orders_due", "router_orders", ["next_attempt_at"], postgresql_where=pending)
    op.create_index("ix_router_orders_sending", "router_orders", ["claimed_until"], postgresql_where=sending)
    op.create_index("ix_router_orders_nas", "router_orders", ["nas_server_id", "id"])
    op.create_index(op.f("ix_router_orders_tenant_id"), "router_orders", ["tenant_id"])


def _snapshots() -> None:
    op.create_table(
        "router_snapshots",
        sa.Column("nas_server_id", sa.BigInteger(), nullable=False),
        sa.Column("part", sa.String(length=20), nullable=False),
        sa.Column("rows", postgresql.JSONB(), nullable=True),
        sa.Column("total", sa.Integer(), server_default="0", nullable=False),
        sa.Column("taken_at", _WHEN, nullable=True),
        sa.Column("asked_at", _WHEN, nullable=True),
        sa.Column("problem", sa.String(length=300), nullable=True),
        sa.ForeignKeyConstraint(
            ["nas_server_id"], ["nas_servers.id"], name=op.f("fk_router_snapshots_nas_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("nas_server_id", "part", name=op.f("pk_router_snapshots")),
    )


def downgrade() -> None:
    for table, event, _, _ in TRIGGERS:
        op.execute(f"DROP TRIGGER order_secrets_{event} ON {table}")
    for name in ("subscriptions", "customers", "plans", "routers"):
        op.execute(f"DROP FUNCTION order_secrets_of_{name}()")
    op.execute("DROP FUNCTION order_router_secrets(bigint[], text[], text)")
    op.execute("DROP FUNCTION default_router_of(bigint)")
    for table in ("router_snapshots", "router_orders", "router_secrets"):
        op.drop_table(table)
    for table in ("subscriptions", "service_plans"):
        op.drop_column(table, "router_profile")
    for check in ("api_port", "position", "whole_position"):
        op.drop_constraint(op.f(f"ck_nas_servers_{check}"), "nas_servers", type_="check")
    for column in (
        "api_port", "api_username", "api_password_enc", "api_tls", "api_certificate_fingerprint", "api_checked_at",
        "api_problem", "last_connected_at", "latitude", "longitude", "configuration",
    ):  # fmt: skip
        op.drop_column("nas_servers", column)
