"""The card on a router's page that says line by line how the router does, and asks its CoA port."""

from typing import Any

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from bss import router_test as use
from bss.router_test import RouterReport
from db.models import NasServer
from db.queries.rows import find_row
from runtime.tasks import nudge_probe
from webadmin.panel.sentences import said
from webadmin.panel.support import db, found, is_part, now, render, run, tenant
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("router_test", __name__)
CHECKS = {
    "heard": _l("Packets"),
    "logins": _l("Logins"),
    "secret": _l("Secret"),
    "signature": _l("Signatures"),
    "clock": _l("Clock"),
    "interim": _l("Usage reports"),
    "counters": _l("Counters"),
    "api": "API",
    "coa": _l("CoA port"),
}


@blueprint.get("/routers/<int:nas_id>/test")
@requires("view_nas")
def lines(nas_id: int) -> ResponseReturnValue:
    """The card as things stand."""
    nas = found(find_row(db(), NasServer, nas_id, tenant_id=tenant().id))
    return render("panel/routers/_test.html", nas=nas, **values(report_of(nas)))


@blueprint.post("/routers/<int:nas_id>/test")
@requires("manage_nas")
def ask(nas_id: int) -> ResponseReturnValue:
    """Ask the router; the card then looks again until it has answered."""
    nas = found(find_row(db(), NasServer, nas_id, tenant_id=tenant().id))
    told = run(use.ask, nas_id=nas_id)
    nudge_probe()
    if not is_part():
        return redirect(url_for("panel.routers.show", nas_id=nas_id), 303)
    return render("panel/routers/_test.html", nas=nas, **values(told))


def report_of(nas: NasServer) -> RouterReport:
    """What is known of the router, for its page."""
    return use.report(db(), actor=current_actor(), now=now(), nas_id=nas.id)


def values(told: RouterReport) -> dict[str, Any]:
    """What the card's template needs."""
    return {"report": told, "checks": CHECKS, "say": _sentence}


def _sentence(text: str) -> str:
    words = said(text)
    return words[:1].upper() + words[1:]
