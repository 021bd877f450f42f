"""What is done to one subscription. Every question is a small page; opened from the customer page it is a dialog."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext

from bss import customers, reveal, sessions
from bss import subscriptions as use
from bss.outcome import Effect
from db.models import Customer, ServicePlan, Subscription
from db.queries.nas_groups import groups_of
from db.queries.panel import catalogue
from db.queries.panel.customers import customer_by_id
from db.queries.rows import find_row
from webadmin import format as spell
from webadmin.forms import customers as forms
from webadmin.panel.customers import offer_choices, service_values
from webadmin.panel.filters import language, money
from webadmin.panel.moments import from_local
from webadmin.panel.support import (
    act,
    argument_id,
    attempt,
    back_url,
    db,
    effect_of,
    found,
    rehearse,
    render,
    run,
    tenant,
    with_follow,
    zone,
)
from webadmin.panel.words import MAC_BINDINGS, suspend_reason_words
from webadmin.permissions import requires

blueprint = Blueprint("subscriptions", __name__)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a small page asks: its words, its form, and what saying yes will do."""

    heading: str
    effect: str
    submit: str
    form: Any
    is_danger: bool = False
    hints: Mapping[str, str] | None = None


def subscription_of(subscription_id: int) -> Subscription:
    """The provider's subscription, or 404."""
    return found(find_row(db(), Subscription, subscription_id, tenant_id=tenant().id))


def _page(subscription: Subscription) -> str:
    return url_for("panel.customers.show", customer_id=subscription.customer_id, subscription=subscription.id)


def ask(subscription: Subscription, question: Question) -> ResponseReturnValue:
    """The small page of a question about a subscription."""
    status = 422 if question.form.is_submitted() else 200
    return render(
        "panel/subscriptions/question.html",
        status,
        name=subscription.username,
        question=question,
        back=_page(subscription),
    )


def finish(subscription: Subscription, result: Any, message: str) -> ResponseReturnValue:
    """Back to the customer's page, which says what was done and follows the routers' answers."""
    flash(message, "success")
    return redirect(with_follow(_page(subscription), effect_of(result)), 303)


def effect_sentence(effect: Effect | None) -> str:
    """What will happen on the network, in words."""
    if effect is None or not effect.sessions:
        return str(gettext("Not online now: nothing has to be sent to a router."))
    parts = []
    if effect.disconnect_ids:
        count = len(effect.disconnect_ids)
        parts.append(
            ngettext("%(num)d session is disconnected at once.", "%(num)d sessions are disconnected at once.", count)
        )
    if effect.coa_ids:
        count = len(effect.coa_ids)
        parts.append(
            ngettext(
                "%(num)d session changes speed without being cut.",
                "%(num)d sessions change speed without being cut.",
                count,
            )
        )
    return " ".join(parts)


def _sentence(use_case: Callable[..., Any], **arguments: Any) -> str:
    return effect_sentence(rehearse(use_case, **arguments))


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
    effect = _sentence(use.suspend, subscription_id=subscription_id, reason="other")
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
                return redirect(_page(done.row), 303)
            return finish(done.row, done, gettext("Disconnect ordered."))
    effect = _sentence(sessions.disconnect_subscription, subscription_id=subscription_id)
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
    effect = _sentence(use.terminate, subscription_id=subscription_id)
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


@blueprint.route("/subscriptions/<int:subscription_id>/plan", methods=["GET", "POST"])
@requires("change_package")
def change_plan(subscription_id: int) -> ResponseReturnValue:
    """Move it to another plan."""
    subscription = subscription_of(subscription_id)
    form = forms.ChangePlanForm()
    plans = [plan for plan in catalogue.choices_of_plans(db()) if plan.id != subscription.service_plan_id]
    form.service_plan_id.offer((plan.id, _plan_line(plan)) for plan in plans)
    if form.validate_on_submit():
        done = attempt(
            form, use.change_plan, subscription_id=subscription_id, service_plan_id=form.service_plan_id.data
        )
        if done is not None:
            return finish(done.row, done, gettext("Plan is now %(plan)s.", plan=done.row.plan.name))
        subscription = subscription_of(subscription_id)
    chosen = form.service_plan_id.data or (plans[0].id if plans else None)
    return render(
        "panel/subscriptions/plan.html",
        422 if form.is_submitted() else 200,
        subscription=subscription,
        current=subscription.plan,
        form=form,
        effect=plan_effect(subscription_id, chosen) if chosen else None,
        back=_page(subscription),
    )


