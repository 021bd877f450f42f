"""What a router shows and keeps by itself, on the tabs of its page. Every tab answers within a second.

A tab shows the router's answer of now, or the last one with its age and the reason; it then looks again by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from bss.failure import Failure, NotFound
from bss.router_api import access, orders, reading, secrets
from bss.router_api.reading import Tested, View
from db.models import NasServer
from db.models.nas import ENVIRONMENT_ID
from db.queries.router_tables import orders_of
from db.queries.rows import find_row
from runtime.tasks import nudge_routers
from webadmin.forms.router_api import ListEntryForm, QueueForm, SecretForm
from webadmin.panel.sentences import said
from webadmin.panel.support import attempt, db, found, is_part, problems_of, render, run, tenant
from webadmin.permissions import requires
from webadmin.security import current_actor, may

blueprint = Blueprint("router_api", __name__)
Column = tuple[str, LazyString | str, str]
ORDERS = "orders"
# Each tab: its name, and the columns of its table as field, words and kind.
TABS: Mapping[str, tuple[LazyString | str, Sequence[Column]]] = {
    "overview": (_l("Machine"), ()),
    "interfaces": (
        _l("Interfaces"),
        (
            ("name", _l("Interface"), "name"),
            ("type", _l("Type"), "text"),
            ("is_running", _l("Running"), "flag"),
            ("rx_bytes", _l("Received"), "bytes"),
            ("tx_bytes", _l("Sent"), "bytes"),
            ("comment", _l("Comment"), "text"),
        ),
    ),
    "ppp-active": (
        _l("PPP sessions"),
        (
            ("name", _l("Username"), "name"),
            ("address", _l("Address"), "mono"),
            ("caller_id", _l("Device"), "mono"),
            ("service", _l("Service"), "text"),
            ("uptime_s", _l("Online for"), "seconds"),
            ("is_radius", "RADIUS", "flag"),
        ),
    ),
    "hotspot-active": (
        _l("Hotspot sessions"),
        (
            ("user", _l("Username"), "name"),
            ("address", _l("Address"), "mono"),
            ("mac", _l("Device"), "mono"),
            ("uptime_s", _l("Online for"), "seconds"),
            ("time_left_s", _l("Ends in"), "seconds"),
            ("download_bytes", _l("Download"), "bytes"),
            ("upload_bytes", _l("Upload"), "bytes"),
            ("is_radius", "RADIUS", "flag"),
        ),
    ),
    "ppp-secrets": (
        _l("PPP secrets"),
        (
            ("name", _l("Username"), "name"),
            ("service", _l("Service"), "text"),
            ("profile", _l("Profile"), "text"),
            ("remote_address", _l("Address"), "mono"),
            ("comment", _l("Comment"), "text"),
            ("is_disabled", _l("Switched off"), "flag"),
        ),
    ),
    "hotspot-users": (
        _l("Hotspot users"),
        (
            ("name", _l("Username"), "name"),
            ("profile", _l("Profile"), "text"),
            ("mac", _l("Device"), "mono"),
            ("comment", _l("Comment"), "text"),
            ("is_disabled", _l("Switched off"), "flag"),
        ),
    ),
    "profiles": (
        _l("PPP profiles"),
        (
            ("name", _l("Profile"), "name"),
            ("rate_limit", _l("Upload/download"), "mono"),
            ("local_address", _l("Router's address"), "mono"),
            ("remote_address", _l("Address or pool"), "mono"),
        ),
    ),
    "leases": (
        _l("DHCP leases"),
        (
            ("address", _l("Address"), "mono"),
            ("mac", _l("Device"), "mac"),
            ("host_name", _l("Its name"), "text"),
            ("status", _l("State"), "text"),
            ("is_dynamic", _l("Dynamic"), "flag"),
            ("expires_after_s", _l("Ends in"), "seconds"),
        ),
    ),
    "hosts": (
        _l("Hotspot hosts"),
        (
            ("mac", _l("Device"), "mac"),
            ("address", _l("Address"), "mono"),
            ("is_authorized", _l("Logged in"), "flag"),
            ("is_bypassed", _l("Passed by"), "flag"),
        ),
    ),
    "queues": (
        _l("Queues"),
        (
            ("name", _l("Queue"), "name"),
            ("target", _l("Target"), "mono"),
            ("max_limit", _l("Upload/download"), "rate"),
            ("comment", _l("Comment"), "text"),
            ("is_dynamic", _l("Dynamic"), "flag"),
        ),
    ),
    "pools": (_l("Pools"), (("name", _l("Pool"), "name"), ("ranges", _l("Addresses"), "mono"))),
    "address-lists": (
        _l("Address lists"),
        (
            ("list", _l("List"), "name"),
            ("address", _l("Address"), "mono"),
            ("comment", _l("Comment"), "text"),
            ("is_dynamic", _l("Dynamic"), "flag"),
        ),
    ),
}
RESULTS: Mapping[str, LazyString] = {
    "added": _l("added"),
    "changed": _l("changed"),
    "equal": _l("was so already"),
    "removed": _l("removed"),
    "absent": _l("was not there"),
    "left": _l("left: somebody else wrote it"),
    "ended": _l("ended"),
    "replaced": _l("replaced by a newer one"),
}
KINDS: Mapping[str, LazyString] = {
    "secret": _l("secret"),
    "queue": _l("queue"),
    "list_entry": _l("address list"),
    "forget_device": _l("forget a device"),
    "end_sessions": _l("end sessions"),
}
# What can be done with a row of a tab: the word of the action, and which field names the row.
ACTIONS: Mapping[str, Sequence[tuple[str, str, LazyString]]] = {
    "ppp-active": (("end", "name", _l("Disconnect")),),
    "hotspot-active": (("end", "user", _l("Disconnect")),),
    "ppp-secrets": (
        ("enable", "name", _l("Switch on")),
        ("disable", "name", _l("Switch off")),
        ("remove", "name", _l("Remove")),
    ),
    "hotspot-users": (
        ("enable", "name", _l("Switch on")),
        ("disable", "name", _l("Switch off")),
        ("remove", "name", _l("Remove")),
    ),
    "leases": (("forget", "mac", _l("Forget")),),
    "hosts": (("forget", "mac", _l("Forget")),),
    "queues": (("remove-queue", "name", _l("Remove")),),
    "address-lists": (("remove-entry", "list", _l("Remove")),),
}


@blueprint.get("/routers/<int:nas_id>/api")
@requires("view_nas")
def index(nas_id: int) -> ResponseReturnValue:
    """The first tab."""
    return redirect(url_for("panel.router_api.show", nas_id=_shown(nas_id).id, tab="overview"), 303)


@blueprint.get("/routers/<int:nas_id>/api/<string:tab>")
@requires("view_nas")
def show(nas_id: int, tab: str) -> ResponseReturnValue:
    """One tab: a table of the router, or what was ordered on it."""
    nas = _shown(nas_id)
    if (tab != ORDERS or nas.is_from_environment) and tab not in TABS:
        return redirect(url_for("panel.router_api.index", nas_id=nas_id), 303)
    return _page(nas, tab)


@blueprint.post("/routers/<int:nas_id>/api/test")
@requires("manage_nas")
def try_connection(nas_id: int) -> ResponseReturnValue:
    """Log in now, and say how that went."""
    return _page(_shown(nas_id), "overview", tested=_run_or_say(reading.try_connection, nas_id=nas_id))


@blueprint.post("/routers/<int:nas_id>/api/trust")
@requires("manage_nas")
def trust(nas_id: int) -> ResponseReturnValue:
    """The certificate that was compared is the router's."""
    fingerprint = request.form.get("fingerprint", "")
    if _run_or_say(access.trust_certificate, nas_id=nas_id, fingerprint=fingerprint) is not None:
        flash(gettext("The certificate is trusted. From now on no other is talked to."), "success")
    return redirect(url_for("panel.router_api.index", nas_id=nas_id), 303)


