"""Changes to many sessions, and what routers refuse; in and out."""

from marshmallow import Schema, fields

from domain.bulk import BULK_KINDS, BULK_STATES
from webadmin.api.base import list_schema, result_schema
from webadmin.api.schemas.network import NasOut
from webadmin.api.schemas.shapes import boolean, row_id, text, when, word


class BulkChangeIn(Schema):
    """Which running sessions, and what becomes of them. At least one of router, plan and search."""

    kind = word(BULK_KINDS, required=True, metadata={"example": "disconnect"})
    nas_server_id = row_id(allow_none=True, load_default=None)
    service_plan_id = row_id(allow_none=True, load_default=None)
    search = text(100, load_default="", example="rumah-20")
    again = boolean(load_default=False, metadata={"description": "a speed also to those who were told the same last"})


class CauseCount(Schema):
    """How often something was said."""

    cause = fields.String(metadata={"example": "401 Unsupported-Attribute"})
    count = fields.Integer()


class RouterCount(Schema):
    """Sessions of a router."""

    router = fields.String(metadata={"example": "RB-Cempaka"})
    count = fields.Integer()


class BulkReportOut(Schema):
    """What became of the sessions that were asked."""

    asked = fields.Integer()
    done = fields.Integer(metadata={"description": "acknowledged by the router or applied"})
    applied = fields.Integer(metadata={"description": "of these, how many were read back from the router"})
    waiting = fields.Integer()
    failed = fields.Integer()
    no_answer = fields.Integer(attribute="unknown")
    gone = fields.Integer(metadata={"description": "ended or changed otherwise meanwhile"})
    taken_back = fields.Integer(metadata={"description": "had not left when it was stopped"})
    failed_by_cause = fields.List(fields.Nested(CauseCount))
    dead_routers = fields.List(fields.Nested(RouterCount))


class BulkChangeOut(Schema):
    """A change to many sessions and how far it is."""

    id = fields.Integer()
    kind = word(BULK_KINDS)
    state = word(BULK_STATES, metadata={"example": "running"})
    nas_server_id = fields.Integer(allow_none=True)
    service_plan_id = fields.Integer(allow_none=True)
    search = fields.String()
    again = fields.Boolean(attribute="is_again")
    sessions = fields.Integer(metadata={"description": "sessions that ran when it began"})
    looked_at = fields.Integer(attribute="looked_at_sessions")
    requested_by = fields.String()
    started_at = when()
    finished_at = when(allow_none=True)
    report = fields.Nested(BulkReportOut)


class RefusalOut(Schema):
    """Something that a router refused."""

    what = fields.String(metadata={"example": "Mikrotik-Total-Limit"})
    error_cause = fields.String(metadata={"example": "401 Unsupported-Attribute"})
    refusals = fields.Integer()
    last_at = when()
    asked_again_at = when()
    is_believed = fields.Boolean(metadata={"description": "it is not asked for this until then"})


class RefusalList(Schema):
    """What a router refused lately."""

    items = fields.List(fields.Nested(RefusalOut))


class RouterUsernameIn(Schema):
    """A name exactly as the router has it."""

    username = text(253, required=True, example="budi@rumah")


BulkChangeList = list_schema(BulkChangeOut, name="BulkChangeList")
NasDisconnectResult = result_schema("nas", NasOut, name="NasDisconnectResult")