@blueprint.get("/subscriptions/<int:subscription_id>/plan/effect")
@requires("change_package")
def change_plan_effect(subscription_id: int) -> ResponseReturnValue:
    """What moving to the chosen plan will do, while choosing."""
    plan_id = found(argument_id("service_plan_id"))
    return render("panel/subscriptions/_plan_effect.html", effect=plan_effect(subscription_id, plan_id))


def plan_effect(subscription_id: int, plan_id: int) -> list[str]:
    """What moving to a plan will do: speed, price, and the running sessions."""
    network_effect = rehearse(use.change_plan, subscription_id=subscription_id, service_plan_id=plan_id)
    subscription = subscription_of(subscription_id)
    plan = found(find_row(db(), ServicePlan, plan_id, tenant_id=tenant().id))
    if network_effect is None:
        return [gettext("This plan does not serve %(kind)s.", kind=subscription.connection_type)]
    return [
        gettext("Speed %(old)s → %(new)s.", old=_speeds(subscription.plan), new=_speeds(plan)),
        gettext("Price %(old)s → %(new)s from the next bill.", old=money(subscription.price), new=money(plan.price)),
        effect_sentence(network_effect),
    ]


def _speeds(plan: ServicePlan) -> str:
    return spell.speed_pair(plan.download_kbps, plan.upload_kbps, language())


def _plan_line(plan: ServicePlan) -> str:
    return f"{plan.name} · {_speeds(plan)} · {money(plan.price)}"


@blueprint.route("/subscriptions/<int:subscription_id>/password", methods=["GET", "POST"])
@requires("edit_customers")
def change_password(subscription_id: int) -> ResponseReturnValue:
    """A new service password, shown once."""
    form = forms.PasswordForm()
    if form.validate_on_submit():
        issued = attempt(
            form, use.change_password, subscription_id=subscription_id, password=(form.password.data or None)
        )
        if issued is not None:
            return render(
                "panel/subscriptions/secret.html",
                subscription=issued.row,
                secret=issued.secret,
                heading=gettext("New service password"),
                back=with_follow(_page(issued.row), issued.effect),
            )
    effect = _sentence(use.change_password, subscription_id=subscription_id)
    return ask(
        subscription_of(subscription_id),
        Question(
            heading=gettext("New service password"),
            effect=effect + " " + gettext("The customer's device must be given the new password."),
            submit=gettext("Set password"),
            form=form,
            hints={"password": gettext("Leave it empty and one that can be read out is made.")},
        ),
    )


@blueprint.post("/subscriptions/<int:subscription_id>/password/show")
@requires("edit_customers")
def show_password(subscription_id: int) -> ResponseReturnValue:
    """The service password; the audit log says who looked."""
    revealed = run(reveal.service_password, subscription_id=subscription_id)
    subscription = subscription_of(subscription_id)
    return render(
        "panel/subscriptions/secret.html",
        subscription=subscription,
        secret=revealed.secret,
        heading=gettext("Service password"),
        back=_page(subscription),
    )


@blueprint.route("/subscriptions/<int:subscription_id>/expiry", methods=["GET", "POST"])
@requires("edit_suspend_date")
def change_expiry(subscription_id: int) -> ResponseReturnValue:
    """Move the end of the term."""
    subscription = subscription_of(subscription_id)
    form = forms.ExpiryForm()
    if form.validate_on_submit():
        done = attempt(
            form, use.change_expiry, subscription_id=subscription_id, expires_at=from_local(form.expires_at.data)
        )
        if done is not None:
            return finish(done.row, done, gettext("End date saved."))
        subscription = subscription_of(subscription_id)
    elif subscription.expires_at is not None:
        form.expires_at.data = subscription.expires_at.astimezone(zone()).replace(tzinfo=None)
    return ask(
        subscription,
        Question(
            heading=gettext("End of the term"),
            effect=gettext("After the end and the grace days logins are refused and sessions are ended."),
            submit=gettext("Save"),
            form=form,
            hints={
                "expires_at": gettext("Empty: it never ends by itself. Times are in %(zone)s.", zone=tenant().timezone)
            },
        ),
    )


