"""RADIUS attributes over HTTP: which there are, and those of a subscription's own."""

from typing import Any

from bss import attributes, subscriptions
from domain.attributes import ATTRIBUTES
from domain.checks import CHECKED
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_result

blueprint = Blueprint(
    "attributes", __name__, url_prefix=PREFIX, description="RADIUS attributes beyond what a plan's fields say"
)


@blueprint.route("/attributes")
@blueprint.needs("view_plans")
@blueprint.response(200, schemas.KnownAttributes)
def list_attributes() -> dict[str, Any]:
    """The attributes that can be written by hand, with what they look like"""
    return {"replies": [ATTRIBUTES[name] for name in attributes.WRITABLE], "checks": CHECKED}


@blueprint.route("/subscriptions/<int:subscription_id>/attributes")
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.AttributesQuery, location="query")
@blueprint.response(200, schemas.AttributesOut)
def get_attributes(arguments: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Its own rows, its plan's, and what a login now would be sent"""
    own = subscriptions.attributes_of(database.session(), actor=actor(), subscription_id=subscription_id)
    effective = attributes.effective(**acting(), subscription_id=subscription_id, vendor=arguments["vendor"])
    return {
        "checks": [row._asdict() for row in own.checks],
        "replies": [row._asdict() for row in own.replies],
        "plan_replies": [row._asdict() for row in own.plan_replies],
        "effective": effective,
    }


@blueprint.route("/subscriptions/<int:subscription_id>/attributes", methods=["PATCH"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.AttributesIn)
@blueprint.response(200, schemas.SubscriptionResult)
def set_attributes(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Replace its own rows, one list or both; they count from the next login, a rate limit at once"""
    changed = subscriptions.set_attributes(**acting(), subscription_id=subscription_id, **body)
    database.commit(changed.effect)
    return as_result("Attributes saved", changed.effect, subscription=changed.row)
