"""What saving a plan would do to those online, and its roll-out in stages with Stop and Continue."""

from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import plan_preview
from bss import rollouts as use
from bss.failure import Failure
from db.models import PlanRollout, ServicePlan
from db.queries.rollouts import rollouts_of_plan
from db.queries.rows import find_row
from webadmin.forms.plans import PlanForm
from webadmin.panel.support import act, db, found, now, render, tenant
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("rollouts", __name__)


@blueprint.post("/plans/<int:plan_id>/effect")
@requires("manage_plans")
def effect(plan_id: int) -> ResponseReturnValue:
    """What saving the form as it stands would do to running sessions; nothing is saved."""
    found(find_row(db(), ServicePlan, plan_id, tenant_id=tenant().id))
    form, told = PlanForm(), None
    if form.validate():
        try:
            told = plan_preview.preview(db(), actor=current_actor(), now=now(), plan_id=plan_id, changes=form.values())
        except Failure:
            # What is wrong is said when the form is sent; here there is just nothing to tell yet.
            told = None
        finally:
            db().rollback()
    return render("panel/plans/_effect.html", told=told, plan_id=plan_id)


@blueprint.get("/plans/<int:plan_id>/rollout")
@requires("view_plans")
def progress(plan_id: int) -> ResponseReturnValue:
    """The plan's newest roll-out, as it stands now."""
    plan = found(find_row(db(), ServicePlan, plan_id, tenant_id=tenant().id))
    return render("panel/plans/_rollout.html", plan=plan, **newest(plan))


def newest(plan: ServicePlan) -> dict[str, Any]:
    """The plan's newest roll-out for the templates, with what became of those asked."""
    rows = rollouts_of_plan(db(), plan.id, limit=1)
    return {"rollout": rows[0] if rows else None, "counts": use.counts(db(), rows[0]) if rows else None}


@blueprint.post("/rollouts/<int:rollout_id>/advance")
@requires("manage_plans")
def advance(rollout_id: int) -> ResponseReturnValue:
    """The next stage, or on after a stop."""
    return act(_page_of(rollout_id), gettext("The roll-out goes on."), use.advance, rollout_id=rollout_id)


@blueprint.post("/rollouts/<int:rollout_id>/stop")
@requires("manage_plans")
def stop(rollout_id: int) -> ResponseReturnValue:
    """No more sessions are told."""
    message = gettext("Stopped: no more sessions are told. Those that have the new speed keep it.")
    return act(_page_of(rollout_id), message, use.stop, rollout_id=rollout_id)


def _page_of(rollout_id: int) -> str:
    rollout = found(find_row(db(), PlanRollout, rollout_id, tenant_id=tenant().id))
    return url_for("panel.plans.show", plan_id=rollout.service_plan_id)
