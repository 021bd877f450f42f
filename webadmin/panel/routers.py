"""Routers: the list, one router with the commands to paste, and its secret."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l

from bss import nas as use
from bss import refusals, reveal, sessions
from bss.failure import Failure
from bss.router_api import access
from bss.router_api.removal import Removal
from db.models import NasServer
from db.models.nas import ENVIRONMENT_ID
from db.queries.nas_groups import groups_of
from db.queries.paging import Page, Wanted
from db.queries.panel import catalogue, network
from db.queries.panel.today import QUIET_AFTER
from db.queries.rows import find_row
from domain.routeros_script import RouterSetup, render_script
from runtime.settings import get_settings
from runtime.tasks import nudge_routers
from webadmin.forms.customers import ConfirmForm
from webadmin.forms.routers import RouterForm
from webadmin.panel import router_api, router_test
from webadmin.panel.states import state_text
from webadmin.panel.support import act, attempt, db, found, now, problems_of, render, run, tenant, with_follow
from webadmin.panel.tables import Column, List, Table, declare, part_of_rows
from webadmin.permissions import requires
from webadmin.proof import needs_proof
from webadmin.security import current_actor

blueprint = Blueprint("routers", __name__)
# An address of the documentation: nobody has it, so commands that still hold it are seen to be unfinished.
UNKNOWN_ADDRESS = "192.0.2.1"
STARS = "********"
NAMES_SHOWN = 20


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# Those that may need somebody come first.
_HEALTH = ("quiet", "never", "seen", "off")
_SORTS: Mapping[str, Callable[[catalogue.RouterRow], Any]] = {
    "name": lambda row: row.nas.name.lower(),
    "state": lambda row: (_HEALTH.index(health(row.nas)), row.nas.name.lower()),
    "host": lambda row: (ip_address(row.nas.host).version, int(ip_address(row.nas.host))),
    "seen": lambda row: row.nas.last_seen_at or _NEVER,
    "online": lambda row: row.sessions,
}


def lines(wanted: Wanted) -> Page[catalogue.RouterRow]:
    """A part of the routers that the address asks for."""
    return part_of_rows(_rows(), sorts=_SORTS, wanted=wanted)


def _rows() -> list[catalogue.RouterRow]:
    text, state = _asked()
    return [
        row
        for row in catalogue.router_rows(db(), tenant().id)
        if (not state or health(row.nas) == state)
        and (not text or any(text in part.lower() for part in (row.nas.name, str(row.nas.host), row.nas.location)))
    ]


def _asked() -> tuple[str, str]:
    """What is searched for, and the state that is asked for."""
    state = request.args.get("state", "")
    return request.args.get("q", "").strip().lower()[:100], state if state in _HEALTH else ""


ROUTERS = declare(
    List(
        key="routers",
        endpoint="panel.routers.index",
        lines=lines,
        sorts=tuple(_SORTS),
        sort="name",
        permission="view_nas",
        export_permission="view_nas",
        views=(
            (_l("Quiet"), {"state": "quiet"}),
            (_l("Not heard yet"), {"state": "never"}),
            (_l("Busiest first"), {"sort": "-online"}),
        ),
        columns=(
            Column(key="name", text=_l("Router"), sort="name", is_fixed=True, value=lambda row: row.nas.name),
            Column(
                key="state", text=_l("State"), sort="state", value=lambda row: state_text("router", health(row.nas))
            ),
            Column(key="host", text=_l("Address"), sort="host", value=lambda row: str(row.nas.host)),
            Column(key="location", text=_l("Place"), is_extra=True, value=lambda row: row.nas.location),
            Column(
                key="seen",
                text=_l("Last packet"),
                sort="seen",
                begins_descending=True,
                value=lambda row: row.nas.last_seen_at,
            ),
            Column(
                key="online",
                text=_l("Online"),
                sort="online",
                is_number=True,
                begins_descending=True,
                value=lambda row: row.sessions,
            ),
            Column(key="version", text=_l("RouterOS"), value=lambda row: row.nas.routeros_version),
            Column(
                key="api",
                text=_l("API"),
                value=lambda row: state_text("router_api", row.nas.status) if row.nas.api_username else None,
            ),
            Column(key="coa", text=_l("CoA port"), is_number=True, is_extra=True, value=lambda row: row.nas.coa_port),
        ),
    )
)


@blueprint.get("/routers")
@requires("view_nas")
def index() -> ResponseReturnValue:
    """All routers with their sessions and when they were last heard; without any, the one that the settings name."""
    table = Table(ROUTERS)
    text, state = _asked()
    is_filtered = bool(text or state)
    borrowed = None if table.lines or is_filtered else access.environment_router(db(), actor=current_actor())
    return render(
        "panel/routers/index.html",
        table=table,
        asked={"q": request.args.get("q", "").strip()[:100], "state": state},
        is_filtered=is_filtered,
        borrowed=borrowed,
        health=health,
    )


def health(nas: NasServer) -> str:
    """How a router does, as far as its packets tell."""
    if not nas.is_active:
        return "off"
    if nas.last_seen_at is None:
        return "never"
    return "seen" if now() - nas.last_seen_at < QUIET_AFTER else "quiet"


@blueprint.route("/routers/new", methods=["GET", "POST"])
@requires("manage_nas")
def new() -> ResponseReturnValue:
    """A new router; its commands, secret included, are shown right after."""
    form = _form()
    if form.validate_on_submit():
        issued = attempt(form, use.create, **form.values())
        if issued is not None:
            return _page(issued.row, secret=issued.secret, is_new=True)
    return render("panel/routers/form.html", 422 if form.is_submitted() else 200, form=form, nas=None)


@blueprint.route("/routers/<int:nas_id>/edit", methods=["GET", "POST"])
@requires("manage_nas")
def edit(nas_id: int) -> ResponseReturnValue:
    """Who the router is, changed."""
    nas = _router(nas_id)
    form = _form(nas)
    if form.validate_on_submit():
        done = attempt(form, use.edit, nas_id=nas_id, changes=form.values())
        if done is not None:
            flash(gettext("Saved. The RADIUS server takes it up within seconds."), "success")
            return redirect(url_for("panel.routers.show", nas_id=nas_id), 303)
        nas = _router(nas_id)
    return render("panel/routers/form.html", 422 if form.is_submitted() else 200, form=form, nas=nas)


@blueprint.get("/routers/<int:nas_id>")
@requires("view_nas")
def show(nas_id: int) -> ResponseReturnValue:
    """One router; of the one in the settings there is only what it shows itself."""
    if nas_id == ENVIRONMENT_ID:
        return redirect(url_for("panel.router_api.index", nas_id=nas_id), 303)
    return _page(_router(nas_id))


@blueprint.get("/routers/<int:nas_id>/live")
@requires("view_nas")
def live(nas_id: int) -> ResponseReturnValue:
    """The part of the router page that updates in place."""
    nas = _router(nas_id)
    return render("panel/routers/_live.html", nas=nas, **_live_values(nas))


@blueprint.post("/routers/<int:nas_id>/secret/show")
@requires("manage_nas")
@needs_proof
def show_secret(nas_id: int) -> ResponseReturnValue:
    """The page with the secret in the clear; the audit log says who looked."""
    revealed = run(reveal.router_secret, nas_id=nas_id)
    return _page(_router(nas_id), secret=revealed.secret)


@blueprint.route("/routers/<int:nas_id>/secret", methods=["GET", "POST"])
@requires("manage_nas")
@needs_proof
def change_secret(nas_id: int) -> ResponseReturnValue:
    """A new secret."""
    form = ConfirmForm()
    if form.validate_on_submit():
        issued = attempt(form, use.change_secret, nas_id=nas_id)
        if issued is not None:
            return _page(issued.row, secret=issued.secret, is_new=True)
    return render("panel/routers/new_secret.html", form=form, nas=_router(nas_id))


@blueprint.post("/routers/<int:nas_id>/state")
@requires("manage_nas")
def change_state(nas_id: int) -> ResponseReturnValue:
    """Stop answering it, with or without taking what it knows by itself, or answer it again."""
    wanted = request.form.get("do", "")
    back = url_for("panel.routers.show", nas_id=nas_id)
    if wanted == "reactivate":
        answer = act(back, gettext("The router is answered again."), use.reactivate, nas_id=nas_id)
    elif wanted == "take_secrets":
        said = gettext("The router is no longer answered, and gives up its customers' passwords.")
        answer = act(back, said, use.deactivate, nas_id=nas_id, take_secrets=True)
    else:
        answer = act(back, gettext("The router is no longer answered."), use.deactivate, nas_id=nas_id)
    nudge_routers()
    return answer


@blueprint.route("/routers/<int:nas_id>/remove", methods=["GET", "POST"])
@requires("manage_nas")
def remove(nas_id: int) -> ResponseReturnValue:
    """What of ours is on the router, and the question whether it goes."""
    if request.method == "POST":
        return _removed(nas_id, leave=request.form.get("do") == "leave")
    nas = _router(nas_id)
    return render("panel/routers/remove.html", nas=nas, removal=_removal(nas_id))


@blueprint.get("/routers/<int:nas_id>/removal")
@requires("manage_nas")
def removal(nas_id: int) -> ResponseReturnValue:
    """How far a removal is, for the router's page to look at; when it is over, the way to the list."""
    nas = find_row(db(), NasServer, nas_id, tenant_id=tenant().id)
    if nas is None:
        flash(gettext("The router was removed."), "success")
        return Response(headers={"HX-Redirect": url_for("panel.routers.index")})
    return render("panel/routers/_removal.html", nas=nas, removal=_removal(nas_id))


