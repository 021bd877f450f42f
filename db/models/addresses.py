"""What is known of the addresses that sessions had, so that who had one is found without searching."""

from sqlalchemy import SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, one_of
from domain.addresses import PREFIX_COLUMNS


class AddressPrefixLength(Base):
    """A length of prefix that occurs in a column of `radacct`; one that is not here is looked for in no month."""

    __tablename__ = "address_prefix_lengths"
    __table_args__ = (one_of("held", PREFIX_COLUMNS),)

    held: Mapped[str] = mapped_column(String(30), primary_key=True)
    length: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
