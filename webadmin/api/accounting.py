"""What became of accounting packets, over HTTP: counts, records that were put aside, corrections of ended sessions."""

from datetime import timedelta
from typing import Any

from marshmallow import Schema, fields, validate

from bss import quarantine as use
from bss import silent_sessions
from bss.failure import NotFound, Problem
from db.models import QuarantinedRecord
from db.queries.quarantine import (
    CORRECTION_SORTS,
    PUT_ASIDE_SORTS,
    PutAsideFilter,
    find_put_aside,
    outcome_counts,
    page_of_corrections,
    page_of_put_aside,
)
from domain.quarantine import OUTCOMES, REASONS, STATES
from webadmin import database, security
from webadmin.api.base import (
    MAX_ID,
    PREFIX,
    Blueprint,
    PageArguments,
    acting,
    as_list,
    list_schema,
    page_of,
    sort_field,
    tenant_id,
    wanted_part,
)
from webadmin.api.schemas.shapes import row_id, when, word

blueprint = Blueprint("accounting", __name__, url_prefix=f"{PREFIX}/accounting", description="What became of packets")


class OutcomesQuery(Schema):
    """Since when."""

    days = fields.Integer(
        validate=validate.Range(1, 3660), metadata={"description": "so many days back; left out: ever", "example": 30}
    )


class OutcomeOut(Schema):
    """How many packets ended so."""

    outcome = word(OUTCOMES)
    reason = fields.String(metadata={"example": "repeat"})
    words = fields.String()
    records = fields.Integer()


class OutcomesOut(Schema):
    """Every packet that was received is stored, merged (it told nothing new) or quarantined: the three add up."""

    received = fields.Integer()
    stored = fields.Integer()
    merged = fields.Integer()
    quarantined = fields.Integer()
    items = fields.List(fields.Nested(OutcomeOut))


class PutAsideOut(Schema):
    """A record that could not be counted."""

    id = fields.Integer()
    created_at = when()
    reason = fields.String(metadata={"example": "unknown_nas"})
    explanation = fields.String()
    source = fields.String(allow_none=True, metadata={"description": "the address it came from"})
    state = word(STATES)
    tries = fields.Integer()
    settled_at = when(allow_none=True)
    settled_by = fields.String(allow_none=True)
    status_type = fields.String(allow_none=True, metadata={"example": "Interim-Update"})
    username = fields.String(allow_none=True)
    acct_session_id = fields.String(allow_none=True)
    raw = fields.String(metadata={"description": "the line as it was received, cut where it is very long"})


class PutAsideQuery(PageArguments):
    """Filters of the list."""

    sort = sort_field(PUT_ASIDE_SORTS, "-created_at")
    state = word(STATES)
    reason = word(tuple(REASONS))
    source = fields.IP()


class WhichIn(Schema):
    """Which records: by ids, or all that wait from an address or of a reason."""

    ids = fields.List(row_id(), validate=validate.Length(1, use.MOST_NAMED))
    source = fields.IP()
    reason = word(tuple(REASONS))


class SettledOut(Schema):
    """How many records it was done to."""

    records = fields.Integer()


class CorrectionOut(Schema):
    """What a late packet changed of a session that had ended."""

    id = fields.Integer()
    made_at = when()
    session_id = fields.String(attribute="acctuniqueid")
    subscription_id = fields.Integer(allow_none=True)
    nas_server_id = fields.Integer()
    download_bytes = fields.Integer(metadata={"description": "added"})
    upload_bytes = fields.Integer(metadata={"description": "added"})
    seconds = fields.Integer(metadata={"description": "added"})
    old_stopped_at = when()
    old_cause = fields.String(allow_none=True)
    new_stopped_at = fields.AwareDateTime(
        format="iso", allow_none=True, metadata={"description": "null: it runs after all"}
    )
    new_cause = fields.String(allow_none=True)


class CorrectionQuery(PageArguments):
    """Filters of the list."""

    sort = sort_field(CORRECTION_SORTS, "-made_at")
    subscription_id = fields.Integer(validate=validate.Range(1, MAX_ID))


class AskedOut(Schema):
    """Silent sessions now."""

    asking = fields.Integer(metadata={"description": "their routers are being asked"})
    alive = fields.Integer(metadata={"description": "their routers say that they run"})
    unanswered = fields.Integer(metadata={"description": "nobody could say"})


class SilentOut(Schema):
    """When a session that is not heard of ends; for the whole installation."""

    unknown_after_hours = fields.Integer(metadata={"example": 24})
    is_default = fields.Boolean()
    default_hours = fields.Integer(metadata={"example": 24})
    silent_after_intervals = fields.Integer(metadata={"description": "missed interim intervals", "example": 3})
    silent_after_s = fields.Integer(metadata={"description": "never before so many seconds", "example": 900})
    asked = fields.Nested(AskedOut)