@blueprint.post("/routers/<int:nas_id>/api/<string:tab>/do")
@requires("manage_nas")
def do(nas_id: int, tab: str) -> ResponseReturnValue:
    """Order something about one row of a tab."""
    _shown(nas_id)
    key, more = request.form.get("key", ""), request.form.get("more", "")
    what = request.form.get("do", "")
    uses: Mapping[str, Any] = {
        "end": lambda: _run_or_say(orders.end_sessions, nas_id=nas_id, username=key),
        "enable": lambda: _run_or_say(secrets.set_state, nas_id=nas_id, username=key, is_disabled=False),
        "disable": lambda: _run_or_say(secrets.set_state, nas_id=nas_id, username=key, is_disabled=True),
        "remove": lambda: _run_or_say(secrets.remove, nas_id=nas_id, username=key),
        "forget": lambda: _run_or_say(orders.forget_device, nas_id=nas_id, mac=key),
        "remove-queue": lambda: _run_or_say(orders.remove_queue, nas_id=nas_id, name=key),
        "remove-entry": lambda: _run_or_say(orders.remove_list_entry, nas_id=nas_id, list_name=key, address=more),
    }
    if what in uses and uses[what]() is not None:
        nudge_routers()
        flash(gettext("Ordered. The tab “Orders” says what the router makes of it."), "success")
    return redirect(url_for("panel.router_api.show", nas_id=nas_id, tab=tab), 303)


