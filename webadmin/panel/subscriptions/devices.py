"""Which devices may use a subscription."""

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import subscriptions as use
from db.models import Subscription
from webadmin.forms import customers as forms
from webadmin.panel.subscriptions.questions import (
    Question,
    ask,
    blueprint,
    finish,
    page_of,
    sentence,
    subscription_of,
)
from webadmin.panel.support import (
    act,
    attempt,
    back_url,
)
from webadmin.panel.words import MAC_BINDINGS
from webadmin.permissions import requires


@blueprint.post("/subscriptions/<int:subscription_id>/devices")
@requires("remove_mac_bind")
def add_device(subscription_id: int) -> ResponseReturnValue:
    """Allow a device."""
    subscription = subscription_of(subscription_id)
    values = {"mac": request.form.get("mac", ""), "note": request.form.get("note", "")}
    message = gettext("%(mac)s is allowed.", mac=values["mac"])
    return act(back_url(_page(subscription)), message, use.add_mac, subscription_id=subscription_id, **values)


@blueprint.post("/subscriptions/<int:subscription_id>/devices/<int:mac_id>")
@requires("remove_mac_bind")
def change_device(subscription_id: int, mac_id: int) -> ResponseReturnValue:
    """Allow, block or remove a listed device."""
    subscription = subscription_of(subscription_id)
    wanted, back = request.form.get("do", ""), back_url(_page(subscription))
    if wanted == "remove":
        return act(
            back,
            gettext("The device was taken off the list."),
            use.remove_mac,
            subscription_id=subscription_id,
            mac_id=mac_id,
        )
    message = gettext("The device is allowed.") if wanted == "approved" else gettext("The device is blocked.")
    return act(back, message, use.set_mac_status, subscription_id=subscription_id, mac_id=mac_id, status=wanted)


@blueprint.post("/subscriptions/<int:subscription_id>/binding")
@requires("remove_mac_bind")
def change_binding(subscription_id: int) -> ResponseReturnValue:
    """Which devices may log in."""
    subscription = subscription_of(subscription_id)
    wanted = request.form.get("mac_binding", "")
    message = str(MAC_BINDINGS[wanted].says) if wanted in MAC_BINDINGS else ""
    return act(_page(subscription), message, use.set_mac_binding, subscription_id=subscription_id, mac_binding=wanted)


def _page(subscription: Subscription) -> str:
    return page_of(subscription, "devices")


@blueprint.route("/subscriptions/<int:subscription_id>/devices/reset", methods=["GET", "POST"])
@requires("remove_mac_bind")
def reset_devices(subscription_id: int) -> ResponseReturnValue:
    """Forget the devices it is bound to."""
    subscription = subscription_of(subscription_id)
    form = forms.ConfirmForm()
    if form.validate_on_submit():
        done = attempt(form, use.reset_macs, subscription_id=subscription_id)
        if done is not None:
            return finish(done.row, done, gettext("The devices were taken off the list."))
        subscription = subscription_of(subscription_id)
    words = {
        "off": gettext("Allowed and waiting devices are taken off the list; blocked ones stay."),
        "fixed": gettext("Any device may log in until one is allowed again; blocked ones stay blocked."),
        "learn": gettext("The next device to log in with the right password is taken; blocked ones stay blocked."),
        "approval": gettext("Every device has to be allowed anew; blocked ones stay blocked."),
    }[subscription.mac_binding]
    question = Question(
        heading=gettext("Remove MAC bind"),
        effect=f"{words} {sentence(use.reset_macs, subscription_id=subscription_id)}",
        submit=gettext("Remove MAC bind"),
        form=form,
        is_danger=True,
    )
    return ask(subscription, question)
