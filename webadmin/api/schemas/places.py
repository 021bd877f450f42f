"""Groups of routers and the blacklist, in and out."""

from marshmallow import Schema, fields

from db.queries.devices import BLOCKED_SORTS
from db.queries.nas_groups import GROUP_SORTS
from webadmin.api.base import PageArguments, list_schema, result_schema, sort_field
from webadmin.api.schemas.shapes import search_argument, text, when


class NasGroupOut(Schema):
    """Routers that count as one place."""

    id = fields.Integer(metadata={"example": 1})
    name = fields.String(metadata={"example": "Cempaka"})
    created_at = when()
    updated_at = when()


class NasGroupListed(NasGroupOut):
    """A group in the list, with how many routers and subscriptions name it."""

    routers = fields.Integer(metadata={"example": 3})
    subscriptions = fields.Integer(metadata={"example": 120})


class NasGroupIn(Schema):
    """A group's name."""

    name = text(100, example="Cempaka", required=True)


class NasGroupQuery(PageArguments):
    """Filters of the list of groups."""

    sort = sort_field(GROUP_SORTS, "name")
    search = search_argument()


class BlockedMacOut(Schema):
    """A device that may use nothing."""

    id = fields.Integer(metadata={"example": 1})
    mac = fields.Function(lambda row: str(row.mac).upper(), metadata={"type": "string", "example": "AA:BB:CC:DD:EE:FF"})
    note = fields.String(metadata={"example": "resells"})
    created_by = fields.String()
    created_at = when()


class BlockedMacIn(Schema):
    """A device for the blacklist."""

    mac = text(23, example="AA:BB:CC:DD:EE:FF", required=True)
    note = text(255)


class BlockedMacQuery(PageArguments):
    """Filters of the blacklist; `search` is a MAC in any spelling or part of a note."""

    sort = sort_field(BLOCKED_SORTS, "-created_at")
    search = search_argument()


NasGroupList = list_schema(NasGroupListed, name="NasGroupList")
BlockedMacList = list_schema(BlockedMacOut, name="BlockedMacList")
BlockedMacResult = result_schema("blocked_mac", BlockedMacOut, name="BlockedMacResult")
