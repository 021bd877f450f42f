"""The one search: while typing it answers a short list, on its own page the same list at full width."""

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from db.queries.panel.search import Wanted, search
from webadmin.panel import palette
from webadmin.panel.support import db, is_part, render, tenant
from webadmin.permissions import signed_in
from webadmin.security import may

blueprint = Blueprint("search", __name__)
LEAST = 2
LONGEST = 100


@blueprint.get("/search")
@signed_in
def index() -> ResponseReturnValue:
    """Everything the text could mean, of what the reader may see; nothing typed yet: what can be done."""
    text = " ".join(request.args.get("q", "").split())[:LONGEST]
    template = "panel/search/_found.html" if is_part() else "panel/search/index.html"
    return render(template, text=text, **(_found(text) if len(text) >= LEAST else _offered(text)))


def _offered(text: str) -> dict[str, Any]:
    return {"result": None, "actions": palette.things("") if not text else [], "pages": []}


def _found(text: str) -> dict[str, Any]:
    sees = Wanted(
        customers=may("view_customers"), money=may("view_money"), routers=may("view_nas"), plans=may("view_plans")
    )
    verbs, person = palette.asked_verbs(text) if sees.customers else ([], "")
    result = search(db(), tenant().id, text, sees, person=person if len(person) >= LEAST else "")
    return {
        "result": result,
        "actions": palette.actions(verbs, result.customers, result.owned) + palette.things(text),
        "pages": palette.pages(text),
    }
