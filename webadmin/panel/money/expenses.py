"""Expenses with the sum of each category, a new one, and taking one back."""

from datetime import date

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import expenses as use
from db.models import Expense
from db.queries.expenses import (
    ExpenseFilter,
    expense_sums,
    income_for_expense,
    page_of_expenses,
    used_categories,
)
from db.queries.paging import Wanted
from db.queries.rows import find_row
from domain.money import ZERO
from webadmin.forms.books import ExpenseForm
from webadmin.forms.money import ReasonForm
from webadmin.panel.support import PAGE_SIZE, Page, attempt, db, found, page_number, render, tenant, today
from webadmin.permissions import requires

blueprint = Blueprint("expenses", __name__)
LONGEST = 100


@blueprint.get("/expenses")
@requires("view_books")
def index() -> ResponseReturnValue:
    """Expenses, the newest day first, narrowed by the filters in the address."""
    fits = ExpenseFilter(
        search=request.args.get("q", "").strip()[:LONGEST] or None,
        category=request.args.get("category", "")[:50] or None,
        since=day_of_request("since"),
        until=day_of_request("until"),
    )
    wanted = Wanted(sort="-spent_on", page=page_number(), page_size=PAGE_SIZE)
    rows = page_of_expenses(db(), tenant_id=tenant().id, fits=fits, wanted=wanted)
    sums = expense_sums(db(), tenant_id=tenant().id, fits=fits)
    return render(
        "panel/money/expenses.html",
        rows=rows.items,
        page=Page(number=page_number(), size=PAGE_SIZE, total=rows.total_items),
        sums=sums,
        total=sum((row[2] for row in sums), ZERO),
        categories=used_categories(db(), tenant().id),
        fits=fits,
        is_filtered=fits != ExpenseFilter(),
    )


def day_of_request(name: str) -> date | None:
    """A day in the address; what is none filters nothing."""
    try:
        return date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        return None


@blueprint.route("/expenses/new", methods=["GET", "POST"])
@requires("manage_expenses")
def new() -> ResponseReturnValue:
    """Record that money was spent."""
    form = ExpenseForm()
    if form.validate_on_submit() and attempt(form, use.record, **form.expense()) is not None:
        flash(gettext("Recorded."), "success")
        return redirect(url_for("panel.expenses.index"), 303)
    if request.method == "GET":
        form.spent_on.data = today()
    offered = sorted({*use.CATEGORIES, *used_categories(db(), tenant().id)})
    return render("panel/money/expense_new.html", 422 if form.is_submitted() else 200, form=form, categories=offered)


@blueprint.get("/expenses/<int:expense_id>")
@requires("view_books")
def show(expense_id: int) -> ResponseReturnValue:
    """One expense."""
    row = _expense(expense_id)
    return render("panel/money/expense.html", row=row, income=income_for_expense(db(), row.id))


@blueprint.route("/expenses/<int:expense_id>/take-back", methods=["GET", "POST"])
@requires("manage_expenses")
def take_back(expense_id: int) -> ResponseReturnValue:
    """It was a mistake."""
    row, form = _expense(expense_id), ReasonForm()
    if form.validate_on_submit():
        given = {"expense_id": expense_id, "reason": form.reason.data or ""}
        if attempt(form, use.take_back_expense, **given) is not None:
            flash(gettext("Booked."), "success")
            return redirect(url_for("panel.expenses.show", expense_id=expense_id), 303)
        row = _expense(expense_id)
    return render(
        "panel/money/question.html",
        422 if form.is_submitted() else 200,
        form=form,
        name=row.category,
        heading=gettext("Take back"),
        effect=gettext("For what was recorded by mistake. The books keep the entry and one that takes it back."),
        submit=gettext("Take back"),
        is_danger=True,
        back=url_for("panel.expenses.show", expense_id=expense_id),
    )


def _expense(expense_id: int) -> Expense:
    return found(find_row(db(), Expense, expense_id, tenant_id=tenant().id))
