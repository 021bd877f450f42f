"""Staff, roles, sessions and the audit log over HTTP."""

from dataclasses import asdict
from typing import Any

from flask import url_for

from bss.audit_checks import last_check
from bss.failure import NotFound, Problem
from bss.staff import password_links, roles, second_factor, staff_sessions, users
from db.models import Role, User
from db.queries.lists import AuditFilter, page_of_audit
from db.queries.staff import count_members, find_role, find_user, list_users, roles_of
from webadmin import database, security
from webadmin.api.base import (
    PREFIX,
    Blueprint,
    acting,
    as_list,
    as_whole_list,
    page_of,
    refuse_body,
    tenant_id,
    wanted_part,
)
from webadmin.api.schemas import staff as schemas

blueprint = Blueprint("staff", __name__, url_prefix=PREFIX, description="Staff, what they may do, and what they did")


@blueprint.route("/staff")
@blueprint.needs("manage_users")
@blueprint.response(200, schemas.StaffList)
def list_staff() -> dict[str, Any]:
    """Everybody who may sign in, by name"""
    return as_whole_list([_staff(row) for row in list_users(database.session(), tenant_id=tenant_id())])


@blueprint.route("/staff", methods=["POST"])
@blueprint.needs("manage_users")
@blueprint.arguments(schemas.StaffIn)
@blueprint.response(201, schemas.StaffIssued)
def create_staff(body: dict[str, Any]) -> dict[str, Any]:
    """Add a member of staff with roles that can do no more than this token; the answer shows the password, once"""
    issued = users.create_staff(**acting(), within=security.granted(), **body)
    database.commit()
    return _staff(issued.row) | {"password": issued.secret}


@blueprint.route("/staff/<int:user_id>")
@blueprint.needs("manage_users")
@blueprint.response(200, schemas.StaffMemberOut)
def get_staff(user_id: int) -> dict[str, Any]:
    """One member of staff"""
    return _staff(_member(user_id))


@blueprint.route("/staff/<int:user_id>/roles", methods=["PATCH"])
@blueprint.needs("manage_users")
@blueprint.arguments(schemas.StaffRolesIn)
@blueprint.response(200, schemas.StaffMemberOut)
def set_roles_of_staff(body: dict[str, Any], user_id: int) -> dict[str, Any]:
    """Replace the roles; all sessions of the account end"""
    changed = users.set_roles(**acting(), user_id=user_id, within=security.granted(), **body)
    database.commit()
    return _staff(changed.row)


@blueprint.route("/staff/<int:user_id>/deactivate", methods=["POST"])
@blueprint.needs("manage_users")
@blueprint.response(200, schemas.StaffMemberOut)
def deactivate_staff(user_id: int) -> dict[str, Any]:
    """Shut somebody out, tokens and sessions included"""
    refuse_body()
    changed = users.deactivate(**acting(), user_id=user_id, within=security.granted())
    database.commit()
    return _staff(changed.row)


@blueprint.route("/staff/<int:user_id>/reactivate", methods=["POST"])
@blueprint.needs("manage_users")
@blueprint.response(200, schemas.StaffMemberOut)
def reactivate_staff(user_id: int) -> dict[str, Any]:
    """Let somebody in again"""
    refuse_body()
    changed = users.reactivate(**acting(), user_id=user_id, within=security.granted())
    database.commit()
    return _staff(changed.row)


@blueprint.route("/staff/<int:user_id>/password-link", methods=["POST"])
@blueprint.needs("manage_users")
@blueprint.response(201, schemas.PasswordLinkOut)
def make_password_link(user_id: int) -> dict[str, Any]:
    """A link with which the account's password is set, once, within a day"""
    refuse_body()
    issued = password_links.make(**acting(), user_id=user_id, within=security.granted())
    database.commit()
    url = f"{url_for('signing_in.set_password', _external=True)}#{issued.secret}"
    return {"url": url, "expires_at": issued.row.expires_at}


@blueprint.route("/staff/<int:user_id>/second-factors", methods=["DELETE"])
@blueprint.needs("manage_users")
@blueprint.response(204)
def remove_second_factors(user_id: int) -> None:
    """For somebody who lost them: take app, passkeys and recovery codes away"""
    users.require_within(_member(user_id), security.granted())
    second_factor.remove_all(**acting(), user_id=user_id)
    database.commit()


@blueprint.route("/staff/<int:user_id>/sessions")
@blueprint.needs("manage_users")
@blueprint.response(200, schemas.StaffSessionList)
def list_sessions_of_staff(user_id: int) -> dict[str, Any]:
    """Where somebody is signed in at the panel"""
    member = _member(user_id)
    return as_whole_list(staff_sessions.list_open(database.session(), user_id=member.id, now=security.now()))


