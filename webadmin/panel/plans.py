"""Plans: the list, and the form with the exact rate limit while typing."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l

from bss import plans as use
from bss import rollouts
from bss.outcome import Changed
from bss.provider import settings_of
from db.models import PlanRollout, ServicePlan
from db.models.plans import CONNECTION_TYPES
from db.queries.lists import PlanFilter
from db.queries.paging import Page, Wanted
from db.queries.panel import catalogue, network
from db.queries.rows import find_row
from domain.customer_record import CUSTOMER_TYPES
from webadmin.forms.allowances import MAX_QUOTAS, MAX_WINDOWS, WEEKDAYS, edits_list
from webadmin.forms.attributes import edits_rows
from webadmin.forms.plans import MAX_TIER_ROWS, PlanForm
from webadmin.panel.attributes import choices
from webadmin.panel.plan_drawings import steps_of, week_of
from webadmin.panel.rollouts import newest
from webadmin.panel.support import (
    act,
    argument_id,
    attempt,
    db,
    effect_of,
    followed_ids,
    found,
    render,
    tenant,
    with_follow,
)
from webadmin.panel.tables import Column, List, Table, declare, part_of_rows
from webadmin.panel.words import choice_words
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("plans", __name__)


# What is sold comes before what is not.
_SORTS: Mapping[str, Callable[[catalogue.PlanRow], Any]] = {
    "state": lambda row: (not row.plan.is_active, row.plan.name.lower()),
    "name": lambda row: row.plan.name.lower(),
    "download": lambda row: row.plan.download_kbps,
    "upload": lambda row: row.plan.upload_kbps,
    "price": lambda row: row.plan.price,
    "subscribers": lambda row: row.subscribers,
    "online": lambda row: row.online,
}


def lines(wanted: Wanted) -> Page[catalogue.PlanRow]:
    """A part of the plans that the address asks for."""
    return part_of_rows(catalogue.plan_rows(db(), _filter_of_request()), sorts=_SORTS, wanted=wanted)


def _number(name: str, text: Any, value: Callable[[catalogue.PlanRow], Any], **more: Any) -> Column:
    return Column(key=name, text=text, sort=name, is_number=True, begins_descending=True, value=value, **more)


def _revenue(row: catalogue.PlanRow) -> Any:
    return use.monthly_revenue(row.plan, row.active, currency=tenant().currency)


PLANS = declare(
    List(
        key="plans",
        endpoint="panel.plans.index",
        lines=lines,
        sorts=tuple(_SORTS),
        sort="state",
        permission="view_plans",
        export_permission="view_plans",
        views=(
            (_l("On sale"), {"state": "sold"}),
            (_l("Recommended"), {"state": "popular"}),
            (_l("Not on sale"), {"state": "not"}),
        ),
        columns=(
            Column(key="name", text=_l("Plan"), sort="name", is_fixed=True, value=lambda row: row.plan.name),
            Column(
                key="type",
                text=_l("Kind of access"),
                is_extra=True,
                value=lambda row: str(choice_words(row.plan.connection_type)),
            ),
            _number("download", _l("Download"), lambda row: row.plan.download_kbps),
            _number("upload", _l("Upload"), lambda row: row.plan.upload_kbps),
            Column(key="fup", text=_l("Fair use"), value=lambda row: len(row.plan.fup_rules)),
            _number("price", _l("Price"), lambda row: row.plan.price),
            _number("subscribers", _l("Subscribers"), lambda row: row.subscribers),
            Column(key="month", text=_l("In a month"), is_number=True, value=_revenue),
            _number("online", _l("Online"), lambda row: row.online),
            Column(
                key="state",
                text=_l("State"),
                sort="state",
                value=lambda row: gettext("sold") if row.plan.is_active else gettext("not sold"),
            ),
        ),
    )
)


@blueprint.get("/plans")
@requires("view_plans")
def index() -> ResponseReturnValue:
    """All plans with their subscribers, narrowed by the filters in the address."""
    fits = _filter_of_request()
    return render(
        "panel/plans/index.html",
        table=Table(PLANS),
        revenue=_revenue,
        fits=fits,
        is_filtered=fits != PlanFilter(),
        connection_types=CONNECTION_TYPES,
        customer_types=CUSTOMER_TYPES,
    )


def _filter_of_request() -> PlanFilter:
    """The filter bar's values in the address; what cannot be meant filters nothing."""
    given = request.args
    return PlanFilter(
        search=given.get("q", "").strip()[:100] or None,
        is_active={"sold": True, "not": False}.get(given.get("state", "")),
        is_popular=True if given.get("state") == "popular" else None,
        connection_type=given["type"] if given.get("type") in CONNECTION_TYPES else None,
        customer_type=given["for"] if given.get("for") in CUSTOMER_TYPES else None,
    )


