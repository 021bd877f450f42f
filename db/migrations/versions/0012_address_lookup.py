"""Who had an address is asked by the lengths of prefix that occur; the rate of a session's last report; months asked back."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_PREFIXES = ("framedipv6prefix", "delegatedipv6prefix")
_FILL = """
INSERT INTO address_prefix_lengths (held, length)
SELECT DISTINCT '{column}', masklen({column}) FROM radacct WHERE {column} IS NOT NULL
"""
_RATES = ("upload_kbps", "download_kbps")
_ASKED_BACK = (
    ("asked_at", sa.DateTime(timezone=True)),
    ("asked_by", sa.Text()),
    ("rows_back", sa.BigInteger()),
    ("problem", sa.Text()),
)


def upgrade() -> None:
    op.create_table(
        "address_prefix_lengths",
        sa.Column("held", sa.String(length=30), nullable=False),
        sa.Column("length", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "held IN ('framedipv6prefix', 'delegatedipv6prefix')", name=op.f("ck_address_prefix_lengths_held")
        ),
        sa.PrimaryKeyConstraint("held", "length", name=op.f("pk_address_prefix_lengths")),
    )
    for column in _PREFIXES:
        op.execute(_FILL.format(column=column))
    for name in _RATES:
        op.add_column("radacct", sa.Column(name, sa.Integer(), nullable=True))
    for name, kind in _ASKED_BACK:
        op.add_column("partition_archives", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for name, _ in reversed(_ASKED_BACK):
        op.drop_column("partition_archives", name)
    for name in reversed(_RATES):
        op.drop_column("radacct", name)
    op.drop_table("address_prefix_lengths")
