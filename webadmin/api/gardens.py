"""Walled gardens over HTTP. In an address, `any` stands for the garden of every reason without its own."""

from typing import Any

from bss import gardens
from bss.failure import NotFound, Problem
from db.models import WalledGarden
from db.queries.gardens import gardens_of_tenant
from domain.garden import ANY_REASON
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, as_whole_list, tenant_id

blueprint = Blueprint(
    "gardens", __name__, url_prefix=f"{PREFIX}/walled-gardens", description="Where suspended customers end"
)
ANY = "any"


@blueprint.route("")
@blueprint.needs("view_plans")
@blueprint.response(200, schemas.GardenList)
def list_gardens() -> dict[str, Any]:
    """List walled gardens"""
    return as_whole_list(gardens_of_tenant(database.session(), tenant_id()))


@blueprint.route("/<string:reason>", methods=["PATCH"])
@blueprint.needs("manage_settings")
@blueprint.arguments(schemas.GardenIn)
@blueprint.response(200, schemas.GardenOut)
def change_garden(body: dict[str, Any], reason: str) -> WalledGarden:
    """Make or change the garden for a reason"""
    garden = gardens.put(**acting(), reason=_reason(reason), values=body)
    database.commit()
    return garden


@blueprint.route("/<string:reason>", methods=["DELETE"])
@blueprint.needs("manage_settings")
@blueprint.response(204)
def remove_garden(reason: str) -> None:
    """Refuse again who would end in this garden"""
    gardens.remove(**acting(), reason=_reason(reason))
    database.commit()


def _reason(word: str) -> str:
    if word != ANY and word not in gardens.REASONS:
        raise NotFound(Problem(field="reason", reason="there is no such reason for a garden"))
    return ANY_REASON if word == ANY else word
