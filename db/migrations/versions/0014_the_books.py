"""The books: accounts, entries and postings that cannot be changed, invoices, payments.

What keeps them true stands in triggers, so that it holds for whoever writes: an entry's postings come in one statement
and add up to nothing, nothing written is changed, and the balances of customers and operators follow. A login hears of
a customer only when something of his changes that it depends on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_UNCHANGEABLE = """
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: write a reversing entry', TG_TABLE_NAME;
END $$
"""
# Statement triggers: a billing run books a thousand entries in one statement, and pays for one look.
_KEEP_BALANCED = """
CREATE FUNCTION keep_ledger_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT a.entry_id INTO wrong FROM added a GROUP BY a.entry_id HAVING sum(a.amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger entry % does not balance', wrong USING ERRCODE = 'check_violation';
    END IF;
    SELECT p.entry_id INTO wrong FROM ledger_postings p JOIN (SELECT entry_id, count(*) AS number FROM added
        GROUP BY entry_id) a ON a.entry_id = p.entry_id GROUP BY p.entry_id HAVING count(*) <> min(a.number) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'ledger entry % was closed already', wrong USING ERRCODE = 'check_violation';
    END IF;
    WITH moved AS (
        SELECT account_id, sum(amount) AS amount FROM added GROUP BY account_id
    ), touched AS (
        UPDATE ledger_accounts l SET balance = l.balance + m.amount FROM moved m
        WHERE l.id = m.account_id AND (l.customer_id IS NOT NULL OR l.operator_id IS NOT NULL)
        RETURNING l.kind, l.customer_id, l.balance
    )
    UPDATE customers c SET balance = -t.balance FROM touched t WHERE t.kind = 'wallet' AND c.id = t.customer_id;
    RETURN NULL;
END $$
"""
_KEEP = """
CREATE TRIGGER keep_balanced AFTER INSERT ON ledger_postings REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION keep_ledger_balanced()
"""
_APPEND_ONLY = (
    "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION"
    " refuse_ledger_change()"
)

# An amount that was asked for or paid stays what it was.
_KEEP_AMOUNTS = """
CREATE FUNCTION keep_issued_amounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF to_jsonb(OLD) ->> 'status' <> 'draft' THEN
            RAISE EXCEPTION '% % cannot be deleted', TG_TABLE_NAME, OLD.id USING ERRCODE = 'check_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF to_jsonb(OLD) ->> 'status' = 'draft' THEN
        RETURN NEW;
    END IF;
    IF (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(OLD)) WHERE key = ANY(TG_ARGV)) IS DISTINCT FROM
       (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(NEW)) WHERE key = ANY(TG_ARGV)) THEN
        RAISE EXCEPTION 'what % % says cannot be changed', TG_TABLE_NAME, OLD.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$
"""
_KEPT = {
    "invoices": (
        "tenant_id", "invoice_number", "customer_id", "subscription_id", "kind", "period_start", "period_end", "terms",
        "currency", "subtotal", "discount", "tax", "tax_percent", "total", "issued_at", "entry_id",
    ),
    "payments": (
        "tenant_id", "customer_id", "amount", "currency", "method", "gateway", "gateway_transaction_id", "request_key",
    ),
}  # fmt: skip

_BALANCE_HISTORY = """
CREATE VIEW customer_balance_history AS
SELECT p.id, e.tenant_id, a.customer_id, e.subscription_id, e.balance_word AS type, abs(p.amount) AS amount,
    -sum(p.amount) OVER up_to_here + p.amount AS previous_balance, -sum(p.amount) OVER up_to_here AS new_balance,
    e.kind AS entry_kind, e.id AS entry_id, e.description, e.reference_type, e.reference_id, e.actor_user_id AS created_by_id,
    e.actor_name AS created_by_name, e.occurred_at, e.created_at
FROM ledger_postings p
JOIN ledger_accounts a ON a.id = p.account_id AND a.kind = 'wallet'
JOIN ledger_entries e ON e.id = p.entry_id
WINDOW up_to_here AS (PARTITION BY p.account_id ORDER BY p.id)
"""

# Balances that were there before there were books.
_OPENING = """
INSERT INTO ledger_accounts (tenant_id, kind, customer_id, balance)
SELECT tenant_id, 'wallet', id, -balance FROM customers WHERE balance <> 0;
INSERT INTO ledger_accounts (tenant_id, kind, name)
SELECT DISTINCT tenant_id, 'adjustment', 'opening' FROM customers WHERE balance <> 0;
INSERT INTO ledger_entries (tenant_id, kind, event_key, occurred_at, customer_id, balance_word, description, actor_name)
SELECT tenant_id, word, 'opening:' || id, now(), id, word, 'opening balance', 'migration'
FROM (SELECT *, CASE WHEN balance > 0 THEN 'credit' ELSE 'debit' END AS word FROM customers WHERE balance <> 0) c;
INSERT INTO ledger_postings (entry_id, account_id, amount)
SELECT e.id, a.id, CASE WHEN a.kind = 'wallet' THEN -c.balance ELSE c.balance END
FROM customers c
JOIN ledger_entries e ON e.tenant_id = c.tenant_id AND e.event_key = 'opening:' || c.id
JOIN ledger_accounts a ON a.tenant_id = c.tenant_id
    AND (a.customer_id = c.id OR (a.kind = 'adjustment' AND a.name = 'opening'))
