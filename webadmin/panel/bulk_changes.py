"""One change to many sessions: asked for with its filter, followed while it goes on, held, let go on and stopped."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import bulk_changes as use
from bss.failure import Failure
from db.models import BulkChange
from db.queries.bulk_changes import Wanted, count_wanted, reports
from db.queries.panel import catalogue
from db.queries.rows import find_row
from domain.bulk import BULK_KINDS
from webadmin.panel.support import act, argument_id, db, found, problems_of, render, run, tenant
from webadmin.permissions import requires

blueprint = Blueprint("bulk_changes", __name__)
SHOWN = 50


@blueprint.get("/changes/bulk")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """The last changes to many, and the form for another with whom it would be for."""
    wanted = _wanted()
    is_narrowed = wanted != Wanted(tenant_id=tenant().id)
    rows = use.bulks_of(db(), tenant().id, limit=SHOWN)
    return render(
        "panel/changes/bulk.html",
        rows=rows,
        reports=reports(db(), [row.id for row in rows]),
        wanted=wanted,
        is_narrowed=is_narrowed,
        concerned=count_wanted(db(), wanted) if is_narrowed else 0,
        routers=catalogue.choices_of_routers(db()),
        plans=catalogue.choices_of_plans(db()),
    )


@blueprint.get("/changes/bulk/ask/<any(speed, disconnect):kind>")
@requires("disconnect_customers")
def ask(kind: str) -> ResponseReturnValue:
    """What one does, before it begins."""
    wanted = _wanted()
    back = url_for(
        "panel.bulk_changes.index",
        q=wanted.search or None,
        router=wanted.nas_server_id,
        plan=wanted.service_plan_id,
    )
    return render(
        "panel/changes/bulk_question.html",
        kind=kind,
        wanted=wanted,
        concerned=count_wanted(db(), wanted),
        back=back,
    )


@blueprint.post("/changes/bulk")
@requires("disconnect_customers")
def start() -> ResponseReturnValue:
    """Begin one."""
    kind = request.form.get("kind", "")
    try:
        bulk = run(
            use.start,
            kind=kind if kind in BULK_KINDS else "",
            nas_server_id=request.form.get("router", type=int),
            service_plan_id=request.form.get("plan", type=int),
            search=request.form.get("q", ""),
            again=request.form.get("again") == "yes",
        )
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        return redirect(url_for("panel.bulk_changes.index"), 303)
    return redirect(url_for("panel.bulk_changes.show", bulk_id=bulk.id), 303)


@blueprint.get("/changes/bulk/<int:bulk_id>")
@requires("view_customers")
def show(bulk_id: int) -> ResponseReturnValue:
    """How far one is and what became of those asked."""
    return render("panel/changes/bulk_one.html", **_values(bulk_id))


@blueprint.get("/changes/bulk/<int:bulk_id>/progress")
@requires("view_customers")
def progress(bulk_id: int) -> ResponseReturnValue:
    """The part of the page that updates in place."""
    return render("panel/changes/_bulk.html", **_values(bulk_id))


@blueprint.post("/changes/bulk/<int:bulk_id>/state")
@requires("disconnect_customers")
def change_state(bulk_id: int) -> ResponseReturnValue:
    """Hold it, let it go on, or stop it."""
    back, wanted = url_for("panel.bulk_changes.show", bulk_id=bulk_id), request.form.get("do", "")
    if wanted == "pause":
        return act(back, gettext("Held. Nothing more leaves until it goes on."), use.pause, bulk_id=bulk_id)
    if wanted == "resume":
        return act(back, gettext("It goes on."), use.resume, bulk_id=bulk_id)
    return act(back, gettext("Stopped. What was done stays."), use.stop, bulk_id=bulk_id)


def _wanted() -> Wanted:
    return Wanted(
        tenant_id=tenant().id,
        nas_server_id=argument_id("router"),
        service_plan_id=argument_id("plan"),
        search=request.args.get("q", "").strip()[:100],
    )


def _values(bulk_id: int) -> dict[str, Any]:
    bulk = found(find_row(db(), BulkChange, bulk_id, tenant_id=tenant().id))
    routers, plans = catalogue.choices_of_routers(db()), catalogue.choices_of_plans(db())
    return {
        "bulk": bulk,
        "report": use.report(db(), bulk),
        "router": next((nas.name for nas in routers if nas.id == bulk.nas_server_id), None),
        "plan": next((plan.name for plan in plans if plan.id == bulk.service_plan_id), None),
    }
