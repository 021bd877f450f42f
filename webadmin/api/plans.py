"""Service plans over HTTP."""

from typing import Any

from bss import plans
from bss.plan_fields import burst_fields
from bss.rows import find
from db.models import ServicePlan
from db.queries.lists import PlanFilter, page_of_plans, subscribers_by_plan
from webadmin import database
from webadmin.api import schemas
from webadmin.api.base import (
    PREFIX,
    Blueprint,
    acting,
    actor,
    as_list,
    as_result,
    as_whole_list,
    page_of,
    refuse_body,
    tenant,
    tenant_id,
    wanted_part,
)

blueprint = Blueprint("service-plans", __name__, url_prefix=f"{PREFIX}/service-plans", description="What is sold")


@blueprint.route("")
@blueprint.needs("view_plans")
@blueprint.arguments(schemas.PlanQuery, location="query")
@blueprint.response(200, schemas.PlanList)
def list_plans(arguments: dict[str, Any]) -> dict[str, Any]:
    """List plans"""
    wanted = wanted_part(arguments)
    fits = PlanFilter(**arguments)
    page = page_of(lambda: page_of_plans(database.session(), tenant_id=tenant_id(), fits=fits, wanted=wanted))
    counts = subscribers_by_plan(database.session(), [plan.id for plan in page.items])
    for plan in page.items:
        plan.customers_count = counts.get(plan.id, 0)
        plan.monthly_revenue = plans.monthly_revenue(plan, plan.customers_count, currency=tenant().currency)
    return as_list(page)


@blueprint.route("", methods=["POST"])
@blueprint.needs("manage_plans")
@blueprint.arguments(schemas.PlanIn)
@blueprint.response(201, schemas.PlanOut)
def create_plan(body: dict[str, Any]) -> ServicePlan:
    """Add a plan"""
    plan = plans.create(**acting(), values=_with_burst(body))
    database.commit()
    return plan


@blueprint.route("/starters", methods=["POST"])
@blueprint.needs("manage_plans")
@blueprint.response(201, schemas.PlanList)
def add_starter_plans() -> dict[str, Any]:
    """Add the four plans that many providers begin with, where there is none yet"""
    refuse_body()
    made: list[Any] = plans.add_starters(**acting())
    database.commit()
    for plan in made:
        plan.customers_count, plan.monthly_revenue = 0, 0
    return as_whole_list(made)


@blueprint.route("/<int:plan_id>")
@blueprint.needs("view_plans")
@blueprint.response(200, schemas.PlanOut)
def get_plan(plan_id: int) -> ServicePlan:
    """One plan"""
    return find(database.session(), ServicePlan, plan_id, actor=actor())


@blueprint.route("/<int:plan_id>", methods=["PATCH"])
@blueprint.needs("manage_plans")
@blueprint.arguments(schemas.PlanPatch)
@blueprint.response(200, schemas.PlanResult)
def edit_plan(body: dict[str, Any], plan_id: int) -> dict[str, Any]:
    """Change a plan; running sessions get a changed rate at once"""
    apply_live = body.pop("apply_live")
    changed = plans.edit(**acting(), plan_id=plan_id, changes=_with_burst(body), apply_live=apply_live)
    database.commit(changed.effect)
    return as_result("Saved", changed.effect, plan=changed.row)


@blueprint.route("/<int:plan_id>/copy", methods=["POST"])
@blueprint.needs("manage_plans")
@blueprint.arguments(schemas.PlanCopyIn)
@blueprint.response(201, schemas.PlanOut)
def copy_plan(body: dict[str, Any], plan_id: int) -> ServicePlan:
    """Add a plan that is like another one, under a name of its own"""
    plan = plans.copy(**acting(), plan_id=plan_id, name=body["name"])
    database.commit()
    return plan


@blueprint.route("/<int:plan_id>", methods=["DELETE"])
@blueprint.needs("manage_plans")
@blueprint.response(204)
def delete_plan(plan_id: int) -> None:
    """Remove a plan that nobody has"""
    plans.delete(**acting(), plan_id=plan_id)
    database.commit()


@blueprint.route("/<int:plan_id>/deactivate", methods=["POST"])
@blueprint.needs("manage_plans")
@blueprint.response(200, schemas.PlanResult)
def deactivate_plan(plan_id: int) -> dict[str, Any]:
    """Stop selling a plan"""
    refuse_body()
    changed = plans.deactivate(**acting(), plan_id=plan_id)
    database.commit()
    return as_result("Deactivated", changed.effect, plan=changed.row)


@blueprint.route("/<int:plan_id>/reactivate", methods=["POST"])
@blueprint.needs("manage_plans")
@blueprint.response(200, schemas.PlanResult)
def reactivate_plan(plan_id: int) -> dict[str, Any]:
    """Sell a plan again"""
    refuse_body()
    changed = plans.reactivate(**acting(), plan_id=plan_id)
    database.commit()
    return as_result("Reactivated", changed.effect, plan=changed.row)


def _with_burst(body: dict[str, Any]) -> dict[str, Any]:
    """The fields with a burst in RouterOS's words taken apart."""
    burst = body.pop("burst", None)
    return body if burst is None else body | burst_fields(burst)