"""

# What a login depends on; a billing run that touches everybody's row is no news for it.
_NOTIFY_CUSTOMERS = """
CREATE FUNCTION notify_customer_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids text[];
    listed text;
BEGIN
    SELECT array_agg(id) INTO ids FROM (
        SELECT n.id::text AS id FROM changed n JOIN before o USING (id)
        WHERE (n.tenant_id, n.status, n.deleted_at IS NULL, coalesce(n.balance < -n.credit_limit, false))
            IS DISTINCT FROM (o.tenant_id, o.status, o.deleted_at IS NULL, coalesce(o.balance < -o.credit_limit, false))
        LIMIT 501) x;
    listed := array_to_string(ids, ',');
    IF cardinality(ids) > 500 OR length(listed) > 7900 THEN
        PERFORM pg_notify('access_changed', 'customer *');
    ELSIF ids IS NOT NULL THEN
        PERFORM pg_notify('access_changed', 'customer ' || listed);
    END IF;
    RETURN NULL;
END $$
"""
_HEAR_CUSTOMERS = (
    "CREATE TRIGGER access_changed_update AFTER UPDATE ON customers"
    " REFERENCING NEW TABLE AS changed OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION {function}"
)


def upgrade() -> None:
    _tables()
    op.add_column("subscriptions", sa.Column("suspend_cause", sa.String(length=20), nullable=True))
    op.create_check_constraint(
        op.f("ck_subscriptions_suspend_cause"),
        "subscriptions",
        "suspend_cause IN ('overdue', 'credit_limit', 'suspend_date', 'staff')",
    )
    for statement in (_OPENING, _UNCHANGEABLE, _KEEP_BALANCED, _KEEP, _KEEP_AMOUNTS, _BALANCE_HISTORY):
        op.execute(statement)
    for table in ("ledger_entries", "ledger_postings"):
        op.execute(_APPEND_ONLY.format(table=table))
    for table, columns in _KEPT.items():
        listed = ", ".join(f"'{column}'" for column in columns)
        op.execute(
            f"CREATE TRIGGER keep_amounts BEFORE UPDATE OR DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION keep_issued_amounts({listed})"
        )
    op.execute(_NOTIFY_CUSTOMERS)
    op.execute("DROP TRIGGER access_changed_update ON customers")
    op.execute(_HEAR_CUSTOMERS.format(function="notify_customer_changed()"))


def downgrade() -> None:
    op.execute("DROP TRIGGER access_changed_update ON customers")
    op.execute(_HEAR_CUSTOMERS.format(function="notify_access_changed('customer', 'id')"))
    op.execute("DROP FUNCTION notify_customer_changed()")
    op.execute("DROP VIEW customer_balance_history")
    op.drop_constraint(op.f("ck_subscriptions_suspend_cause"), "subscriptions", type_="check")
    op.drop_column("subscriptions", "suspend_cause")
    for table in (
        "invoice_settlements", "payments", "invoice_items", "ledger_postings", "invoices", "ledger_entries",
        "ledger_accounts",
    ):  # fmt: skip
        op.drop_table(table)
    for name in ("refuse_ledger_change", "keep_ledger_balanced", "keep_issued_amounts"):
        op.execute(f"DROP FUNCTION {name}()")


def _tables() -> None:
    op.create_table(
        "ledger_accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=50), server_default="", nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("operator_id", sa.BigInteger(), nullable=True),
        sa.Column("balance", sa.Numeric(precision=18, scale=2), server_default="0", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('wallet', 'receivable', 'commission_owed', 'money', 'revenue', 'discount', 'tax', 'expense', 'adjustment')",
            name=op.f("ck_ledger_accounts_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_ledger_accounts_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_ledger_accounts_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_accounts")),
    )
    op.create_index("ix_ledger_accounts_customer_id", "ledger_accounts", ["customer_id"], unique=False)
    op.create_index(op.f("ix_ledger_accounts_tenant_id"), "ledger_accounts", ["tenant_id"], unique=False)
    op.create_index(
        "uq_ledger_accounts_who",
        "ledger_accounts",
        ["tenant_id", "kind", "name", "customer_id", "operator_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("event_key", sa.String(length=120), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("balance_word", sa.String(length=20), nullable=True),
        sa.Column("reference_type", sa.String(length=30), server_default="", nullable=False),
        sa.Column("reference_id", sa.BigInteger(), nullable=True),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("actor_user_id", sa.BigInteger(), nullable=True),
        sa.Column("actor_name", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('invoice', 'payment', 'settlement', 'credit', 'debit', 'refund', 'commission', 'expense', 'reversal')",
            name=op.f("ck_ledger_entries_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["actor_user_id"], ["users.id"], name=op.f("fk_ledger_entries_actor_user_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_ledger_entries_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["reverses_id"], ["ledger_entries.id"], name=op.f("fk_ledger_entries_reverses_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_ledger_entries_subscription_id"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_ledger_entries_tenant_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entries")),
        sa.UniqueConstraint("tenant_id", "event_key", name=op.f("uq_ledger_entries_tenant_id_event_key")),
    )
    op.create_index("ix_ledger_entries_customer", "ledger_entries", ["customer_id", "id"], unique=False)
    op.create_index("ix_ledger_entries_occurred_at", "ledger_entries", ["tenant_id", "occurred_at"], unique=False)
    op.create_index(op.f("ix_ledger_entries_tenant_id"), "ledger_entries", ["tenant_id"], unique=False)
    op.create_index("uq_ledger_entries_reverses_id", "ledger_entries", ["reverses_id"], unique=True)
    op.create_table(
        "invoices",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("invoice_number", sa.String(length=50), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="unpaid", nullable=False),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("terms", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("subtotal", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("discount", sa.Numeric(precision=14, scale=2), server_default="0", nullable=False),
        sa.Column("discount_note", sa.String(length=255), server_default="", nullable=False),
        sa.Column("tax_percent", sa.Numeric(precision=5, scale=2), server_default="0", nullable=False),
        sa.Column("tax_included", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("tax", sa.Numeric(precision=14, scale=2), server_default="0", nullable=False),
        sa.Column("total", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_reason", sa.String(length=255), nullable=True),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column("created_by", sa.String(length=255), server_default="", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(status IN ('paid', 'refunded')) = (paid_at IS NOT NULL)", name=op.f("ck_invoices_paid_at")
        ),
        sa.CheckConstraint("kind IN ('recurring', 'proration', 'one_off', 'manual')", name=op.f("ck_invoices_kind")),
        sa.CheckConstraint("status = 'draft' OR issued_at IS NOT NULL", name=op.f("ck_invoices_issued_at")),
        sa.CheckConstraint(
            "status IN ('draft', 'unpaid', 'overdue', 'paid', 'cancelled', 'refunded')", name=op.f("ck_invoices_status")
        ),
        sa.CheckConstraint("period_start < period_end", name=op.f("ck_invoices_period")),
        sa.CheckConstraint("subtotal - discount + tax = total", name=op.f("ck_invoices_sums")),
        sa.CheckConstraint("total >= 0 AND discount >= 0 AND tax >= 0", name=op.f("ck_invoices_amounts")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_invoices_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger_entries.id"], name=op.f("fk_invoices_entry_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_invoices_subscription_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_invoices_tenant_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("tenant_id", "invoice_number", name=op.f("uq_invoices_tenant_id_invoice_number")),
    )
    op.create_index("ix_invoices_customer", "invoices", ["customer_id", "id"], unique=False)
    op.create_index(
        "ix_invoices_open",
        "invoices",
        ["tenant_id", "due_date"],
        unique=False,
        postgresql_where=sa.text("status IN ('unpaid', 'overdue')"),
    )
    op.create_index(
        "ix_invoices_open_of_customer",
        "invoices",
        ["customer_id", "due_date", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('unpaid', 'overdue')"),
    )
    op.create_index(op.f("ix_invoices_run_id"), "invoices", ["run_id"], unique=False)
    op.create_index("ix_invoices_status", "invoices", ["tenant_id", "status", "id"], unique=False)
    op.create_index(op.f("ix_invoices_subscription_id"), "invoices", ["subscription_id"], unique=False)
    op.create_index(op.f("ix_invoices_tenant_id"), "invoices", ["tenant_id"], unique=False)
    op.create_index(
        "uq_invoices_period",
        "invoices",
        ["subscription_id", "period_start"],
        unique=True,
        postgresql_where=sa.text("kind = 'recurring' AND status <> 'cancelled'"),
    )
    op.create_table(
        "ledger_postings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_postings_amount")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["ledger_accounts.id"], name=op.f("fk_ledger_postings_account_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger_entries.id"], name=op.f("fk_ledger_postings_entry_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_postings")),
        sa.UniqueConstraint("entry_id", "account_id", name=op.f("uq_ledger_postings_entry_id_account_id")),
    )
    op.create_index("ix_ledger_postings_account", "ledger_postings", ["account_id", "id"], unique=False)
    op.create_table(
        "invoice_items",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("item_type", sa.String(length=20), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("quantity", sa.Numeric(precision=12, scale=3), server_default="1", nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.CheckConstraint(
            "item_type IN ('service', 'setup', 'installation', 'proration', 'equipment', 'voucher', 'other')",
            name=op.f("ck_invoice_items_item_type"),
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_items_invoice_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_items")),
        sa.UniqueConstraint("invoice_id", "position", name=op.f("uq_invoice_items_invoice_id_position")),
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("receipt_number", sa.String(length=50), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=True),
        sa.Column("subscription_id", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("method", sa.String(length=20), server_default="cash", nullable=False),
        sa.Column("purpose", sa.String(length=20), server_default="invoice", nullable=False),
        sa.Column("category", sa.String(length=50), server_default="", nullable=False),
        sa.Column("status", sa.String(length=20), server_default="completed", nullable=False),
        sa.Column("reference", sa.String(length=100), server_default="", nullable=False),
        sa.Column("gateway", sa.String(length=20), nullable=True),
        sa.Column("gateway_transaction_id", sa.String(length=100), nullable=True),
        sa.Column("gateway_status", sa.String(length=40), nullable=True),
        sa.Column("request_key", sa.String(length=120), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refunded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("recorded_by", sa.String(length=255), server_default="", nullable=False),
        sa.Column("recorded_by_user_id", sa.BigInteger(), nullable=True),
        sa.Column("operator_id", sa.BigInteger(), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "status NOT IN ('completed', 'refunded') OR receipt_number IS NOT NULL", name=op.f("ck_payments_receipt")
        ),
        sa.CheckConstraint(
            "method IN ('cash', 'transfer', 'midtrans', 'xendit', 'mpesa', 'stripe', 'qris', 'gopay', 'ovo', 'dana', 'card', 'wallet', 'voucher', 'other')",
            name=op.f("ck_payments_method"),
        ),
        sa.CheckConstraint(
            "purpose IN ('invoice', 'recharge', 'advance', 'other', 'voucher')", name=op.f("ck_payments_purpose")
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'completed', 'failed', 'cancelled', 'expired', 'refunded')",
            name=op.f("ck_payments_status"),
        ),
        sa.CheckConstraint("(gateway IS NULL) = (gateway_transaction_id IS NULL)", name=op.f("ck_payments_gateway")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payments_amount")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_payments_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger_entries.id"], name=op.f("fk_payments_entry_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoices.id"], name=op.f("fk_payments_invoice_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by_user_id"], ["users.id"], name=op.f("fk_payments_recorded_by_user_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_payments_subscription_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_payments_tenant_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("tenant_id", "receipt_number", name=op.f("uq_payments_tenant_id_receipt_number")),
        sa.UniqueConstraint("tenant_id", "request_key", name=op.f("uq_payments_tenant_id_request_key")),
    )
    op.create_index("ix_payments_customer", "payments", ["customer_id", "id"], unique=False)
    op.create_index("ix_payments_invoice_id", "payments", ["invoice_id"], unique=False)
    op.create_index("ix_payments_paid_at", "payments", ["tenant_id", "paid_at"], unique=False)
    op.create_index(op.f("ix_payments_tenant_id"), "payments", ["tenant_id"], unique=False)
    op.create_index(
        "uq_payments_gateway",
        "payments",
        ["tenant_id", "gateway", "gateway_transaction_id"],
        unique=True,
        postgresql_where=sa.text("gateway IS NOT NULL"),
    )
    op.create_table(
        "invoice_settlements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=14, scale=2), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extended_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extended_to", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_invoice_settlements_amount")),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger_entries.id"], name=op.f("fk_invoice_settlements_entry_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_settlements_invoice_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_invoice_settlements_payment_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_settlements")),
    )
    op.create_index("ix_invoice_settlements_payment_id", "invoice_settlements", ["payment_id"], unique=False)
    op.create_index(
        "uq_invoice_settlements_invoice",
        "invoice_settlements",
        ["invoice_id"],
        unique=True,
        postgresql_where=sa.text("reversed_at IS NULL"),
    )
