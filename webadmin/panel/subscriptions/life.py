"""A subscription's life as staff steer it: suspended, activated, disconnected, cancelled, terminated."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import early_ending, first_bills, sessions
from bss import subscriptions as use
from domain.entitlement import BY_STAFF, OVERDUE
from webadmin.forms import customers as forms
from webadmin.panel.subscriptions.questions import (
    Question,
    ask,
    blueprint,
    breach_of,
    contract_words,
    finish,
    offer_fee,
    page_of,
    sentence,
    subscription_of,
    waives,
)
from webadmin.panel.support import act, attempt, now
from webadmin.panel.words import suspend_reason_words
from webadmin.permissions import requires
from webadmin.security import may


@blueprint.route("/subscriptions/<int:subscription_id>/suspend", methods=["GET", "POST"])
@requires("suspend_customers")
def suspend(subscription_id: int) -> ResponseReturnValue:
    """Refuse logins until activated again."""
    form = forms.SuspendSubscriptionForm()
    if form.validate_on_submit():
        cause = OVERDUE if form.until_paid.data else BY_STAFF
        done = attempt(form, use.suspend, subscription_id=subscription_id, reason=form.reason.data, cause=cause)
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
    is_first = subscription_of(subscription_id).status == "pending" and may("generate_bills")
    form = forms.ActivateForm() if is_first else forms.ConfirmForm()
    if form.validate_on_submit():
        bill_now = is_first and form.bill_now.data
        done = attempt(form, first_bills.activate, subscription_id=subscription_id, bill_now=bill_now)
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


@blueprint.route("/subscriptions/<int:subscription_id>/cancel", methods=["GET", "POST"])
@requires("suspend_customers")
def cancel(subscription_id: int) -> ResponseReturnValue:
    """End it at the customer's wish, now or with its term."""
    subscription = subscription_of(subscription_id)
    form = forms.CancelForm()
    has_end = subscription.expires_at is not None and subscription.expires_at > now()
    if not has_end:
        del form.when
    breach = breach_of(subscription)
    offer_fee(form, breach)
    if form.validate_on_submit():
        later = has_end and form.when.data == "end"
        given = {"reason": form.reason.data or "", "at_period_end": later, "waive_fee": waives(form)}
        done = attempt(form, early_ending.cancel, subscription_id=subscription_id, **given)
        if done is not None:
            said = gettext("It ends with its term.") if later else gettext("Cancelled.")
            return finish(done.row, done, said)
        subscription = subscription_of(subscription_id)
    words = gettext("It is not renewed any more. When it ends, logins are refused and sessions are ended.")
    return ask(
        subscription,
        Question(
            heading=gettext("The customer leaves"),
            effect=f"{words} {contract_words(breach)}".strip(),
            submit=gettext("End the subscription"),
            form=form,
            is_danger=True,
        ),
    )


@blueprint.post("/subscriptions/<int:subscription_id>/keep")
@requires("suspend_customers")
def keep(subscription_id: int) -> ResponseReturnValue:
    """The customer stays after all."""
    back = page_of(subscription_of(subscription_id))
    return act(back, gettext("It stays, and is renewed again."), early_ending.keep, subscription_id=subscription_id)


@blueprint.route("/subscriptions/<int:subscription_id>/delete", methods=["GET", "POST"])
@requires("delete_customers")
def delete(subscription_id: int) -> ResponseReturnValue:
    """Take one that is over off the customer's page."""
    subscription = subscription_of(subscription_id)
    form = forms.ConfirmForm()
    if form.validate_on_submit():
        done = attempt(form, early_ending.delete, subscription_id=subscription_id)
        if done is not None:
            flash(gettext("It was taken off the lists."), "success")
            return redirect(url_for("panel.customers.show", customer_id=done.row.customer_id), 303)
        subscription = subscription_of(subscription_id)
    return ask(
        subscription,
        Question(
            heading=gettext("Take off the lists"),
            effect=gettext("It is not shown any more. Its invoices and its history stay."),
            submit=gettext("Take off the lists"),
            form=form,
            is_danger=True,
        ),
    )


@blueprint.route("/subscriptions/<int:subscription_id>/terminate", methods=["GET", "POST"])
@requires("delete_customers")
def terminate(subscription_id: int) -> ResponseReturnValue:
    """End it for good."""
    form = forms.EndForm()
    breach = breach_of(subscription_of(subscription_id))
    offer_fee(form, breach)
    if form.validate_on_submit():
        given = {"reason": form.reason.data or "", "waive_fee": waives(form)}
        done = attempt(form, early_ending.terminate, subscription_id=subscription_id, **given)
        if done is not None:
            return finish(done.row, done, gettext("Terminated. Its username is free again."))
    effect = sentence(use.terminate, subscription_id=subscription_id)
    return ask(
        subscription_of(subscription_id),
        Question(
            heading=gettext("Terminate"),
            effect=" ".join(
                (
                    effect,
                    gettext("This cannot be undone; username and fixed address become free."),
                    contract_words(breach),
                )
            ).strip(),
            submit=gettext("Terminate for good"),
            form=form,
            is_danger=True,
        ),
    )
