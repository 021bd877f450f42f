"""Alarms, spools and metrics over HTTP."""

from typing import Any

import psycopg
from flask import Response
from marshmallow import Schema, fields

from db.engine import psycopg_of
from db.queries import health
from monitoring import alarms as watch
from monitoring.metrics import CONTENT_TYPE, metrics
from webadmin import database, security
from webadmin.api.base import PREFIX, Blueprint, as_whole_list, list_schema

blueprint = Blueprint("alarms", __name__, url_prefix=f"{PREFIX}", description="What the installation says of itself")


class AlarmOut(Schema):
    """Something to look at; on while `cleared_at` is null."""

    id = fields.Integer()
    code = fields.String(metadata={"example": "spool_lag"})
    subject = fields.String(metadata={"description": "a node or a month", "example": "node1"})
    severity = fields.String(metadata={"example": "warning"})
    sentence = fields.String()
    mend = fields.String()
    raised_at = fields.AwareDateTime()
    cleared_at = fields.AwareDateTime(allow_none=True)


class SpoolOut(Schema):
    """How a node's accounting spool does, as its collector measured it last."""

    node = fields.String(metadata={"example": "node1"})
    measured_at = fields.AwareDateTime()
    waiting_bytes = fields.Integer(metadata={"description": "acknowledged and not yet counted"})
    oldest_waiting_at = fields.AwareDateTime(allow_none=True)
    written_bytes_per_s = fields.Integer()
    counted_bytes_per_s = fields.Integer()
    free_bytes = fields.Integer()
    min_free_bytes = fields.Integer(metadata={"description": "with less, nothing is acknowledged"})
    is_open = fields.Boolean(metadata={"description": "whether accounting is acknowledged"})
    sync_mode = fields.String(allow_none=True, metadata={"example": "background"})
    synced_at = fields.AwareDateTime(allow_none=True, metadata={"description": "all before is on the disk"})
    sync_ms = fields.Integer(allow_none=True)
    sync_errors = fields.Integer()


@blueprint.route("/alarms")
@blueprint.needs("manage_installation")
@blueprint.response(200, list_schema(AlarmOut, name="AlarmList"))
def list_alarms() -> dict[str, Any]:
    """Alarms that are on, and those of the last week"""
    rows = health.recent_alarms(_connection(), now=security.now())
    return as_whole_list([_alarm(row) for row in rows])


@blueprint.route("/radius-server/spools")
@blueprint.needs("manage_installation")
@blueprint.response(200, list_schema(SpoolOut, name="SpoolList"))
def list_spools() -> dict[str, Any]:
    """The accounting spool of every node"""
    return as_whole_list(health.readings(_connection()))


@blueprint.route("/metrics")
@blueprint.needs("manage_installation")
@blueprint.response(200, {"type": "string"}, content_type=CONTENT_TYPE)
def get_metrics() -> Response:
    """The installation in numbers, for Prometheus: give it a token as `bearer_token`"""
    return Response(metrics(_connection(), security.now()), content_type=CONTENT_TYPE)


def _connection() -> psycopg.Connection[Any]:
    return psycopg_of(database.session())


def _alarm(row: health.AlarmRow) -> dict[str, Any]:
    said = watch.words(row.code, row.subject, row.facts)
    names = ("id", "code", "subject", "severity", "raised_at", "cleared_at")
    return {name: getattr(row, name) for name in names} | said._asdict()
