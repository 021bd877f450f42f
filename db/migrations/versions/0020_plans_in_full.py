"""What a plan says besides speed and price: for whom it is, how it is shown, and how long one binds oneself."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("service_plans", sa.Column("is_popular", sa.Boolean(), server_default="false", nullable=False))
    op.add_column(
        "service_plans", sa.Column("contract_period_months", sa.SmallInteger(), server_default="1", nullable=False)
    )
    op.add_column(
        "service_plans", sa.Column("customer_types", ARRAY(sa.String(length=20)), server_default="{}", nullable=False)
    )
    op.add_column("service_plans", sa.Column("features", JSONB(), server_default="{}", nullable=False))
    op.create_check_constraint(
        op.f("ck_service_plans_contract_period_months"), "service_plans", "contract_period_months BETWEEN 0 AND 120"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_service_plans_contract_period_months"), "service_plans", type_="check")
    for name in ("features", "customer_types", "contract_period_months", "is_popular"):
        op.drop_column("service_plans", name)
