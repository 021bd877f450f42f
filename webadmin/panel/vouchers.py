"""Vouchers: the list of codes, a new batch with its codes, and taking some out of use."""

from operator import attrgetter

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l

from bss import voucher_sheets
from bss import vouchers as use
from bss.failure import Failure, NotFound
from db.models import Voucher
from db.queries.operators import seen_choices
from db.queries.paging import Page, Wanted
from db.queries.panel import catalogue
from db.queries.vouchers import SORTS, batch_named, page_of_vouchers
from domain.voucher import VOUCHER_STATES
from paper.documents import sheet_picture
from webadmin import format as spell
from webadmin.forms.vouchers import VoucherForm
from webadmin.panel.filters import language
from webadmin.panel.moments import from_local
from webadmin.panel.states import state_text
from webadmin.panel.support import act, attempt, back_url, db, now, problems_of, render, run, tenant, with_follow
from webadmin.panel.tables import Column, List, Table, declare
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("vouchers", __name__)
LONGEST = 64


def lines(wanted: Wanted) -> Page[Voucher]:
    """A part of the list that the address asks for; an operator's staff see their own batches."""
    asked = _asked()
    return page_of_vouchers(
        db(),
        tenant_id=tenant().id,
        state=asked["state"] or None,
        batch=asked["batch"] or None,
        code=asked["q"] or None,
        sold={"yes": True, "no": False}.get(asked["sold"]),
        operator_ids=use.operators_seen(db(), actor=current_actor()),
        wanted=wanted,
    )


def _asked() -> dict[str, str]:
    """The filter bar's values in the address; what cannot be meant filters nothing."""
    asked = {name: request.args.get(name, "").strip()[:LONGEST] for name in ("state", "batch", "q", "sold")}
    return asked | {
        "state": asked["state"] if asked["state"] in VOUCHER_STATES else "",
        "sold": asked["sold"] if asked["sold"] in ("yes", "no") else "",
    }


VOUCHERS = declare(
    List(
        key="vouchers",
        endpoint="panel.vouchers.index",
        lines=lines,
        sorts=tuple(SORTS),
        sort="-created_at",
        export_permission="manage_vouchers",
        views=(
            (_l("Unused"), {"state": "unused"}),
            (_l("In use"), {"state": "active"}),
            (_l("Sold, not used yet"), {"sold": "yes", "state": "unused"}),
            (_l("Disabled"), {"state": "disabled"}),
        ),
        columns=(
            Column(key="code", text=_l("Code"), sort="code", is_fixed=True, value=attrgetter("code")),
            Column(key="batch", text=_l("Batch"), value=lambda row: row.batch.name if row.batch else None),
            Column(
                key="worth",
                text=_l("Worth"),
                value=lambda row: row.batch.plan.name if row.batch and row.batch.plan else None,
            ),
            Column(key="state", text=_l("State"), value=lambda row: state_text("voucher", row.state)),
            Column(key="sold", text=_l("Sold"), value=attrgetter("sold_at")),
            Column(key="seller", text=_l("Sold by"), is_extra=True, value=attrgetter("sold_by")),
            Column(key="used", text=_l("First use"), value=lambda row: row.redeemed_at or row.first_used_at),
            Column(key="until", text=_l("Valid until"), value=attrgetter("valid_until")),
            Column(
                key="made",
                text=_l("Made"),
                sort="created_at",
                is_extra=True,
                begins_descending=True,
                value=attrgetter("created_at"),
            ),
        ),
    )
)


@blueprint.get("/vouchers")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """Vouchers, newest first, narrowed by the filters in the address."""
    asked = _asked()
    return render(
        "panel/vouchers/index.html",
        table=Table(VOUCHERS),
        asked=asked,
        is_filtered=any(asked.values()),
        batch_row=batch_named(db(), asked["batch"], tenant_id=tenant().id) if asked["batch"] else None,
    )


@blueprint.post("/vouchers/many")
@requires("manage_vouchers")
def many() -> ResponseReturnValue:
    """Take the marked vouchers out of use, or give them back; who cannot be changed is left as he is."""
    ids = [int(text) for text in request.form.getlist("voucher_id") if text.isdigit() and len(text) < 19]
    disabled = request.form.get("action") == "disable"
    try:
        changed = run(use.set_many_disabled, voucher_ids=ids, disabled=disabled)
    except NotFound:
        abort(404)
    flash(
        ngettext("%(num)s voucher is disabled.", "%(num)s vouchers are disabled.", changed.count)
        if disabled
        else ngettext("%(num)s voucher can be used again.", "%(num)s vouchers can be used again.", changed.count),
        "success",
    )
    return redirect(with_follow(back_url(url_for("panel.vouchers.index")), changed.effect), 303)


@blueprint.route("/vouchers/new", methods=["GET", "POST"])
@requires("manage_vouchers")
def new() -> ResponseReturnValue:
    """A new batch; its codes are shown after saving."""
    form = VoucherForm()
    plans = plans_for_hotspots()
    form.service_plan_id.offer(plans)
    if plans and not form.is_submitted():
        form.service_plan_id.data = plans[0][0]
    form.operator_id.offer(seen_choices(db(), tenant().id))
    if form.validate_on_submit():
        made = attempt(form, use.create, **form.values(), sell_until=from_local(form.sell_until.data))
        if made is not None:
            return render("panel/vouchers/made.html", batch=made[0].batch, codes=[row.code for row in made])
    return render(
        "panel/vouchers/form.html",
        422 if form.is_submitted() else 200,
        form=form,
        most=use.MAX_AT_ONCE,
        zone_name=tenant().timezone,
    )


@blueprint.post("/vouchers/preview")
@requires("manage_vouchers")
def preview() -> ResponseReturnValue:
    """What the form as it stands would make, with a picture of the vouchers; nothing is made."""
    form, draft, picture, problems = VoucherForm(), None, "", list[str]()
    form.service_plan_id.offer(plans_for_hotspots())
    form.operator_id.offer(seen_choices(db(), tenant().id))
    if form.validate():
        sell_until = from_local(form.sell_until.data)
        try:
            draft = use.look_at(db(), actor=current_actor(), now=now(), **form.values(), sell_until=sell_until)
            example = voucher_sheets.example_of(db(), actor=current_actor(), now=now(), draft=draft)
            picture = sheet_picture(example, rows=1)
        except Failure as refusal:
            problems = [text for _, text in problems_of(refusal)]
    return render("panel/vouchers/_preview.html", draft=draft, picture=picture, problems=problems)


@blueprint.post("/vouchers/<int:voucher_id>/disabled")
@requires("manage_vouchers")
def change(voucher_id: int) -> ResponseReturnValue:
    """Take a voucher out of use, or give it back."""
    disabled = request.form.get("do") == "disable"
    message = gettext("The voucher is disabled.") if disabled else gettext("The voucher can be used again.")
    back = back_url(url_for("panel.vouchers.index"))
    return act(back, message, use.set_disabled, voucher_id=voucher_id, disabled=disabled)


def plans_for_hotspots() -> list[tuple[int, str]]:
    """The plans that a hotspot login can have, with their speeds."""
    return [
        (plan.id, f"{plan.name} · {spell.speed_pair(plan.download_kbps, plan.upload_kbps, language())}")
        for plan in catalogue.choices_of_plans(db())
        if plan.connection_type in use.PLAN_KINDS
    ]
