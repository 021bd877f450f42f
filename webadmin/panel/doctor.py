"""The connection doctor's page: the steps appear as they are known, and end in one sentence and one button."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, render_template, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from bss import doctor as use
from bss import sessions
from bss.doctor import STEPS, Conclusion, Step
from db.models import Subscription
from runtime.tasks import nudge_probe
from webadmin.panel.sentences import said
from webadmin.panel.subscriptions import subscription_of
from webadmin.panel.subscriptions.questions import page_of
from webadmin.panel.support import act, db, is_part, render, run
from webadmin.permissions import requires
from webadmin.security import may

blueprint = Blueprint("doctor", __name__)
STEP_WORDS: Mapping[str, LazyString] = {
    "account": _l("Account"),
    "logins": _l("Last login"),
    "router": _l("Router"),
    "secret": _l("Secret"),
    "clock": _l("Clock"),
    "session": _l("Session"),
    "speed": _l("Speed"),
    "coa": _l("CoA port"),
    "queue": _l("Changes"),
}


@dataclass(frozen=True, kw_only=True)
class Button:
    """What mends it: a page to open, a small page over this one, or a form that is sent at once with `values`."""

    text: LazyString
    icon: str
    url: str
    kind: str = "sheet"
    values: Mapping[str, Any] = field(default_factory=dict)


@blueprint.get("/subscriptions/<int:subscription_id>/doctor")
@requires("view_customers")
def show(subscription_id: int) -> ResponseReturnValue:
    """The small page; it examines as soon as it is there."""
    return _page(subscription_of(subscription_id))


@blueprint.post("/subscriptions/<int:subscription_id>/doctor")
@requires("view_customers")
def examine(subscription_id: int) -> ResponseReturnValue:
    """Examine: to the page's script line by line as things are known, to a browser without it as a whole page."""
    subscription = subscription_of(subscription_id)
    begun = run(use.begin, subscription_id=subscription.id)
    nudge_probe()
    walk = use.walk(db(), begun)
    if not is_part():
        told = use.report_of(begun, list(walk))
        return _page(subscription_of(subscription_id), told=told)
    answer = Response(stream_with_context(_lines(walk)), mimetype="text/html")
    # A proxy that collects the answer first would show all steps at once, at the end.
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


@blueprint.post("/subscriptions/<int:subscription_id>/resend-speed")
@requires("edit_speed_limit")
def resend_speed(subscription_id: int) -> ResponseReturnValue:
    """Tell the routers of its sessions the speed once more."""
    back = page_of(subscription_of(subscription_id))
    message = gettext("The speed is sent again.")
    return act(back, message, sessions.resend_speed, subscription_id=subscription_id)


def _page(subscription: Subscription, told: use.Report | None = None) -> ResponseReturnValue:
    steps = {} if told is None else {step.name: step for step in told.steps}
    end = None if told is None else told.conclusion
    return render(
        "panel/doctor/show.html",
        subscription=subscription,
        back=page_of(subscription),
        names=STEPS,
        steps=steps,
        end=end,
        button=None if end is None else button_of(end),
        **_words(),
    )


def _lines(walk: Iterator[Step | Conclusion]) -> Iterator[str]:
    """Every part in a line of its own, each of which takes the place of the part with its id."""
    for one in walk:
        if isinstance(one, Step):
            text = render_template("panel/doctor/_step.html", name=one.name, step=one, **_words())
        else:
            text = render_template("panel/doctor/_end.html", end=one, button=button_of(one), **_words())
        yield " ".join(text.split("\n")) + "\n"


def _words() -> dict[str, Any]:
    return {"step_words": STEP_WORDS, "sentence": _sentence}


def _sentence(text: str) -> str:
    words = said(text)
    return words[:1].upper() + words[1:]


def button_of(end: Conclusion) -> Button | None:
    """The button for the action of a conclusion; None where there is none, or this person may not press it."""
    make = _BUTTONS.get(end.action)
    if make is None:
        return None
    permission, text, icon, endpoint, kind = make
    if not may(permission):
        return None
    url, values = _target(endpoint, end)
    return Button(text=text, icon=icon, url=url, kind="post" if values else kind, values=values)


