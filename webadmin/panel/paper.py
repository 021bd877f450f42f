"""The letterhead, and invoices and receipts as PDF."""

from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import letterhead as use
from bss import printing
from bss.failure import Failure, NotFound
from bss.rows import find
from db.models import Invoice, Payment
from webadmin.forms.letterhead import LetterheadForm
from webadmin.panel.support import attempt, db, found, problems_of, render
from webadmin.paper import as_pdf
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("paper", __name__)
RowT = TypeVar("RowT")


@blueprint.route("/settings/letterhead", methods=["GET", "POST"])
@requires("manage_settings")
def letterhead() -> ResponseReturnValue:
    """What stands on invoices, receipts and vouchers."""
    row = use.letterhead_of(db(), actor=current_actor())
    form = LetterheadForm(obj=row)
    if form.validate_on_submit() and attempt(form, use.change, changes=form.values()) is not None:
        flash(gettext("Saved."), "success")
        return redirect(url_for("panel.paper.letterhead"), 303)
    return render("panel/settings/letterhead.html", 422 if form.is_submitted() else 200, form=form, logo=row.logo)


@blueprint.get("/invoices/<int:invoice_id>/pdf")
@requires("view_money")
def invoice(invoice_id: int) -> ResponseReturnValue:
    """An invoice, in the customer's language."""
    row = _found(lambda: find(db(), Invoice, invoice_id, actor=current_actor()))
    name = row.invoice_number or f"draft-{row.id}"
    return _pdf(lambda: printing.invoice_pdf(db(), actor=current_actor(), invoice_id=row.id), name)


@blueprint.post("/invoices/<int:invoice_id>/pdf")
@requires("record_payments")
def invoice_with_link(invoice_id: int) -> ResponseReturnValue:
    """The same with a link to pay it, which is shown when it is made and not kept."""
    row = _found(lambda: find(db(), Invoice, invoice_id, actor=current_actor()))
    link = request.form.get("payment_link", "")
    return _pdf(
        lambda: printing.invoice_pdf(db(), actor=current_actor(), invoice_id=row.id, payment_link=link),
        row.invoice_number or f"draft-{row.id}",
    )


@blueprint.get("/payments/<int:payment_id>/receipt")
@requires("view_money")
def receipt(payment_id: int) -> ResponseReturnValue:
    """The receipt of a payment, in the customer's language."""
    row = _found(lambda: find(db(), Payment, payment_id, actor=current_actor()))
    name = row.receipt_number or f"payment-{row.id}"
    return _pdf(lambda: printing.receipt_pdf(db(), actor=current_actor(), payment_id=row.id), name)


def _found(look: Callable[[], RowT]) -> RowT:
    try:
        return look()
    except NotFound:
        return found(None)


def _pdf(make: Callable[[], bytes], name: str) -> ResponseReturnValue:
    try:
        return as_pdf(make(), name)
    except NotFound:
        return found(None)
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        came_from = request.referrer or ""
        return redirect(came_from if came_from.startswith(request.host_url) else url_for("panel.today.index"), 303)
