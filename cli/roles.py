"""`lintas role`: what members of staff may do, by role."""

from typing import Any

import click

from bss.permissions import PERMISSIONS, subject_of
from bss.staff import roles as use
from bss.staff import second_factor
from cli.output import emit, json_option, table
from cli.work import Work, tenant_option, work
from db.models import Role
from db.queries.staff import count_members, roles_of

_permission = click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice(sorted(PERMISSIONS)),
    help="May be given repeatedly.",
)


@click.group()
def role() -> None:
    """Roles: the standing ones, and those that the provider makes; one is named by its name."""


@role.command("list")
@tenant_option
@json_option
def list_roles(tenant: str | None) -> None:
    """Every role, with how many have it."""
    with work(tenant) as job:
        rows = [_shown(job, row) for row in roles_of(job.session, tenant_id=job.tenant_id)]
    head = ("name", "members", "is_standing", "requires_second_factor", "description")
    emit(rows, table([[row[name] for name in head] for row in rows], head))


@role.command("permissions")
@json_option
def list_permissions() -> None:
    """Every permission that a role can grant."""
    rows = [{"permission": code, "subject": subject_of(code), "words": words} for code, words in PERMISSIONS.items()]
    emit(rows, table([tuple(row.values()) for row in rows], ("permission", "about", "may")))


@role.command("show")
@click.argument("name")
@tenant_option
@json_option
def show(name: str, tenant: str | None) -> None:
    """A role with everything that it may do."""
    with work(tenant) as job:
        row = _shown(job, _named(job, name))
    emit(
        row,
        [f"{row['name']}: {row['description']}", *(f"  {code}: {PERMISSIONS[code]}" for code in row["permissions"])],
    )


@role.command("add")
@click.argument("name")
@click.option("--description", default="")
@click.option("--like", help="Begin with what this role may do.")
@_permission
@tenant_option
@json_option
def add(name: str, description: str, like: str | None, permissions: tuple[str, ...], tenant: str | None) -> None:
    """Add a role of the provider's own."""
    with work(tenant) as job:
        first = [] if like is None else list(_named(job, like).permissions)
        made = job.do(use.create, name=name, description=description, permissions=[*first, *permissions])
        row = _shown(job, made.row)
    emit(row, [f"Added {row['name']}; it may do {len(row['permissions'])} things."])


@role.command("edit")
@click.argument("name")
@click.option("--name", "new_name", help="Another name.")
@click.option("--description")
@_permission
@click.option("--second-factor/--no-second-factor", default=None, help="Whether its members need one.")
@tenant_option
@json_option
def edit(
    name: str,
    new_name: str | None,
    description: str | None,
    permissions: tuple[str, ...],
    second_factor: bool | None,
    tenant: str | None,
) -> None:
    """Change a role; what it may do is replaced by the permissions given, if there are any."""
    given = {"name": new_name, "description": description, "permissions": list(permissions) or None}
    changes = {key: value for key, value in given.items() if value is not None}
    with work(tenant) as job:
        row = _named(job, name)
        if changes:
            row = job.do(use.edit, role_id=row.id, changes=changes).row
        if second_factor is not None:
            job.do(_require, role=row, is_required=second_factor)
        shown = _shown(job, row)
    emit(shown, [f"Saved {shown['name']}; it counts from now on."])


@role.command("remove")
@click.argument("name")
@tenant_option
@json_option
def remove(name: str, tenant: str | None) -> None:
    """Take a role away that nobody has."""
    with work(tenant) as job:
        job.do(use.remove, role_id=_named(job, name).id)
    emit({"removed": name}, [f"{name} is gone."])


# The option of the same name hides the module inside `edit`.
_require = second_factor.require_for_role


def _named(job: Work, name: str) -> Role:
    found = {row.name.casefold(): row for row in roles_of(job.session, tenant_id=job.tenant_id)}
    return job.found(found.get(name.casefold()), "role")


def _shown(job: Work, row: Role) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "permissions": sorted(set(row.permissions) & set(PERMISSIONS)),
        "is_standing": use.is_standing(row),
        "requires_second_factor": row.name in second_factor.roles_that_require(job.session, tenant_id=job.tenant_id),
        "members": count_members(job.session, tenant_id=job.tenant_id).get(row.id, 0),
    }
