"""Webhooks that tell others what happened, and answers kept for requests that are sent again."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# Whoever changes something, by whichever path, an event is written in the same transaction, and only where a webhook
# has asked for its kind. Most installations have none: they pay one look at an empty table.
SPREAD = """
CREATE FUNCTION spread_webhook_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_deliveries (tenant_id, webhook_id, event_id)
    SELECT e.tenant_id, w.id, e.id FROM added e
    JOIN webhooks w ON w.tenant_id = e.tenant_id AND w.is_active AND w.events ? e.type
    ORDER BY e.id;
    RETURN NULL;
END $$
"""
OF_AUDIT = """
CREATE FUNCTION tell_webhooks_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM webhooks WHERE is_active) THEN
        RETURN NULL;
    END IF;
    INSERT INTO webhook_events (tenant_id, type, data, occurred_at)
    SELECT a.tenant_id, a.action, jsonb_build_object(
        'entity_type', a.entity_type, 'entity_id', a.entity_id, 'customer_id', a.customer_id,
        'old', a.old_values, 'new', a.new_values, 'actor_type', a.actor_type, 'actor_name', a.actor_name), a.created_at
    FROM added a
    WHERE EXISTS (SELECT FROM webhooks w WHERE w.tenant_id = a.tenant_id AND w.is_active AND w.events ? a.action)
    ORDER BY a.id;
    RETURN NULL;
END $$
"""
OF_FAIR_USE = """
CREATE FUNCTION tell_webhooks_of_fair_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM webhooks WHERE is_active) THEN
        RETURN NULL;
    END IF;
    INSERT INTO webhook_events (tenant_id, type, data, occurred_at)
    SELECT s.tenant_id, x.type, jsonb_build_object(
        'entity_type', 'subscriptions', 'entity_id', s.id, 'customer_id', s.customer_id,
        'new', jsonb_build_object('tier', x.tier, 'usage_bytes', x.usage_bytes, 'threshold_bytes', x.threshold_bytes),
        'actor_type', 'system', 'actor_name', x.actor), x.created_at
    FROM (SELECT f.*, CASE f.action WHEN 'activate' THEN 'fup.activated' ELSE 'fup.reset' END AS type FROM added f) x
    JOIN subscriptions s ON s.id = x.subscription_id
    WHERE EXISTS (SELECT FROM webhooks w WHERE w.tenant_id = s.tenant_id AND w.is_active AND w.events ? x.type)
    ORDER BY x.id;
    RETURN NULL;
END $$
"""
OF_USAGE = """
CREATE FUNCTION tell_webhooks_of_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM webhooks WHERE is_active) THEN
        RETURN NULL;
    END IF;
    INSERT INTO webhook_events (tenant_id, type, data, occurred_at)
    SELECT s.tenant_id, 'usage.threshold', jsonb_build_object(
        'entity_type', 'subscriptions', 'entity_id', s.id, 'customer_id', s.customer_id,
        'new', jsonb_build_object('level_percent', a.level_percent, 'used_amount', a.used_amount,
            'limit_amount', a.limit_amount), 'actor_type', 'system', 'actor_name', 'accounting'), a.created_at
    FROM added a JOIN subscriptions s ON s.id = a.subscription_id
    WHERE EXISTS (SELECT FROM webhooks w
        WHERE w.tenant_id = s.tenant_id AND w.is_active AND w.events ? 'usage.threshold');
    RETURN NULL;
END $$
"""
OF_CHANGES = """
CREATE FUNCTION tell_webhooks_of_session_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind text := CASE NEW.status WHEN 'ack' THEN 'session_change.acknowledged' ELSE 'session_change.failed' END;
BEGIN
    IF EXISTS (SELECT FROM webhooks w WHERE w.tenant_id = NEW.tenant_id AND w.is_active AND w.events ? kind) THEN
        INSERT INTO webhook_events (tenant_id, type, data, occurred_at)
        VALUES (NEW.tenant_id, kind, jsonb_build_object(
            'entity_type', 'session_changes', 'entity_id', NEW.id,
            'customer_id', (SELECT customer_id FROM subscriptions s WHERE s.id = NEW.subscription_id),
            'new', jsonb_build_object('kind', NEW.kind, 'reason', NEW.reason, 'status', NEW.status,
                'username', NEW.username, 'subscription_id', NEW.subscription_id,
                'nas_server_id', NEW.nas_server_id, 'error_cause', NEW.error_cause),
            'actor_type', 'system', 'actor_name', NEW.requested_by), coalesce(NEW.finished_at, now()));
    END IF;
    RETURN NULL;
END $$
"""
OF_ALARMS = """
CREATE FUNCTION tell_webhooks_of_alarm() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind text := CASE WHEN NEW.cleared_at IS NULL THEN 'alarm.raised' ELSE 'alarm.cleared' END;
BEGIN
    INSERT INTO webhook_events (tenant_id, type, data, occurred_at)
    SELECT DISTINCT w.tenant_id, kind, jsonb_build_object(
        'entity_type', 'alarms', 'entity_id', NEW.id, 'customer_id', NULL,
        'new', jsonb_build_object('code', NEW.code, 'subject', NEW.subject, 'severity', NEW.severity),
        'actor_type', 'system', 'actor_name', 'monitoring'), coalesce(NEW.cleared_at, NEW.raised_at)
    FROM webhooks w WHERE w.is_active AND w.events ? kind;
    RETURN NULL;
