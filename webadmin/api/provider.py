"""The provider's own settings over HTTP."""

from dataclasses import asdict
from typing import Any

from marshmallow import Schema, fields

from bss import provider
from domain.forgetting import ENDINGS
from domain.provider_settings import MOST_DAYS, MOST_GRACE_DAYS, STARTING_STATUSES
from webadmin import database
from webadmin.api.base import PREFIX, Blueprint, acting, actor, tenant
from webadmin.api.schemas.shapes import boolean, text, whole, word

blueprint = Blueprint("provider", __name__, url_prefix=f"{PREFIX}/provider", description="The provider's settings")


class ProviderOut(Schema):
    """The provider of this token."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "Cempaka Net"})
    slug = fields.String(metadata={"example": "cempaka-net"})
    timezone = fields.String(metadata={"example": "Asia/Jakarta"})
    currency = fields.String(metadata={"example": "IDR"})
    locale = fields.String(metadata={"example": "id"})
    country_code = fields.String(metadata={"description": "of numbers without a country", "example": "62"})
    usernames_ignore_case = fields.Boolean(
        metadata={"description": "`Budi` and `budi` are one username; every name is stored in lower case"}
    )
    require_whatsapp = fields.Boolean(metadata={"description": "no customer without a WhatsApp number"})
    default_customer_status = fields.String(metadata={"example": "prospect"})
    customer_code_prefix = fields.String(metadata={"example": "CUST"})
    subscription_code_prefix = fields.String(metadata={"example": "SUB"})
    grace_period_days = fields.Integer(metadata={"description": "of new plans that do not say", "example": 7})
    tokens_add_per_hour = fields.Integer(
        allow_none=True, metadata={"description": "so many customers may tokens add one by one; null: any number"}
    )
    forget_deleted_after_days = fields.Integer(
        allow_none=True, metadata={"description": "days after which a deleted customer is forgotten; null: never"}
    )
    deleted_customers_become = fields.String(metadata={"description": "anonymous or erased", "example": "anonymous"})


class ProviderPatch(Schema):
    """What to change; customers that are there already stay as they are.

    `timezone` until the first subscription, `currency` until the first invoice or payment.
    """

    usernames_ignore_case = boolean()
    name = text(150)
    locale = word(provider.LOCALES)
    country_code = text(4, example="62")
    timezone = text(64, example="Asia/Jakarta")
    currency = text(3, example="IDR")
    require_whatsapp = boolean()
    default_customer_status = word(STARTING_STATUSES)
    customer_code_prefix = text(10, example="CUST")
    subscription_code_prefix = text(10, example="SUB")
    grace_period_days = whole(least=0, most=MOST_GRACE_DAYS)
    tokens_add_per_hour = whole(least=1, most=100_000, allow_none=True)
    forget_deleted_after_days = whole(least=1, most=MOST_DAYS, allow_none=True)
    deleted_customers_become = word(ENDINGS)


@blueprint.route("")
@blueprint.needs("manage_settings")
@blueprint.response(200, ProviderOut)
def get_provider() -> dict[str, Any]:
    """The provider's settings"""
    return _shown()


@blueprint.route("", methods=["PATCH"])
@blueprint.needs("manage_settings")
@blueprint.arguments(ProviderPatch)
@blueprint.response(200, ProviderOut)
def change_provider(body: dict[str, Any]) -> dict[str, Any]:
    """Change what holds for all customers and subscriptions"""
    ignore_case = body.pop("usernames_ignore_case", None)
    if ignore_case is not None:
        provider.set_usernames_ignore_case(**acting(), ignore_case=ignore_case)
    provider.change(**acting(), changes=body)
    database.commit()
    return _shown()


def _shown() -> dict[str, Any]:
    own = tenant()
    names = ("id", "name", "slug", "timezone", "currency", "locale", "country_code", "usernames_ignore_case")
    settings = provider.settings_of(database.session(), actor=actor())
    return {name: getattr(own, name) for name in names} | asdict(settings)
