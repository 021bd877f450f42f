"""The card on a router's page that says line by line how the router does, and asks its CoA port."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

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


@dataclass(frozen=True, kw_only=True)
class Light:
    """One thing that has to be so before customers can use a router: "ok", "bad" or "unknown"."""

    verdict: str
    text: LazyString
    wanted: LazyString | str


def lights(told: RouterReport) -> list[Light]:
    """The four of a router that is being connected, in the order in which they come on.

    Its CoA port answers signed with our secret, so that answer proves the way there and the secret, too.
    """
    lines = {line.check: line for line in told.findings}
    answers = lines["coa"].verdict == "ok"
    heard, signed, logins = (lines[check].verdict for check in ("heard", "secret", "logins"))
    return [
        Light(
            verdict="ok" if answers or heard == "ok" else "unknown",
            text=_l("The router and this server reach each other"),
            wanted=_l("Paste the commands into its terminal."),
        ),
        Light(
            verdict="bad" if signed == "bad" else "ok" if answers or signed == "ok" else "unknown",
            text=_l("Both have the same secret"),
            wanted=_l("It is part of the commands."),
        ),
        Light(
            verdict="ok" if answers else "unknown",
            text=_l("It takes changes while customers are online"),
            wanted=_l("It must accept packets from here on its CoA port."),
        ),
        Light(
            verdict=logins,
            text=_l("It asks here who may log in"),
            wanted=_l("Let any device dial in, also with a wrong name: the attempt is enough."),
        ),
    ]


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


@blueprint.post("/routers/<int:nas_id>/lights")
@requires("manage_nas")
def look(nas_id: int) -> ResponseReturnValue:
    """The four lights as they are now; its CoA port is asked again as long as it has not answered."""
    nas = found(find_row(db(), NasServer, nas_id, tenant_id=tenant().id))
    told = report_of(nas)
    if not told.is_waiting and not any(line.check == "coa" and line.verdict == "ok" for line in told.findings):
        told = run(use.ask, nas_id=nas_id)
        nudge_probe()
    return render("panel/routers/_lights.html", nas=nas, **values(told))


def report_of(nas: NasServer) -> RouterReport:
    """What is known of the router, for its page."""
    return use.report(db(), actor=current_actor(), now=now(), nas_id=nas.id)


def values(told: RouterReport) -> dict[str, Any]:
    """What the card's template needs."""
    four = lights(told)
    return {
        "report": told,
        "checks": CHECKS,
        "say": _sentence,
        "lights": four,
        "all_lit": all(light.verdict == "ok" for light in four),
    }


def _sentence(text: str) -> str:
    words = said(text)
    return words[:1].upper() + words[1:]
