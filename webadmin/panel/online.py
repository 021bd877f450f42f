"""Who is online now: a list that updates in place, and changing one of them, the marked ones, or all that fit."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from bss import sessions as use
from bss.failure import Failure
from bss.outcome import Effect
from db.queries.paging import BadCursor, Wanted
from db.queries.panel import catalogue, network
from domain.integrity import Grade
from webadmin.panel.support import (
    PAGE_SIZE,
    argument_id,
    back_url,
    db,
    is_part,
    problems_of,
    rehearse,
    render,
    run,
    tenant,
    with_follow,
)
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("online", __name__)
NEWEST = "-since"
# What a running session can be graded; the others are for sessions that are over.
GRADES = (Grade.RUNNING, Grade.GAP, Grade.SKEWED, Grade.RESET)


@blueprint.get("/online")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """Running sessions, narrowed by the filters in the address; asked for a part it answers the table alone."""
    fits, sort = _fits(), _sort()
    return render(
        "panel/online/_table.html" if is_part() else "panel/online/index.html",
        page=_page(fits, sort),
        fits=fits,
        sort=sort,
        newest=NEWEST,
        sort_url=_sort_url,
        cursor_url=_cursor_url,
        plans=catalogue.choices_of_plans(db()),
        routers=catalogue.choices_of_routers(db()),
        grades=GRADES,
        is_filtered=fits != network.SessionFilter(),
        most=use.MOST_MARKED,
    )


def _fits() -> network.SessionFilter:
    """The filter bar's values in the address; what cannot be meant filters nothing."""
    grade = request.args.get("figures", "")
    return network.SessionFilter(
        search=request.args.get("q", "").strip()[:100],
        nas_server_id=argument_id("router"),
        plan_id=argument_id("plan"),
        grade=Grade(grade) if grade in GRADES else None,
    )


def _sort() -> str:
    asked = request.args.get("sort", NEWEST)
    return asked if asked.removeprefix("-") in network.ONLINE_SORTS else NEWEST


def _page(fits: network.SessionFilter, sort: str) -> Any:
    """The part asked for; an address that was cut short, or is of another order, begins anew."""
    wanted = Wanted(sort=sort, page_size=PAGE_SIZE, cursor=request.args.get("after", "")[:300] or None)
    try:
        return network.online_page(db(), tenant().id, fits, wanted=wanted)
    except BadCursor:
        return network.online_page(db(), tenant().id, fits, wanted=Wanted(sort=sort, page_size=PAGE_SIZE))


def _sort_url(key: str) -> str:
    """The list in that order; once more turns it round. The largest comes first, names from A."""
    first, other = (key, f"-{key}") if key == "username" else (f"-{key}", key)
    return _here(sort=other if _sort() == first else first, after=None)


def _cursor_url(cursor: str | None) -> str:
    return _here(after=cursor)


def _here(**changed: str | None) -> str:
    """This list with its filters, other in what is named."""
    kept = {name: value for name, value in (request.args.to_dict() | changed).items() if value}
    return f"{url_for('panel.online.index')}?{urlencode(kept)}"


@blueprint.route("/online/ask/<any(speed, disconnect):kind>", methods=["GET", "POST"])
@requires("disconnect_customers")
def ask(kind: str) -> ResponseReturnValue:
    """What a change of the marked sessions would do, before it is done."""
    marked, back = _marked(), back_url(url_for("panel.online.index"))
    if not marked:
        flash(gettext("Mark the sessions first."), "warning")
        return redirect(back, 303)
    try:
        found = use.look_at_marked(db(), actor=current_actor(), session_ids=marked)
    except Failure as refusal:
        return _refused(refusal, back)
    effect = rehearse(use.change_marked, kind=kind, session_ids=marked)
    return render(
        "panel/online/question.html", kind=kind, marked=marked, found=found, effect=effect or Effect(), back=back
    )


@blueprint.post("/online/change")
@requires("disconnect_customers")
def change() -> ResponseReturnValue:
    """Change the marked sessions; the next page follows what their routers answer."""
    marked, back = _marked(), back_url(url_for("panel.online.index"))
    kind = request.form.get("kind", "")
    try:
        effect = run(use.change_marked, kind=kind, session_ids=marked)
    except Failure as refusal:
        return _refused(refusal, back)
    if not effect.sessions:
        flash(gettext("None of these sessions can be changed any more."), "info")
        return redirect(back, 303)
    flash(_said(kind, effect.sessions), "success")
    return redirect(with_follow(url_for("panel.changes.index"), effect), 303)


def _marked() -> Sequence[str]:
    """The unique ids that the form or the address names."""
    return [name[:64] for name in request.values.getlist("session")[: 2 * use.MOST_MARKED] if name]


def _refused(refusal: Failure, back: str) -> ResponseReturnValue:
    for _, text in problems_of(refusal):
        flash(text, "error")
    return redirect(back, 303)


def _said(kind: str, sessions: int) -> str:
    if kind == "disconnect":
        text = ngettext("Disconnect of %(num)d session ordered.", "Disconnect of %(num)d sessions ordered.", sessions)
    else:
        text = ngettext("%(num)d session is sent its speed.", "%(num)d sessions are sent their speed.", sessions)
    return str(text)