def _removed(nas_id: int, *, leave: bool) -> ResponseReturnValue:
    back = url_for("panel.routers.show", nas_id=_router(nas_id).id)
    try:
        told = run(use.delete, nas_id=nas_id, leave_secrets=leave)
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        return redirect(back, 303)
    nudge_routers()
    if not told.is_removed:
        return redirect(back, 303)
    flash(_farewell(told), "success")
    return redirect(url_for("panel.routers.index"), 303)


def _farewell(told: Removal) -> str:
    if not told.secrets:
        return str(gettext("The router was removed."))
    shown = ", ".join(told.names[:NAMES_SHOWN]) + (" …" if told.secrets > NAMES_SHOWN else "")
    return str(
        ngettext(
            "The router was removed. %(num)d name stays on it: %(names)s",
            "The router was removed. %(num)d names stay on it: %(names)s",
            told.secrets,
            names=shown,
        )
    )


def _removal(nas_id: int) -> Removal:
    return use.removal_of(db(), actor=current_actor(), nas_id=nas_id)


@blueprint.post("/routers/<int:nas_id>/disconnect")
@requires("disconnect_customers")
def disconnect_username(nas_id: int) -> ResponseReturnValue:
    """End every session that runs under a name on this router."""
    back = url_for("panel.routers.show", nas_id=_router(nas_id).id)
    try:
        changed = run(sessions.disconnect_username, nas_id=nas_id, username=request.form.get("username", ""))
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        return redirect(back, 303)
    if not changed.effect.sessions:
        flash(gettext("Nobody is connected under this name here."), "info")
        return redirect(back, 303)
    flash(gettext("Disconnect ordered."), "success")
    return redirect(with_follow(url_for("panel.changes.index"), changed.effect), 303)


