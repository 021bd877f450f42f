"""The forms of a new subscription and of one that is edited."""

from typing import Any

from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import first_bills
from bss import subscriptions as use
from db.models import Customer
from db.queries.nas_groups import groups_of
from db.queries.panel import catalogue
from db.queries.panel.customers import customer_by_id
from webadmin.forms import customers as forms
from webadmin.panel.customers import offer_choices, service_values
from webadmin.panel.subscriptions.questions import (
    blueprint,
    finish,
    page_of,
    subscription_of,
)
from webadmin.panel.support import (
    attempt,
    db,
    found,
    render,
    tenant,
)
from webadmin.permissions import requires


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
        back=page_of(subscription),
    )


def _changes(form: forms.EditSubscriptionForm) -> dict[str, Any]:
    names = (
        "price", "billing_day", "grace_period_days", "ip_pool", "address_list", "router_profile", "billing_cycle",
        "installation_date", "installation_address",
    )  # fmt: skip
    fees = {name: value for name, value in form.given("setup_fee", "installation_fee").items() if value is not None}
    kept = {"metadata": form.details.data} if form.details.was_sent else {}
    return (
        form.given(*names)
        | fees
        | kept
        | {
            "username": form.username.data or "",
            "nas_server_id": form.nas_server_id.data,
            "nas_group_id": form.nas_group_id.data,
            "nas_binding": form.nas_binding.data,
            "auto_renew": form.auto_renew.data,
            "is_postpaid": form.is_postpaid.data,
            "notes": form.notes.data or "",
        }
    )


@blueprint.route("/customers/<int:customer_id>/subscriptions/new", methods=["GET", "POST"])
@requires("create_customers")
def new(customer_id: int) -> ResponseReturnValue:
    """One more subscription."""
    customer: Customer = found(customer_by_id(db(), customer_id))
    form = forms.SubscriptionForm()
    offer_choices(form)
    if form.validate_on_submit():
        issued = attempt(form, first_bills.create, customer_id=customer_id, **service_values(form, customer))
        if issued is not None:
            return render("panel/customers/added.html", customer=customer, issued=issued)
        customer = found(customer_by_id(db(), customer_id))
    return render("panel/subscriptions/new.html", 422 if form.is_submitted() else 200, form=form, customer=customer)
