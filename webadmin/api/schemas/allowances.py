"""Hours, allowances, top-ups and families, in and out."""

from typing import Any

from marshmallow import Schema, fields, pre_dump, validate

from bss import hours, quotas
from db.queries.allowances import FAMILY_SORTS
from domain.fup import COUNTS
from domain.quota import QUOTA_ACTIONS, QUOTA_KINDS, QUOTA_PERIODS
from domain.speed import MAX_KBPS
from webadmin.api.base import PageArguments, list_schema, result_schema, sort_field
from webadmin.api.schemas.shapes import boolean, row_id, search_argument, text, when, whole, word

_CLOCK = {"example": "22:00", "description": "local time of the provider"}


class WindowIn(Schema):
    """Hours in which a plan may be used; an end that is not after the start lies on the next day."""

    weekdays = fields.List(word(hours.WEEKDAYS), required=True, validate=validate.Length(1, 7))
    start = fields.String(required=True, metadata=_CLOCK)
    end = fields.String(required=True, metadata={"example": "06:00", "description": "up to 24:00"})
    download_kbps = whole(least=1, most=MAX_KBPS, example=50_000, allow_none=True)
    upload_kbps = whole(least=1, most=MAX_KBPS, example=50_000, allow_none=True)


class WindowOut(Schema):
    """Hours of a plan; without speeds the plan's own count."""

    weekdays = fields.List(fields.String(), metadata={"example": ["mon", "tue"]})
    start = fields.String(metadata=_CLOCK)
    end = fields.String(metadata={"example": "06:00"})
    download_kbps = fields.Integer(allow_none=True)
    upload_kbps = fields.Integer(allow_none=True)

    @pre_dump
    def as_written(self, row: Any, **_: Any) -> dict[str, Any]:
        """The row as it is given."""
        return hours.as_given([row])[0]


class QuotaIn(Schema):
    """An allowance: `limit_bytes` of data or `limit_s` seconds in each period."""

    kind = word(QUOTA_KINDS)
    period = word(QUOTA_PERIODS)
    counts = word(COUNTS)
    limit_bytes = whole(least=1, most=quotas.MAX_BYTES, example=100_000_000_000, allow_none=True)
    limit_s = whole(least=quotas.LEAST_S, most=quotas.MOST_S, allow_none=True)
    action = word(QUOTA_ACTIONS)
    throttle_download_kbps = whole(least=1, most=MAX_KBPS, allow_none=True)
    throttle_upload_kbps = whole(least=1, most=MAX_KBPS, allow_none=True)


class QuotaOut(Schema):
    """An allowance of a plan, a subscription or a family."""

    kind = fields.String(metadata={"example": "data"})
    period = fields.String(metadata={"example": "monthly"})
    counts = fields.String(metadata={"example": "total"})
    limit_bytes = fields.Integer(metadata={"description": "of data"})
    limit_s = fields.Integer(metadata={"description": "of time"})
    action = fields.String(metadata={"example": "reject"})
    throttle_download_kbps = fields.Integer(allow_none=True)
    throttle_upload_kbps = fields.Integer(allow_none=True)

    @pre_dump
    def as_written(self, row: Any, **_: Any) -> dict[str, Any]:
        """The row as it is given."""
        return quotas.as_given([row])[0]


class QuotasIn(Schema):
    """All allowances that a subscription has of its own; an empty list gives the plan's back."""

    quotas = fields.List(fields.Nested(QuotaIn), required=True, validate=validate.Length(max=quotas.MAX_QUOTAS))
    version = whole(least=1)


class StandingOut(Schema):
    """How far one allowance is used; amounts are bytes for data, seconds for time."""

    kind = fields.String(attribute="quota.kind")
    period = fields.String(attribute="quota.period")
    counts = fields.String(attribute="quota.counts")
    action = fields.String(attribute="quota.action")
    is_shared = fields.Boolean(attribute="quota.is_shared", metadata={"description": "a family uses it together"})
    limit = fields.Integer(metadata={"description": "with top-ups that are valid now"})
    used = fields.Integer()
    left = fields.Integer()
    percent = fields.Integer(metadata={"example": 80})
    is_used_up = fields.Boolean()
    resets_at = when(allow_none=True)


class TopupOut(Schema):
    """More of an allowance, for a time or for good."""

    id = fields.Integer(metadata={"example": 1})
    kind = fields.String(metadata={"example": "data"})
    amount_bytes = fields.Function(lambda row: row.amount if row.kind == "data" else None, metadata={"type": "integer"})
    amount_s = fields.Function(lambda row: row.amount if row.kind == "time" else None, metadata={"type": "integer"})
    valid_from = when()
    valid_until = when(allow_none=True)
    note = fields.String()
    created_by = fields.String()
    created_at = when()


class TopupIn(Schema):
    """A top-up; without times it is valid from now to the end of the billing cycle."""

    kind = word(QUOTA_KINDS)
    amount_bytes = whole(least=1, most=quotas.MAX_BYTES, example=10_000_000_000)
    amount_s = whole(least=quotas.LEAST_S, most=quotas.MOST_S)
    valid_from = when()
    valid_until = when()
    for_good = boolean()
    note = text(200)


class AllowancesOut(Schema):
    """What a subscription may still use, and what was added to it."""

    items = fields.List(fields.Nested(StandingOut))
    topups = fields.List(fields.Nested(TopupOut))
    open_window = fields.Nested(WindowOut, allow_none=True, metadata={"description": "the hours that are open now"})
    hours_end_at = when(allow_none=True)
    family_id = fields.Integer(allow_none=True)


class FamilyOut(Schema):
    """Subscriptions that use one allowance together."""

    id = fields.Integer(metadata={"example": 1})
    name = fields.String(metadata={"example": "Santoso"})
    members = fields.Integer(metadata={"example": 3})
    quotas = fields.List(fields.Nested(QuotaOut))
    created_at = when()


class MemberStub(Schema):
    """A member by id, code and username."""

    id = fields.Integer()
    subscription_code = fields.String()
    username = fields.String()


class FamilyDetail(FamilyOut):
    """A family with those who are in it."""

    member_list = fields.List(fields.Nested(MemberStub))


class FamilyIn(Schema):
    """A family and its allowances."""

    name = text(100, example="Santoso", required=True)
    quotas = fields.List(fields.Nested(QuotaIn), validate=validate.Length(max=quotas.MAX_QUOTAS))


class FamilyPatch(Schema):
    """What changes of a family; `quotas` replaces all."""

    name = text(100, example="Santoso")
    quotas = fields.List(fields.Nested(QuotaIn), validate=validate.Length(max=quotas.MAX_QUOTAS))


class MemberIn(Schema):
    """Who joins."""

    subscription_id = row_id(required=True)


class FamilyQuery(PageArguments):
    """Filters of the list of families."""

    sort = sort_field(FAMILY_SORTS, "name")
    search = search_argument()


FamilyList = list_schema(FamilyOut, name="FamilyList")
FamilyResult = result_schema("family", FamilyDetail, name="FamilyResult")
TopupResult = result_schema("topup", TopupOut, name="TopupResult")
