"""What is kept of a customer besides words: pictures, speed tests, and registrations that are still to be made."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, Numeric, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, EncryptedBytes, EncryptedText, Id, TenantOwned, Timestamps, one_of
from domain.customer_media import PICTURE_KINDS, REGISTRATION_STATES, TEST_SOURCES, TEST_STATES


class CustomerPicture(TenantOwned, Timestamps, Base):
    """A picture of a customer, one of a kind: drawn anew here as JPEG, and encrypted like every other secret.

    In the database and not in a folder: it comes and goes in the transaction of its customer, every server has it, a
    backup holds it, and there is no path to guess.
    """

    __tablename__ = "customer_pictures"
    __table_args__ = (one_of("kind", PICTURE_KINDS), UniqueConstraint("customer_id", "kind"))

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10))
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = mapped_column("content_enc", EncryptedBytes, deferred=True)
    # The same, small and square, where it is shown in passing.
    thumbnail: Mapped[bytes | None] = mapped_column("thumbnail_enc", EncryptedBytes, deferred=True)


class CustomerSpeedTest(TenantOwned, Timestamps, Base):
    """How fast a customer's line was: measured by his router, or told by himself. The address is the tested one."""

    __tablename__ = "customer_speed_tests"
    __table_args__ = (
        one_of("source", TEST_SOURCES),
        one_of("state", TEST_STATES),
        CheckConstraint("download_kbps >= 0 AND upload_kbps >= 0 AND latency_ms >= 0", name="figures"),
        CheckConstraint("state <> 'done' OR num_nonnulls(download_kbps, upload_kbps) > 0", name="result"),
        Index("ix_customer_speed_tests_customer", "customer_id", "id"),
        Index("ix_customer_speed_tests_waiting", "id", postgresql_where=text("state IN ('waiting', 'running')")),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="CASCADE"))
    subscription_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("subscriptions.id", ondelete="SET NULL"), index=True
    )
    nas_server_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("nas_servers.id", ondelete="SET NULL"), index=True
    )
    source: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10), server_default="waiting")
    address: Mapped[str | None] = mapped_column(INET)
    # Name and password for the test server at the customer's end, as JSON; gone when the test is over.
    account: Mapped[str | None] = mapped_column("account_enc", EncryptedText, deferred=True)
    download_kbps: Mapped[int | None] = mapped_column(Integer)
    upload_kbps: Mapped[int | None] = mapped_column(Integer)
    latency_ms: Mapped[Decimal | None] = mapped_column(Numeric(9, 3))
    # Against what the customer measured, in his words.
    server: Mapped[str] = mapped_column(String(100), server_default="")
    problem: Mapped[str] = mapped_column(String(300), server_default="")
    requested_by: Mapped[str] = mapped_column(String(255))
    measured_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]


class CustomerRegistration(TenantOwned, Timestamps, Base):
    """A customer who is to be added in the background: what was asked for, how often it was tried, what came of it."""

    __tablename__ = "customer_registrations"
    __table_args__ = (
        one_of("state", REGISTRATION_STATES),
        Index(
            "uq_customer_registrations_request_key",
            "tenant_id",
            "request_key",
            unique=True,
            postgresql_where=text("request_key IS NOT NULL"),
        ),
        Index("ix_customer_registrations_due", "next_try_at", postgresql_where=text("state = 'waiting'")),
        Index("ix_customer_registrations_state", "tenant_id", "state", "id"),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(255))
    request_key: Mapped[str | None] = mapped_column(String(120))
    state: Mapped[str] = mapped_column(String(10), server_default="waiting")
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    next_try_at: Mapped[datetime]
    # It may hold a password, so the whole is kept like one; gone when the customer is there.
    asked: Mapped[str | None] = mapped_column("asked_enc", EncryptedText, deferred=True)
    problem: Mapped[str] = mapped_column(String(500), server_default="")
    customer_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="SET NULL"))
    requested_by: Mapped[str] = mapped_column(String(255))
    requested_by_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="SET NULL"))
    requested_kind: Mapped[str] = mapped_column(String(10))
    operator_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("operators.id", ondelete="RESTRICT"))
    finished_at: Mapped[datetime | None]
