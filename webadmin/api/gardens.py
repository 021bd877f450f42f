"""Walled gardens over HTTP. In an address, `any` stands for the garden of every reason without its own."""

from typing import Any

from bss import gardens
from db.models import WalledGarden
from db.queries.gardens import gardens_of_tenant
from domain.garden import ANY_REASON
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, tenant_id

blueprint = Blueprint(
    "gardens", __name__, url_prefix=f"{PREFIX}/walled-gardens", description="Where suspended customers end"
)
ANY = "any"


@blueprint.route("")
@blueprint.needs("view_plans")
@blueprint.response(200, schemas.GardenList)
def list_gardens() -> dict[str, Any]:
    """List walled gardens"""
    return {"items": gardens_of_tenant(database.session(), tenant_id())}


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
    return ANY_REASON if word == ANY else word
