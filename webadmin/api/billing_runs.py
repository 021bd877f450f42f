"""Billing runs over HTTP: begun, followed, stopped, gone on with, undone. A worker does what is asked for here."""

from typing import Any

from bss.billing import runs
from bss.rows import find
from db.models import BillingRun
from db.queries import billing_runs as queries
from webadmin import database
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_whole_list, refuse_body, tenant_id
from webadmin.api.schemas import billing as shapes

blueprint = Blueprint("billing-runs", __name__, url_prefix=PREFIX, description="Bills for many customers at once")


@blueprint.route("/billing-runs")
@blueprint.needs("manage_billing")
@blueprint.arguments(shapes.RunsQuery, location="query")
@blueprint.response(200, shapes.RunList)
def list_billing_runs(query: dict[str, Any]) -> dict[str, Any]:
    """Runs, the newest first; `before` continues after the last one seen"""
    rows = queries.runs_of(database.session(), tenant_id=tenant_id(), **query)
    return as_whole_list([shown(row) for row in rows])


@blueprint.route("/billing-runs", methods=["POST"])
@blueprint.needs("manage_billing")
@blueprint.arguments(shapes.RunIn)
@blueprint.response(201, shapes.RunOut)
def start_billing_run(body: dict[str, Any]) -> dict[str, Any]:
    """Begin today's run, or get the one that there is; a worker takes it up within a minute"""
    return _committed(runs.start(**acting(), **body))


@blueprint.route("/billing-runs/<int:run_id>")
@blueprint.needs("manage_billing")
@blueprint.response(200, shapes.RunDetail)
def get_billing_run(run_id: int) -> dict[str, Any]:
    """One run with its progress, its numbers, and whom it suspended"""
    row = find(database.session(), BillingRun, run_id, actor=actor())
    return shown(row) | {"suspensions": queries.suspensions_of(database.session(), row.id)}


@blueprint.route("/billing-runs/<int:run_id>/stop", methods=["POST"])
@blueprint.needs("manage_billing")
@blueprint.response(200, shapes.RunOut)
def stop_billing_run(run_id: int) -> dict[str, Any]:
    """Let it rest where it is; what it did stays"""
    refuse_body()
    return _committed(runs.stop(**acting(), run_id=run_id))


@blueprint.route("/billing-runs/<int:run_id>/continue", methods=["POST"])
@blueprint.needs("manage_billing")
@blueprint.arguments(shapes.RunContinue)
@blueprint.response(200, shapes.RunOut)
def continue_billing_run(body: dict[str, Any], run_id: int) -> dict[str, Any]:
    """Let a stopped run go on; one that stopped by itself needs a reason"""
    return _committed(runs.go_on(**acting(), run_id=run_id, **body))


@blueprint.route("/billing-runs/<int:run_id>/undo", methods=["POST"])
@blueprint.needs("manage_billing")
@blueprint.arguments(shapes.RunReason)
@blueprint.response(200, shapes.RunOut)
def undo_billing_run(body: dict[str, Any], run_id: int) -> dict[str, Any]:
    """Bring back everybody whom it suspended and who is still suspended by it"""
    return _committed(runs.undo(**acting(), run_id=run_id, **body))


def _committed(row: BillingRun) -> dict[str, Any]:
    database.commit()
    return shown(row)


def shown(row: BillingRun) -> dict[str, Any]:
    """A run with what is worked out from it."""
    far = runs.progress(row)
    return {column.key: getattr(row, column.key) for column in BillingRun.__table__.columns} | {
        "percent": far.percent, "seconds_left": far.seconds_left, "why_stopped": runs.why_stopped(row),
        "would_stop": runs.would_stop(row),
    }  # fmt: skip