class SilentIn(Schema):
    """After how many hours it ends where its router says nothing; null is the default."""

    unknown_after_hours = fields.Integer(
        required=True,
        allow_none=True,
        strict=True,
        validate=validate.Range(silent_sessions.LEAST_HOURS, silent_sessions.MOST_HOURS),
    )


@blueprint.route("/silent-sessions")
@blueprint.needs("manage_installation")
@blueprint.response(200, SilentOut)
def get_silent_sessions() -> silent_sessions.Silent:
    """When a session that is not heard of ends, and how many are silent now"""
    return silent_sessions.current(database.session())


@blueprint.route("/silent-sessions", methods=["PATCH"])
@blueprint.needs("manage_installation")
@blueprint.arguments(SilentIn)
@blueprint.response(200, SilentOut)
def change_silent_sessions(body: dict[str, Any]) -> silent_sessions.Silent:
    """Say after how long a session ends of which nobody can say whether it runs"""
    changed = silent_sessions.change(**acting(), hours=body["unknown_after_hours"])
    database.commit()
    return changed


@blueprint.route("/records")
@blueprint.needs("manage_installation")
@blueprint.arguments(OutcomesQuery, location="query")
@blueprint.response(200, OutcomesOut)
def count_records(arguments: dict[str, Any]) -> dict[str, Any]:
    """What became of every packet, by reason"""
    days = arguments.get("days")
    since = None if days is None else (security.now() - timedelta(days=days)).date()
    counts = outcome_counts(database.session(), since=since)
    totals = {outcome: sum(one.records for one in counts if one.outcome == outcome) for outcome in OUTCOMES}
    items = [
        {
            "outcome": one.outcome,
            "reason": one.reason,
            "records": one.records,
            "words": use.outcome_words(one.outcome, one.reason),
        }
        for one in counts
    ]
    return totals | {"received": sum(totals.values()), "items": items}


@blueprint.route("/quarantine")
@blueprint.needs("view_nas")
@blueprint.arguments(PutAsideQuery, location="query")
@blueprint.response(200, list_schema(PutAsideOut, name="PutAsideList"))
def list_put_aside(arguments: dict[str, Any]) -> dict[str, Any]:
    """List records that could not be counted"""
    part = wanted_part(arguments)
    fits = PutAsideFilter(**_plain(arguments))
    page = page_of(lambda: page_of_put_aside(database.session(), tenant_id=tenant_id(), fits=fits, wanted=part))
    return as_list(page) | {"items": [use.row_of(row) for row in page.items]}


@blueprint.route("/quarantine/<int:record_id>")
@blueprint.needs("view_nas")
@blueprint.response(200, PutAsideOut)
def get_put_aside(record_id: int) -> dict[str, object]:
    """One record that could not be counted"""
    return use.row_of(_found(record_id))


@blueprint.route("/quarantine/replay", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(WhichIn)
@blueprint.response(200, SettledOut)
def replay_put_aside(body: dict[str, Any]) -> use.Settled:
    """Try waiting records again; the collector does so within seconds"""
    settled = use.replay(**acting(), fits=use.wanted(**_plain(body)))
    database.commit()
    return settled


@blueprint.route("/quarantine/dismiss", methods=["POST"])
@blueprint.needs("manage_nas")
@blueprint.arguments(WhichIn)
@blueprint.response(200, SettledOut)
def dismiss_put_aside(body: dict[str, Any]) -> use.Settled:
    """Let go of waiting records: they are never counted"""
    settled = use.dismiss(**acting(), fits=use.wanted(**_plain(body)))
    database.commit()
    return settled


@blueprint.route("/corrections")
@blueprint.needs("view_customers")
@blueprint.arguments(CorrectionQuery, location="query")
@blueprint.response(200, list_schema(CorrectionOut, name="CorrectionList"))
def list_corrections(arguments: dict[str, Any]) -> dict[str, Any]:
    """List what late packets changed of ended sessions"""
    part, wanted_id = wanted_part(arguments), arguments.get("subscription_id")
    return as_list(
        page_of(
            lambda: page_of_corrections(
                database.session(), tenant_id=tenant_id(), subscription_id=wanted_id, wanted=part
            )
        )
    )


def _found(record_id: int) -> QuarantinedRecord:
    row = find_put_aside(database.session(), record_id, tenant_id=tenant_id()) if record_id <= MAX_ID else None
    if row is None:
        raise NotFound(Problem(field="", reason="there is no such record"))
    return row


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    source = arguments.get("source")
    return arguments | ({} if source is None else {"source": str(source)})