@blueprint.route("/subscriptions/<int:subscription_id>/speed", methods=["GET", "POST"])
@requires("edit_speed_limit")
def change_speed(subscription_id: int) -> ResponseReturnValue:
    """A speed of its own, for a time or for good."""
    subscription = subscription_of(subscription_id)
    form = forms.SpeedForm(obj=None if subscription.limits is None else _local_limits(subscription))
    if form.validate_on_submit():
        changes = form.given("download_kbps", "upload_kbps") | {
            "speed_expires_at": from_local(form.speed_expires_at.data)
        }
        done = attempt(form, use.set_limits, subscription_id=subscription_id, changes=changes)
        if done is not None:
            return finish(done.row, done, gettext("Speed saved."))
        subscription = subscription_of(subscription_id)
    return ask(
        subscription,
        Question(
            heading=gettext("A speed of its own"),
            effect=gettext(
                "Running sessions get the new speed at once. With an end time it wins over fair use until then."
            ),
            submit=gettext("Save"),
            form=form,
            hints={
                "download_kbps": gettext(
                    "Empty: the plan's %(speed)s.", speed=spell.speed(subscription.plan.download_kbps, language())
                ),
                "upload_kbps": gettext(
                    "Empty: the plan's %(speed)s.", speed=spell.speed(subscription.plan.upload_kbps, language())
                ),
                "speed_expires_at": gettext("Empty: for good. Times are in %(zone)s.", zone=tenant().timezone),
            },
        ),
    )


def _local_limits(subscription: Subscription) -> Any:
    limits = subscription.limits
    if limits is None:
        return None
    until = limits.speed_expires_at
    shown = None if until is None else until.astimezone(zone()).replace(tzinfo=None)
    return _Shown(download_kbps=limits.download_kbps, upload_kbps=limits.upload_kbps, speed_expires_at=shown)


@dataclass(frozen=True, kw_only=True)
class _Shown:
    download_kbps: int | None
    upload_kbps: int | None
    speed_expires_at: datetime | None


@blueprint.route("/subscriptions/<int:subscription_id>/address", methods=["GET", "POST"])
@requires("edit_customers")
def change_address(subscription_id: int) -> ResponseReturnValue:
    """A fixed address, or none."""
    subscription = subscription_of(subscription_id)
    form = forms.AddressForm(obj=subscription)
    if form.validate_on_submit():
        done = attempt(
            form, use.assign_ip, subscription_id=subscription_id, assigned_ip=form.given("assigned_ip")["assigned_ip"]
        )
        if done is not None:
            return finish(done.row, done, gettext("Address saved."))
        subscription = subscription_of(subscription_id)
    return ask(
        subscription,
        Question(
            heading=gettext("Fixed address"),
            effect=gettext("A router changes addresses only at a login, so a running session is ended."),
            submit=gettext("Save"),
            form=form,
            hints={"assigned_ip": gettext("Empty: an address from the router's pool.")},
        ),
    )


@blueprint.route("/subscriptions/<int:subscription_id>/edit", methods=["GET", "POST"])
@requires("edit_customers")
def edit(subscription_id: int) -> ResponseReturnValue:
    """Username, router, price and the rest."""
    subscription = subscription_of(subscription_id)
    form = forms.EditSubscriptionForm(obj=subscription)
    form.nas_server_id.offer((nas.id, nas.name) for nas in catalogue.choices_of_routers(db()))
    form.nas_group_id.offer((group.id, group.name) for group in groups_of(db(), tenant().id))
    if form.validate_on_submit():
        version = int(form.version.data) if str(form.version.data or "").isdigit() else None
        done = attempt(form, use.edit, subscription_id=subscription_id, changes=_changes(form), version=version)
        if done is not None:
            return finish(done.row, done, gettext("Saved."))
        subscription = subscription_of(subscription_id)
    return render(
        "panel/subscriptions/edit.html",
        422 if form.is_submitted() else 200,
        form=form,
        subscription=subscription,
        customer=subscription.customer,
        back=_page(subscription),
    )


