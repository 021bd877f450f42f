"""Live changes: what was sent to routers and what they said, and the line that follows a click."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from db.queries.panel import network
from db.queries.panel.network import ChangeRow
from db.queries.panel.today import FAILURE_WINDOW
from domain.live_change import WAITING
from webadmin.panel.support import db, followed_ids, now, render
from webadmin.permissions import requires

blueprint = Blueprint("changes", __name__)
SHOWN = 100


@blueprint.get("/changes")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """The newest live changes: all, those that wait, or those that failed in the last day."""
    kind = request.args.get("kind", "")
    since = now() - FAILURE_WINDOW if kind == "failed" else None
    ids = followed_ids(request.args.get("follow"))
    return render(
        "panel/changes/index.html",
        rows=network.changes(db(), kind=kind, limit=SHOWN, since=since),
        kind=kind,
        follow=network.changes_by_id(db(), ids) if ids else [],
    )


@blueprint.get("/changes/follow")
@requires("view_customers")
def follow() -> ResponseReturnValue:
    """What became of the changes that one click asked for; the answer that ends the story tells the page to refresh."""
    rows = network.changes_by_id(db(), followed_ids(request.args.get("ids")))
    return render("panel/changes/_follow.html", follow=rows, settled=is_settled(rows))


def is_settled(rows: list[ChangeRow]) -> bool:
    """True when nothing of it waits any more."""
    return all(row.change.status not in WAITING for row in rows)
