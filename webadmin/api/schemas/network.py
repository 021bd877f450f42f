"""Routers, running sessions and the changes of sessions."""

from typing import Any

from marshmallow import Schema, fields, validate

from bss.nas import CONFIGURATION
from bss.sessions import GRADES
from db.models.nas import PROVISIONING_MODES
from db.queries.lists import (
    CHANGE_SORTS,
    NAS_SORTS,
    SESSION_SORTS,
)
from domain.access import NAS_TYPES, SERVICES
from domain.integrity import Grade
from domain.live_change import CHANGE_KINDS, CHANGE_STATUSES, OUTCOMES
from webadmin.api.base import MAX_ID, PageArguments, list_schema, result_schema, sort_field
from webadmin.api.schemas.shapes import (
    boolean,
    data_used_text,
    duration_text,
    row_id,
    search_argument,
    text,
    when,
    whole,
    word,
)


class NasOut(Schema):
    """A router. Its secret is never part of it."""

    id = fields.Integer(metadata={"example": 1})
    name = fields.String(metadata={"example": "RB-Cempaka"})
    host = fields.String(metadata={"example": "192.0.2.10"})
    nas_identifier = fields.String()
    coa_port = fields.Integer(metadata={"example": 3799})
    coa_per_second = fields.Integer(metadata={"example": 300})
    type = fields.String(metadata={"example": "mikrotik"})
    routeros_version = fields.Integer()
    require_message_authenticator = fields.Boolean()
    acct_input_is = fields.String()
    service_map = fields.Dict(metadata={"example": {"other": "hotspot"}})
    provisioning_mode = fields.String(metadata={"example": "radius"})
    api_port = fields.Integer(metadata={"example": 8728})
    api_username = fields.String(metadata={"description": "the account for the router's API; empty: it is not asked"})
    has_api_password = fields.Boolean()
    api_tls = fields.Boolean()
    api_certificate_fingerprint = fields.String(
        allow_none=True, metadata={"description": "SHA-256 of the certificate that is trusted"}
    )
    api_checked_at = when(allow_none=True)
    api_problem = fields.String(allow_none=True, metadata={"description": "why its API did not answer last time"})
    last_connected_at = when(allow_none=True)
    latitude = fields.Float(allow_none=True, metadata={"example": -6.2})
    longitude = fields.Float(allow_none=True, metadata={"example": 106.8})
    configuration = fields.Dict(metadata={"example": {"local_address": "10.0.0.1"}})
    signs_requests = fields.Boolean(
        allow_none=True, metadata={"description": "its logins carry Message-Authenticator; null before the first"}
    )
    clock_skew_s = fields.Integer(
        allow_none=True, metadata={"description": "how far its clock is ahead; negative: behind", "example": 2}
    )
    login_heard_at = when(allow_none=True)
    location = fields.String()
    nas_group_id = fields.Integer(allow_none=True)
    is_active = fields.Boolean()
    is_from_environment = fields.Boolean(
        metadata={"description": "named in the settings while there is no router here; it can only be looked at"}
    )
    status = fields.String()
    last_seen_at = when(allow_none=True)
    created_at = when()
    updated_at = when()


class NasListed(NasOut):
    """A router in the list, with its running sessions."""

    online_sessions = fields.Integer(metadata={"example": 287})


class NasCreated(NasOut):
    """A new router; the only answer that shows its secret."""

    radius_secret = fields.String(metadata={"description": "shown once"})


def _nas_fields(**required: Any) -> dict[str, Any]:
    return {
        "name": text(100, example="RB-Cempaka", **required),
        "host": text(45, example="192.0.2.10", **required),
        "nas_identifier": text(253),
        "coa_port": whole(least=1, most=65535),
        "coa_per_second": whole(least=1, most=10_000, example=300),
        "routeros_version": fields.Integer(strict=True, validate=validate.OneOf((6, 7))),
        "require_message_authenticator": boolean(),
        "acct_input_is": word(("upload", "download")),
        "service_map": fields.Dict(
            keys=word(SERVICES),
            values=word(SERVICES),
            metadata={"description": "detected service to the one it is", "example": {"other": "hotspot"}},
        ),
        "provisioning_mode": word(
            PROVISIONING_MODES,
            metadata={
                "description": "`local_secret`: the router knows customers by itself; `both`: it asks RADIUS for those"
                " who may not be online"
            },
        ),
        "api_port": whole(least=1, most=65535, example=8728),
        "api_username": text(100, example="lintas"),
        "api_password": text(128, allow_none=True),
        "api_tls": boolean(),
        "api_certificate_fingerprint": text(100, allow_none=True),
        "latitude": fields.Float(allow_none=True, validate=validate.Range(-90, 90)),
        "longitude": fields.Float(allow_none=True, validate=validate.Range(-180, 180)),
        "configuration": fields.Dict(
            keys=word(CONFIGURATION), values=text(45), metadata={"example": {"local_address": "10.0.0.1"}}
        ),
        "type": word(NAS_TYPES, metadata={"description": "whose attributes its logins are answered in"}),
        "location": text(255),
        "nas_group_id": row_id(allow_none=True),
    }


