"""Who asks, and what this token may do."""

from typing import Any

from webadmin import security
from webadmin.api.base import PREFIX, Blueprint, tenant
from webadmin.api.schemas import MeOut

blueprint = Blueprint("me", __name__, url_prefix=PREFIX, description="Who this token stands for")


@blueprint.route("/me")
@blueprint.for_any_token()
@blueprint.response(200, MeOut)
def get_me() -> dict[str, Any]:
    """The token, its owner, the provider, and the permissions in force"""
    token = security.api_token()
    return {"user": token.user, "tenant": tenant(), "token": token, "permissions": sorted(security.granted())}
