"""The log of logins: who was let in, who was refused and why."""

from datetime import timedelta

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from db.queries.panel import catalogue, network
from webadmin.panel.support import argument_id, db, now, render, tenant
from webadmin.permissions import requires

blueprint = Blueprint("logins", __name__)
SHOWN = 100
# The log is partitioned by month and has no index on its words: a search looks at the last days only.
SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


@blueprint.get("/logins")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """The newest decisions that fit the filters in the address."""
    span = request.args.get("span", "day")
    span = span if span in SPANS else "day"
    result = request.args.get("result", "")
    wanted = network.LoginFilter(
        search=request.args.get("q", ""),
        result=result if result in ("accept", "reject") else "",
        reason=request.args.get("reason", ""),
        nas_server_id=argument_id("router"),
        since=now() - SPANS[span],
    )
    return render(
        "panel/logins/index.html",
        rows=network.logins(db(), tenant().id, wanted, limit=SHOWN),
        wanted=wanted,
        span=span,
        shown=SHOWN,
        routers=catalogue.choices_of_routers(db()),
    )
