"""Routers over HTTP."""

from typing import Any

from bss import nas
from bss.router_api import access
from bss.router_api.removal import Removal
from db.models import NasServer
from db.queries.lists import page_of_nas, sessions_by_nas
from runtime.settings import get_settings
from runtime.tasks import nudge_routers
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import (
    PREFIX,
    Blueprint,
    acting,
    actor,
    as_list,
    as_whole_list,
    page_of,
    refuse_body,
    tenant_id,
    wanted_part,
)
from webadmin.api.schemas import router_api as shapes

blueprint = Blueprint("nas", __name__, url_prefix=f"{PREFIX}/nas", description="Routers")


@blueprint.route("")
@blueprint.needs("view_nas")
@blueprint.arguments(schemas.NasQuery, location="query")
@blueprint.response(200, schemas.NasList)
def list_nas(arguments: dict[str, Any]) -> dict[str, Any]:
    """List routers; without any, the one that the settings name"""
    wanted = wanted_part(arguments)
    search, is_active = arguments.get("search"), arguments.get("is_active")
    page = page_of(
        lambda: page_of_nas(
            database.session(), tenant_id=tenant_id(), search=search, is_active=is_active, wanted=wanted
        )
    )
    borrowed: Any = access.environment_router(database.session(), actor=actor())
    if borrowed is not None:
        borrowed.online_sessions = 0
        return as_whole_list([borrowed])
    counts = sessions_by_nas(database.session(), [router.id for router in page.items])
    for router in page.items:
        router.online_sessions = counts.get(router.id, 0)
    return as_list(page)


@blueprint.route("", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(schemas.NasIn)
@blueprint.response(201, schemas.NasCreated)
def create_nas(body: dict[str, Any]) -> dict[str, Any]:
    """Add a router; the answer shows its secret, once"""
    issued = nas.create(**acting(), **body)
    database.commit()
    return _with_secret(issued.row, issued.secret)


@blueprint.route("/<int:nas_id>")
@blueprint.needs("view_nas")
@blueprint.response(200, schemas.NasOut)
def get_nas(nas_id: int) -> NasServer:
    """One router; 0 is the one that the settings name while there is none here"""
    return access.find_router(database.session(), nas_id, actor=actor())


@blueprint.route("/<int:nas_id>", methods=["PATCH"])
@blueprint.needs("manage_nas")
@blueprint.arguments(schemas.NasPatch)
@blueprint.response(200, schemas.NasOut)
def edit_nas(body: dict[str, Any], nas_id: int) -> NasServer:
    """Change a router"""
    changed = nas.edit(**acting(), nas_id=nas_id, changes=body)
    database.commit()
    return changed.row


@blueprint.route("/<int:nas_id>", methods=["DELETE"])
@blueprint.needs("manage_nas")
@blueprint.arguments(shapes.RemovalQuery, location="query")
@blueprint.response(200, shapes.RemovalOut)
def delete_nas(arguments: dict[str, Any], nas_id: int) -> Removal:
    """Remove a router that nothing uses, after it gave up the names and passwords of ours that are on it"""
    told = nas.delete(**acting(), nas_id=nas_id, leave_secrets=arguments["secrets"] == "leave")
    database.commit()
    nudge_routers()
    return told


@blueprint.route("/<int:nas_id>/removal")
@blueprint.needs("manage_nas")
@blueprint.response(200, shapes.RemovalOut)
def preview_nas_removal(nas_id: int) -> Removal:
    """What of ours is on the router, and how far its removal is"""
    return nas.removal_of(database.session(), actor=actor(), nas_id=nas_id)


@blueprint.route("/<int:nas_id>/deactivate", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(shapes.DeactivateIn, required=False)
@blueprint.response(200, schemas.NasOut)
def deactivate_nas(body: dict[str, Any], nas_id: int) -> NasServer:
    """Stop answering a router; whom it knows by itself it lets in until its secrets are taken"""
    changed = nas.deactivate(**acting(), nas_id=nas_id, **body)
    database.commit()
    nudge_routers()
    return changed.row


@blueprint.route("/<int:nas_id>/reactivate", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.response(200, schemas.NasOut)
def reactivate_nas(nas_id: int) -> NasServer:
    """Answer a router again"""
    refuse_body()
    changed = nas.reactivate(**acting(), nas_id=nas_id)
    database.commit()
    return changed.row


@blueprint.route("/<int:nas_id>/change-secret", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(schemas.NasSecretIn, required=False)
@blueprint.response(200, schemas.NasCreated)
def change_nas_secret(body: dict[str, Any], nas_id: int) -> dict[str, Any]:
    """Give a router a new secret; the answer shows it, once"""
    issued = nas.change_secret(**acting(), nas_id=nas_id, **body)
    database.commit()
    return _with_secret(issued.row, issued.secret)


@blueprint.route("/<int:nas_id>/setup-script")
@blueprint.needs("manage_nas")
@blueprint.arguments(schemas.ScriptQuery, location="query")
@blueprint.response(200, schemas.ScriptOut)
def get_setup_script(arguments: dict[str, Any], nas_id: int) -> dict[str, str]:
    """The commands to paste into a router, with its secret"""
    settings = get_settings()
    script = nas.setup_script(
        database.session(),
        actor=actor(),
        nas_id=nas_id,
        server_address=arguments["server_address"],
        auth_port=settings.radius_auth_port,
        acct_port=settings.radius_acct_port,
    )
    return {"script": script}


def _with_secret(router: NasServer, secret: str) -> dict[str, Any]:
    dumped: dict[str, Any] = {name: getattr(router, name) for name in schemas.NasOut().fields}
    return dumped | {"radius_secret": secret}
