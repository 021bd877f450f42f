"""A customer's money on his page, credit by hand, and one more term."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import recharges, renewals, wallet
from bss.failure import Failure
from db.models import Customer
from db.queries.rows import find_row
from domain.lifecycle import IllegalMove
from webadmin.forms.books import RechargeForm
from webadmin.forms.money import BalanceForm, RenewForm
from webadmin.panel.filters import money
from webadmin.panel.subscriptions import Question, ask, finish, subscription_of
from webadmin.panel.support import attempt, db, effect_of, found, now, problems_of, render, tenant, with_follow
from webadmin.permissions import requires
from webadmin.proof import needs_proof
from webadmin.security import current_actor

blueprint = Blueprint("balances", __name__)


@blueprint.route("/customers/<int:customer_id>/balance", methods=["GET", "POST"])
@requires("edit_balance")
@needs_proof
def change(customer_id: int) -> ResponseReturnValue:
    """Give credit, or take it off."""
    customer = found(find_row(db(), Customer, customer_id, tenant_id=tenant().id))
    form, back = BalanceForm(), url_for("panel.customers.show", customer_id=customer_id, tab="money")
    if form.validate_on_submit():
        given = {"kind": form.kind.data, "amount": form.amount.data, "description": form.description.data or ""}
        key = f"adjust:panel:{form.request_key.data}" if form.request_key.data else None
        done = attempt(form, wallet.adjust, customer_id=customer_id, key=key, **given)
        if done is not None:
            flash(gettext("The balance is now %(balance)s.", balance=money(done.new)), "success")
            return redirect(with_follow(back, effect_of(done)), 303)
        customer = found(find_row(db(), Customer, customer_id, tenant_id=tenant().id))
    return render(
        "panel/money/question.html",
        422 if form.is_submitted() else 200,
        form=form,
        name=customer.name,
        heading=gettext("Change the balance"),
        effect=gettext("The balance is %(balance)s. Money that the customer brings is a payment, not a credit.",
                       balance=money(customer.balance)),
        submit=gettext("Change"),
        is_danger=False,
        back=back,
    )  # fmt: skip


@blueprint.route("/subscriptions/<int:subscription_id>/renew", methods=["GET", "POST"])
@requires("record_payments")
def renew(subscription_id: int) -> ResponseReturnValue:
    """One more term."""
    form = RenewForm()
    if form.validate_on_submit():
        key = f"renew:panel:{form.request_key.data}" if form.request_key.data else None
        given = {"terms": form.terms.data, "by": form.by.data, "request_key": key}
        done = attempt(form, renewals.renew, subscription_id=subscription_id, **given)
        if done is not None:
            return finish(done.subscription, done, _renewed(done))
    return ask(
        subscription_of(subscription_id),
        Question(
            heading=gettext("Renew"),
            effect=_effect_of_renewal(subscription_id),
            submit=gettext("Renew"),
            form=form,
            hints={"terms": gettext("A renewal that is billed already is paid; no second invoice is written.")},
        ),
    )


@blueprint.route("/subscriptions/<int:subscription_id>/recharge", methods=["GET", "POST"])
@requires("hotspot_recharge")
def recharge(subscription_id: int) -> ResponseReturnValue:
    """Days, or a package of volume or online time, paid at once."""
    form = RechargeForm()
    if form.validate_on_submit():
        done = attempt(form, recharges.recharge, subscription_id=subscription_id, **form.values())
        if done is not None:
            number = done.invoice.invoice_number
            return finish(
                done.subscription, done, str(gettext("Recharged; invoice %(number)s is paid.", number=number))
            )
    row = subscription_of(subscription_id)
    return ask(
        row,
        Question(
            heading=gettext("Recharge"),
            effect=gettext(
                "It is paid at once and can be used at once. The balance is %(balance)s.",
                balance=money(row.customer.balance),
            ),
            submit=gettext("Sell"),
            form=form,
            hints={"price": gettext("Of volume or time. Days cost what the plan says.")},
        ),
    )


def _renewed(done: renewals.Renewed) -> str:
    if done.invoice.status != "paid":
        return str(gettext("Invoice %(number)s was written.", number=done.invoice.invoice_number))
    return str(gettext("Renewed; invoice %(number)s is paid.", number=done.invoice.invoice_number))


def _effect_of_renewal(subscription_id: int) -> str:
    """What one term costs and until when, told by billing it and taking that back."""
    try:
        told = renewals.renew(db(), actor=current_actor(), now=now(), subscription_id=subscription_id, by=renewals.BILL)
        return str(
            gettext(
                "One term is from %(first)s to %(last)s and costs %(total)s. The balance is %(balance)s.",
                first=told.invoice.period_start,
                last=told.invoice.period_end,
                total=money(told.invoice.total),
                balance=money(told.subscription.customer.balance),
            )
        )
    except (Failure, IllegalMove) as refusal:
        return " ".join(text for _, text in problems_of(refusal))
    finally:
        db().rollback()