@blueprint.post("/routers/<int:nas_id>/api/import")
@requires("manage_nas")
def import_secrets(nas_id: int) -> ResponseReturnValue:
    """Take the router's secrets into the database."""
    done = _run_or_say(secrets.import_all, nas_id=nas_id, wait_s=secrets.BRIEFLY_S)
    if done is not None:
        told = gettext(
            "%(found)s secrets on the router: %(matched)s belong to subscriptions, %(unmatched)s to none.",
            found=done.found, matched=done.matched, unmatched=done.unmatched_total,
        )  # fmt: skip
        flash(f"{told} {', '.join(done.unmatched[:20])}", "success")
    return redirect(url_for("panel.router_api.show", nas_id=nas_id, tab="ppp-secrets"), 303)


@blueprint.post("/routers/<int:nas_id>/api/sync")
@requires("manage_nas")
def sync(nas_id: int) -> ResponseReturnValue:
    """Carry every secret that should be there to the router again."""
    count = _run_or_say(secrets.push_all, nas_id=nas_id)
    if count is not None:
        nudge_routers()
        flash(gettext("%(count)s secrets are on their way.", count=count), "success")
    return redirect(url_for("panel.router_api.show", nas_id=nas_id, tab=ORDERS), 303)


@blueprint.route("/routers/<int:nas_id>/api/new/secret", methods=["GET", "POST"])
@requires("manage_nas")
def new_secret(nas_id: int) -> ResponseReturnValue:
    """A secret of staff's own."""
    return _form_page(nas_id, SecretForm(), secrets.save, "ppp-secrets", gettext("A secret on the router"))


@blueprint.route("/routers/<int:nas_id>/api/new/queue", methods=["GET", "POST"])
@requires("manage_nas")
def new_queue(nas_id: int) -> ResponseReturnValue:
    """A simple queue, new or changed by its name."""
    return _form_page(nas_id, QueueForm(), orders.put_queue, "queues", gettext("A queue on the router"))


@blueprint.route("/routers/<int:nas_id>/api/new/entry", methods=["GET", "POST"])
@requires("manage_nas")
def new_entry(nas_id: int) -> ResponseReturnValue:
    """An address in an address list."""
    title = gettext("An address in a list of the router")
    return _form_page(nas_id, ListEntryForm(), orders.put_list_entry, "address-lists", title)


def _form_page(nas_id: int, form: Any, use_case: Any, tab: str, title: str) -> ResponseReturnValue:
    nas = _router(nas_id)
    if form.validate_on_submit() and attempt(form, use_case, nas_id=nas_id, **form.values()) is not None:
        nudge_routers()
        flash(gettext("Ordered. The tab “Orders” says what the router makes of it."), "success")
        return redirect(url_for("panel.router_api.show", nas_id=nas_id, tab=tab), 303)
    status = 422 if form.is_submitted() else 200
    return render("panel/router_api/form.html", status, form=form, nas=nas, tab=tab, title=title)


def tabs() -> list[tuple[str, LazyString | str]]:
    """Code and words of every tab."""
    return [*((code, text) for code, (text, _) in TABS.items()), (ORDERS, _l("Orders"))]


def _page(nas: NasServer, tab: str, *, tested: Tested | None = None) -> ResponseReturnValue:
    # A router that was just tried in vain is not asked again at once.
    is_in_vain = tested is not None and not tested.is_well
    view = None if tab == ORDERS or not nas.api_username or is_in_vain else _look(nas, tab)
    words, columns = TABS.get(tab, (_l("Orders"), ()))
    return render(
        "panel/router_api/_part.html" if is_part() else "panel/router_api/show.html",
        nas=nas,
        tab=tab,
        tabs=[one for one in tabs() if one[0] != ORDERS or not nas.is_from_environment],
        may_change=may("manage_nas") and not nas.is_from_environment,
        title=words,
        columns=columns,
        actions=ACTIONS.get(tab, ()),
        view=view,
        tested=tested,
        orders=orders_of(db(), nas.id) if tab == ORDERS else (),
        results=RESULTS,
        kinds=KINDS,
        router_words=_sentence,
    )


def _sentence(text: str) -> str:
    words = said(text)
    return words[:1].upper() + words[1:]


def _look(nas: NasServer, tab: str) -> View | None:
    view: View | None = _run_or_say(reading.look, nas_id=nas.id, part=tab)
    if view is not None and view.is_coming:
        nudge_routers()
    return view


def _run_or_say(use_case: Any, **arguments: Any) -> Any:
    """What the use-case returns; a refusal becomes a message and None."""
    try:
        return run(use_case, **arguments)
    except NotFound:
        return found(None)
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        return None


def _shown(nas_id: int) -> NasServer:
    """One to look at, also the one in the settings."""
    borrowed = access.environment_router(db(), actor=current_actor()) if nas_id == ENVIRONMENT_ID else None
    return borrowed or _router(nas_id)


def _router(nas_id: int) -> NasServer:
    return found(find_row(db(), NasServer, nas_id, tenant_id=tenant().id))