@blueprint.route("/staff/<int:user_id>/sessions", methods=["DELETE"])
@blueprint.needs("manage_users")
@blueprint.response(204)
def end_sessions_of_staff(user_id: int) -> None:
    """End all sessions of somebody at the panel"""
    staff_sessions.end_all(**acting(), user_id=user_id)
    database.commit()


@blueprint.route("/staff/<int:user_id>/sessions/<int:session_row_id>", methods=["DELETE"])
@blueprint.needs("manage_users")
@blueprint.response(204)
def end_session_of_staff(user_id: int, session_row_id: int) -> None:
    """End one session at the panel"""
    staff_sessions.end(**acting(), user_id=user_id, session_id=session_row_id)
    database.commit()


@blueprint.route("/roles")
@blueprint.needs("manage_users")
@blueprint.response(200, schemas.RoleList)
def list_roles() -> dict[str, Any]:
    """The standing roles and the provider's own"""
    return as_whole_list([_shown(role) for role in roles_of(database.session(), tenant_id=tenant_id())])


@blueprint.route("/roles", methods=["POST"])
@blueprint.needs("manage_users")
@blueprint.arguments(schemas.RoleIn)
@blueprint.response(201, schemas.RoleOut)
def create_role(body: dict[str, Any]) -> dict[str, Any]:
    """Add a role that grants no more than this token holds"""
    made = roles.create(**acting(), within=security.granted(), **body)
    database.commit()
    return _shown(made.row)


@blueprint.route("/roles/<int:role_id>")
@blueprint.needs("manage_users")
@blueprint.response(200, schemas.RoleOut)
def get_role(role_id: int) -> dict[str, Any]:
    """One role"""
    return _shown(_role(role_id))


@blueprint.route("/roles/<int:role_id>", methods=["PATCH"])
@blueprint.needs("manage_users")
@blueprint.arguments(schemas.RolePatch)
@blueprint.response(200, schemas.RoleOut)
def edit_role(body: dict[str, Any], role_id: int) -> dict[str, Any]:
    """Change a role of one's own; of a standing one only whether it asks for a second factor"""
    role = _role(role_id)
    asks = body.pop("requires_second_factor", None)
    if body:
        role = roles.edit(**acting(), role_id=role_id, changes=body, within=security.granted()).row
    if asks is not None:
        second_factor.require_for_role(**acting(), role=role, is_required=asks)
    database.commit()
    return _shown(role)


@blueprint.route("/roles/<int:role_id>", methods=["DELETE"])
@blueprint.needs("manage_users")
@blueprint.response(204)
def remove_role(role_id: int) -> None:
    """Take a role away that nobody has"""
    roles.remove(**acting(), role_id=role_id, within=security.granted())
    database.commit()


@blueprint.route("/audit-logs/check")
@blueprint.needs("view_audit")
@blueprint.response(200, schemas.AuditCheckOut)
def get_audit_check() -> dict[str, Any]:
    """Whether the audit log is as it was written"""
    check = last_check(database.session())
    if check is None:
        return {"checked_at": None, "is_whole": None, "links": 0, "found": ""}
    return asdict(check) | {"found": check.found if security.may("manage_installation") else ""}


@blueprint.route("/audit-logs")
@blueprint.needs("view_audit")
@blueprint.arguments(schemas.AuditQuery, location="query")
@blueprint.response(200, schemas.AuditList)
def list_audit_logs(arguments: dict[str, Any]) -> dict[str, Any]:
    """Who did what, newest first"""
    wanted = wanted_part(arguments)
    fits = AuditFilter(**arguments)
    return as_list(page_of(lambda: page_of_audit(database.session(), tenant_id=tenant_id(), fits=fits, wanted=wanted)))


def _member(user_id: int) -> User:
    member = find_user(database.session(), user_id, tenant_id=tenant_id())
    if member is None:
        raise NotFound(Problem(field="", reason="there is no such member of staff"))
    return member


def _role(role_id: int) -> Role:
    role = find_role(database.session(), role_id, tenant_id=tenant_id())
    if role is None:
        raise NotFound(Problem(field="", reason="there is no such role"))
    return role


def _shown(role: Role) -> dict[str, Any]:
    names = ("id", "name", "description", "permissions")
    return {
        **{name: getattr(role, name) for name in names},
        "is_standing": roles.is_standing(role),
        "requires_second_factor": role.name
        in second_factor.roles_that_require(database.session(), tenant_id=tenant_id()),
        "members": count_members(database.session(), tenant_id=tenant_id()).get(role.id, 0),
    }


def _staff(row: User) -> dict[str, Any]:
    names = ("id", "name", "email", "language", "operator_id", "must_change_password")
    return {
        **{name: getattr(row, name) for name in names},
        "is_active": row.active,
        "roles": [role.name for role in row.roles],
        "last_sign_in_at": row.current_login_at,
    }
