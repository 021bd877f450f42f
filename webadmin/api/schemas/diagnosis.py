"""What the connection doctor found, out."""

from marshmallow import Schema, fields

from bss.doctor import STEPS
from bss.router_test import BAD, OK, UNKNOWN
from domain.diagnosis import ACTIONS, CODES, SEVERITIES
from webadmin.api.schemas.shapes import when, word


class StepOut(Schema):
    """One thing that was looked at. Unknown is not bad: it was not asked, or did not answer in time."""

    step = word(STEPS, attribute="name", metadata={"example": "session"})
    verdict = word((OK, BAD, UNKNOWN), metadata={"example": "ok"})
    seen = fields.String(attribute="reason", metadata={"example": "he is online, and the router shows his session"})
    at = when(allow_none=True)


class ActionOut(Schema):
    """The one thing to do. `method` and `path` are the request that does it, null where a person has to look."""

    code = word(tuple(ACTIONS), metadata={"example": "resend_speed"})
    text = fields.String(metadata={"example": "send the speed again"})
    method = fields.String(allow_none=True, metadata={"example": "POST"})
    path = fields.String(allow_none=True, metadata={"example": "/api/v1/subscriptions/7/resend-speed"})


class ConclusionOut(Schema):
    """What follows from the steps, in one sentence."""

    code = word(CODES, metadata={"example": "rate_differs"})
    severity = word(SEVERITIES, metadata={"example": "bad"})
    sentence = fields.String(
        metadata={"example": "He is online, but RB-Cempaka gives him 1M/2M instead of 5M/10M."},
    )
    mend = fields.String(metadata={"example": "send the speed again"})
    action = fields.Nested(ActionOut)


class DiagnosisOut(Schema):
    """Why a customer is not online, or not as he should be."""

    subscription_id = fields.Integer()
    customer_id = fields.Integer()
    username = fields.String(metadata={"example": "budi01"})
    took_ms = fields.Integer(metadata={"example": 412})
    steps = fields.List(fields.Nested(StepOut))
    conclusion = fields.Nested(ConclusionOut)
