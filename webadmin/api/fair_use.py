"""Fair use by hand, over HTTP."""

from typing import Any

from marshmallow import Schema

from bss import fair_use_by_hand
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, as_result, refuse_body
from webadmin.api.schemas.shapes import boolean, whole

blueprint = Blueprint("fair-use", __name__, url_prefix=f"{PREFIX}/subscriptions", description="Fair use by hand")


class ActivateFupIn(Schema):
    """Which tier, and whether it counts below its threshold too."""

    tier = whole(least=1, most=100, example=1)
    override = boolean(load_default=False, metadata={"description": "slow it although less is used"})


@blueprint.route("/<int:subscription_id>/activate-fup", methods=["POST"])
@blueprint.needs("activate_fup")
@blueprint.arguments(ActivateFupIn, required=False)
@blueprint.response(200, schemas.SubscriptionResult)
def activate_fup(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Slow it by a fair-use tier until the period ends; refused below the threshold unless overridden"""
    changed = fair_use_by_hand.activate(**acting(), subscription_id=subscription_id, **body)
    database.commit(changed.effect)
    return as_result("Slowed", changed.effect, subscription=changed.row)


@blueprint.route("/<int:subscription_id>/lift-fup", methods=["POST"])
@blueprint.needs("activate_fup")
@blueprint.response(200, schemas.SubscriptionResult)
def lift_fup(subscription_id: int) -> dict[str, Any]:
    """Give the full speed back until the period ends"""
    refuse_body()
    changed = fair_use_by_hand.lift(**acting(), subscription_id=subscription_id)
    database.commit(changed.effect)
    return as_result("Lifted", changed.effect, subscription=changed.row)
