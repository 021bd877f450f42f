"""How long records are kept, and the months that have left, over HTTP."""

from typing import Any

from marshmallow import Schema, fields, validate

from bss import retention
from bss.retention import Kept
from db.queries.archives import Archive
from domain.retirement import LEAST_MONTHS, MOST_MONTHS
from webadmin import database, security
from webadmin.api.base import PREFIX, Blueprint, acting, as_whole_list, list_schema, refuse_body

blueprint = Blueprint("retention", __name__, url_prefix=f"{PREFIX}/retention", description="How long records are kept")


class KeptIn(Schema):
    """How many full months stay besides the running one; null keeps everything."""

    months = fields.Integer(required=True, allow_none=True, validate=validate.Range(LEAST_MONTHS, MOST_MONTHS))


class KeptOut(Schema):
    """What is kept for how long."""

    kind = fields.String(metadata={"example": "radacct"})
    what = fields.String(metadata={"example": "sessions"})
    months = fields.Integer(allow_none=True, metadata={"description": "null keeps everything"})


class ArchiveOut(Schema):
    """A month that left the live tables; `sha256` is of the text inside the file."""

    name = fields.String(metadata={"example": "radacct_2024_01"})
    parent = fields.String(metadata={"example": "radacct"})
    state = fields.String(metadata={"example": "dropped"})
    node = fields.String(allow_none=True, metadata={"description": "where the file is"})
    file = fields.String(allow_none=True)
    rows = fields.Integer(allow_none=True)
    file_bytes = fields.Integer(allow_none=True)
    sha256 = fields.String(allow_none=True)
    changed_at = fields.AwareDateTime()
    kept_until = fields.AwareDateTime(allow_none=True, metadata={"description": "while it is back in the table"})
    asked_at = fields.AwareDateTime(allow_none=True, metadata={"description": "while it is being brought back"})
    asked_by = fields.String(allow_none=True)
    rows_back = fields.Integer(allow_none=True, metadata={"description": "how many of its rows are back so far"})
    problem = fields.String(allow_none=True, metadata={"description": "why it could not be brought back last time"})


class MonthDueOut(Schema):
    """A month that the next run takes out."""

    name = fields.String()
    size_bytes = fields.Integer()
    with_file = fields.Boolean()


@blueprint.route("")
@blueprint.needs("manage_installation")
@blueprint.response(200, list_schema(KeptOut, name="KeptList"))
def list_retention() -> dict[str, Any]:
    """What is kept for how long"""
    return as_whole_list(retention.settings_of(database.session()))


@blueprint.route("/<string:kind>", methods=["PATCH"])
@blueprint.needs("manage_installation")
@blueprint.arguments(KeptIn)
@blueprint.response(200, KeptOut)
def change_retention(body: dict[str, Any], kind: str) -> Kept:
    """Keep a kind of records for so many months"""
    kept = retention.change(**acting(), kind=kind, months=body["months"])
    database.commit()
    return kept


@blueprint.route("/due")
@blueprint.needs("manage_installation")
@blueprint.response(200, list_schema(MonthDueOut, name="MonthDueList"))
def list_months_due() -> dict[str, Any]:
    """The months that would leave tonight"""
    return as_whole_list(retention.books(database.session(), now=security.now()).due)


@blueprint.route("/archives")
@blueprint.needs("manage_installation")
@blueprint.response(200, list_schema(ArchiveOut, name="ArchiveList"))
def list_archives() -> dict[str, Any]:
    """The months that have left, and their files"""
    return as_whole_list(retention.books(database.session(), now=security.now()).archives)


@blueprint.route("/archives/<string:name>")
@blueprint.needs("manage_installation")
@blueprint.response(200, ArchiveOut)
def get_archive(name: str) -> Archive:
    """One month that has left, and how far it is on its way back"""
    return retention.archive(database.session(), name)


@blueprint.route("/archives/<string:name>/restore", methods=["POST"])
@blueprint.needs("manage_installation")
@blueprint.response(202, ArchiveOut)
def restore_archive(name: str) -> Archive:
    """Bring a month back into the live table for thirty days; look again to see how far it is"""
    refuse_body()
    asked = retention.ask_back(**acting(), name=name)
    database.commit()
    return asked
