"""Partitions of radacct and access_log, and the notices that keep every memory of access data true."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# One function makes the months of both tables, for this migration and for the job that runs ahead of the calendar.
ENSURE_MONTHS = """
CREATE FUNCTION ensure_month_partitions(parent regclass, first_month date, months int) RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
    made int := 0;
    month date;
    child text;
BEGIN
    FOR step IN 0 .. months - 1 LOOP
        month := date_trunc('month', first_month) + make_interval(months => step);
        child := parent::text || to_char(month, '_YYYY_MM');
        IF to_regclass(child) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', child, parent,
                month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$
"""

# Whoever writes a row that a login depends on (panel, job, a person in psql), the readers hear which rows. Statement
# triggers, so that a change of many rows is one notice; past 500 rows the notice says "all of that kind".
NOTIFY = """
CREATE FUNCTION notify_access_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids text[];
    listed text;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM pg_notify('access_changed', TG_ARGV[0] || ' *');
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format('SELECT array_agg(id) FROM (SELECT %1$I::text AS id FROM changed UNION'
            ' SELECT %1$I::text FROM before LIMIT 501) x', TG_ARGV[1]) INTO ids;
    ELSE
        EXECUTE format('SELECT array_agg(id) FROM (SELECT DISTINCT %I::text AS id FROM changed LIMIT 501) x',
            TG_ARGV[1]) INTO ids;
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

# A router's row also carries what the collector last saw of it; only what a packet is checked against is news.
NOTIFY_NAS = """
CREATE FUNCTION notify_nas_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('access_changed', 'nas *');
    RETURN NULL;
END $$
"""

NAS_COLUMNS = (
    "tenant_id, name, host, radius_secret_enc, coa_port, require_message_authenticator, acct_input_is,"
    " is_active, deleted_at"
)

WATCHED = {
    "subscriptions": ("subscription", "id"),
    "subscription_limits": ("subscription", "subscription_id"),
    "subscription_macs": ("subscription", "subscription_id"),
    "subscription_fup_states": ("subscription", "subscription_id"),
    "customers": ("customer", "id"),
    "service_plans": ("plan", "id"),
    "plan_fup_rules": ("plan", "service_plan_id"),
    "tenants": ("tenant", "id"),
}

APPEND_ONLY = """
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_logs is append-only';
END $$
"""


def upgrade() -> None:
    op.execute(ENSURE_MONTHS)
    _partitions()
    op.execute(NOTIFY)
    op.execute(NOTIFY_NAS)
    for table, (word, column) in WATCHED.items():
        _watch(table, word, column)
    op.execute(
        f"CREATE TRIGGER notify_nas_changed AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF {NAS_COLUMNS} ON nas_servers"
        " FOR EACH STATEMENT EXECUTE FUNCTION notify_nas_changed()"
    )
    op.execute(APPEND_ONLY)
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_logs"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    )


def _partitions() -> None:
    # Open sessions are updated at every interim: room on each page keeps those updates inside it (HOT).
    op.execute("CREATE TABLE radacct_open PARTITION OF radacct DEFAULT WITH (fillfactor = 60)")
    op.execute("CREATE UNIQUE INDEX uq_radacct_open_session ON radacct_open (acctuniqueid) WHERE acctstoptime IS NULL")
    op.execute("ALTER TABLE radacct_open SET (autovacuum_vacuum_scale_factor = 0.05)")
    op.execute("CREATE TABLE access_log_default PARTITION OF access_log DEFAULT")
    for parent in ("radacct", "access_log"):
        op.execute(f"SELECT ensure_month_partitions('{parent}', (now() - interval '1 month')::date, 5)")


def _watch(table: str, word: str, column: str) -> None:
    transitions = {
        "INSERT": "REFERENCING NEW TABLE AS changed",
        "UPDATE": "REFERENCING NEW TABLE AS changed OLD TABLE AS before",
        "DELETE": "REFERENCING OLD TABLE AS changed",
        "TRUNCATE": "",
    }
    for event, referencing in transitions.items():
        op.execute(
            f"CREATE TRIGGER access_changed_{event.lower()} AFTER {event} ON {table} {referencing}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION notify_access_changed('{word}', '{column}')"
        )


def downgrade() -> None:
    op.execute("DROP TRIGGER append_only ON audit_logs")
    op.execute("DROP FUNCTION refuse_audit_change()")
    op.execute("DROP TRIGGER notify_nas_changed ON nas_servers")
    for table in WATCHED:
        for event in ("insert", "update", "delete", "truncate"):
            op.execute(f"DROP TRIGGER access_changed_{event} ON {table}")
    op.execute("DROP FUNCTION notify_nas_changed()")
    op.execute("DROP FUNCTION notify_access_changed()")
    op.execute("DROP TABLE radacct_open, access_log_default")
    op.execute(
        "DO $$ DECLARE child regclass; BEGIN FOR child IN SELECT inhrelid::regclass FROM pg_inherits"
        " WHERE inhparent IN ('radacct'::regclass, 'access_log'::regclass) LOOP"
        " EXECUTE format('DROP TABLE %s', child); END LOOP; END $$"
    )
    op.execute("DROP FUNCTION ensure_month_partitions(regclass, date, int)")
