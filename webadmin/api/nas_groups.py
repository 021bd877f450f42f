"""Groups of routers over HTTP."""

from typing import Any

from bss import nas_groups
from bss.rows import find
from db.models import NasGroup
from db.queries.nas_groups import page_of_groups
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_list, page_of, tenant_id, wanted_part

blueprint = Blueprint("nas-groups", __name__, url_prefix=f"{PREFIX}/nas-groups", description="Groups of routers")


@blueprint.route("")
@blueprint.needs("view_nas")
@blueprint.arguments(schemas.NasGroupQuery, location="query")
@blueprint.response(200, schemas.NasGroupList)
def list_nas_groups(arguments: dict[str, Any]) -> dict[str, Any]:
    """List groups of routers"""
    wanted, search = wanted_part(arguments), arguments.get("search")
    return as_list(
        page_of(lambda: page_of_groups(database.session(), tenant_id=tenant_id(), search=search, wanted=wanted))
    )


@blueprint.route("", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(schemas.NasGroupIn)
@blueprint.response(201, schemas.NasGroupOut)
def create_nas_group(body: dict[str, Any]) -> NasGroup:
    """Add a group; a router is put into it by its `nas_group_id`"""
    group = nas_groups.create(**acting(), **body)
    database.commit()
    return group


@blueprint.route("/<int:group_id>")
@blueprint.needs("view_nas")
@blueprint.response(200, schemas.NasGroupOut)
def get_nas_group(group_id: int) -> NasGroup:
    """One group"""
    return find(database.session(), NasGroup, group_id, actor=actor())


@blueprint.route("/<int:group_id>", methods=["PATCH"])
@blueprint.needs("manage_nas")
@blueprint.arguments(schemas.NasGroupIn)
@blueprint.response(200, schemas.NasGroupOut)
def rename_nas_group(body: dict[str, Any], group_id: int) -> NasGroup:
    """Rename a group"""
    changed = nas_groups.rename(**acting(), group_id=group_id, **body)
    database.commit()
    return changed.row


@blueprint.route("/<int:group_id>", methods=["DELETE"])
@blueprint.needs("manage_nas")
@blueprint.response(204)
def delete_nas_group(group_id: int) -> None:
    """Remove a group that nothing names"""
    nas_groups.delete(**acting(), group_id=group_id)
    database.commit()
