"""What an edit of a plan would do, and its roll-out in stages, over HTTP."""

from typing import Any

from bss import plan_preview, rollouts
from bss.rows import find
from db.models import PlanRollout, ServicePlan
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_result, refuse_body

blueprint = Blueprint(
    "plan-rollouts", __name__, url_prefix=PREFIX, description="A plan's change, seen before and in stages"
)


@blueprint.route("/service-plans/<int:plan_id>/preview", methods=["POST"])
@blueprint.needs("manage_plans")
@blueprint.arguments(schemas.PlanPreviewIn)
@blueprint.response(200, schemas.PreviewOut)
def preview_plan(body: dict[str, Any], plan_id: int) -> plan_preview.Preview:
    """What an edit would do to running sessions; nothing is saved"""
    return plan_preview.preview(**acting(), plan_id=plan_id, changes=body)


@blueprint.route("/service-plans/<int:plan_id>/rollouts", methods=["POST"])
@blueprint.needs("manage_plans")
@blueprint.arguments(schemas.RolloutIn)
@blueprint.response(201, schemas.RolloutStarted)
def start_rollout(body: dict[str, Any], plan_id: int) -> dict[str, Any]:
    """Change a plan; running sessions get it in stages of 1 %, 10 % and all"""
    how = {name: body.pop(name) for name in ("is_automatic", "failures_percent")}
    started = rollouts.start(**acting(), plan_id=plan_id, changes=body, **how)
    database.commit(started.effect)
    plan = find(database.session(), ServicePlan, plan_id, actor=actor())
    shown = None if started.row is None else _shown(started.row)
    return as_result("Saved", started.effect, plan=plan, rollout=shown)


@blueprint.route("/service-plans/<int:plan_id>/rollouts")
@blueprint.needs("view_plans")
@blueprint.response(200, schemas.RolloutList)
def list_rollouts(plan_id: int) -> dict[str, Any]:
    """The last roll-outs of a plan, the newest first"""
    rows = rollouts.of_plan(database.session(), actor=actor(), plan_id=plan_id)
    return {"items": [_shown(row) for row in rows]}


@blueprint.route("/plan-rollouts/<int:rollout_id>")
@blueprint.needs("view_plans")
@blueprint.response(200, schemas.RolloutOut)
def get_rollout(rollout_id: int) -> PlanRollout:
    """One roll-out with what became of the sessions asked"""
    return _shown(find(database.session(), PlanRollout, rollout_id, actor=actor()))


@blueprint.route("/plan-rollouts/<int:rollout_id>/advance", methods=["POST"])
@blueprint.needs("manage_plans")
@blueprint.response(200, schemas.RolloutResult)
def advance_rollout(rollout_id: int) -> dict[str, Any]:
    """Begin the next stage, or go on after a stop"""
    refuse_body()
    changed = rollouts.advance(**acting(), rollout_id=rollout_id)
    database.commit(changed.effect)
    return as_result("Goes on", changed.effect, rollout=_shown(changed.row))


@blueprint.route("/plan-rollouts/<int:rollout_id>/stop", methods=["POST"])
@blueprint.needs("manage_plans")
@blueprint.response(200, schemas.RolloutResult)
def stop_rollout(rollout_id: int) -> dict[str, Any]:
    """Ask no more sessions; who has the new speed keeps it"""
    refuse_body()
    changed = rollouts.stop(**acting(), rollout_id=rollout_id)
    database.commit()
    return as_result("Stopped", changed.effect, rollout=_shown(changed.row))


def _shown(rollout: PlanRollout) -> PlanRollout:
    rollout.counts = rollouts.counts(database.session(), rollout)  # type: ignore[attr-defined]
    return rollout
