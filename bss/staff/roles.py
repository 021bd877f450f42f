"""A provider's own roles: named sets of permissions beside the standing ones, which nobody edits.

What a role grants counts at once, for sessions and tokens alike. `within` is what whoever asks holds: a role grants
nothing that its maker does not hold. None is a command on the server.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem, flush_or_conflict, require_known
from bss.outcome import Changed
from bss.permissions import ROLES, unknown_permissions
from bss.staff.users import grantable
from db.models import Role
from db.queries.staff import count_members, lock_role, roles_of

EDITABLE = frozenset({"name", "description", "permissions"})
MAX_OWN = 100
_TAKEN = {"uq_roles_name": Problem(field="name", reason="is another role's", mend="choose another name")}


def is_standing(role: Role) -> bool:
    """Whether every provider has the role and nobody edits it."""
    return role.tenant_id is None


def create(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    name: str,
    permissions: Sequence[str],
    description: str = "",
    within: frozenset[str] | None = None,
) -> Changed[Role]:
    """Add a role."""
    if sum(not is_standing(role) for role in roles_of(session, tenant_id=actor.tenant_id)) >= MAX_OWN:
        raise Conflict(Problem(field="", reason=f"there are {MAX_OWN} roles already", mend="remove one first"))
    role = Role(
        tenant_id=actor.tenant_id,
        name=_name(name),
        description=fields.text(description, field="description", longest=200),
        permissions=_granted(session, permissions, actor=actor, within=within),
    )
    session.add(role)
    flush_or_conflict(session, _TAKEN)
    new = {"name": role.name, "description": role.description, "permissions": role.permissions}
    audit.record(session, actor=actor, now=now, action="role.created", entity=role, new=new)
    return Changed(row=role)


def edit(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    role_id: int,
    changes: Mapping[str, Any],
    within: frozenset[str] | None = None,
) -> Changed[Role]:
    """Change fields of `EDITABLE`; members have what it grants from their next request on."""
    require_known(changes, EDITABLE)
    role = _own(session, role_id, actor=actor)
    _require_no_more(role, within)
    values = dict(changes)
    if "name" in values:
        values["name"] = _name(values["name"])
    if "description" in values:
        values["description"] = fields.text(values["description"], field="description", longest=200)
    if "permissions" in values:
        values["permissions"] = _granted(session, values["permissions"], actor=actor, within=within)
    old, new = audit.set_fields(role, values)
    flush_or_conflict(session, _TAKEN)
    if new:
        audit.record(session, actor=actor, now=now, action="role.updated", entity=role, old=old, new=new)
    session.flush()
    return Changed(row=role)


def remove(
    session: Session, *, actor: Actor, now: datetime, role_id: int, within: frozenset[str] | None = None
) -> None:
    """Take a role away that nobody has."""
    role = _own(session, role_id, actor=actor)
    _require_no_more(role, within)
    members = count_members(session, tenant_id=actor.tenant_id).get(role.id, 0)
    if members:
        reason = f"is the role of {members} members of staff" if members > 1 else "is the role of a member of staff"
        raise Conflict(Problem(field="", reason=reason, mend="give them another one first"))
    old = {"name": role.name, "permissions": role.permissions}
    audit.record(session, actor=actor, now=now, action="role.removed", entity=role, old=old)
    session.delete(role)
    session.flush()


def _own(session: Session, role_id: int, *, actor: Actor) -> Role:
    role = lock_role(session, role_id, tenant_id=actor.tenant_id)
    if role is None:
        raise NotFound(Problem(field="", reason="there is no such role"))
    if is_standing(role):
        mend = "make a role of your own with the permissions that it should have"
        raise Conflict(Problem(field="", reason="is a standing role", mend=mend))
    return role


def _require_no_more(role: Role, within: frozenset[str] | None) -> None:
    if within is not None and (beyond := sorted(set(role.permissions) - within)):
        reason = f"the role {role.name!r} may {beyond[0]!r}, and you may not"
        raise Conflict(Problem(field="", reason=reason, mend="let somebody do it who may do as much"))


def _name(value: object) -> str:
    name = fields.text(value, field="name", longest=40, required=True)
    if name.casefold() in ROLES:
        raise Conflict(Problem(field="name", reason="is a standing role's", mend="choose another name"))
    return name


def _granted(session: Session, codes: Sequence[str], *, actor: Actor, within: frozenset[str] | None) -> list[str]:
    wanted = sorted(set(codes))
    if unknown := unknown_permissions(wanted):
        mend = "choose from the list of permissions"
        raise Invalid(Problem(field="permissions", reason=f"there is no permission {unknown[0]!r}", mend=mend))
    if not wanted:
        mend = "choose at least one"
        raise Invalid(Problem(field="permissions", reason="a role without permissions opens nothing", mend=mend))
    held = grantable(session, wanted, tenant_id=actor.tenant_id)
    if lacking := sorted(set(wanted) - (held if within is None else held & within)):
        reason = f"the permission {lacking[0]!r} is not yours to give"
        raise Invalid(Problem(field="permissions", reason=reason, mend="leave it out"))
    return wanted
