"""Expenses, commissions of operators, rewards for referrals, and requests that buy once.

Accounts and payments of operators name operators that exist from now on. Commissions that were booked before this table
existed, those of vouchers, get their rows.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_MONEY = sa.Numeric(precision=14, scale=2)
_METHODS = (
    "'cash', 'transfer', 'midtrans', 'xendit', 'mpesa', 'stripe', 'qris', 'gopay', 'ovo', 'dana', 'card', 'other'"
)
_BEFORE = """
INSERT INTO commissions (tenant_id, operator_id, payment_id, rate, amount, currency, entry_id, earned_at, reversed_at)
SELECT e.tenant_id, a.operator_id, y.id, round(100 * -p.amount / y.amount, 2), -p.amount, y.currency, e.id,
    e.occurred_at, r.occurred_at
FROM ledger_entries e
JOIN ledger_postings p ON p.entry_id = e.id JOIN ledger_accounts a ON a.id = p.account_id AND a.kind = 'commission_owed'
JOIN payments y ON y.id = e.reference_id
LEFT JOIN ledger_entries r ON r.reverses_id = e.id
WHERE e.kind = 'commission' AND e.reference_type = 'payment' AND round(100 * -p.amount / y.amount, 2) BETWEEN 0.01 AND 100
"""


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="RESTRICT")


def _times() -> tuple[sa.Column[Any], ...]:
    return tuple(
        sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
        for name in ("created_at", "updated_at")
    )


def upgrade() -> None:
    _expenses()
    _commissions()
    _referral_rewards()
    op.add_column("invoices", sa.Column("request_key", sa.String(length=120), nullable=True))
    op.create_index(
        "uq_invoices_request_key",
        "invoices",
        ["tenant_id", "request_key"],
        unique=True,
        postgresql_where=sa.text("request_key IS NOT NULL"),
    )
    op.add_column("payments", sa.Column("expense_id", sa.BigInteger(), nullable=True))
    for table, column, target in _NEW_KEYS:
        op.create_foreign_key(op.f(f"fk_{table}_{column}"), table, target, [column], ["id"], ondelete="RESTRICT")
    for table, column, _ in _NEW_KEYS:
        op.create_index(f"ix_{table}_{column}", table, [column], postgresql_where=sa.text(f"{column} IS NOT NULL"))
    op.execute(_BEFORE)


def downgrade() -> None:
    for table, column, _ in _NEW_KEYS:
        op.drop_index(f"ix_{table}_{column}", table_name=table)
        op.drop_constraint(op.f(f"fk_{table}_{column}"), table, type_="foreignkey")
    op.drop_column("payments", "expense_id")
    op.drop_index("uq_invoices_request_key", table_name="invoices")
    op.drop_column("invoices", "request_key")
    for table in ("referral_rewards", "commissions", "expenses"):
        op.drop_table(table)


_NEW_KEYS = (
    ("ledger_accounts", "operator_id", "operators"),
    ("payments", "operator_id", "operators"),
    ("payments", "expense_id", "expenses"),
)


def _expenses() -> None:
    op.create_table(
        "expenses",
        _id(),
        sa.Column("category", sa.String(length=50), nullable=False),
        sa.Column("amount", _MONEY, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("method", sa.String(length=20), server_default="cash", nullable=False),
        sa.Column("spent_on", sa.Date(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("reference", sa.String(length=100), server_default="", nullable=False),
        sa.Column("request_key", sa.String(length=120), nullable=True),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reverse_reason", sa.String(length=255), nullable=True),
        sa.Column("recorded_by", sa.String(length=255), server_default="", nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        *_times(),
        sa.CheckConstraint(f"method IN ({_METHODS})", name=op.f("ck_expenses_method")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_expenses_amount")),
        _to("expenses", "entry_id", "ledger_entries"),
        _to("expenses", "tenant_id", "tenants"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expenses")),
        sa.UniqueConstraint("tenant_id", "request_key", name=op.f("uq_expenses_tenant_id_request_key")),
    )
    op.create_index("ix_expenses_spent_on", "expenses", ["tenant_id", "spent_on", "id"])
    op.create_index(op.f("ix_expenses_tenant_id"), "expenses", ["tenant_id"])


def _commissions() -> None:
    op.create_table(
        "commissions",
        _id(),
        sa.Column("operator_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("rate", sa.Numeric(precision=5, scale=2), nullable=False),
        sa.Column("amount", _MONEY, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("earned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_commissions_amount")),
        sa.CheckConstraint("rate > 0 AND rate <= 100", name=op.f("ck_commissions_rate")),
        _to("commissions", "operator_id", "operators"),
        _to("commissions", "payment_id", "payments"),
        _to("commissions", "entry_id", "ledger_entries"),
        _to("commissions", "tenant_id", "tenants"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commissions")),
        sa.UniqueConstraint("operator_id", "payment_id", name=op.f("uq_commissions_operator_id_payment_id")),
    )
    op.create_index("ix_commissions_payment_id", "commissions", ["payment_id"])
    op.create_index("ix_commissions_operator", "commissions", ["operator_id", "id"])
    op.create_index(op.f("ix_commissions_tenant_id"), "commissions", ["tenant_id"])


def _referral_rewards() -> None:
    op.create_table(
        "referral_rewards",
        _id(),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("referred_id", sa.BigInteger(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", _MONEY, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reversed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount > 0 AND customer_id <> referred_id", name=op.f("ck_referral_rewards_amount")),
        _to("referral_rewards", "customer_id", "customers"),
        _to("referral_rewards", "referred_id", "customers"),
        _to("referral_rewards", "payment_id", "payments"),
        _to("referral_rewards", "entry_id", "ledger_entries"),
        _to("referral_rewards", "tenant_id", "tenants"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referral_rewards")),
    )
    op.create_index(
        "uq_referral_rewards_referred", "referral_rewards", ["referred_id"], unique=True,
        postgresql_where=sa.text("reversed_at IS NULL"),
    )  # fmt: skip
    op.create_index("ix_referral_rewards_customer", "referral_rewards", ["customer_id", "id"])
    op.create_index("ix_referral_rewards_payment_id", "referral_rewards", ["payment_id"])
    op.create_index(op.f("ix_referral_rewards_tenant_id"), "referral_rewards", ["tenant_id"])
