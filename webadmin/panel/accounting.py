"""Accounting packets: what became of each, the ones that could not be counted, and corrections of ended sessions."""

from collections.abc import Callable
from datetime import timedelta

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from werkzeug.utils import redirect

from bss import quarantine as use
from bss import silent_sessions
from bss.failure import Failure
from db.queries.paging import Wanted
from db.queries.quarantine import (
    PutAsideFilter,
    find_put_aside,
    outcome_counts,
    page_of_corrections,
    page_of_put_aside,
    waiting_groups,
)
from domain.quarantine import OUTCOMES, REASONS, STATES, WAITING, can_help
from webadmin.panel.support import PAGE_SIZE, Page, db, found, now, page_number, problems_of, render, run, tenant
from webadmin.permissions import requires
from webadmin.security import may

blueprint = Blueprint("accounting", __name__)
SPANS = {"day": 1, "month": 30, "ever": None}
CORRECTIONS_SHOWN = 10


@blueprint.get("/accounting")
@requires("view_nas")
def index() -> ResponseReturnValue:
    """Counts by outcome, groups of records that wait, a list of single ones, and the newest corrections."""
    span = request.args.get("span", "month")
    days = SPANS.get(span, 30)
    since = None if days is None else (now() - timedelta(days=days)).date()
    # Packets are counted for all providers together.
    counts = outcome_counts(db(), since=since) if may("manage_installation") else []
    state, reason = request.args.get("state", WAITING), request.args.get("reason", "")
    fits = PutAsideFilter(state=state if state in STATES else WAITING, reason=reason if reason in REASONS else None)
    number = page_number()
    listed = page_of_put_aside(
        db(), tenant_id=tenant().id, fits=fits, wanted=Wanted(sort="-created_at", page=number, page_size=PAGE_SIZE)
    )
    corrected = page_of_corrections(
        db(), tenant_id=tenant().id, subscription_id=None, wanted=Wanted(sort="-made_at", page_size=CORRECTIONS_SHOWN)
    )
    return render(
        "panel/accounting/index.html",
        span=span if span in SPANS else "month",
        counts=counts,
        totals={outcome: sum(one.records for one in counts if one.outcome == outcome) for outcome in OUTCOMES},
        groups=waiting_groups(db(), tenant_id=tenant().id),
        can_help=can_help,
        fits=fits,
        rows=[(row, use.read(bytes(row.raw))) for row in listed.items],
        page=Page(number=number, size=PAGE_SIZE, total=listed.total_items),
        corrections=corrected.items,
        silent=silent_sessions.current(db()) if may("manage_installation") else None,
        most_hours=silent_sessions.MOST_HOURS,
    )


@blueprint.post("/accounting/silent-sessions")
@requires("manage_installation")
def change_silent() -> ResponseReturnValue:
    """After how many hours a session ends of which nobody can say whether it runs; an empty field is the default."""
    text, back = request.form.get("hours", "").strip(), redirect(url_for("panel.accounting.index"), 303)
    if text and not (text.isdecimal() and len(text) <= 4):
        flash(gettext("Hours are a whole number, or nothing for the default."), "error")
        return back
    try:
        run(silent_sessions.change, hours=int(text) if text else None)
    except Failure as refusal:
        for _, sentence in problems_of(refusal):
            flash(sentence, "error")
        return back
    flash(gettext("Saved."), "success")
    return back


@blueprint.get("/accounting/<int:record_id>")
@requires("view_nas")
def show(record_id: int) -> ResponseReturnValue:
    """One record that could not be counted."""
    row = found(find_put_aside(db(), record_id, tenant_id=tenant().id))
    raw = bytes(row.raw)
    return render("panel/accounting/show.html", row=row, told=use.read(raw), text=use.shown(raw), can_help=can_help)


@blueprint.post("/accounting/replay")
@requires("manage_nas")
def replay() -> ResponseReturnValue:
    """Have records tried again."""
    return _settle(use.replay)


@blueprint.post("/accounting/dismiss")
@requires("manage_nas")
def dismiss() -> ResponseReturnValue:
    """Let go of records."""
    return _settle(use.dismiss)


def _settle(use_case: Callable[..., use.Settled]) -> ResponseReturnValue:
    ids = [
        int(value) for value in request.form.getlist("id")[: use.MOST_NAMED] if value.isdecimal() and len(value) < 19
    ]
    back = url_for("panel.accounting.index")
    try:
        fits = use.wanted(ids=ids, source=request.form.get("source"), reason=request.form.get("reason"))
        done = run(use_case, fits=fits)
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        return redirect(back, 303)
    if use_case is use.replay:
        flash(
            ngettext(
                "%(num)s record is tried again; reload in a moment to see what became of it.",
                "%(num)s records are tried again; reload in a moment to see what became of them.",
                done.records,
            ),
            "success",
        )
    else:
        flash(gettext("Let go of %(count)s.", count=done.records), "success")
    return redirect(back, 303)
