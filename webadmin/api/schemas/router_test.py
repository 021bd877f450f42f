"""The lines of a router's test, out."""

from marshmallow import Schema, fields

from bss.router_test import BAD, OK, UNKNOWN
from webadmin.api.schemas.shapes import when, word


class FindingOut(Schema):
    """One line: what was looked at, the verdict, what was seen and what to do. Unknown is not bad."""

    check = fields.String(metadata={"example": "clock"})
    verdict = word((OK, BAD, UNKNOWN), metadata={"example": "bad"})
    seen = fields.String(attribute="reason", metadata={"example": "its clock is behind by 3605 seconds"})
    mend = fields.String(metadata={"example": "set up /system ntp client on the router"})
    at = when(allow_none=True)


class RouterReportOut(Schema):
    """Every line about a router; `is_waiting` while its CoA port has not answered yet."""

    nas_id = fields.Integer()
    name = fields.String(metadata={"example": "RB-Cempaka"})
    is_waiting = fields.Boolean()
    findings = fields.List(fields.Nested(FindingOut))
