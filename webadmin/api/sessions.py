"""Running sessions over HTTP."""

from typing import Any

from bss import sessions
from bss.failure import NotFound, Problem
from db.models import RadAcct
from db.queries.lists import SessionFilter, page_of_sessions
from db.queries.sessions import find_running
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import (
    PREFIX,
    Blueprint,
    acting,
    as_list,
    as_result,
    page_of,
    refuse_body,
    tenant_id,
    wanted_part,
)

blueprint = Blueprint("sessions", __name__, url_prefix=f"{PREFIX}/sessions", description="Who is online")


@blueprint.route("")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.SessionQuery, location="query")
@blueprint.response(200, schemas.SessionList)
def list_sessions(arguments: dict[str, Any]) -> dict[str, Any]:
    """List running sessions"""
    wanted = wanted_part(arguments)
    fits = SessionFilter(**arguments)
    return as_list(
        page_of(lambda: page_of_sessions(database.session(), tenant_id=tenant_id(), fits=fits, wanted=wanted))
    )


@blueprint.route("/<string:session_id>")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.SessionOut)
def get_session(session_id: str) -> RadAcct:
    """One running session"""
    running = find_running(database.session(), _clean(session_id), tenant_id=tenant_id())
    if running is None:
        raise NotFound(Problem(field="", reason="there is no such running session"))
    return running


@blueprint.route("/<string:session_id>/disconnect", methods=["POST"])
@blueprint.needs("disconnect_customers")
@blueprint.response(200, schemas.SessionResult)
def disconnect_session(session_id: str) -> dict[str, Any]:
    """End one session"""
    refuse_body()
    changed = sessions.disconnect_session(**acting(), session_id=_clean(session_id))
    database.commit(changed.effect)
    return as_result("Asked", changed.effect, session=changed.row)


def _clean(session_id: str) -> str:
    # An id is 32 hexadecimal characters; anything else names nothing and need not reach the database.
    if len(session_id) > 64 or not session_id.isalnum():
        raise NotFound(Problem(field="", reason="there is no such running session"))
    return session_id