NasIn = Schema.from_dict(_nas_fields(required=True) | {"radius_secret": text(64, allow_none=True)}, name="NasIn")
NasPatch = Schema.from_dict(_nas_fields(), name="NasPatch")


class NasSecretIn(Schema):
    """The new secret; left out, one is made."""

    radius_secret = text(64, allow_none=True)


class NasQuery(PageArguments):
    """Filters of the router list."""

    sort = sort_field(NAS_SORTS, "name")
    search = search_argument()
    is_active = fields.Boolean()


class ScriptQuery(Schema):
    """Under which address the router reaches this installation."""

    server_address = fields.String(required=True, validate=validate.Length(1, 45), metadata={"example": "192.0.2.2"})


class ScriptOut(Schema):
    """The commands to paste into a router. They hold its secret."""

    script = fields.String()


NasList = list_schema(NasListed, name="NasList")


class SessionOut(Schema):
    """A session as the router counts it."""

    id = fields.String(attribute="acctuniqueid", metadata={"example": "0123456789abcdef0123456789abcdef"})
    acct_session_id = fields.String(attribute="acctsessionid", metadata={"example": "81000001"})
    username = fields.String()
    subscription_id = fields.Integer(allow_none=True)
    nas_server_id = fields.Integer()
    framed_ip = fields.String(attribute="framedipaddress", allow_none=True)
    calling_station = fields.String(attribute="callingstationid", allow_none=True)
    started_at = when(attribute="acctstarttime")
    updated_at = when(attribute="acctupdatetime")
    stopped_at = when(attribute="acctstoptime", allow_none=True)
    seconds = fields.Integer(attribute="acctsessiontime")
    upload_bytes = fields.Integer(attribute="acctinputoctets")
    download_bytes = fields.Integer(attribute="acctoutputoctets")
    duration_text = duration_text("acctsessiontime")
    data_used_text = data_used_text("acctinputoctets", "acctoutputoctets")
    terminate_cause = fields.String(attribute="acctterminatecause", allow_none=True)
    grade = fields.Enum(
        Grade, by_value=True, metadata={"description": "how far the figures may be trusted", "example": "running"}
    )
    grade_words = fields.Function(lambda row: GRADES[row.grade], metadata={"type": "string"})


class SessionQuery(PageArguments):
    """Filters of the list of running sessions."""

    sort = sort_field(SESSION_SORTS, "-started_at")
    search = search_argument()
    subscription_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    nas_server_id = fields.Integer(validate=validate.Range(1, MAX_ID))


class PastSessionQuery(PageArguments):
    """Order of a subscription's sessions."""

    sort = sort_field(SESSION_SORTS, "-started_at")


class AttemptOut(Schema):
    """One packet exchange with the router."""

    sent_at = when()
    answered_at = when(allow_none=True)
    transmissions = fields.Integer()
    via = fields.String(metadata={"example": "radius"})
    result = fields.String(metadata={"example": "ack"})
    error_cause = fields.String(allow_none=True)


class ChangeOut(Schema):
    """A change of a running session and what became of it."""

    id = fields.Integer(metadata={"example": 90210})
    session_id = fields.String(attribute="acctuniqueid")
    subscription_id = fields.Integer(allow_none=True)
    nas_server_id = fields.Integer()
    username = fields.String()
    kind = word(CHANGE_KINDS, metadata={"example": "disconnect"})
    attributes = fields.Dict(metadata={"example": {"Mikrotik-Rate-Limit": "5M/10M"}})
    reason = fields.String(metadata={"example": "suspend"})
    requested_by = fields.String()
    status = word(CHANGE_STATUSES, metadata={"example": "ack", "description": "where it is on its way"})
    outcome = word(
        tuple(OUTCOMES),
        metadata={
            "example": "applied",
            "description": "`applied` only when it was seen: by the Stop of the session or in the router's tables;"
            " the router's yes alone is `acknowledged`",
        },
    )
    proved_by = fields.String(allow_none=True, metadata={"example": "api", "description": "who saw it: stop or api"})
    proved_at = when(allow_none=True)
    via = fields.String(metadata={"example": "radius", "description": "how the router is asked: radius or api"})
    bulk_change_id = fields.Integer(allow_none=True)
    attempts = fields.Integer()
    error_cause = fields.String(allow_none=True)
    caused_at = when()
    created_at = when()
    sent_at = when(allow_none=True)
    finished_at = when(allow_none=True)


class ChangeDetail(ChangeOut):
    """One change with every exchange."""

    exchanges = fields.List(fields.Nested(AttemptOut))


class ChangeQuery(PageArguments):
    """Filters of the list of changes."""

    sort = sort_field(CHANGE_SORTS, "-created_at")
    ids = fields.String(
        validate=validate.Regexp(r"^\d{1,18}(,\d{1,18}){0,99}$"),
        metadata={"description": "up to a hundred ids with commas between", "example": "90210,90211"},
    )
    subscription_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    nas_server_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    status = word(CHANGE_STATUSES)
    outcome = word(tuple(OUTCOMES), metadata={"example": "failed"})


SessionList = list_schema(SessionOut, name="SessionList")
ChangeList = list_schema(ChangeOut, name="SessionChangeList")
SessionResult = result_schema("session", SessionOut, name="SessionResult")
