"""Who runs the installation: tenants, their settings and their running numbers."""

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Timestamps


class Tenant(Timestamps, Base):
    """One internet provider. A single-tenant installation has exactly one and never sees it."""

    __tablename__ = "tenants"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(150))
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    currency: Mapped[str] = mapped_column(String(3), server_default="IDR")
    locale: Mapped[str] = mapped_column(String(10), server_default="en")
    timezone: Mapped[str] = mapped_column(String(50), server_default="Asia/Jakarta")
    country_code: Mapped[str] = mapped_column(String(4), server_default="62")
    is_active: Mapped[bool] = mapped_column(server_default="true")
    # Whether upper and lower case of a username are one; then every name is stored folded (`domain.names`).
    usernames_ignore_case: Mapped[bool] = mapped_column(server_default="false")


class Setting(Timestamps, Base):
    """A named setting of a tenant, or of the whole installation when `tenant_id` is empty."""

    __tablename__ = "settings"
    __table_args__ = (Index("uq_settings_key", "tenant_id", "key", unique=True, postgresql_nulls_not_distinct=True),)

    id: Mapped[Id]
    tenant_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("tenants.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(80))
    value: Mapped[object] = mapped_column(JSONB)


class NumberSequence(Base):
    """The last number given out for a kind of code in a period; the row lock makes numbers gap-free per commit."""

    __tablename__ = "number_sequences"

    tenant_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    period: Mapped[str] = mapped_column(String(10), primary_key=True)
    last_value: Mapped[int] = mapped_column(BigInteger)
