"""Reads staff, roles and tokens."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.models import ApiToken, Role, Tenant, User


def first_tenant(session: Session) -> Tenant | None:
    """The oldest tenant, or None before the first run."""
    return session.scalars(select(Tenant).order_by(Tenant.id).limit(1)).one_or_none()


def all_roles(session: Session) -> list[Role]:
    """Every role, by name."""
    return list(session.scalars(select(Role).order_by(Role.name)))


def roles_named(session: Session, names: Sequence[str]) -> list[Role]:
    """The roles with these names that exist."""
    return list(session.scalars(select(Role).where(Role.name.in_(names)).order_by(Role.name)))


def find_user(session: Session, user_id: int, *, tenant_id: int) -> User | None:
    """A member of the tenant's staff."""
    return session.scalars(select(User).where(User.id == user_id, User.tenant_id == tenant_id)).one_or_none()


def find_user_by_email(session: Session, email: str) -> User | None:
    """The member of staff with that address, in whatever case it is written."""
    return session.scalars(select(User).where(func.lower(User.email) == email.lower())).one_or_none()


def list_users(session: Session, *, tenant_id: int) -> list[User]:
    """The tenant's staff, by name."""
    return list(session.scalars(select(User).where(User.tenant_id == tenant_id).order_by(User.name, User.id)))


def lock_user(session: Session, user_id: int, *, tenant_id: int) -> User | None:
    """The same, locked and as it stands now."""
    statement = select(User).where(User.id == user_id, User.tenant_id == tenant_id).with_for_update(of=User)
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()


def count_other_active_with_role(session: Session, *, role: str, tenant_id: int, except_id: int) -> int:
    """How many other active members of staff hold the role; their rows are locked, so two cannot both be the last."""
    statement = (
        select(User.id)
        .where(User.tenant_id == tenant_id, User.active, User.id != except_id, User.roles.any(Role.name == role))
        .order_by(User.id)
        .with_for_update(of=User)
    )
    return len(session.scalars(statement).all())


def find_token_by_prefix(session: Session, prefix: str) -> ApiToken | None:
    """The token with that public part, of whatever tenant."""
    return session.scalars(select(ApiToken).where(ApiToken.prefix == prefix)).one_or_none()


def lock_token(session: Session, token_id: int, *, tenant_id: int) -> ApiToken | None:
    """A token of the tenant, locked."""
    statement = select(ApiToken).where(ApiToken.id == token_id, ApiToken.tenant_id == tenant_id)
    locked = statement.with_for_update(of=ApiToken)
    return session.scalars(locked, execution_options={"populate_existing": True}).one_or_none()


def list_tokens(session: Session, *, tenant_id: int, user_id: int | None = None) -> list[ApiToken]:
    """Tokens of the tenant, or of one of its staff, newest first."""
    statement = select(ApiToken).where(ApiToken.tenant_id == tenant_id).order_by(ApiToken.id.desc())
    if user_id is not None:
        statement = statement.where(ApiToken.user_id == user_id)
    return list(session.scalars(statement))


def count_usable_tokens(session: Session, user_id: int, now: datetime) -> int:
    """Tokens of a user that are neither revoked nor over."""
    statement = select(func.count()).where(
        ApiToken.user_id == user_id,
        ApiToken.revoked_at.is_(None),
        ApiToken.expires_at.is_(None) | (ApiToken.expires_at > now),
    )
    return session.scalar(statement) or 0


def touch_token(session: Session, token_id: int, now: datetime) -> None:
    """Write when a token was last used."""
    session.execute(
        update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=now, updated_at=ApiToken.updated_at)
    )


def lock_tenant(session: Session, tenant_id: int) -> Tenant | None:
    """The provider's row, locked until the transaction ends."""
    statement = select(Tenant).where(Tenant.id == tenant_id).with_for_update()
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()
