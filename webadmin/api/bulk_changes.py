"""One change to many running sessions over HTTP, with its progress."""

from dataclasses import asdict
from typing import Any

from bss import bulk_changes
from db.models import BulkChange
from domain.bulk import Report
from webadmin import database
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_whole_list, refuse_body
from webadmin.api.schemas import live_changes as schemas

blueprint = Blueprint(
    "bulk-changes",
    __name__,
    url_prefix=f"{PREFIX}/bulk-changes",
    description="One change to many running sessions: of a router, a plan, or that a search finds",
)


@blueprint.route("", methods=["POST"])
@blueprint.needs("disconnect_customers")
@blueprint.arguments(schemas.BulkChangeIn)
@blueprint.response(201, schemas.BulkChangeOut)
def start_bulk_change(body: dict[str, Any]) -> dict[str, Any]:
    """Begin one; sessions are asked in the background, at each router's pace"""
    bulk = bulk_changes.start(**acting(), **body)
    database.commit()
    return _shown(bulk)


@blueprint.route("")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.BulkChangeList)
def list_bulk_changes() -> dict[str, Any]:
    """The last fifty, the newest first"""
    return as_whole_list([_shown(bulk) for bulk in bulk_changes.listed(database.session(), actor=actor())])


@blueprint.route("/<int:bulk_id>")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.BulkChangeOut)
def get_bulk_change(bulk_id: int) -> dict[str, Any]:
    """One, with what became of the sessions asked"""
    return _shown(bulk_changes.get(database.session(), actor=actor(), bulk_id=bulk_id))


@blueprint.route("/<int:bulk_id>/pause", methods=["POST"])
@blueprint.needs("disconnect_customers")
@blueprint.response(200, schemas.BulkChangeOut)
def pause_bulk_change(bulk_id: int) -> dict[str, Any]:
    """Hold it: ask no more, and hold back what has not left yet"""
    refuse_body()
    return _moved(bulk_changes.pause(**acting(), bulk_id=bulk_id))


@blueprint.route("/<int:bulk_id>/resume", methods=["POST"])
@blueprint.needs("disconnect_customers")
@blueprint.response(200, schemas.BulkChangeOut)
def resume_bulk_change(bulk_id: int) -> dict[str, Any]:
    """Go on where it was held"""
    refuse_body()
    return _moved(bulk_changes.resume(**acting(), bulk_id=bulk_id))


@blueprint.route("/<int:bulk_id>/stop", methods=["POST"])
@blueprint.needs("disconnect_customers")
@blueprint.response(200, schemas.BulkChangeOut)
def stop_bulk_change(bulk_id: int) -> dict[str, Any]:
    """End it and take back what has not left yet; what was done stays"""
    refuse_body()
    return _moved(bulk_changes.stop(**acting(), bulk_id=bulk_id))


def _moved(bulk: BulkChange) -> dict[str, Any]:
    database.commit()
    return _shown(bulk)


def _shown(bulk: BulkChange) -> dict[str, Any]:
    names = (
        *("id", "kind", "state", "nas_server_id", "service_plan_id", "search", "is_again", "sessions"),
        *("looked_at_sessions", "requested_by", "started_at", "finished_at"),
    )
    return {name: getattr(bulk, name) for name in names} | {
        "report": _report(bulk_changes.report(database.session(), bulk))
    }


def _report(report: Report) -> dict[str, Any]:
    return asdict(report) | {
        "failed_by_cause": [{"cause": cause, "count": count} for cause, count in report.failed_by_cause],
        "dead_routers": [{"router": router, "count": count} for router, count in report.dead_routers],
    }