def _target(endpoint: str, end: Conclusion) -> tuple[str, dict[str, Any]]:
    facts = end.facts
    one: dict[str, Any] = {"subscription_id": facts.subscription_id}
    if end.action == "allow_device":
        if facts.mac_id is not None:
            url = url_for("panel.subscriptions.change_device", mac_id=facts.mac_id, **one)
            return url, {"do": "approved"}
        return url_for(endpoint, **one), {"mac": facts.mac or ""}
    if end.action == "remove_local_secret":
        url = url_for(endpoint, nas_id=facts.nas_id, tab="ppp-secrets")
        return url, {"do": "remove", "key": facts.username}
    if end.action == "edit_attributes":
        return url_for(
            endpoint, customer_id=facts.customer_id, subscription=facts.subscription_id, tab="attributes"
        ), {}
    if end.action in ("activate_customer", "add_subscription", "record_payment", "redeem_voucher"):
        return url_for(endpoint, customer_id=facts.customer_id), {}
    if end.action == "open_router":
        return url_for(endpoint, nas_id=facts.nas_id) if facts.nas_id else url_for("panel.routers.index"), {}
    if end.action == "open_blacklist":
        return url_for(endpoint), {}
    if end.action == "watch_changes":
        return url_for(endpoint, kind="waiting"), {}
    return url_for(endpoint, **one), {}


# Permission, words, sign, where it leads, and how: over this page, as a page, or sent at once.
_BUTTONS: Mapping[str, tuple[str, LazyString, str, str, str]] = {
    "activate": ("activate_customers", _l("Activate"), "lock-open", "panel.subscriptions.activate", "sheet"),
    "activate_customer": (
        "activate_customers", _l("Activate the customer"), "lock-open", "panel.subscriptions.activate_customer",
        "sheet",
    ),
    "add_subscription": ("create_customers", _l("Add a subscription"), "plus", "panel.subscriptions.new", "page"),
    "allow_device": ("remove_mac_bind", _l("Allow this device"), "check", "panel.subscriptions.add_device", "post"),
    "change_plan": ("change_package", _l("Change plan"), "package", "panel.subscriptions.change_plan", "sheet"),
    "disconnect": (
        "disconnect_customers", _l("Disconnect"), "plug-connected-x", "panel.subscriptions.disconnect", "sheet",
    ),
    "edit_attributes": ("view_customers", _l("Attributes"), "list", "panel.customers.show", "page"),
    "edit_subscription": ("edit_customers", _l("Edit subscription"), "edit", "panel.subscriptions.edit", "page"),
    "explain": ("view_customers", _l("Explain a login"), "login", "panel.decisions.explain_login", "page"),
    "lift_fair_use": ("activate_fup", _l("Lift fair use"), "arrow-up", "panel.fair_use.lift", "sheet"),
    "open_blacklist": ("view_customers", _l("Blacklist"), "ban", "panel.blacklist.index", "page"),
    "open_router": ("view_nas", _l("Look at the router"), "router", "panel.routers.show", "page"),
    "record_payment": ("record_payments", _l("Record a payment"), "cash", "panel.payments.new", "sheet"),
    "redeem_voucher": ("hotspot_recharge", _l("Redeem a voucher"), "ticket", "panel.redeeming.redeem", "page"),
    "remove_local_secret": ("manage_nas", _l("Take the name off the router"), "trash", "panel.router_api.do", "post"),
    "renew": ("record_payments", _l("Renew"), "calendar", "panel.balances.renew", "sheet"),
    "resend_speed": ("edit_speed_limit", _l("Send the speed again"), "send", "panel.doctor.resend_speed", "now"),
    "show_password": ("edit_customers", _l("Show password"), "eye", "panel.subscriptions.show_password", "now"),
    "top_up": ("edit_time_limit", _l("Top up"), "plus", "panel.allowances.topup", "sheet"),
    "watch_changes": ("view_customers", _l("What waits"), "bolt", "panel.changes.index", "page"),
}  # fmt: skip
