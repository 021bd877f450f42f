"""Operators, whose staff somebody is, and customers on their way from one to another."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import operators as use
from bss import transfers
from db.models import Operator
from db.queries import operators as reads
from db.queries.rows import find_row
from db.queries.staff import list_users
from webadmin.forms.customer_records import OperatorForm, StaffOperatorForm
from webadmin.panel.support import act, attempt, db, found, render, tenant
from webadmin.permissions import requires

blueprint = Blueprint("operators", __name__)


@blueprint.get("/operators")
@requires("manage_operators")
def index() -> ResponseReturnValue:
    """The tree, with what each has."""
    return _index(_staff_form())


def _index(form: StaffOperatorForm, status: int = 200) -> ResponseReturnValue:
    rows = reads.operators_of(db(), tenant().id)
    ids = [row.id for row in rows]
    return render(
        "panel/operators/index.html",
        status,
        rows=rows,
        names={row.id: row.name for row in rows},
        customers=reads.customers_by_operator(db(), ids),
        staff=reads.staff_by_operator(db(), ids),
        form=form,
    )


def _staff_form() -> StaffOperatorForm:
    form = StaffOperatorForm()
    form.user_id.offer((user.id, user.name) for user in list_users(db(), tenant_id=tenant().id))
    form.operator_id.offer((row.id, row.name) for row in reads.operators_of(db(), tenant().id))
    return form


@blueprint.post("/operators/staff")
@requires("manage_operators")
def set_staff() -> ResponseReturnValue:
    """Say whose staff somebody is."""
    form = _staff_form()
    if form.validate_on_submit():
        given = {"user_id": form.user_id.data, "operator_id": form.operator_id.data}
        if attempt(form, use.set_staff, **given) is not None:
            flash(gettext("Saved."), "success")
            return redirect(url_for("panel.operators.index"), 303)
    return _index(form, 422)


@blueprint.route("/operators/new", methods=["GET", "POST"])
@requires("manage_operators")
def new() -> ResponseReturnValue:
    """One more operator."""
    form = OperatorForm()
    _offer_parents(form, None)
    if form.validate_on_submit() and attempt(form, use.create, **form.operator()) is not None:
        flash(gettext("Saved."), "success")
        return redirect(url_for("panel.operators.index"), 303)
    return render("panel/operators/form.html", 422 if form.is_submitted() else 200, form=form, operator=None)


@blueprint.route("/operators/<int:operator_id>", methods=["GET", "POST"])
@requires("manage_operators")
def edit(operator_id: int) -> ResponseReturnValue:
    """What is said about one, changed."""
    operator = found(find_row(db(), Operator, operator_id, tenant_id=tenant().id))
    form = OperatorForm(obj=operator)
    _offer_parents(form, operator_id)
    if form.validate_on_submit():
        version = int(form.version.data) if str(form.version.data or "").isdigit() else None
        changes = form.operator() | {"is_active": form.is_active.data}
        if attempt(form, use.edit, operator_id=operator_id, changes=changes, version=version) is not None:
            flash(gettext("Saved."), "success")
            return redirect(url_for("panel.operators.index"), 303)
        operator = found(find_row(db(), Operator, operator_id, tenant_id=tenant().id))
    return render("panel/operators/form.html", 422 if form.is_submitted() else 200, form=form, operator=operator)


@blueprint.post("/operators/<int:operator_id>/delete")
@requires("manage_operators")
def delete(operator_id: int) -> ResponseReturnValue:
    """Remove one whom nothing names."""
    message = gettext("The operator was removed.")
    return act(url_for("panel.operators.index"), message, use.delete, operator_id=operator_id)


@blueprint.get("/transfers")
@requires("change_operator")
def transfers_shown() -> ResponseReturnValue:
    """Customers on their way, those that wait first."""
    rows = sorted(reads.transfers_of(db(), tenant().id), key=lambda row: row.done_at is not None)
    return render(
        "panel/operators/transfers.html",
        rows=rows,
        names=reads.operator_names(db(), tenant().id),
        customers=reads.customer_names(db(), [row.customer_id for row in rows]),
    )


@blueprint.post("/transfers/<int:transfer_id>")
@requires("change_operator")
def answer(transfer_id: int) -> ResponseReturnValue:
    """Agree, or end it."""
    back = url_for("panel.operators.transfers_shown")
    if request.form.get("do") == "confirm":
        return act(back, gettext("You have agreed."), transfers.confirm, transfer_id=transfer_id)
    return act(back, gettext("The transfer was ended."), transfers.reject, transfer_id=transfer_id)


def _offer_parents(form: OperatorForm, but: int | None) -> None:
    rows = reads.operators_of(db(), tenant().id)
    form.parent_operator_id.offer((row.id, f"{row.name} ({row.level})") for row in rows if row.id != but)
