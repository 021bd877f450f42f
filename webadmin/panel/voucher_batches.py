"""Batches of vouchers: how they stand, their terms, sheets to print, tables, and selling them."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from bss import voucher_sales, voucher_sheets
from bss import vouchers as use
from bss.failure import Failure, NotFound
from db.models import VoucherBatch
from db.queries.operators import seen_choices
from db.queries.paging import Wanted
from db.queries.voucher_sheets import sheets_of_batch
from db.queries.vouchers import counts_of, page_of_batches
from domain.lifecycle import IllegalMove
from domain.spreadsheet import as_csv
from paper.documents import sheet_picture
from webadmin.forms.vouchers import BatchForm, CountForm, ReasonForm, SaleForm, SheetForm
from webadmin.panel.heads import in_language
from webadmin.panel.support import (
    PAGE_SIZE,
    Page,
    attempt,
    db,
    effect_of,
    found,
    now,
    page_number,
    problems_of,
    render,
    run,
    tenant,
    with_follow,
)
from webadmin.paper import as_pdf
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("voucher_batches", __name__)
LONGEST = 50


@blueprint.get("/vouchers/batches")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """Batches, newest first, with how each stands."""
    q = request.args.get("q", "").strip()[:LONGEST]
    page = page_of_batches(
        db(),
        tenant_id=tenant().id,
        text=q or None,
        operator_ids=use.operators_seen(db(), actor=current_actor()),
        wanted=Wanted(sort="-created_at", page=page_number(), page_size=PAGE_SIZE),
    )
    return render(
        "panel/vouchers/batches.html",
        rows=page.items,
        counts=counts_of(db(), [row.id for row in page.items]),
        q=q,
        page=Page(number=page_number(), size=PAGE_SIZE, total=page.total_items),
    )


@blueprint.get("/vouchers/batches/<int:batch_id>")
@requires("view_customers")
def show(batch_id: int) -> ResponseReturnValue:
    """One batch: what its vouchers are worth, how many are left, and what can be done with them."""
    batch = _batch(batch_id)
    return render("panel/vouchers/batch.html", batch=batch, counts=counts_of(db(), [batch.id])[batch.id])


@blueprint.route("/vouchers/batches/<int:batch_id>/edit", methods=["GET", "POST"])
@requires("manage_vouchers")
def edit(batch_id: int) -> ResponseReturnValue:
    """Name, price, seller, commission and note."""
    batch = _batch(batch_id)
    form = BatchForm(obj=batch)
    form.operator_id.offer(seen_choices(db(), tenant().id))
    if form.validate_on_submit() and attempt(form, use.change, batch_id=batch_id, changes=form.values()) is not None:
        flash(gettext("Saved."), "success")
        return _to(batch_id)
    return render("panel/vouchers/edit.html", 422 if form.is_submitted() else 200, form=form, batch=batch)


@blueprint.route("/vouchers/batches/<int:batch_id>/add", methods=["GET", "POST"])
@requires("manage_vouchers")
def add(batch_id: int) -> ResponseReturnValue:
    """More vouchers of the same kind."""
    batch, form = _batch(batch_id), CountForm()
    if form.validate_on_submit():
        made = attempt(form, use.add, batch_id=batch_id, count=form.count.data)
        if made is not None:
            return render("panel/vouchers/made.html", batch=batch, codes=[row.code for row in made])
    return render(
        "panel/vouchers/add.html", 422 if form.is_submitted() else 200, form=form, batch=batch, most=use.MAX_AT_ONCE
    )


@blueprint.post("/vouchers/batches/<int:batch_id>/disabled")
@requires("manage_vouchers")
def change_all(batch_id: int) -> ResponseReturnValue:
    """Take a whole batch out of use, or give it back."""
    disabled = request.form.get("do") == "disable"
    done = _try(use.set_batch_disabled, batch_id=batch_id, disabled=disabled)
    if done is None:
        return _to(batch_id)
    flash(_changed(done.changed, disabled=disabled), "success")
    return redirect(with_follow(url_for("panel.voucher_batches.show", batch_id=batch_id), effect_of(done)), 303)


@blueprint.post("/vouchers/batches/<int:batch_id>/export")
@requires("manage_vouchers")
def export(batch_id: int) -> ResponseReturnValue:
    """A batch as a table for a spreadsheet, codes included; the audit log says who took them."""
    rows = _try(use.export, batch_id=batch_id)
    if rows is None:
        return _to(batch_id)
    headers = {"Content-Disposition": 'attachment; filename="vouchers.csv"', "Cache-Control": "no-store"}
    return Response(as_csv(in_language(rows)), mimetype="text/csv", headers=headers)


@blueprint.route("/vouchers/batches/<int:batch_id>/print", methods=["GET", "POST"])
@requires("manage_vouchers")
def sheet(batch_id: int) -> ResponseReturnValue:
    """A sheet to cut apart: a short one opens at once, a long one is printed in the background."""
    batch, form = _batch(batch_id), SheetForm(language=tenant().locale)
    if form.validate_on_submit():
        asked = attempt(form, voucher_sheets.ask, batch_id=batch_id, **form.values())
        if asked is not None:
            return redirect(url_for("panel.voucher_batches.sheet", batch_id=batch_id) + "#sheets", 303)
    return render(
        "panel/vouchers/print.html",
        422 if form.is_submitted() else 200,
        form=form,
        batch=batch,
        sheets=sheets_of_batch(db(), batch.id),
    )


@blueprint.post("/vouchers/batches/<int:batch_id>/print/preview")
@requires("manage_vouchers")
def preview(batch_id: int) -> ResponseReturnValue:
    """The first page as it will be printed, with made-up codes; nothing is printed."""
    batch, form = _batch(batch_id), SheetForm()
    picture, problems = "", list[str]()
    if form.validate():
        try:
            example = voucher_sheets.example(db(), actor=current_actor(), now=now(), batch_id=batch.id, **form.values())
            picture = sheet_picture(example)
        except Failure as refusal:
            problems = [text for _, text in problems_of(refusal)]
    return render("panel/vouchers/_page.html", picture=picture, problems=problems)


@blueprint.get("/vouchers/batches/<int:batch_id>/sheets")
@requires("manage_vouchers")
def sheets(batch_id: int) -> ResponseReturnValue:
    """How far the sheets of a batch are, as a part of its page."""
    batch = _batch(batch_id)
    return render("panel/vouchers/_sheets.html", batch=batch, sheets=sheets_of_batch(db(), batch.id))


@blueprint.get("/vouchers/sheets/<int:sheet_id>")
@requires("manage_vouchers")
def pdf(sheet_id: int) -> ResponseReturnValue:
    """A sheet that is done."""
    try:
        body = voucher_sheets.pdf_of(db(), sheet_id, actor=current_actor())
    except NotFound:
        return found(None)
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        return redirect(url_for("panel.voucher_batches.index"), 303)
    return as_pdf(body, f"vouchers-{sheet_id}")


@blueprint.route("/vouchers/batches/<int:batch_id>/sell", methods=["GET", "POST"])
@requires("manage_vouchers")
def sell(batch_id: int) -> ResponseReturnValue:
    """Sell the next ones; their codes and the receipt are shown after saving."""
    batch, form = _batch(batch_id), SaleForm()
    if form.validate_on_submit():
        sale = attempt(
            form, voucher_sales.sell, batch_id=batch_id, count=form.count.data, method=form.method.data,
            note=form.note.data or "",
        )  # fmt: skip
        if sale is not None:
            return render("panel/vouchers/sold.html", batch=batch, sale=sale, form=ReasonForm(formdata=None))
    counts = counts_of(db(), [batch.id])[batch.id]
    return render(
        "panel/vouchers/sell.html", 422 if form.is_submitted() else 200, form=form, batch=batch, counts=counts
    )


@blueprint.post("/vouchers/sales/<int:payment_id>/take-back")
@requires("manage_vouchers")
def take_back(payment_id: int) -> ResponseReturnValue:
    """Give the money of a sale back."""
    done = _try(voucher_sales.take_back_sale, payment_id=payment_id, reason=request.form.get("reason", "")[:300])
    if done is not None:
        flash(gettext("The sale was taken back; its vouchers are for sale again."), "success")
    return redirect(url_for("panel.voucher_batches.index"), 303)


def _batch(batch_id: int) -> VoucherBatch:
    try:
        return use.batch_of(db(), batch_id, actor=current_actor())
    except NotFound:
        return found(None)


def _try(use_case: Callable[..., Any], **arguments: Any) -> Any:
    """Do it; None when it was refused, which is said on the next page."""
    try:
        return run(use_case, **arguments)
    except NotFound:
        return found(None)
    except (Failure, IllegalMove) as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        return None


def _to(batch_id: int) -> ResponseReturnValue:
    return redirect(url_for("panel.voucher_batches.show", batch_id=batch_id), 303)


def _changed(count: int, *, disabled: bool) -> str:
    if disabled:
        return str(ngettext("%(num)d voucher was disabled.", "%(num)d vouchers were disabled.", count))
    return str(ngettext("%(num)d voucher can be used again.", "%(num)d vouchers can be used again.", count))
