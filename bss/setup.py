"""The first run: one tenant, the standing roles, one administrator. Running it again changes nothing but new roles."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from bss import fields, users
from bss.actor import Actor
from bss.failure import Invalid, Problem
from bss.permissions import ADMIN, ROLES
from bss.plan_fields import make_slug
from db.models import Role, Tenant
from db.queries.staff import all_roles, first_tenant


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
        currency=currency,
        timezone=_timezone(timezone),
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
    )
    return FirstRun(tenant=tenant, admin_email=issued.row.email, admin_password=issued.secret)


def ensure_roles(session: Session) -> list[Role]:
    """Add the standing roles that are missing; administrators hold every permission, other roles stay as edited."""
    found = {role.name: role for role in all_roles(session)}
    for name, (description, permissions) in ROLES.items():
        if name not in found:
            found[name] = Role(name=name, description=description, permissions=sorted(permissions))
            session.add(found[name])
    found[ADMIN].permissions = sorted(ROLES[ADMIN][1])
    session.flush()
    return list(found.values())


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        mend = "write it like Asia/Jakarta"
        raise Invalid(Problem(field="timezone", reason="is not a time zone", mend=mend)) from None
    return name
