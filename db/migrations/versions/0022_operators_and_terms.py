"""Settings of a provider, transfers between operators in full, and fields that subscriptions and plans carry along.

A standing role remembers what it was given, so that a later version may give it more unless staff changed it. One that
the audit log says was never edited holds what it was given.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_MONEY = sa.Numeric(precision=14, scale=2)
_ITEM_TYPES_BEFORE = "'service', 'setup', 'installation', 'proration', 'equipment', 'voucher', 'other'"
_ITEM_TYPES = "'service', 'setup', 'installation', 'proration', 'equipment', 'voucher', 'penalty', 'other'"
_STANDING = "('operator', 'sub_operator', 'viewer')"


def upgrade() -> None:
    """Columns only; every one has a default, so that no table is written anew."""
    op.add_column("roles", sa.Column("given", JSONB(), nullable=True))
    op.execute(
        f"UPDATE roles r SET given = permissions WHERE name IN {_STANDING} AND NOT EXISTS"  # noqa: S608 - our own names
        " (SELECT 1 FROM audit_logs a WHERE a.entity_type = 'roles' AND a.entity_id = r.id AND a.action LIKE 'role.%')"
    )
    for table in ("service_plans", "subscriptions"):
        op.add_column(table, sa.Column("metadata", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False))
    op.add_column("service_plans", sa.Column("early_end_fee", _MONEY, server_default="0", nullable=False))
    op.create_check_constraint(op.f("ck_service_plans_early_end_fee"), "service_plans", "early_end_fee >= 0")
    _item_types(_ITEM_TYPES)
    op.add_column("quota_topups", sa.Column("invoice_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_quota_topups_invoice_id"), "quota_topups", "invoices", ["invoice_id"], ["id"], ondelete="RESTRICT"
    )
    op.create_index(
        "ix_quota_topups_invoice_id",
        "quota_topups",
        ["invoice_id"],
        postgresql_where=sa.text("invoice_id IS NOT NULL"),
    )
    op.add_column("customer_transfers", sa.Column("handed_over", JSONB(), nullable=True))


def downgrade() -> None:
    """What was said in these columns is gone."""
    op.drop_column("customer_transfers", "handed_over")
    op.drop_index("ix_quota_topups_invoice_id", table_name="quota_topups")
    op.drop_constraint(op.f("fk_quota_topups_invoice_id"), "quota_topups", type_="foreignkey")
    op.drop_column("quota_topups", "invoice_id")
    op.execute("UPDATE invoice_items SET item_type = 'other' WHERE item_type = 'penalty'")
    _item_types(_ITEM_TYPES_BEFORE)
    op.drop_constraint(op.f("ck_service_plans_early_end_fee"), "service_plans", type_="check")
    op.drop_column("service_plans", "early_end_fee")
    for table in ("subscriptions", "service_plans"):
        op.drop_column(table, "metadata")
    op.drop_column("roles", "given")


def _item_types(allowed: str) -> None:
    name = op.f("ck_invoice_items_item_type")
    op.drop_constraint(name, "invoice_items", type_="check")
    op.create_check_constraint(name, "invoice_items", f"item_type IN ({allowed})")
