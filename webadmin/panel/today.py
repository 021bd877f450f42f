"""The first page: is everything all right, and what needs somebody?"""

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from db.queries.panel import catalogue
from db.queries.panel import today as reads
from webadmin.panel import charts
from webadmin.panel.routers import health
from webadmin.panel.support import db, now, render, tenant
from webadmin.permissions import signed_in
from webadmin.security import may

blueprint = Blueprint("today", __name__)
ROUTERS_SHOWN = 8


@blueprint.get("/")
@signed_in
def index() -> ResponseReturnValue:
    """The figures, or the first steps of a new installation."""
    return render("panel/today/index.html", **_values())


@blueprint.get("/today/figures")
@signed_in
def figures() -> ResponseReturnValue:
    """The figures alone, for the page to update in place."""
    return render("panel/today/_figures.html", **_values())


def _values() -> dict[str, Any]:
    if not may("view_customers"):
        return {"figures": None, "steps": None, "routers": []}
    figures = reads.today(db(), tenant().id, now())
    labels = [
        gettext(
            "%(minutes)s min ago: %(accepted)s accepted, %(rejected)s refused",
            minutes=59 - place,
            accepted=accepted,
            rejected=rejected,
        )
        for place, (accepted, rejected) in enumerate(figures.logins_by_minute)
    ]
    return {
        "figures": figures,
        "steps": reads.first_steps(db()),
        "routers": _routers_to_look_at(),
        "health": health,
        "minute_bars": charts.columns(figures.logins_by_minute, labels),
    }


def _routers_to_look_at() -> list[catalogue.RouterRow]:
    """The routers that may need somebody first, then by name."""
    order = ("quiet", "never", "seen", "off")
    rows = catalogue.router_rows(db(), tenant().id)
    return sorted(rows, key=lambda row: order.index(health(row.nas)))[:ROUTERS_SHOWN]
