"""Certificates that were issued: to whom, until when, and which of them are revoked."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, TenantOwned, Timestamps, one_of

CERTIFICATE_KINDS = ("customer", "router")


class IssuedCertificate(TenantOwned, Timestamps, Base):
    """One certificate, of a subscription (EAP-TLS) or of a router (RADIUS over TLS); its key is not kept.

    `name` is what it says who its holder is: a username, or a router's number. `serial` is hexadecimal.
    """

    __tablename__ = "issued_certificates"
    __table_args__ = (
        one_of("kind", CERTIFICATE_KINDS),
        UniqueConstraint("serial"),
        Index("ix_issued_certificates_name", "tenant_id", "name"),
        Index("ix_issued_certificates_revoked", "kind", postgresql_where=text("revoked_at IS NOT NULL")),
    )

    id: Mapped[Id]
    kind: Mapped[str] = mapped_column(String(10))
    serial: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(64))
    subscription_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("subscriptions.id", ondelete="SET NULL"), index=True
    )
    nas_server_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("nas_servers.id", ondelete="SET NULL"), index=True
    )
    valid_until: Mapped[datetime]
    issued_by: Mapped[str] = mapped_column(String(255))
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(String(255))
