"""Who may do what: staff, roles, API tokens and the audit log."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Table, func, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, mapped_column, relationship

from db.models.base import Base, Id, Json, TenantOwned, Timestamps, one_of

ACTOR_TYPES = ("user", "token", "customer", "system")

user_roles = Table(
    "user_roles",
    Base.metadata,
    Column("user_id", BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", BigInteger, ForeignKey("roles.id", ondelete="RESTRICT"), primary_key=True),
)


class Role(Timestamps, Base):
    """A named set of permissions; `permissions` holds the codes of the panel's permission registry."""

    __tablename__ = "roles"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(40), unique=True)
    description: Mapped[str] = mapped_column(server_default="")
    permissions: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"))
    # What a standing role was given by the program; as long as it holds just that, nobody has changed it.
    given: Mapped[list[str] | None]

    def get_permissions(self) -> set[str]:
        """The codes as a set, under the name by which the sign-in library asks for them."""
        return set(self.permissions)


class User(TenantOwned, Timestamps, Base):
    """A member of staff. `fs_uniquifier` is what a session cookie names: rotating it ends all sessions."""

    __tablename__ = "users"
    __table_args__ = (Index("uq_users_email", text("lower(email)"), unique=True),)

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(String(255))
    email: Mapped[str] = mapped_column(String(255))
    password: Mapped[str] = mapped_column("password_hash")
    active: Mapped[bool] = mapped_column("is_active", server_default="true")
    # Whose staff it is; none means the provider's own, who see every customer.
    operator_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("operators.id", ondelete="RESTRICT"), index=True
    )
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    language: Mapped[str] = mapped_column(String(5), server_default="en")
    theme: Mapped[str] = mapped_column(String(10), server_default="auto")
    last_login_at: Mapped[datetime | None]
    current_login_at: Mapped[datetime | None]
    last_login_ip: Mapped[str | None] = mapped_column(String(64))
    current_login_ip: Mapped[str | None] = mapped_column(String(64))
    login_count: Mapped[int | None]
    tf_primary_method: Mapped[str | None] = mapped_column(String(64))
    tf_totp_secret: Mapped[str | None] = mapped_column(String(255))
    roles: Mapped[list[Role]] = relationship(secondary=user_roles, lazy="selectin")


class ApiToken(TenantOwned, Timestamps, Base):
    """A bearer token: only the SHA-256 of its secret is kept, with its scopes and end."""

    __tablename__ = "api_tokens"

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"))
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    user: Mapped[User] = relationship(lazy="joined")


class AuditLog(TenantOwned, Base):
    """Who changed what and when. Rows are only ever added; a trigger refuses the rest."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        one_of("actor_type", ACTOR_TYPES),
        Index("ix_audit_logs_entity", "entity_type", "entity_id"),
        Index("ix_audit_logs_customer", "customer_id", "created_at"),
        Index("ix_audit_logs_created_at", "created_at"),
    )

    id: Mapped[Id]
    actor_user_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="SET NULL"))
    actor_name: Mapped[str] = mapped_column(String(255))
    actor_type: Mapped[str] = mapped_column(String(10))
    action: Mapped[str] = mapped_column(String(60))
    entity_type: Mapped[str] = mapped_column(String(40))
    entity_id: Mapped[int | None] = mapped_column(BigInteger)
    customer_id: Mapped[int | None] = mapped_column(BigInteger)
    old_values: Mapped[Json | None]
    new_values: Mapped[Json | None]
    ip: Mapped[str | None] = mapped_column(INET)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
