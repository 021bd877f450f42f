"""How a customer wants to be billed, on screen: what a change does to the next bill is seen before it is saved."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss.billing import profiles as use
from bss.billing import suspend_dates as dates
from bss.failure import Failure
from db.models import Customer, Subscription
from db.queries.owned import owned_by
from db.queries.rows import find_row
from webadmin import format as spell
from webadmin.forms.billing import ProfileForm, SuspendDateForm
from webadmin.panel.filters import language
from webadmin.panel.support import argument_id, attempt, db, effect_of, found, now, render, tenant, with_follow
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("billing_profiles", __name__)


@blueprint.route("/customers/<int:customer_id>/billing", methods=["GET", "POST"])
@requires("generate_bills")
def edit(customer_id: int) -> ResponseReturnValue:
    """The profile of a customer, or of one of his subscriptions; a large change is asked about once more."""
    customer = found(find_row(db(), Customer, customer_id, tenant_id=tenant().id))
    subscriptions = owned_by(db(), [customer.id])[customer.id].live
    chosen = next((row for row in subscriptions if row.id == argument_id("subscription")), None)
    whose: dict[str, Any] = {"customer_id": customer.id, "subscription_id": None if chosen is None else chosen.id}
    profile, bill, payer_id = use.read(db(), actor=current_actor(), now=now(), **whose)
    values = {name: getattr(profile, name) for name in use.OF_PROFILE}
    if chosen is not None:
        values |= {"billing_day": chosen.billing_day, "billing_cycle": chosen.billing_cycle}
    form = ProfileForm(data=values if request.method == "GET" else None)
    form.narrow(is_subscription=chosen is not None, has_parent=customer.parent_customer_id is not None)
    back = url_for("panel.customers.show", customer_id=customer.id, tab="money")
    impact = None
    if form.validate_on_submit():
        changes = {name: value for name, value in form.values().items() if value != values.get(name)}
        if not changes:
            return redirect(back, 303)
        impact = _impact(whose, changes)
        saved = attempt(form, use.save, **whose, changes=changes, is_confirmed=form.is_confirmed.data)
        if saved is not None:
            flash(gettext("Saved."), "success")
            return redirect(with_follow(back, effect_of(saved)), 303)
    return render(
        "panel/customers/billing.html", 422 if request.method == "POST" else 200, customer=customer, form=form,
        back=back, bill=bill, impact=impact, subscriptions=subscriptions, chosen=chosen,
        payer=None if payer_id == customer.id else db().get(Customer, payer_id),
    )  # fmt: skip


def _impact(whose: dict[str, Any], changes: dict[str, Any]) -> use.Impact | None:
    try:
        return use.preview(db(), actor=current_actor(), now=now(), **whose, changes=changes)
    except Failure:
        # What is wrong is said when it is saved, beside its field.
        return None


@blueprint.route("/subscriptions/<int:subscription_id>/suspend-date", methods=["GET", "POST"])
@requires("edit_suspend_date")
def suspend_date(subscription_id: int) -> ResponseReturnValue:
    """The day on which it is suspended whatever was paid; what that means is said before it is saved."""
    row = found(find_row(db(), Subscription, subscription_id, tenant_id=tenant().id))
    values = {"suspend_on": row.suspend_on, "recurring_day": row.suspend_recurring_day}
    form = SuspendDateForm(data=values if request.method == "GET" else None)
    back = url_for("panel.customers.show", customer_id=row.customer_id, subscription=row.id)
    effect = gettext("It is suspended on that day whatever was paid, and comes back by hand.")
    if form.validate_on_submit():
        given: dict[str, Any] = {"subscription_id": row.id, "suspend_on": form.suspend_on.data}
        told = _meaning(given)
        is_seen = told is None or not told.unused_days or form.is_confirmed.data
        if told is not None and not is_seen:
            effect = gettext(
                "%(days)d days of the running term would not be used, worth %(worth)s. Save again if that is meant.",
                days=told.unused_days, worth=spell.money(told.unused_worth, told.currency, language()),
            )  # fmt: skip
            form.is_confirmed.data = "yes"
        elif attempt(form, dates.change, **given, recurring_day=form.recurring_day.data) is not None:
            flash(gettext("Saved."), "success")
            return redirect(back, 303)
    return render(
        "panel/money/question.html", 422 if request.method == "POST" else 200, form=form, back=back,
        name=row.username, heading=gettext("Day of suspension"), submit=gettext("Save"), is_danger=False,
        effect=effect,
    )  # fmt: skip


def _meaning(given: dict[str, Any]) -> dates.Effect | None:
    try:
        return dates.preview(db(), actor=current_actor(), now=now(), **given)
    except Failure:
        # What is wrong is said when it is saved, beside its field.
        return None
