"""Views of lists that staff keep: what they filtered and sorted by, and which columns they look at."""

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, TenantOwned, Timestamps


class SavedView(TenantOwned, Timestamps, Base):
    """A list as somebody narrowed it, under a name; `query` is the part of the address that says how."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("user_id", "list_key", "name"),)

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"))
    list_key: Mapped[str] = mapped_column(String(30))
    name: Mapped[str] = mapped_column(String(60))
    query: Mapped[str] = mapped_column(String(1000))
    is_shared: Mapped[bool] = mapped_column(server_default="false")


class ListColumns(Base):
    """The columns that somebody chose for a list; without a row the list's own."""

    __tablename__ = "list_columns"

    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    list_key: Mapped[str] = mapped_column(String(30), primary_key=True)
    columns: Mapped[list[str]]
