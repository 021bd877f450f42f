"""The RADIUS server's settings and health over HTTP."""

from marshmallow import Schema, fields, validate

from bss.health_checks import NAMES, STATES, Check, look
from bss.server import ServerFacts, facts
from runtime.settings import get_settings
from webadmin import database, security
from webadmin.api.base import PREFIX, Blueprint

blueprint = Blueprint("radius-server", __name__, url_prefix=f"{PREFIX}/radius-server", description="The RADIUS server")


class ServerPartOut(Schema):
    """One of the two servers."""

    name = fields.String(metadata={"example": "login"})
    port = fields.Integer(metadata={"example": 1812})
    setting = fields.String(metadata={"example": "LINTAS_RADIUS_AUTH_PORT"})
    is_listening = fields.Boolean(metadata={"description": "on the machine that answers this request"})


class CheckOut(Schema):
    """Something that is to work, and how it does."""

    name = fields.String(metadata={"example": "collector"}, validate=validate.OneOf(NAMES))
    state = fields.String(metadata={"example": "well"}, validate=validate.OneOf(STATES))
    subject = fields.String(
        metadata={"description": "the node or the port; empty where there is one", "example": "node1"}
    )
    facts = fields.Dict(
        keys=fields.String(), values=fields.Integer(), metadata={"example": {"lag_s": 0, "waiting_bytes": 0}}
    )


class HealthOut(Schema):
    """What of the installation works, seen from the machine that answers."""

    checks = fields.List(fields.Nested(CheckOut))


class ServerOut(Schema):
    """Where routers reach RADIUS. The environment of the installation changes it; secrets belong to routers."""

    host = fields.String(metadata={"example": "0.0.0.0"})  # noqa: S104 - an example
    node = fields.String(metadata={"example": "node1"})
    coa_bind = fields.String(metadata={"description": "source address of changes; empty is any"})
    spool_min_free_mb = fields.Integer(metadata={"example": 512})
    radsec_port = fields.Integer(metadata={"description": "TCP port of RADIUS over TLS; 0 is off", "example": 2083})
    radsec_answers = fields.Boolean(metadata={"description": "begins TLS on the machine that answers this request"})
    parts = fields.List(fields.Nested(ServerPartOut))


@blueprint.route("")
@blueprint.needs("manage_installation")
@blueprint.response(200, ServerOut)
def get_radius_server() -> ServerFacts:
    """The server's address, ports and health"""
    return facts(get_settings())


@blueprint.route("/health")
@blueprint.needs("manage_installation")
@blueprint.response(200, HealthOut)
def get_health() -> dict[str, list[Check]]:
    """What works and what does not: database, Redis, RADIUS, collectors, workers, live changes"""
    return {"checks": look(database.session(), settings=get_settings(), now=security.now())}