@blueprint.route("/plans/new", methods=["GET", "POST"])
@requires("manage_plans")
def new() -> ResponseReturnValue:
    """A new plan, empty or like another one."""
    form = PlanForm(obj=_like(), grace_period_days=_usual_grace()) if request.method == "GET" else PlanForm()
    if _edits_a_list(form):
        return _form(form, None)
    if form.validate_on_submit():
        plan = attempt(form, use.create, values=form.values())
        if plan is not None:
            flash(gettext("%(name)s was added.", name=plan.name), "success")
            return redirect(url_for("panel.plans.index"), 303)
    return _form(form, None)


def _usual_grace() -> int:
    return settings_of(db(), actor=current_actor()).grace_period_days


def _like() -> Any:
    """The plan that a new one is to be like, under a name of its own."""
    plan_id = argument_id("like")
    if plan_id is None:
        return None
    plan = _plan(plan_id)
    name = gettext("%(name)s (copy)", name=plan.name)
    return SimpleNamespace(**use.values_of(plan), details=plan.details, name=name[:255], slug="")


@blueprint.get("/plans/<int:plan_id>")
@requires("view_plans")
def show(plan_id: int) -> ResponseReturnValue:
    """A plan, to read or to change."""
    plan = _plan(plan_id)
    return _form(PlanForm(obj=plan), plan)


@blueprint.post("/plans/<int:plan_id>/save")
@requires("manage_plans")
def save(plan_id: int) -> ResponseReturnValue:
    """Save a plan; running sessions follow unless told otherwise."""
    form = PlanForm()
    if not _edits_a_list(form) and form.validate_on_submit():
        done = _save(form, plan_id)
        if done is not None:
            in_stages = isinstance(done.row, PlanRollout)
            flash(_staged() if in_stages else _saved(effect_of(done).sessions), "success")
            back = url_for("panel.plans.show", plan_id=plan_id)
            return redirect(back if in_stages else with_follow(back, effect_of(done)), 303)
    return _form(form, _plan(plan_id))


def _save(form: PlanForm, plan_id: int) -> Changed[Any] | None:
    """Save the form; running sessions follow as it says."""
    tell = form.tell.data
    if tell in ("stages", "auto"):
        how = {"changes": form.values(), "is_automatic": tell == "auto"}
        return attempt(form, rollouts.start, plan_id=plan_id, **how)
    return attempt(form, use.edit, plan_id=plan_id, changes=form.values(), apply_live=tell == "now")


def _staged() -> str:
    return str(gettext("Saved. New logins have it at once; running sessions get it in stages."))


def _saved(sessions: int) -> str:
    if not sessions:
        return str(gettext("Saved. No running session is concerned."))
    told = ngettext(
        "Saved. %(num)d running session gets its new speed now.",
        "Saved. %(num)d running sessions get their new speed now.",
        sessions,
    )
    return str(told)


@blueprint.post("/plans/starters")
@requires("manage_plans")
def starters() -> ResponseReturnValue:
    """The plans that many begin with."""
    return act(
        url_for("panel.plans.index"), gettext("Four plans were added; change them as you like."), use.add_starters
    )


@blueprint.post("/plans/tiers")
@requires("manage_plans")
def tiers() -> ResponseReturnValue:
    """The tiers part of the form with a row more or less."""
    form = PlanForm()
    _edits_tiers(form)
    return render("panel/plans/_tiers.html", form=form, rates=form.tier_rates(), max_tiers=MAX_TIER_ROWS)


