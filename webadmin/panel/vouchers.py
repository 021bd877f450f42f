"""Vouchers: the list of codes, a new batch with its codes, and taking one out of use."""

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import voucher_sheets
from bss import vouchers as use
from bss.failure import Failure
from db.queries.operators import operator_choices
from db.queries.paging import Wanted
from db.queries.panel import catalogue
from db.queries.vouchers import batch_named, page_of_vouchers
from domain.voucher import VOUCHER_STATES
from paper.documents import sheet_picture
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
    now,
    page_number,
    problems_of,
    render,
    tenant,
)
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("vouchers", __name__)
LONGEST = 64


@blueprint.get("/vouchers")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """Vouchers, newest first, narrowed by the filters in the address."""
    asked = {name: request.args.get(name, "").strip()[:LONGEST] for name in ("state", "batch", "q", "sold")}
    state = asked["state"] if asked["state"] in VOUCHER_STATES else ""
    found = page_of_vouchers(
        db(),
        tenant_id=tenant().id,
        state=state or None,
        batch=asked["batch"] or None,
        code=asked["q"] or None,
        sold={"yes": True, "no": False}.get(asked["sold"]),
        operator_ids=use.operators_seen(db(), actor=current_actor()),
        wanted=Wanted(sort="-created_at", page=page_number(), page_size=PAGE_SIZE),
    )
    return render(
        "panel/vouchers/index.html",
        rows=found.items,
        state_wanted=state,
        batch=asked["batch"],
        batch_row=batch_named(db(), asked["batch"], tenant_id=tenant().id) if asked["batch"] else None,
        q=asked["q"],
        sold=asked["sold"],
        page=Page(number=page_number(), size=PAGE_SIZE, total=found.total_items),
    )


@blueprint.route("/vouchers/new", methods=["GET", "POST"])
@requires("manage_vouchers")
def new() -> ResponseReturnValue:
    """A new batch; its codes are shown after saving."""
    form = VoucherForm()
    plans = plans_for_hotspots()
    form.service_plan_id.offer(plans)
    if plans and not form.is_submitted():
        form.service_plan_id.data = plans[0][0]
    form.operator_id.offer(operator_choices(db(), tenant().id))
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
    form.operator_id.offer(operator_choices(db(), tenant().id))
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
