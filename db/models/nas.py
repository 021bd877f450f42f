"""The routers: who they are, how they are trusted and where their CoA port is."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Index, Integer, SmallInteger, String, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, EncryptedText, Id, Json, TenantOwned, Timestamps, one_of
from domain.access import NAS_TYPES

# Where customers' names and passwords are: with RADIUS, on the router itself, or in both places.
PROVISIONING_MODES = ("radius", "local_secret", "both")


# The id of the router that the settings name, which is in no table: rows are numbered from 1.
ENVIRONMENT_ID = 0


class NasServer(TenantOwned, Timestamps, Base):
    """A NAS. It is known by the source address of its packets, never by an attribute it sends."""

    __tablename__ = "nas_servers"
    __table_args__ = (
        one_of("acct_input_is", ("upload", "download")),
        one_of("type", NAS_TYPES),
        one_of("provisioning_mode", PROVISIONING_MODES),
        one_of("status", ("online", "offline", "unknown")),
        Index("uq_nas_servers_host", "host", unique=True, postgresql_where=text("deleted_at IS NULL")),
        Index("uq_nas_servers_name", "tenant_id", "name", unique=True, postgresql_where=text("deleted_at IS NULL")),
        CheckConstraint("coa_port BETWEEN 1 AND 65535", name="coa_port"),
        CheckConstraint("coa_per_second BETWEEN 1 AND 10000", name="coa_per_second"),
        CheckConstraint("api_port BETWEEN 1 AND 65535", name="api_port"),
        CheckConstraint("latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180", name="position"),
        CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="whole_position"),
        CheckConstraint("masklen(host) IN (32, 128)", name="host"),
        CheckConstraint("routeros_version IN (6, 7)", name="routeros_version"),
    )

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(100))
    host: Mapped[str] = mapped_column(INET)
    nas_identifier: Mapped[str] = mapped_column(String(253), server_default="")
    radius_secret: Mapped[str] = mapped_column("radius_secret_enc", EncryptedText)
    coa_port: Mapped[int] = mapped_column(Integer, server_default="3799")
    # So many changes a second it is sent when many are changed at once; what somebody waits for goes before.
    coa_per_second: Mapped[int] = mapped_column(Integer, server_default="300")
    type: Mapped[str] = mapped_column(String(30), server_default="mikrotik")
    routeros_version: Mapped[int] = mapped_column(SmallInteger, server_default="7")
    require_message_authenticator: Mapped[bool] = mapped_column(server_default="true")
    acct_input_is: Mapped[str] = mapped_column(String(10), server_default="upload")
    nas_group_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("nas_groups.id", ondelete="RESTRICT"), index=True
    )
    # Detected service to the one it is: {"other": "hotspot"}. For routers that do not say what asks.
    service_map: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    # Whether this router's logins carry Message-Authenticator; None before the first.
    signs_requests: Mapped[bool | None]
    unsigned_seen_at: Mapped[datetime | None]
    # A packet of the router reached the port for logins, whatever became of it.
    login_heard_at: Mapped[datetime | None]
    # A password came that reads as noise: usually the secrets differ.
    unreadable_at: Mapped[datetime | None]
    # How far the router's clock was ahead of ours (behind: negative) at its last accounting record.
    clock_skew_s: Mapped[int | None] = mapped_column(Integer)
    provisioning_mode: Mapped[str] = mapped_column(String(12), server_default="radius")
    location: Mapped[str] = mapped_column(server_default="")
    is_active: Mapped[bool] = mapped_column(server_default="true")
    status: Mapped[str] = mapped_column(String(10), server_default="unknown")
    last_seen_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    # RouterOS's API; without an account it is not asked.
    api_port: Mapped[int] = mapped_column(Integer, server_default="8728")
    api_username: Mapped[str] = mapped_column(String(100), server_default="")
    api_password: Mapped[str | None] = mapped_column("api_password_enc", EncryptedText)
    api_tls: Mapped[bool] = mapped_column(server_default="false")
    # SHA-256 in hex of the certificate that staff said is the router's.
    api_certificate_fingerprint: Mapped[str | None] = mapped_column(String(64))
    api_checked_at: Mapped[datetime | None]
    api_problem: Mapped[str | None] = mapped_column(String(300))
    last_connected_at: Mapped[datetime | None]
    latitude: Mapped[float | None] = mapped_column(Double)
    longitude: Mapped[float | None] = mapped_column(Double)
    # What belongs to this router alone, such as {"local_address": "10.0.0.1"} of its PPP secrets.
    configuration: Mapped[Json] = mapped_column(server_default=text("'{}'"))

    @property
    def has_api_password(self) -> bool:
        """Whether a password for its API is kept; which one is never shown."""
        return self.api_password is not None

    @property
    def is_from_environment(self) -> bool:
        """Named in the settings and not in the database: it can be looked at, and nothing is kept or ordered for it."""
        return self.id == ENVIRONMENT_ID


class RouterProbe(Base):
    """The last harmless request that was sent to a router's CoA port, and what came back; `result` None: not yet."""

    __tablename__ = "router_probes"

    nas_server_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("nas_servers.id", ondelete="CASCADE"), primary_key=True
    )
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    result: Mapped[str | None] = mapped_column(String(12))
    error_cause: Mapped[int | None] = mapped_column(Integer)
    round_trip_ms: Mapped[int | None] = mapped_column(Integer)
    note: Mapped[str | None] = mapped_column(String(60))