def _changes(form: forms.EditSubscriptionForm) -> dict[str, Any]:
    names = ("price", "billing_day", "grace_period_days", "ip_pool", "address_list", "router_profile")
    return form.given(*names) | {
        "username": form.username.data or "",
        "nas_server_id": form.nas_server_id.data,
        "nas_group_id": form.nas_group_id.data,
        "nas_binding": form.nas_binding.data,
        "auto_renew": form.auto_renew.data,
        "notes": form.notes.data or "",
    }


@blueprint.route("/customers/<int:customer_id>/subscriptions/new", methods=["GET", "POST"])
@requires("create_customers")
def new(customer_id: int) -> ResponseReturnValue:
    """One more subscription."""
    customer: Customer = found(customer_by_id(db(), customer_id))
    form = forms.SubscriptionForm()
    offer_choices(form)
    if form.validate_on_submit():
        issued = attempt(form, use.create, customer_id=customer_id, **service_values(form, customer))
        if issued is not None:
            return render("panel/customers/added.html", customer=customer, issued=issued)
        customer = found(customer_by_id(db(), customer_id))
    return render("panel/subscriptions/new.html", 422 if form.is_submitted() else 200, form=form, customer=customer)


@blueprint.route("/customers/<int:customer_id>/suspend", methods=["GET", "POST"])
@requires("suspend_customers")
def suspend_customer(customer_id: int) -> ResponseReturnValue:
    """Refuse every login of a customer, whatever his subscriptions say."""
    form = forms.SuspendForm()
    if form.validate_on_submit():
        done = attempt(form, customers.suspend, customer_id=customer_id, reason=form.reason.data)
        if done is not None:
            return _customer_done(customer_id, done, gettext("The customer is suspended."))
    effect = _sentence(customers.suspend, customer_id=customer_id)
    question = Question(
        heading=gettext("Suspend the customer"),
        effect=effect + " " + gettext("All logins of all his subscriptions are refused."),
        submit=gettext("Suspend"),
        form=form,
        is_danger=True,
    )
    return _ask_about_customer(customer_id, question)


@blueprint.route("/customers/<int:customer_id>/activate", methods=["GET", "POST"])
@requires("activate_customers")
def activate_customer(customer_id: int) -> ResponseReturnValue:
    """Lift the block of a customer."""
    form = forms.ConfirmForm()
    if form.validate_on_submit():
        done = attempt(form, customers.activate, customer_id=customer_id)
        if done is not None:
            return _customer_done(customer_id, done, gettext("The customer is active."))
    question = Question(
        heading=gettext("Activate the customer"),
        effect=gettext("His active subscriptions can log in again at once; those suspended on their own stay so."),
        submit=gettext("Activate"),
        form=form,
    )
    return _ask_about_customer(customer_id, question)


def _ask_about_customer(customer_id: int, question: Question) -> ResponseReturnValue:
    customer = found(find_row(db(), Customer, customer_id, tenant_id=tenant().id))
    back = url_for("panel.customers.show", customer_id=customer_id)
    status = 422 if question.form.is_submitted() else 200
    return render("panel/subscriptions/question.html", status, name=customer.name, question=question, back=back)


def _customer_done(customer_id: int, result: Any, message: str) -> ResponseReturnValue:
    flash(message, "success")
    back = url_for("panel.customers.show", customer_id=customer_id)
    return redirect(with_follow(back, effect_of(result)), 303)


@blueprint.post("/subscriptions/<int:subscription_id>/devices")
@requires("remove_mac_bind")
def add_device(subscription_id: int) -> ResponseReturnValue:
    """Allow a device."""
    subscription = subscription_of(subscription_id)
    values = {"mac": request.form.get("mac", ""), "note": request.form.get("note", "")}
    message = gettext("%(mac)s is allowed.", mac=values["mac"])
    return act(_page(subscription), message, use.add_mac, subscription_id=subscription_id, **values)


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
        effect=f"{words} {_sentence(use.reset_macs, subscription_id=subscription_id)}",
        submit=gettext("Remove MAC bind"),
        form=form,
        is_danger=True,
    )
    return ask(subscription, question)
