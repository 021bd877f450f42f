"""The provider's own settings over HTTP."""

from typing import Any

from marshmallow import Schema, fields

from bss import provider
from db.models import Tenant
from webadmin import database
from webadmin.api.base import PREFIX, Blueprint, acting, tenant
from webadmin.api.schemas.shapes import boolean

blueprint = Blueprint("provider", __name__, url_prefix=f"{PREFIX}/provider", description="The provider's settings")


class ProviderOut(Schema):
    """The provider of this token."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "Cempaka Net"})
    slug = fields.String(metadata={"example": "cempaka-net"})
    timezone = fields.String(metadata={"example": "Asia/Jakarta"})
    currency = fields.String(metadata={"example": "IDR"})
    usernames_ignore_case = fields.Boolean(
        metadata={"description": "`Budi` and `budi` are one username; every name is stored in lower case"}
    )


class ProviderPatch(Schema):
    """What to change."""

    usernames_ignore_case = boolean(required=True)


@blueprint.route("")
@blueprint.needs("manage_settings")
@blueprint.response(200, ProviderOut)
def get_provider() -> Tenant:
    """The provider's settings"""
    return tenant()


@blueprint.route("", methods=["PATCH"])
@blueprint.needs("manage_settings")
@blueprint.arguments(ProviderPatch)
@blueprint.response(200, ProviderOut)
def change_provider(body: dict[str, Any]) -> Tenant:
    """Say whether upper and lower case of usernames count"""
    changed = provider.set_usernames_ignore_case(**acting(), ignore_case=body["usernames_ignore_case"])
    database.commit()
    return changed