END $$
"""
_ADDED = "REFERENCING NEW TABLE AS added FOR EACH STATEMENT"
_ANSWERED = "OLD.status IS DISTINCT FROM NEW.status AND NEW.status IN ('ack', 'nak', 'timeout')"
_CLEARED = "OLD.cleared_at IS NULL AND NEW.cleared_at IS NOT NULL"
# Table, name, when, what.
TRIGGERS = (
    ("webhook_events", "spread", f"AFTER INSERT ON webhook_events {_ADDED}", "spread_webhook_events"),
    ("audit_logs", "tell_webhooks", f"AFTER INSERT ON audit_logs {_ADDED}", "tell_webhooks_of_audit"),
    ("fup_events", "tell_webhooks", f"AFTER INSERT ON fup_events {_ADDED}", "tell_webhooks_of_fair_use"),
    ("usage_alerts", "tell_webhooks", f"AFTER INSERT ON usage_alerts {_ADDED}", "tell_webhooks_of_usage"),
    (
        "session_changes",
        "tell_webhooks",
        f"AFTER UPDATE OF status ON session_changes FOR EACH ROW WHEN ({_ANSWERED})",
        "tell_webhooks_of_session_change",
    ),
    ("alarms", "tell_webhooks_raised", "AFTER INSERT ON alarms FOR EACH ROW", "tell_webhooks_of_alarm"),
    (
        "alarms",
        "tell_webhooks_cleared",
        f"AFTER UPDATE OF cleared_at ON alarms FOR EACH ROW WHEN ({_CLEARED})",
        "tell_webhooks_of_alarm",
    ),
)
ALARMS = (
    *("spool_closed", "spool_room", "spool_lag", "spool_sync", "collector_silent", "month_not_retired"),
    *("books_wrong", "billing_stopped", "job_fails"),
)
FUNCTIONS = (SPREAD, OF_AUDIT, OF_FAIR_USE, OF_USAGE, OF_CHANGES, OF_ALARMS)


def upgrade() -> None:
    """Tables, then what fills them."""
    _webhooks()
    _events()
    _deliveries()
    _kept_answers()
    for function in FUNCTIONS:
        op.execute(function)
    for table, name, when, function_name in TRIGGERS:
        del table
        op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {function_name}()")
    _allow_alarms((*ALARMS, "webhook_paused"))


def downgrade() -> None:
    """Take it all back."""
    op.execute("DELETE FROM alarms WHERE code = 'webhook_paused'")
    _allow_alarms(ALARMS)
    for table, name, _, _ in reversed(TRIGGERS):
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for name in dict.fromkeys(function for _, _, _, function in reversed(TRIGGERS)):
        op.execute(f"DROP FUNCTION {name}()")
    for table in ("idempotency_keys", "webhook_attempts", "webhook_deliveries", "webhook_events", "webhooks"):
        op.drop_table(table)


def _allow_alarms(codes: tuple[str, ...]) -> None:
    op.drop_constraint(op.f("ck_alarms_code"), "alarms", type_="check")
    listed = ", ".join(f"'{code}'" for code in codes)
    op.create_check_constraint(op.f("ck_alarms_code"), "alarms", f"code IN ({listed})")


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("events", postgresql.JSONB(), nullable=False),
        sa.Column("secret_enc", sa.LargeBinary(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_problem", sa.String(length=300), server_default="", nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_webhooks_tenant_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_index(op.f("ix_webhooks_tenant_id"), "webhooks", ["tenant_id"])


def _events() -> None:
    op.create_table(
        "webhook_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_webhook_events_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_events")),
    )
    op.create_index(op.f("ix_webhook_events_tenant_id"), "webhook_events", ["tenant_id"])
    op.create_index("ix_webhook_events_occurred_at", "webhook_events", ["occurred_at"])


def _deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("status IN ('waiting', 'delivered', 'failed')", name=op.f("ck_webhook_deliveries_status")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_webhook_deliveries_tenant_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["webhook_events.id"], name=op.f("fk_webhook_deliveries_event_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(op.f("ix_webhook_deliveries_tenant_id"), "webhook_deliveries", ["tenant_id"])
    op.create_index("ix_webhook_deliveries_webhook", "webhook_deliveries", ["webhook_id", "id"])
    op.create_index("ix_webhook_deliveries_event", "webhook_deliveries", ["event_id"])
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["webhook_id", "next_attempt_at"],
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_table(
        "webhook_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("http_status", sa.SmallInteger(), nullable=True),
        sa.Column("problem", sa.String(length=300), server_default="", nullable=False),
        sa.Column("answer", sa.String(length=500), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["webhook_deliveries.id"], name=op.f("fk_webhook_attempts_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempts")),
    )
    op.create_index("ix_webhook_attempts_delivery", "webhook_attempts", ["delivery_id"])


def _kept_answers() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("api_token_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("busy_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("http_status", sa.SmallInteger(), nullable=True),
        sa.Column("headers", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("body_enc", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_idempotency_keys_tenant_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["api_token_id"], ["api_tokens.id"], name=op.f("fk_idempotency_keys_api_token_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint("api_token_id", "key", name=op.f("uq_idempotency_keys_api_token_id_key")),
    )
    op.create_index(op.f("ix_idempotency_keys_tenant_id"), "idempotency_keys", ["tenant_id"])
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