@blueprint.post("/routers/<int:nas_id>/refusals/forget")
@requires("manage_nas")
def forget_refusals(nas_id: int) -> ResponseReturnValue:
    """Ask the router again for what it refused."""
    back = url_for("panel.routers.show", nas_id=nas_id)
    return act(back, gettext("Forgotten. It is asked for everything again."), refusals.forget, nas_id=nas_id)


def _form(nas: NasServer | None = None) -> RouterForm:
    form = RouterForm(obj=nas)
    form.nas_group_id.offer((group.id, group.name) for group in groups_of(db(), tenant().id))
    return form


def _router(nas_id: int) -> NasServer:
    return found(find_row(db(), NasServer, nas_id, tenant_id=tenant().id))


def _page(nas: NasServer, *, secret: str | None = None, is_new: bool = False) -> ResponseReturnValue:
    report = router_test.report_of(nas)
    return render(
        "panel/routers/show.html",
        nas=nas,
        is_new=is_new,
        removal=_removal(nas.id),
        api_tabs=router_api.tabs(),
        refusals=refusals.of_router(db(), actor=current_actor(), now=now(), nas_id=nas.id),
        **paste_values(nas, secret),
        **router_test.values(report),
        **_live_values(nas),
    )


def paste_values(nas: NasServer, secret: str | None) -> dict[str, Any]:
    """What the card with the commands needs; without the secret stars stand in for it."""
    server = _server_address()
    return {
        "secret": secret,
        "server": server,
        "server_is_unknown": server == UNKNOWN_ADDRESS,
        "scripts": _scripts(nas, server, secret or STARS),
    }


def _live_values(nas: NasServer) -> dict[str, Any]:
    wanted = network.SessionFilter(nas_server_id=nas.id)
    page = network.online_page(db(), tenant().id, wanted)
    return {"total": page.total_items, "rows": page.items, "health": health(nas)}


def _server_address() -> str:
    """The address under which the router reaches RADIUS: what staff typed, the setting, or this panel's own."""
    candidates = (request.values.get("server", ""), get_settings().radius_host, request.host.rpartition(":")[0])
    for candidate in candidates:
        try:
            address = ip_address(candidate.strip("[] "))
        except ValueError:
            continue
        if not address.is_loopback and not address.is_unspecified:
            return str(address)
    return UNKNOWN_ADDRESS


def _scripts(nas: NasServer, server: str, secret: str) -> dict[int, str]:
    """The commands to paste, by RouterOS version."""
    settings = get_settings()
    return {
        version: render_script(
            RouterSetup(
                name=nas.name,
                server=server,
                secret=secret,
                auth_port=settings.radius_auth_port,
                acct_port=settings.radius_acct_port,
                coa_port=nas.coa_port,
                routeros_version=version,
            )
        )
        for version in (7, 6)
    }
