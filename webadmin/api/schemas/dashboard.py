"""The installation at a glance, in and out."""

from marshmallow import Schema, fields, validate

from db.queries.paging import MAX_PAGE_SIZE, PAGE_SIZE
from webadmin.api.base import MAX_ID, list_schema
from webadmin.api.schemas.shapes import text, when, word
from webadmin.api.schemas.subscriptions import LoginOut


class ReasonCount(Schema):
    """How often logins were refused for a reason in the last hour."""

    reason = fields.String(metadata={"example": "subscription_expired"})
    count = fields.Integer(metadata={"example": 12})


class MinuteOut(Schema):
    """Logins of one minute."""

    accepted = fields.Integer(metadata={"example": 31})
    rejected = fields.Integer(metadata={"example": 2})


class StatsOut(Schema):
    """The figures of the first page: logins are those of the last hour, failed changes those of the last day."""

    online = fields.Integer(metadata={"example": 812})
    subscriptions_active = fields.Integer(metadata={"example": 1204})
    accepted = fields.Integer(metadata={"example": 640})
    rejected = fields.Integer(metadata={"example": 18})
    reasons = fields.List(fields.Nested(ReasonCount))
    logins_by_minute = fields.List(fields.Nested(MinuteOut), metadata={"description": "60 of them, oldest first"})
    changes_waiting = fields.Integer(metadata={"example": 0})
    oldest_change_waiting_at = when(allow_none=True)
    changes_failed = fields.Integer(metadata={"example": 1})
    devices_pending = fields.Integer(metadata={"example": 3})
    records_put_aside = fields.Integer(metadata={"example": 0})


class CurvesQuery(Schema):
    """A span of samples: the last day unless it says otherwise."""

    since = when(metadata={"description": "a day before `until` otherwise"})
    until = when(metadata={"description": "now otherwise"})


class SampleOut(Schema):
    """Running sessions at a moment, and what passed through them by their last two reports."""

    taken_at = when()
    online = fields.Integer(metadata={"example": 812})
    download_kbps = fields.Integer(metadata={"example": 412000})
    upload_kbps = fields.Integer(metadata={"example": 96000})


class CurvesOut(Schema):
    """What the curves of the first page are drawn from."""

    every_s = fields.Integer(metadata={"example": 300})
    kept_days = fields.Integer(metadata={"example": 35})
    items = fields.List(fields.Nested(SampleOut), metadata={"description": "the oldest first"})


class AccessLogOut(LoginOut):
    """One decision about a login; `GET /subscriptions/{id}/access-log` tells how it was made."""

    class Meta:
        """Without what is made from the receipts."""

        exclude = ("receipt",)

    subscription_id = fields.Integer(allow_none=True, metadata={"example": 5})
    customer_id = fields.Integer(allow_none=True, metadata={"example": 3})
    customer_name = fields.String(allow_none=True, metadata={"example": "Budi Santoso"})
    nas_name = fields.String(allow_none=True, metadata={"example": "core-1"})


class AccessLogQuery(Schema):
    """Filters of the log of logins."""

    search = fields.String(
        validate=validate.Length(max=100),
        metadata={"description": "in username and customer's name, or a whole MAC", "example": "budi"},
    )
    result = word(("accept", "reject"))
    reason = text(40, example="wrong_password")
    nas_server_id = fields.Integer(validate=validate.Range(1, MAX_ID), metadata={"example": 1})
    since = when(metadata={"description": "a week before `before` otherwise"})
    before = when(metadata={"description": "`next_before` of the page before"})
    page_size = fields.Integer(load_default=PAGE_SIZE, validate=validate.Range(1, MAX_PAGE_SIZE))


class AccessLogList(Schema):
    """Decisions, the newest first."""

    items = fields.List(fields.Nested(AccessLogOut))
    next_before = when(allow_none=True, metadata={"description": "null on the last page"})


class PermissionOut(Schema):
    """Something that a role or a token can be allowed."""

    code = fields.String(metadata={"example": "view_customers"})
    description = fields.String(metadata={"example": "see customers and their subscriptions"})
    subject = fields.String(metadata={"example": "Customers"})


PermissionList = list_schema(PermissionOut, name="PermissionList")
