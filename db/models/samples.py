"""What was counted every few minutes, so that now can be seen against yesterday."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base


class OnlineSample(Base):
    """A provider's running sessions at a moment, and what passed through them by their last reports."""

    __tablename__ = "online_samples"

    tenant_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    online: Mapped[int]
    download_kbps: Mapped[int] = mapped_column(BigInteger)
    upload_kbps: Mapped[int] = mapped_column(BigInteger)
