"""A subscription's internet history, its files, and who had an address, over HTTP."""

from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from bss import history
from bss.history import History
from db.queries.history import SERVICES, Holder, Range
from webadmin import database, security
from webadmin.api.base import MAX_ID, PREFIX, Blueprint, acting, actor, as_whole_list, list_schema, tenant
from webadmin.api.schemas.shapes import data_used_text, duration_text
from webadmin.export import CSV_TYPE, XLSX_TYPE, as_csv_file, as_xlsx_file

blueprint = Blueprint("history", __name__, url_prefix=PREFIX, description="What was used when, and who had an address")


class RangeQuery(Schema):
    """Which days, in the provider's time zone, both included; the last thirty unless given."""

    first_day = fields.Date()
    last_day = fields.Date()
    service = fields.String(validate=validate.OneOf(SERVICES))


class HistoryQuery(RangeQuery):
    """A page of the sessions in the range."""

    after = fields.String(validate=validate.Length(1, 100), metadata={"description": "`next_after` of the page before"})
    page_size = fields.Integer(load_default=50, validate=validate.Range(1, 500))


class PastSessionOut(Schema):
    """A session, running while `stopped_at` is null."""

    id = fields.String()
    acct_session_id = fields.String()
    username = fields.String()
    service = fields.String(metadata={"example": "pppoe"})
    router = fields.String(allow_none=True)
    framed_ip = fields.String(allow_none=True)
    ipv6_prefix = fields.String(allow_none=True)
    delegated_prefix = fields.String(allow_none=True)
    device = fields.String(allow_none=True)
    started_at = fields.AwareDateTime()
    stopped_at = fields.AwareDateTime(allow_none=True)
    seconds = fields.Integer()
    download_bytes = fields.Integer()
    upload_bytes = fields.Integer()
    duration_text = duration_text()
    data_used_text = data_used_text("download_bytes", "upload_bytes")
    terminate_cause = fields.String(allow_none=True)


class AmountOut(Schema):
    """What was used in an hour, a day or a month; `label` is when it begins."""

    label = fields.String(allow_none=True, metadata={"example": "2026-11-21"})
    download_bytes = fields.Integer()
    upload_bytes = fields.Integer()
    seconds = fields.Integer()
    sessions = fields.Integer()


class HistoryOut(Schema):
    """A page of sessions, newest first, with what the whole range came to."""

    sessions = fields.List(fields.Nested(PastSessionOut))
    total = fields.Nested(AmountOut)
    by = fields.String(metadata={"example": "day"})
    amounts = fields.List(fields.Nested(AmountOut))
    next_after = fields.String(allow_none=True)


class HolderQuery(Schema):
    """An address and a moment; now unless given."""

    address = fields.String(required=True, validate=validate.Length(1, 60), metadata={"example": "100.64.0.7"})
    at = fields.AwareDateTime()


class HolderOut(Schema):
    """A session that had the address; `held` is the attribute that it came by."""

    held = fields.String(metadata={"example": "framedipaddress"})
    customer_id = fields.Integer(allow_none=True)
    customer_name = fields.String(allow_none=True)
    session = fields.Nested(PastSessionOut)


@blueprint.route("/subscriptions/<int:subscription_id>/history")
@blueprint.needs("view_customers")
@blueprint.arguments(HistoryQuery, location="query")
@blueprint.response(200, HistoryOut)
def get_history(arguments: dict[str, Any], subscription_id: int) -> History:
    """Its sessions in a range of days, with totals and usage by hour, day or month"""
    size, after = arguments.pop("page_size"), arguments.pop("after", None)
    return history.of_subscription(
        database.session(),
        actor=actor(),
        subscription_id=min(subscription_id, MAX_ID),
        span=_span(arguments),
        after=after,
        size=size,
    )


@blueprint.route("/subscriptions/<int:subscription_id>/history.csv")
@blueprint.needs("view_customers")
@blueprint.arguments(RangeQuery, location="query")
@blueprint.response(200, {"type": "string"}, content_type=CSV_TYPE)
def get_history_csv(arguments: dict[str, Any], subscription_id: int) -> Response:
    """The same as a CSV file, all pages"""
    rows = history.export(
        **acting(), subscription_id=min(subscription_id, MAX_ID), span=_span(arguments), as_what="csv"
    )
    database.commit()
    return as_csv_file(rows, "history.csv")


@blueprint.route("/subscriptions/<int:subscription_id>/history.xlsx")
@blueprint.needs("view_customers")
@blueprint.arguments(RangeQuery, location="query")
@blueprint.response(200, {"type": "string", "format": "binary"}, content_type=XLSX_TYPE)
def get_history_xlsx(arguments: dict[str, Any], subscription_id: int) -> Response:
    """The same as a workbook, all pages; times are UTC"""
    rows = history.export(
        **acting(), subscription_id=min(subscription_id, MAX_ID), span=_span(arguments), as_what="xlsx"
    )
    database.commit()
    return as_xlsx_file(rows, "history.xlsx")


@blueprint.route("/address-holders")
@blueprint.needs("view_address_history")
@blueprint.arguments(HolderQuery, location="query")
@blueprint.response(200, list_schema(HolderOut, name="HolderList"))
def list_address_holders(arguments: dict[str, Any]) -> dict[str, Any]:
    """Who had an address, IPv4 or IPv6, at a moment; the audit log keeps who asked"""
    found: list[Holder] = history.who_had(**acting(), address=arguments["address"], at=arguments.get("at"))
    database.commit()
    return as_whole_list(found)


def _span(arguments: dict[str, Any]) -> Range:
    wanted = {name: arguments.get(name) for name in ("first_day", "last_day", "service")}
    return history.range_of(tenant(), now=security.now(), **wanted)
