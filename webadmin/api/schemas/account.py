"""Tokens, and who asks."""

from marshmallow import Schema, fields, validate

from bss.permissions import PERMISSIONS
from webadmin.api.schemas.shapes import text, when, word


class TokenOut(Schema):
    """A token. Its secret is never part of it."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "billing sync"})
    prefix = fields.String(metadata={"example": "a1b2c3d4e5f6"})
    scopes = fields.List(fields.String())
    expires_at = when(allow_none=True)
    last_used_at = when(allow_none=True)
    revoked_at = when(allow_none=True)
    created_at = when()


class TokenCreated(TokenOut):
    """A new token; the only answer that shows it whole."""

    token = fields.String(metadata={"description": "shown once"})


class TokenIn(Schema):
    """A new token of one's own, with permissions that the asking token holds."""

    name = text(100, example="billing sync", required=True)
    scopes = fields.List(word(tuple(PERMISSIONS)), required=True, validate=validate.Length(1, len(PERMISSIONS)))
    expires_at = when(allow_none=True)


class TokenList(Schema):
    """One's own tokens, newest first."""

    items = fields.List(fields.Nested(TokenOut))


class UserOut(Schema):
    """A member of staff."""

    id = fields.Integer()
    name = fields.String()
    email = fields.String()
    language = fields.String()


class TenantOut(Schema):
    """The provider."""

    id = fields.Integer()
    name = fields.String()
    timezone = fields.String(metadata={"example": "Asia/Jakarta"})
    currency = fields.String(metadata={"example": "IDR"})


class MeOut(Schema):
    """Who asks, and what this token may do."""

    user = fields.Nested(UserOut)
    tenant = fields.Nested(TenantOut)
    token = fields.Nested(TokenOut)
    permissions = fields.List(fields.String())
