"""What a router refuses, and ending sessions on it by a name as the router has it, over HTTP."""

from typing import Any

from bss import refusals, sessions
from webadmin import database
from webadmin.api.base import PREFIX, Blueprint, acting, as_result
from webadmin.api.schemas import live_changes as schemas

blueprint = Blueprint("nas-changes", __name__, url_prefix=f"{PREFIX}/nas", description="Routers and live changes")


@blueprint.route("/<int:nas_id>/refusals")
@blueprint.needs("view_nas")
@blueprint.response(200, schemas.RefusalList)
def list_nas_refusals(nas_id: int) -> dict[str, Any]:
    """What the router refused lately, and is not asked for until when"""
    return {"items": refusals.of_router(**acting(), nas_id=nas_id)}


@blueprint.route("/<int:nas_id>/refusals", methods=["DELETE"])
@blueprint.needs("manage_nas")
@blueprint.response(204)
def forget_nas_refusals(nas_id: int) -> None:
    """Ask the router for everything again"""
    refusals.forget(**acting(), nas_id=nas_id)
    database.commit()


@blueprint.route("/<int:nas_id>/disconnect", methods=["POST"])
@blueprint.needs("disconnect_customers")
@blueprint.arguments(schemas.RouterUsernameIn)
@blueprint.response(200, schemas.NasDisconnectResult)
def disconnect_username(body: dict[str, Any], nas_id: int) -> dict[str, Any]:
    """End every session that runs under this name on the router; nobody online is a success"""
    changed = sessions.disconnect_username(**acting(), nas_id=nas_id, username=body["username"])
    database.commit(changed.effect)
    return as_result("Asked" if changed.effect.sessions else "Not connected", changed.effect, nas=changed.row)
