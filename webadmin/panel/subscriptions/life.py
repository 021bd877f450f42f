"""A subscription's life as staff steer it: suspended, activated, disconnected, terminated."""

from flask import flash, redirect
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import sessions
from bss import subscriptions as use
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
    attempt,
)
from webadmin.panel.words import suspend_reason_words
from webadmin.permissions import requires


@blueprint.route("/subscriptions/<int:subscription_id>/suspend", methods=["GET", "POST"])
@requires("suspend_customers")
def suspend(subscription_id: int) -> ResponseReturnValue:
    """Refuse logins until activated again."""
    form = forms.SuspendForm()
    if form.validate_on_submit():
        done = attempt(form, use.suspend, subscription_id=subscription_id, reason=form.reason.data)
        if done is not None:
            reason = suspend_reason_words(form.reason.data or "")
            return finish(done.row, done, gettext("Suspended: %(reason)s.", reason=reason))
    effect = sentence(use.suspend, subscription_id=subscription_id, reason="other")
    return ask(
        subscription_of(subscription_id),
        Question(
            heading=gettext("Suspend"),
            effect=effect + " " + gettext("Logins are refused until it is activated again."),
            submit=gettext("Suspend"),
            form=form,
            is_danger=True,
        ),
    )


@blueprint.route("/subscriptions/<int:subscription_id>/activate", methods=["GET", "POST"])
@requires("activate_customers")
def activate(subscription_id: int) -> ResponseReturnValue:
    """Let it log in."""
    form = forms.ConfirmForm()
    if form.validate_on_submit():
        done = attempt(form, use.activate, subscription_id=subscription_id)
        if done is not None:
            return finish(done.row, done, gettext("Active: it can log in from now on."))
    return ask(
        subscription_of(subscription_id),
        Question(
            heading=gettext("Activate"),
            effect=gettext(
                "It can log in again at once. The customer's device retries by itself, usually within a minute."
            ),
            submit=gettext("Activate"),
            form=form,
        ),
    )


@blueprint.route("/subscriptions/<int:subscription_id>/disconnect", methods=["GET", "POST"])
@requires("disconnect_customers")
def disconnect(subscription_id: int) -> ResponseReturnValue:
    """End its sessions."""
    form = forms.ConfirmForm()
    if form.validate_on_submit():
        done = attempt(form, sessions.disconnect_subscription, subscription_id=subscription_id)
        if done is not None:
            if not done.effect.sessions:
                flash(gettext("Not online: there was nothing to disconnect."), "info")
                return redirect(page_of(done.row), 303)
            return finish(done.row, done, gettext("Disconnect ordered."))
    effect = sentence(sessions.disconnect_subscription, subscription_id=subscription_id)
    return ask(
        subscription_of(subscription_id),
        Question(
            heading=gettext("Disconnect"),
            effect=effect + " " + gettext("It may log in again at once."),
            submit=gettext("Disconnect"),
            form=form,
            is_danger=True,
        ),
    )


@blueprint.route("/subscriptions/<int:subscription_id>/terminate", methods=["GET", "POST"])
@requires("delete_customers")
def terminate(subscription_id: int) -> ResponseReturnValue:
    """End it for good."""
    form = forms.ReasonForm()
    if form.validate_on_submit():
        done = attempt(form, use.terminate, subscription_id=subscription_id, reason=form.reason.data or "")
        if done is not None:
            return finish(done.row, done, gettext("Terminated. Its username is free again."))
    effect = sentence(use.terminate, subscription_id=subscription_id)
    return ask(
        subscription_of(subscription_id),
        Question(
            heading=gettext("Terminate"),
            effect=effect + " " + gettext("This cannot be undone; username and fixed address become free."),
            submit=gettext("Terminate for good"),
            form=form,
            is_danger=True,
        ),
    )