@blueprint.post("/plans/preview")
@requires("view_plans")
def preview() -> ResponseReturnValue:
    """What the router would be told for what is typed so far, and whom saving touches."""
    form = PlanForm()
    plan_id = request.args.get("plan", type=int)
    reach = catalogue.plan_reach(db(), plan_id) if plan_id else None
    return render("panel/plans/_preview.html", form=form, rates=form.tier_rates(), reach=reach, **_drawn(form))


def _drawn(form: PlanForm) -> dict[str, Any]:
    """Fair use as steps and hours as a week, as far as they are typed."""
    full, rows = form.full_speed(), [entry.form for entry in form.fup_rules]
    tiers = zip((row.threshold_bytes.data for row in rows), form.tier_speeds(), strict=True)
    hours = [entry.form for entry in form.time_windows]
    return {
        "steps": None if full is None else steps_of(full, list(tiers)),
        "week": week_of([(row.weekdays.data or [], row.start.data or "", row.end.data or "") for row in hours]),
        "weekdays": list(WEEKDAYS.values()),
    }


@blueprint.post("/plans/<int:plan_id>/state")
@requires("manage_plans")
def change_state(plan_id: int) -> ResponseReturnValue:
    """Stop selling it, sell it again, or remove it."""
    wanted = request.form.get("do", "")
    if wanted == "delete":
        return act(url_for("panel.plans.index"), gettext("The plan was removed."), use.delete, plan_id=plan_id)
    back = url_for("panel.plans.show", plan_id=plan_id)
    if wanted == "reactivate":
        return act(back, gettext("The plan is sold again."), use.reactivate, plan_id=plan_id)
    return act(back, gettext("The plan is no longer sold; those who have it keep it."), use.deactivate, plan_id=plan_id)


def _edits_a_list(form: PlanForm) -> bool:
    """Whether the form was sent by a button of one of its lists, which then has a row more or less."""
    return (
        _edits_tiers(form)
        or edits_rows(form.reply_attributes, request.form)
        or edits_list(form.time_windows, request.form, most=MAX_WINDOWS)
        or edits_list(form.quotas, request.form, most=MAX_QUOTAS)
    )


def _edits_tiers(form: PlanForm) -> bool:
    """Add or take away a tier row when a tier button sent the form, leaving all that was typed."""
    if "add_tier" in request.form:
        if len(form.fup_rules) < MAX_TIER_ROWS:
            form.fup_rules.append_entry(_next_tier(form))
        return True
    position = request.form.get("remove_tier", type=int)
    if position is None:
        return False
    kept = [entry.form.data for place, entry in enumerate(form.fup_rules) if place != position]
    while len(form.fup_rules):
        form.fup_rules.pop_entry()
    for row in kept:
        form.fup_rules.append_entry(row)
    return True


def _next_tier(form: PlanForm) -> dict[str, Any]:
    """A new tier counts like the one before it."""
    if not len(form.fup_rules):
        return {}
    before = form.fup_rules[-1].form
    return {"counts": before.counts.data, "reset_period": before.reset_period.data}


def _plan(plan_id: int) -> ServicePlan:
    return found(find_row(db(), ServicePlan, plan_id, tenant_id=tenant().id))


def _form(form: PlanForm, plan: ServicePlan | None) -> ResponseReturnValue:
    failed = request.method == "POST" and not any(name.startswith(("add_", "remove_")) for name in request.form)
    return render(
        "panel/plans/form.html",
        422 if failed else 200,
        form=form,
        plan=plan,
        rates=form.tier_rates(),
        **_drawn(form),
        reach=catalogue.plan_reach(db(), plan.id) if plan is not None else None,
        max_tiers=MAX_TIER_ROWS,
        **choices(),
        **(newest(plan) if plan is not None else {"rollout": None, "counts": None}),
        follow=network.changes_by_id(db(), ids) if (ids := followed_ids(request.args.get("follow"))) else [],
    )
