"""Answers that are kept for a while, so that a request that is sent again is answered and not carried out again."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, SmallInteger, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, EncryptedText, Id, Json, TenantOwned


class IdempotencyKey(TenantOwned, Base):
    """One request of one token, by the key that its client gave it, with its answer.

    Without `http_status` it is being carried out until `busy_until`. The answer may hold a secret that is shown once,
    so it is encrypted.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        UniqueConstraint("api_token_id", "key"),
        Index("ix_idempotency_keys_created_at", "created_at"),
    )

    id: Mapped[Id]
    api_token_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("api_tokens.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(100))
    # SHA-256 over what was asked.
    fingerprint: Mapped[str] = mapped_column(String(64))
    busy_until: Mapped[datetime]
    http_status: Mapped[int | None] = mapped_column(SmallInteger)
    headers: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    body: Mapped[str | None] = mapped_column("body_enc", EncryptedText)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
