"""Who may do what: staff, how they prove who they are, roles, API tokens and the audit log."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table, func, select, text
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from db.models.base import Base, EncryptedText, Id, Json, TenantOwned, Timestamps, one_of
from db.models.tenants import Tenant

ACTOR_TYPES = ("user", "token", "customer", "system")
SESSION_PROOFS = ("password", "totp", "recovery_code", "passkey")

user_roles = Table(
    "user_roles",
    Base.metadata,
    Column("user_id", BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", BigInteger, ForeignKey("roles.id", ondelete="RESTRICT"), primary_key=True),
)


class Role(Timestamps, Base):
    """A named set of permissions; `permissions` holds the codes of the panel's permission registry."""

    __tablename__ = "roles"
    __table_args__ = (Index("uq_roles_name", "tenant_id", "name", unique=True, postgresql_nulls_not_distinct=True),)

    id: Mapped[Id]
    # Whose role it is; none means a standing one, which every provider has and nobody edits.
    tenant_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("tenants.id", ondelete="RESTRICT"), index=True)
    name: Mapped[str] = mapped_column(String(40))
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
    # Set by somebody else, so it opens nothing but the page on which it is changed.
    must_change_password: Mapped[bool] = mapped_column(server_default="false")
    password_changed_at: Mapped[datetime | None]
    # Read only to check a code; whether there is an app is told by `totp_step`.
    totp_secret: Mapped[str | None] = mapped_column("totp_secret_enc", EncryptedText, deferred=True)
    # The last half minute of which a code was taken: none is taken twice.
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    # SHA-256 of the codes that are left; each is long and random.
    recovery_codes: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"))
    roles: Mapped[list[Role]] = relationship(secondary=user_roles, lazy="selectin")
    if TYPE_CHECKING:
        is_of_first_tenant: Mapped[bool]


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


# Whether somebody works for the provider that runs the installation, which is the first one.
User.is_of_first_tenant = column_property(User.tenant_id == select(func.min(Tenant.id)).scalar_subquery())


class Passkey(TenantOwned, Timestamps, Base):
    """A WebAuthn credential of a member of staff: only its public key is known here."""

    __tablename__ = "passkeys"

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    # What the authenticator counted last; going back would mean a copy. Many always say 0.
    sign_count: Mapped[int] = mapped_column(BigInteger, server_default="0")
    transports: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"))
    last_used_at: Mapped[datetime | None]
    user: Mapped[User] = relationship()


class StaffSession(TenantOwned, Base):
    """One signed-in browser. Its cookie holds a random word of which only the SHA-256 is kept."""

    __tablename__ = "staff_sessions"
    __table_args__ = (
        one_of("proved_by", SESSION_PROOFS),
        Index("ix_staff_sessions_user", "user_id", "begun_at"),
        Index("ix_staff_sessions_begun_at", "begun_at"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    begun_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ip: Mapped[str | None] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(300), server_default="")
    # By what the person was let in, and when they last proved who they are.
    proved_by: Mapped[str] = mapped_column(String(20))
    proved_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class PasswordLink(TenantOwned, Base):
    """A link with which a password is set once; a member of staff has at most one."""

    __tablename__ = "password_links"

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    made_by: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class AuditLog(TenantOwned, Base):
    """Who changed what and when. Rows are only ever added; a trigger refuses the rest."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        one_of("actor_type", ACTOR_TYPES),
        Index("ix_audit_logs_entity", "entity_type", "entity_id"),
        Index("ix_audit_logs_customer", "customer_id", "created_at"),
        Index("ix_audit_logs_created_at", "created_at"),
        Index("ix_audit_logs_tenant_created", "tenant_id", "created_at", "id"),
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


class AuditSeal(Base):
    """A link of the chain over the audit log: a keyed hash over one row and the link before. Only ever added."""

    __tablename__ = "audit_seals"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    audit_id: Mapped[int] = mapped_column(BigInteger, unique=True)
    seal: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_at: Mapped[datetime]


class AuditUnsealed(Base):
    """A row of the audit log that is not in the chain yet; a trigger writes it down."""

    __tablename__ = "audit_unsealed"

    audit_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
