"""What an edit of a plan would do, and its roll-out in stages; in and out."""

from marshmallow import Schema, fields

from domain.rollout import ROLLOUT_STATES
from webadmin.api.base import result_schema
from webadmin.api.schemas.plans import PlanOut, plan_fields
from webadmin.api.schemas.shapes import boolean, when, whole, word


class MoveOut(Schema):
    """Sessions that go from one rate limit to another, as the router is told them (upload first)."""

    before = fields.String(metadata={"example": "10M/20M"})
    after = fields.String(metadata={"example": "15M/30M"})
    sessions = fields.Integer(metadata={"example": 411})


class OverLimitOut(Schema):
    """A customer online whose usage reaches a fair-use tier."""

    subscription_id = fields.Integer()
    customer_id = fields.Integer()
    name = fields.String(metadata={"example": "Budi Santoso"})
    username = fields.String()
    tier = fields.Integer(metadata={"example": 1})
    used_bytes = fields.Integer(metadata={"example": 312_000_000_000})


class PreviewOut(Schema):
    """What saving would mean for the sessions that run now. Nothing was saved."""

    sessions = fields.Integer(metadata={"description": "sessions that run under the plan", "example": 412})
    changing = fields.Integer(metadata={"description": "of these, how many get another speed", "example": 411})
    coa = fields.Integer(metadata={"description": "how many are told their speed", "example": 412})
    disconnects = fields.Integer(
        allow_none=True,
        metadata={
            "description": "by hours or allowances; null: allowances change for too many to look at",
            "example": 0,
        },
    )
    not_compared = fields.Integer(
        metadata={"description": "sessions left out because their terms differ too much", "example": 0}
    )
    over_limit = fields.Integer(metadata={"description": "online and past a fair-use limit", "example": 3})
    names = fields.List(fields.Nested(OverLimitOut), metadata={"description": "the first twenty, the heaviest first"})
    moves = fields.List(fields.Nested(MoveOut))


PlanPreviewIn = Schema.from_dict(plan_fields(), name="PlanPreviewIn")
RolloutIn = Schema.from_dict(
    plan_fields()
    | {
        "is_automatic": boolean(
            load_default=False, metadata={"description": "begin each stage when the one before went well"}
        ),
        "failures_percent": whole(most=100, example=5, load_default=5),
    },
    name="RolloutIn",
)


class RolloutCounts(Schema):
    """What became of the sessions that were asked."""

    asked = fields.Integer()
    waiting = fields.Integer()
    done = fields.Integer()
    failed = fields.Integer()
    gone = fields.Integer()


class RolloutOut(Schema):
    """A plan's change on its way to running sessions. Who logs in meanwhile has the new plan at once."""

    id = fields.Integer()
    service_plan_id = fields.Integer()
    state = word(ROLLOUT_STATES, metadata={"example": "waiting"})
    stage = fields.Integer(metadata={"description": "1 is 1 %, 2 is 10 %, 3 is everybody", "example": 1})
    is_automatic = fields.Boolean()
    failures_percent = fields.Integer()
    sessions = fields.Integer(metadata={"description": "sessions that ran when it began"})
    plan_before = fields.Dict(metadata={"example": {"download_kbps": 10_000}})
    plan_after = fields.Dict(metadata={"example": {"download_kbps": 30_000}})
    requested_by = fields.String()
    started_at = when()
    finished_at = when(allow_none=True)
    stopped_because = fields.String(allow_none=True, metadata={"example": "failures"})
    counts = fields.Nested(RolloutCounts)


class RolloutList(Schema):
    """The last roll-outs of a plan."""

    items = fields.List(fields.Nested(RolloutOut))


class RolloutStarted(result_schema("plan", PlanOut, name="RolloutStartedBase")):  # type: ignore[misc]
    """The plan as it is now; `rollout` is null when nobody online was concerned."""

    rollout = fields.Nested(RolloutOut, allow_none=True)


RolloutResult = result_schema("rollout", RolloutOut, name="RolloutResult")
