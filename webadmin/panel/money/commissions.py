"""What operators have earned and are owed; staff of an operator see their own and those below."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import commissions as use
from db.engine import psycopg_of
from db.models import Operator
from db.queries.operator_money import seen_operators, statement_of, sums_of_operators
from db.queries.rows import find_row
from domain.money import ZERO
from webadmin.forms.books import PayOutForm
from webadmin.panel.filters import money
from webadmin.panel.support import attempt, db, found, render, tenant
from webadmin.permissions import requires
from webadmin.proof import needs_proof

blueprint = Blueprint("commissions", __name__)
SHOWN = 100


@blueprint.get("/commissions")
@requires("view_money")
def index() -> ResponseReturnValue:
    """Every operator's account."""
    rows = seen_operators(db(), tenant().id)
    sums = sums_of_operators(psycopg_of(db()), [row.id for row in rows])
    owed = sum((max(row.owed, ZERO) for row in sums.values()), ZERO)
    return render("panel/money/commissions.html", rows=rows, sums=sums, owed=owed)


@blueprint.get("/commissions/<int:operator_id>")
@requires("view_money")
def show(operator_id: int) -> ResponseReturnValue:
    """One operator's account with its movements."""
    row = _operator(operator_id)
    connection = psycopg_of(db())
    return render(
        "panel/money/commission.html",
        row=row,
        sums=sums_of_operators(connection, [row.id])[row.id],
        history=statement_of(connection, row.id, limit=SHOWN),
    )


@blueprint.route("/commissions/<int:operator_id>/pay", methods=["GET", "POST"])
@requires("pay_operators")
@needs_proof
def pay(operator_id: int) -> ResponseReturnValue:
    """Record that he was paid."""
    row, form = _operator(operator_id), PayOutForm()
    owed = sums_of_operators(psycopg_of(db()), [row.id])[row.id].owed
    if form.validate_on_submit():
        given = {"amount": form.amount.data, "method": form.method.data, "reference": form.reference.data or ""}
        done = attempt(form, use.pay_out, operator_id=operator_id, request_key=form.key(), **given)
        if done is not None:
            flash(gettext("Recorded; %(owed)s is left.", owed=money(done.owed)), "success")
            return redirect(url_for("panel.commissions.show", operator_id=operator_id), 303)
        row = _operator(operator_id)
    elif not form.is_submitted() and owed > 0:
        form.amount.data = owed
    return render(
        "panel/money/question.html",
        422 if form.is_submitted() else 200,
        form=form,
        name=row.name,
        heading=gettext("Pay out"),
        effect=gettext("He is owed %(owed)s. This books that he was paid.", owed=money(owed)),
        submit=gettext("Record it"),
        is_danger=False,
        back=url_for("panel.commissions.show", operator_id=operator_id),
    )


def _operator(operator_id: int) -> Operator:
    return found(find_row(db(), Operator, operator_id, tenant_id=tenant().id))
