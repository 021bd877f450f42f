"""What became of the changes of running sessions: what a client polls after an action."""

from typing import Any

from bss.rows import find
from db.models import SessionChange
from db.queries.lists import ChangeFilter, attempts_of_change, page_of_changes
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, actor, as_list, page_of, tenant_id, wanted_part

blueprint = Blueprint(
    "session-changes",
    __name__,
    url_prefix=f"{PREFIX}/session-changes",
    description="Changes of running sessions and what the routers answered",
)


@blueprint.route("")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.ChangeQuery, location="query")
@blueprint.response(200, schemas.ChangeList)
def list_session_changes(arguments: dict[str, Any]) -> dict[str, Any]:
    """List changes of running sessions"""
    wanted = wanted_part(arguments)
    ids = arguments.pop("ids", None)
    fits = ChangeFilter(**arguments, ids=None if ids is None else [int(part) for part in ids.split(",")])
    return as_list(
        page_of(lambda: page_of_changes(database.session(), tenant_id=tenant_id(), fits=fits, wanted=wanted))
    )


@blueprint.route("/<int:change_id>")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.ChangeDetail)
def get_session_change(change_id: int) -> Any:
    """One change, with every packet exchange"""
    row: Any = find(database.session(), SessionChange, change_id, actor=actor())
    row.exchanges = attempts_of_change(database.session(), row.id)
    return row
