"""How long records are kept: months by kind, what would leave tonight, and what has left."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from bss import retention as use
from bss.failure import Failure
from webadmin.panel.sentences import said
from webadmin.panel.support import act, db, now, problems_of, render, run
from webadmin.permissions import requires

blueprint = Blueprint("retention", __name__)
WORDS = {
    "radacct": _l("Sessions"),
    "access_log": _l("Logins and their reasons"),
    "usage_hourly": _l("Usage by the hour"),
    "usage_daily": _l("Usage by the day (months stay as sums)"),
    "decision_receipts": _l("What each login was decided from"),
}
STATES = {
    "detached": _l("on its way into a file"),
    "exported": _l("in its file, to be dropped"),
    "dropped": _l("in its file"),
    "restored": _l("back in the table"),
}


@blueprint.get("/settings/retention")
@requires("manage_installation")
def index() -> ResponseReturnValue:
    """The settings and the books."""
    books = use.books(db(), now=now())
    kept = use.settings_of(db())
    return render("panel/settings/retention.html", kept=kept, books=books, words=WORDS, states=STATES, sentence=said)


@blueprint.get("/settings/retention/months")
@requires("manage_installation")
def months() -> ResponseReturnValue:
    """The part that updates in place while a month is on its way back."""
    return render("panel/settings/_months.html", books=use.books(db(), now=now()), states=STATES, sentence=said)


@blueprint.post("/settings/retention/months/<string:name>")
@requires("manage_installation")
def bring_back(name: str) -> ResponseReturnValue:
    """Ask for a month."""
    back = url_for("panel.retention.index", _anchor="left")
    return act(back, gettext("The month is on its way back."), use.ask_back, name=name)


@blueprint.post("/settings/retention")
@requires("manage_installation")
def change() -> ResponseReturnValue:
    """Keep one kind for so many months; an empty field keeps everything."""
    text = request.form.get("months", "").strip()
    back = redirect(url_for("panel.retention.index"), 303)
    if text and not (text.isdecimal() and len(text) <= 4):
        flash(gettext("Months are a whole number, or nothing to keep everything."), "error")
        return back
    try:
        run(use.change, kind=request.form.get("kind", ""), months=int(text) if text else None)
    except Failure as refusal:
        for _, sentence in problems_of(refusal):
            flash(sentence, "error")
        return back
    flash(gettext("Saved. It counts from tonight."), "success")
    return back
