"""What a subscription has: its plan, password, end, own speed and fixed address."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import plan_changes, reveal
from bss import subscriptions as use
from db.models import ServicePlan, Subscription
from db.queries.panel import catalogue
from db.queries.rows import find_row
from webadmin import format as spell
from webadmin.forms import customers as forms
from webadmin.panel.filters import language, money
from webadmin.panel.moments import from_local
from webadmin.panel.subscriptions.questions import (
    Question,
    ask,
    blueprint,
    contract_words,
    effect_sentence,
    finish,
    page_of,
    sentence,
    subscription_of,
)
from webadmin.panel.support import (
    act,
    argument_id,
    attempt,
    db,
    found,
    now,
    rehearse,
    render,
    run,
    tenant,
    with_follow,
    zone,
)
from webadmin.permissions import requires
from webadmin.proof import needs_proof
from webadmin.security import current_actor


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
            form,
            plan_changes.change,
            subscription_id=subscription_id,
            service_plan_id=form.service_plan_id.data,
            effective=form.effective.data,
            prorated=form.prorated.data,
            waive_fee=not form.charge_fee.data,
        )
        if done is not None:
            return finish(done.subscription, done, _plan_changed(done))
        subscription = subscription_of(subscription_id)
    chosen = form.service_plan_id.data or (plans[0].id if plans else None)
    return render(
        "panel/subscriptions/plan.html",
        422 if form.is_submitted() else 200,
        subscription=subscription,
        current=subscription.plan,
        form=form,
        effect=plan_effect(subscription_id, chosen) if chosen else None,
        back=page_of(subscription),
    )


@blueprint.get("/subscriptions/<int:subscription_id>/plan/effect")
@requires("change_package")
def change_plan_effect(subscription_id: int) -> ResponseReturnValue:
    """What moving to the chosen plan will do, while choosing."""
    plan_id = found(argument_id("service_plan_id"))
    return render("panel/subscriptions/_plan_effect.html", effect=plan_effect(subscription_id, plan_id))


@blueprint.post("/subscriptions/<int:subscription_id>/plan/withdraw")
@requires("change_package")
def withdraw_plan(subscription_id: int) -> ResponseReturnValue:
    """Take back a change of plan that waits for the end of the term."""
    back = page_of(subscription_of(subscription_id))
    return act(back, gettext("The plan stays as it is."), plan_changes.withdraw, subscription_id=subscription_id)


def plan_effect(subscription_id: int, plan_id: int) -> list[str]:
    """What moving to a plan will do: speed, price, and the running sessions."""
    network_effect = rehearse(plan_changes.change, subscription_id=subscription_id, service_plan_id=plan_id)
    subscription = subscription_of(subscription_id)
    plan = found(find_row(db(), ServicePlan, plan_id, tenant_id=tenant().id))
    if network_effect is None:
        return [gettext("This plan does not serve %(kind)s.", kind=subscription.connection_type)]
    told = plan_changes.preview(
        db(), actor=current_actor(), now=now(), subscription_id=subscription_id, service_plan_id=plan_id
    )
    return [
        gettext("Speed %(old)s → %(new)s.", old=_speeds(subscription.plan), new=_speeds(plan)),
        gettext("Price %(old)s → %(new)s from the next bill.", old=money(subscription.price), new=money(plan.price)),
        _cost_now(told),
        effect_sentence(network_effect),
        *([contract_words(told.breach)] if told.breach is not None else []),
    ]


def _cost_now(told: plan_changes.Preview) -> str:
    """What is to be paid for the days that are left of the period, or given back."""
    days = {"left": told.proration.days_left, "days": told.proration.days}
    if not told.proration.net:
        return str(gettext("Changing now costs nothing."))
    if told.total > 0:
        return str(gettext("Now: %(total)s for %(left)s of %(days)s days.", total=money(told.total), **days))
    return str(gettext("Now: %(total)s of credit for %(left)s of %(days)s days.", total=money(-told.total), **days))


def _plan_changed(done: plan_changes.PlanChanged) -> str:
    name = done.row.new_plan.name
    if done.row.status == "pending":
        return str(gettext("%(plan)s begins when the term ends.", plan=name))
    if done.invoice is not None:
        number = done.invoice.invoice_number
        return str(gettext("Plan is now %(plan)s; invoice %(number)s is for the difference.", plan=name, number=number))
    if done.credited:
        return str(gettext("Plan is now %(plan)s; %(sum)s is credit.", plan=name, sum=money(done.credited)))
    return str(gettext("Plan is now %(plan)s.", plan=name))


def _speeds(plan: ServicePlan) -> str:
    return spell.speed_pair(plan.download_kbps, plan.upload_kbps, language())


def _plan_line(plan: ServicePlan) -> str:
    return f"{plan.name} · {_speeds(plan)} · {money(plan.price)}"


@blueprint.route("/subscriptions/<int:subscription_id>/password", methods=["GET", "POST"])
@requires("edit_customers")
@needs_proof
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
                back=with_follow(page_of(issued.row), issued.effect),
            )
    effect = sentence(use.change_password, subscription_id=subscription_id)
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
@needs_proof
def show_password(subscription_id: int) -> ResponseReturnValue:
    """The service password; the audit log says who looked."""
    revealed = run(reveal.service_password, subscription_id=subscription_id)
    subscription = subscription_of(subscription_id)
    return render(
        "panel/subscriptions/secret.html",
        subscription=subscription,
        secret=revealed.secret,
        heading=gettext("Service password"),
        back=page_of(subscription),
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
