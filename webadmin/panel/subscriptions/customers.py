"""Blocking a whole customer, and lifting the block."""

from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import customers
from db.models import Customer
from db.queries.rows import find_row
from webadmin.forms import customers as forms
from webadmin.panel.subscriptions.questions import (
    Question,
    blueprint,
    sentence,
)
from webadmin.panel.support import (
    attempt,
    db,
    effect_of,
    found,
    render,
    tenant,
    with_follow,
)
from webadmin.permissions import requires


@blueprint.route("/customers/<int:customer_id>/suspend", methods=["GET", "POST"])
@requires("suspend_customers")
def suspend_customer(customer_id: int) -> ResponseReturnValue:
    """Refuse every login of a customer, whatever his subscriptions say."""
    form = forms.SuspendForm()
    if form.validate_on_submit():
        done = attempt(form, customers.suspend, customer_id=customer_id, reason=form.reason.data)
        if done is not None:
            return _customer_done(customer_id, done, gettext("The customer is suspended."))
    effect = sentence(customers.suspend, customer_id=customer_id)
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
