"""The trial balance of a span, and the journal as a file."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import bookkeeping as use
from bss.failure import Invalid
from webadmin.export import as_csv_file, as_xlsx_file
from webadmin.panel.money.expenses import day_of_request
from webadmin.panel.money.words import account_words
from webadmin.panel.support import render, run
from webadmin.permissions import requires

blueprint = Blueprint("bookkeeping", __name__)


@blueprint.get("/books")
@requires("view_books")
def index() -> ResponseReturnValue:
    """What each account came to."""
    problem, days = "", _days()
    try:
        found = run(use.trial_balance, **days)
    except Invalid:
        problem = gettext("Choose a first and a last day, at most a year apart.")
        found = run(use.trial_balance)
    return render(
        "panel/money/trial_balance.html",
        422 if problem else 200,
        trial=found,
        problem=problem,
        account_words=account_words,
        is_chosen=bool(request.args.get("since") or request.args.get("until")),
    )


@blueprint.get("/books/journal.<any(csv, xlsx):kind>")
@requires("view_books")
def journal(kind: str) -> ResponseReturnValue:
    """Every line of the journal."""
    rows = run(use.journal, as_what=kind, **_days())
    return as_csv_file(rows, "journal.csv") if kind == "csv" else as_xlsx_file(rows, "journal.xlsx")


def _days() -> dict[str, object]:
    return {"first": day_of_request("since"), "last": day_of_request("until")}
