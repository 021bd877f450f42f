"""The blacklist of devices over HTTP."""

from typing import Any

from bss import blacklist
from db.queries.devices import page_of_blocked
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, as_list, as_result, page_of, tenant_id, wanted_part

blueprint = Blueprint(
    "blacklist", __name__, url_prefix=f"{PREFIX}/blacklist", description="Devices that may use nothing"
)


@blueprint.route("")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.BlockedMacQuery, location="query")
@blueprint.response(200, schemas.BlockedMacList)
def list_blacklist(arguments: dict[str, Any]) -> dict[str, Any]:
    """List blacklisted devices"""
    wanted, search = wanted_part(arguments), arguments.get("search")
    return as_list(
        page_of(lambda: page_of_blocked(database.session(), tenant_id=tenant_id(), search=search, wanted=wanted))
    )


@blueprint.route("", methods=["POST"])
@blueprint.needs("suspend_customers")
@blueprint.arguments(schemas.BlockedMacIn)
@blueprint.response(201, schemas.BlockedMacResult)
def add_to_blacklist(body: dict[str, Any]) -> dict[str, Any]:
    """Refuse every login of a device from now on, and end its sessions"""
    changed = blacklist.add(**acting(), **body)
    database.commit(changed.effect)
    return as_result("Device blacklisted", changed.effect, blocked_mac=changed.row)


@blueprint.route("/<int:blocked_id>", methods=["DELETE"])
@blueprint.needs("suspend_customers")
@blueprint.response(204)
def remove_from_blacklist(blocked_id: int) -> None:
    """Take a device off the blacklist"""
    blacklist.remove(**acting(), blocked_id=blocked_id)
    database.commit()
