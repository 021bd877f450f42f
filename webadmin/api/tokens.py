"""One's own API tokens over HTTP."""

from typing import Any

from bss import tokens
from db.queries.staff import list_tokens
from webadmin import database, security
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, tenant_id

blueprint = Blueprint("tokens", __name__, url_prefix=f"{PREFIX}/tokens", description="One's own API tokens")


@blueprint.route("")
@blueprint.needs("manage_tokens")
@blueprint.response(200, schemas.TokenList)
def list_own_tokens() -> dict[str, Any]:
    """List one's own tokens"""
    return {"items": list_tokens(database.session(), tenant_id=tenant_id(), user_id=_owner_id())}


@blueprint.route("", methods=["POST"])
@blueprint.needs("manage_tokens")
@blueprint.arguments(schemas.TokenIn)
@blueprint.response(201, schemas.TokenCreated)
def create_token(body: dict[str, Any]) -> Any:
    """Make a token that can do no more than this one; the answer shows it, once"""
    issued = tokens.create(**acting(), user_id=_owner_id(), within=security.granted(), **body)
    database.commit()
    row: Any = issued.row
    row.token = issued.secret
    return row


@blueprint.route("/<int:token_id>", methods=["DELETE"])
@blueprint.needs("manage_tokens")
@blueprint.response(204)
def revoke_token(token_id: int) -> None:
    """End a token at once"""
    tokens.revoke(**acting(), token_id=token_id, owner_id=_owner_id())
    database.commit()


def _owner_id() -> int:
    return security.api_token().user_id
