"""Who is online now, and ending their sessions."""

from datetime import datetime

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from sqlalchemy.orm import Session

from bss import sessions as use
from bss.actor import Actor
from bss.failure import Failure
from bss.outcome import Effect
from db.queries.panel import catalogue, network
from webadmin.panel.support import (
    PAGE_SIZE,
    Page,
    argument_id,
    back_url,
    db,
    page_number,
    render,
    run,
    tenant,
    with_follow,
)
from webadmin.permissions import requires

blueprint = Blueprint("online", __name__)


@blueprint.get("/online")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """Running sessions, narrowed by the filters in the address; asked for a part it answers the table alone."""
    wanted = network.SessionFilter(
        search=request.args.get("q", ""), nas_server_id=argument_id("router"), plan_id=argument_id("plan")
    )
    total, rows = network.online_page(db(), tenant().id, wanted, page=page_number(), size=PAGE_SIZE)
    part = request.headers.get("HX-Request") == "true"
    return render(
        "panel/online/_table.html" if part else "panel/online/index.html",
        rows=rows,
        wanted=wanted,
        page=Page(number=page_number(), size=PAGE_SIZE, total=total),
        plans=catalogue.choices_of_plans(db()),
        routers=catalogue.choices_of_routers(db()),
        is_filtered=wanted != network.SessionFilter(),
        follow=[],
    )


@blueprint.post("/online/disconnect")
@requires("disconnect_customers")
def disconnect() -> ResponseReturnValue:
    """End the marked sessions. One that ended meanwhile is no reason not to end the others."""
    marked = request.form.getlist("session")[:200]
    back = back_url(url_for("panel.online.index"))
    if not marked:
        flash(gettext("Mark the sessions to disconnect first."), "warning")
        return redirect(back, 303)
    effect = run(_end_all, session_ids=marked)
    if not effect.sessions:
        flash(gettext("None of these sessions runs any more."), "info")
        return redirect(back, 303)
    message = ngettext(
        "Disconnect of %(num)d session ordered.", "Disconnect of %(num)d sessions ordered.", effect.sessions
    )
    flash(message, "success")
    return redirect(with_follow(url_for("panel.changes.index"), effect), 303)


def _end_all(session: Session, *, actor: Actor, now: datetime, session_ids: list[str]) -> Effect:
    effect = Effect()
    for session_id in session_ids:
        try:
            effect += use.disconnect_session(session, actor=actor, now=now, session_id=session_id).effect
        except Failure:
            continue
    return effect
