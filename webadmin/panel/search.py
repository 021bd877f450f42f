"""The one search: while typing it answers a short list, on its own page the same list at full width."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from db.queries.panel.search import Found, search
from webadmin.panel.support import db, is_part, render, tenant
from webadmin.permissions import requires
from webadmin.security import may

blueprint = Blueprint("search", __name__)
LEAST = 2
LONGEST = 100


@blueprint.get("/search")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """Everything the text could mean."""
    text = request.args.get("q", "").strip()[:LONGEST]
    result = search(db(), tenant().id, text) if len(text) >= LEAST else None
    template = "panel/search/_found.html" if is_part() else "panel/search/index.html"
    return render(template, text=text, result=_allowed(result))


def _allowed(result: Found | None) -> Found | None:
    """Without what the user may not see."""
    if result is None:
        return None
    return Found(
        customers=result.customers,
        owned=result.owned,
        holders=result.holders,
        routers=result.routers if may("view_nas") else [],
        plans=result.plans if may("view_plans") else [],
    )
