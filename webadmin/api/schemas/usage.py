"""What a subscription does at this moment, out."""

from marshmallow import Schema, fields

from webadmin import format as spell
from webadmin.api.schemas.allowances import StandingOut
from webadmin.api.schemas.network import SessionOut
from webadmin.api.schemas.shapes import when
from webadmin.api.schemas.subscriptions import UsageSummary, percentage


class BandwidthOut(Schema):
    """What passes through a session, in bits per second."""

    download_bps = fields.Integer(metadata={"example": 8_300_000})
    upload_bps = fields.Integer(metadata={"example": 512_000})
    source = fields.String(
        metadata={
            "example": "interface",
            "description": "`interface` or `queue`: the router shows it at `measured_at`; `reports`: the average of"
            " the `over_s` seconds before, from the last two accounting reports",
        }
    )
    measured_at = when()
    over_s = fields.Integer(allow_none=True, metadata={"example": 300})


class SessionNowOut(Schema):
    """A running session and what passes through it."""

    session = fields.Nested(SessionOut)
    router = fields.String(metadata={"example": "RB-Cempaka"})
    seconds = fields.Integer(metadata={"description": "up to now", "example": 15_720})
    bandwidth = fields.Nested(BandwidthOut, allow_none=True, metadata={"description": "the newest that is known"})
    live = fields.Nested(BandwidthOut, allow_none=True, metadata={"description": "what the router shows now"})
    reported = fields.Nested(BandwidthOut, allow_none=True)
    problem = fields.String(allow_none=True, metadata={"description": "why the router shows nothing now"})


class UsageNowOut(Schema):
    """How a subscription is doing at this moment; `last_session` is there for one who is offline."""

    subscription_id = fields.Integer(attribute="subscription.id")
    looked_at = when()
    is_online = fields.Boolean()
    last_seen_at = when(allow_none=True)
    last_seen_text = fields.Function(
        lambda row: None if row.last_seen_at is None else spell.ago(row.last_seen_at, row.looked_at, "en"),
        metadata={"type": "string", "example": "3 min ago"},
    )
    sessions = fields.List(fields.Nested(SessionNowOut))
    last_session = fields.Nested(SessionOut, allow_none=True)
    periods = fields.Nested(UsageSummary)
    allowances = fields.List(fields.Nested(StandingOut), attribute="standings")
    usage_percentage = percentage()


class UsageNowQuery(Schema):
    """Whether routers are asked too."""

    ask_routers = fields.Boolean(load_default=True)
