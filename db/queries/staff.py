"""Reads staff, roles and tokens."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from db.models import ApiToken, Role, Tenant, User
from db.models.staff import user_roles


def first_tenant(session: Session) -> Tenant | None:
    """The oldest tenant, or None before the first run."""
    return session.scalars(select(Tenant).order_by(Tenant.id).limit(1)).one_or_none()


def all_roles(session: Session) -> list[Role]:
    """Every role, by name."""
    return list(session.scalars(select(Role).order_by(Role.name)))


def lock_roles(session: Session) -> None:
    """Let one at a time say which roles there are, until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("roles"))))


def roles_of(session: Session, *, tenant_id: int) -> list[Role]:
    """The standing roles and the provider's own, by name."""
    return list(session.scalars(select(Role).where(_offered_to(tenant_id)).order_by(Role.name)))


def roles_named(session: Session, names: Sequence[str], *, tenant_id: int) -> list[Role]:
    """The roles with these names that the provider may give."""
    statement = select(Role).where(_offered_to(tenant_id), Role.name.in_(names))
    return list(session.scalars(statement.order_by(Role.name)))


def find_role(session: Session, role_id: int, *, tenant_id: int) -> Role | None:
    """One of the standing roles or of the provider's own."""
    return session.scalars(select(Role).where(Role.id == role_id, _offered_to(tenant_id))).one_or_none()


def lock_role(session: Session, role_id: int, *, tenant_id: int) -> Role | None:
    """The same, locked and as it stands now."""
    statement = select(Role).where(Role.id == role_id, _offered_to(tenant_id)).with_for_update(of=Role)
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()


def count_members(session: Session, *, tenant_id: int) -> dict[int, int]:
    """How many of the provider's staff have each role, by the role's id."""
    statement = (
        select(user_roles.c.role_id, func.count().label("members"))
        .join(User, User.id == user_roles.c.user_id)
        .where(User.tenant_id == tenant_id)
        .group_by(user_roles.c.role_id)
    )
    return {row.role_id: row.members for row in session.execute(statement)}


def is_first_tenant(session: Session, tenant_id: int) -> bool:
    """Whether the provider is the one that runs the installation."""
    return session.scalar(select(func.min(Tenant.id))) == tenant_id


def _offered_to(tenant_id: int) -> ColumnElement[bool]:
    return or_(Role.tenant_id.is_(None), Role.tenant_id == tenant_id)


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
