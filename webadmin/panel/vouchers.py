"""Vouchers: the list, a new batch with its codes, and taking one or a whole batch out of use."""

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from bss import vouchers as use
from bss.failure import Failure
from db.queries.paging import Wanted
from db.queries.panel import catalogue
from db.queries.vouchers import page_of_vouchers, plan_names, states_of_batch
from domain.spreadsheet import as_csv
from domain.voucher import VOUCHER_STATES
from webadmin import format as spell
from webadmin.forms.vouchers import VoucherForm
from webadmin.panel.filters import language
from webadmin.panel.moments import from_local
from webadmin.panel.support import (
    PAGE_SIZE,
    Page,
    act,
    attempt,
    back_url,
    db,
    effect_of,
    page_number,
    problems_of,
    render,
    run,
    tenant,
    with_follow,
)
from webadmin.permissions import requires

blueprint = Blueprint("vouchers", __name__)
LONGEST = 64


@blueprint.get("/vouchers")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """Vouchers, newest first, narrowed by the filters in the address; a batch says how it stands."""
    asked = {name: request.args.get(name, "").strip()[:LONGEST] for name in ("state", "batch", "q")}
    state = asked["state"] if asked["state"] in VOUCHER_STATES else ""
    wanted = Wanted(sort="-created_at", page=page_number(), page_size=PAGE_SIZE)
    found = page_of_vouchers(
        db(),
        tenant_id=tenant().id,
        state=state or None,
        batch=asked["batch"] or None,
        code=asked["q"] or None,
        wanted=wanted,
    )
    return render(
        "panel/vouchers/index.html",
        rows=found.items,
        plans=plan_names(db(), found.items),
        state_wanted=state,
        batch=asked["batch"],
        q=asked["q"],
        counts=states_of_batch(db(), tenant_id=tenant().id, batch=asked["batch"]) if asked["batch"] else {},
        page=Page(number=page_number(), size=PAGE_SIZE, total=found.total_items),
    )


@blueprint.route("/vouchers/new", methods=["GET", "POST"])
@requires("create_customers")
def new() -> ResponseReturnValue:
    """A new batch; its codes are shown after saving."""
    form = VoucherForm()
    form.service_plan_id.offer(
        (plan.id, f"{plan.name} · {spell.speed_pair(plan.download_kbps, plan.upload_kbps, language())}")
        for plan in catalogue.choices_of_plans(db())
        if plan.connection_type in use.PLAN_KINDS
    )
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


@blueprint.post("/vouchers/<int:voucher_id>/disabled")
@requires("suspend_customers")
def change(voucher_id: int) -> ResponseReturnValue:
    """Take a voucher out of use, or give it back."""
    disabled = request.form.get("do") == "disable"
    message = gettext("The voucher is disabled.") if disabled else gettext("The voucher can be used again.")
    back = back_url(url_for("panel.vouchers.index"))
    return act(back, message, use.set_disabled, voucher_id=voucher_id, disabled=disabled)


@blueprint.post("/vouchers/batch")
@requires("suspend_customers")
def change_batch() -> ResponseReturnValue:
    """Take a whole batch out of use, or give it back."""
    batch, disabled = request.form.get("batch", ""), request.form.get("do") == "disable"
    back = url_for("panel.vouchers.index", batch=batch[:LONGEST])
    try:
        done = run(use.set_batch_disabled, batch=batch, disabled=disabled)
    except Failure as refusal:
        return _refused(refusal)
    flash(_changed(done.changed, disabled=disabled), "success")
    return redirect(with_follow(back, effect_of(done)), 303)


@blueprint.post("/vouchers/export")
@requires("create_customers")
def export() -> ResponseReturnValue:
    """A batch as a table for a spreadsheet, codes included; the audit log says who took them."""
    try:
        rows = run(use.export, batch=request.form.get("batch", ""))
    except Failure as refusal:
        return _refused(refusal)
    headers = {"Content-Disposition": 'attachment; filename="vouchers.csv"', "Cache-Control": "no-store"}
    return Response(as_csv(rows), mimetype="text/csv", headers=headers)


def _changed(count: int, *, disabled: bool) -> str:
    if disabled:
        return str(ngettext("%(num)d voucher was disabled.", "%(num)d vouchers were disabled.", count))
    return str(ngettext("%(num)d voucher can be used again.", "%(num)d vouchers can be used again.", count))


def _refused(refusal: Failure) -> ResponseReturnValue:
    for _, text in problems_of(refusal):
        flash(text, "error")
    return redirect(url_for("panel.vouchers.index"), 303)
