"""The first run: one tenant, the standing roles, one administrator. Running it again changes nothing but new roles."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bss import fields
from bss.actor import Actor
from bss.permissions import ADMIN, ROLES
from bss.plan_fields import make_slug
from bss.staff import users
from db.models import Role, Tenant
from db.queries.staff import all_roles, first_tenant, lock_roles


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstRun:
    """What the set-up made; `admin_password` is None when the installation had a tenant already."""

    tenant: Tenant
    admin_email: str | None
    admin_password: str | None

    def __repr__(self) -> str:
        return f"FirstRun(tenant={self.tenant!r}, admin_email={self.admin_email!r}, admin_password=…)"


def set_up(
    session: Session,
    *,
    now: datetime,
    tenant_name: str,
    admin_email: str,
    admin_name: str = "Administrator",
    timezone: str = "Asia/Jakarta",
    currency: str = "IDR",
    language: str = "en",
) -> FirstRun:
    """Make the tenant, the roles and the first administrator with a made-up password, unless a tenant exists."""
    ensure_roles(session)
    existing = first_tenant(session)
    if existing is not None:
        return FirstRun(tenant=existing, admin_email=None, admin_password=None)
    tenant = Tenant(
        name=fields.text(tenant_name, field="tenant_name", longest=150, required=True),
        slug=make_slug(tenant_name)[:80],
        currency=fields.currency(currency),
        timezone=fields.timezone(timezone),
        locale=language,
    )
    session.add(tenant)
    session.flush()
    issued = users.create_staff(
        session,
        actor=Actor.system(tenant_id=tenant.id, name="set-up"),
        now=now,
        name=admin_name,
        email=admin_email,
        roles=[ADMIN],
        language=language,
        # Made at random and shown to nobody but the administrator himself.
        must_change=False,
    )
    return FirstRun(tenant=tenant, admin_email=issued.row.email, admin_password=issued.secret)


def standing_roles(session: Session) -> list[Role]:
    """Those of the standing roles that are there; a provider's own may be called the same."""
    return [role for role in all_roles(session) if role.name in ROLES and role.tenant_id is None]


def ensure_roles(session: Session) -> list[Role]:
    """Add the standing roles that are missing, and give the others what this version adds to them.

    Administrators hold every permission. Any other role gets what is new only while it holds exactly what it was given
    last: one that staff changed, by whatever way, is theirs and stays as it is.
    """
    lock_roles(session)
    found = {role.name: role for role in standing_roles(session)}
    for name, (description, permissions) in ROLES.items():
        wanted = sorted(permissions)
        role = found.get(name)
        if role is None:
            role = found[name] = Role(name=name, description=description, permissions=wanted, given=wanted)
            session.add(role)
        elif name == ADMIN or _is_as_given(role):
            role.permissions = role.given = wanted
    session.flush()
    return list(found.values())


def changed_by_staff(roles: Sequence[Role]) -> dict[str, list[str]]:
    """Which of the standing roles staff changed, with what this version would add to each."""
    return {
        role.name: sorted(ROLES[role.name][1] - set(role.permissions))
        for role in roles
        if role.name != ADMIN and not _is_as_given(role)
    }


def _is_as_given(role: Role) -> bool:
    return role.given is not None and sorted(role.permissions) == sorted(role.given)
