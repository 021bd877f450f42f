"""What a provider's paper says about it."""

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Timestamps


class Letterhead(Timestamps, Base):
    """The head and foot of invoices, receipts and vouchers. `logo` is a `data:` address that was drawn here.

    A table of its own, so that nobody who reads a provider's settings reads its logo.
    """

    __tablename__ = "letterheads"

    tenant_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    address: Mapped[str] = mapped_column(server_default="")
    contact: Mapped[str] = mapped_column(server_default="")
    tax_id: Mapped[str] = mapped_column(server_default="")
    bank: Mapped[str] = mapped_column(server_default="")
    footer: Mapped[str] = mapped_column(server_default="")
    logo: Mapped[str] = mapped_column(server_default="")
    # Where a hotspot takes name and password, for the QR codes on vouchers; and what they say besides.
    hotspot_login_url: Mapped[str] = mapped_column(server_default="")
    voucher_note: Mapped[str] = mapped_column(server_default="")
