"""Billing runs on screen: begun dry or real, followed while they work, stopped, gone on with, undone."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss.billing import runs as use
from bss.failure import Failure
from db.models import BillingRun
from db.queries import billing_runs as queries
from db.queries.rows import find_row
from domain import billing
from domain.dunning import share_text
from webadmin.forms.billing import ContinueForm, ReasonForm
from webadmin.panel.support import act, attempt, db, found, problems_of, render, run, tenant
from webadmin.permissions import requires

blueprint = Blueprint("billing_runs", __name__)
SHOWN, SUSPENSIONS_SHOWN = 50, 200


@blueprint.get("/billing")
@requires("manage_billing")
def index() -> ResponseReturnValue:
    """The last runs, and the ways to begin one."""
    rows = queries.runs_of(db(), tenant_id=tenant().id, limit=SHOWN)
    return render("panel/billing_runs/index.html", rows=[(row, use.progress(row)) for row in rows])


@blueprint.post("/billing")
@requires("manage_billing")
def start() -> ResponseReturnValue:
    """Begin one; a worker takes it up within a minute."""
    kind = request.form.get("kind", billing.NIGHTLY)
    try:
        row = run(use.start, kind=kind, is_dry=request.form.get("dry") == "yes")
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        return redirect(url_for("panel.billing_runs.index"), 303)
    return redirect(url_for("panel.billing_runs.show", run_id=row.id), 303)


@blueprint.get("/billing/<int:run_id>")
@requires("manage_billing")
def show(run_id: int) -> ResponseReturnValue:
    """One run with its report."""
    return render("panel/billing_runs/show.html", **_values(_run(run_id)))


@blueprint.get("/billing/<int:run_id>/progress")
@requires("manage_billing")
def progress(run_id: int) -> ResponseReturnValue:
    """The part of the page that updates in place."""
    return render("panel/billing_runs/_run.html", **_values(_run(run_id)))


@blueprint.post("/billing/<int:run_id>/stop")
@requires("manage_billing")
def stop(run_id: int) -> ResponseReturnValue:
    """Let it rest where it is."""
    back = url_for("panel.billing_runs.show", run_id=_run(run_id).id)
    return act(back, gettext("Stopped. What it did stays; it can go on."), use.stop, run_id=run_id)


@blueprint.route("/billing/<int:run_id>/continue", methods=["GET", "POST"])
@requires("manage_billing")
def go_on(run_id: int) -> ResponseReturnValue:
    """Let a stopped run go on, for a reason where it stopped by itself."""
    row, form = _run(run_id), ContinueForm()
    form.reason.flags.optional = row.stopped_because == billing.BY_PERSON
    back = url_for("panel.billing_runs.show", run_id=row.id)
    if form.validate_on_submit():
        given = {"reason": form.reason.data or "", "suspends": not form.without_suspending.data}
        if attempt(form, use.go_on, run_id=run_id, **given) is not None:
            flash(gettext("It goes on within a minute."), "success")
            return redirect(back, 303)
    return _question(
        form, back, heading=gettext("Let the run go on"), submit=gettext("Go on"), is_danger=row.to_suspend > 0,
        effect=stopped_words(row) or gettext("It goes on where it was."),
    )  # fmt: skip


@blueprint.route("/billing/<int:run_id>/undo", methods=["GET", "POST"])
@requires("manage_billing")
def undo(run_id: int) -> ResponseReturnValue:
    """Bring back whom it suspended."""
    row, form = _run(run_id), ReasonForm()
    back = url_for("panel.billing_runs.show", run_id=row.id)
    if form.validate_on_submit() and attempt(form, use.undo, run_id=run_id, reason=form.reason.data) is not None:
        flash(gettext("Undone. They come back within a minute."), "success")
        return redirect(back, 303)
    effect = gettext(
        "Those of the %(number)d whom it suspended and who are still suspended by it come back. Its invoices stay:"
        " they are what is owed. If they are late still, the next night suspends them again.",
        number=row.suspended,
    )
    return _question(
        form, back, heading=gettext("Undo its suspensions"), submit=gettext("Bring them back"), is_danger=True,
        effect=effect,
    )  # fmt: skip


def _question(form: Any, back: str, **values: Any) -> ResponseReturnValue:
    return render(
        "panel/money/question.html", 422 if request.method == "POST" else 200, form=form, back=back, name="", **values
    )


def _run(run_id: int) -> BillingRun:
    return found(find_row(db(), BillingRun, run_id, tenant_id=tenant().id))


def _values(row: BillingRun) -> dict[str, Any]:
    is_moving = row.status == billing.RUNNING or (row.status == billing.UNDONE and row.finished_at is None)
    return {
        "run": row,
        "far": use.progress(row),
        "is_moving": is_moving,
        "why": stopped_words(row),
        "would_stop": row.is_dry and use.would_stop(row),
        "share": share_text(row.to_suspend, row.active),
        "suspensions": queries.suspensions_of(db(), row.id, limit=SUSPENSIONS_SHOWN),
        "invoices": queries.invoices_of(db(), row.id, limit=10),
    }


def stopped_words(row: BillingRun) -> str:
    """Why a run stopped, in a sentence; nothing for one that has not."""
    said = {
        billing.BY_PERSON: gettext("Somebody stopped it."),
        billing.TOO_MANY: gettext(
            "It would suspend %(share)s of all subscriptions (%(number)d of %(active)d). An error in a date or a file"
            " looks exactly like that, so it waits for a person.",
            share=share_text(row.to_suspend, row.active), number=row.to_suspend, active=row.active,
        ),
        billing.CLOCK_BACK: gettext("Its day lies before that of the last run. Look at the server's clock first."),
        billing.CLOCK_AHEAD: gettext(
            "Its day lies far behind that of the last run. Either the server was away, or its clock is wrong."
        ),
        billing.LATER_RUN: gettext("A later run does what it left."),
    }  # fmt: skip
    return str(said.get(row.stopped_because or "", ""))
