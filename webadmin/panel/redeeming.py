"""At the desk: redeeming a voucher for a customer, and hotspot logins that can be read out."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from bss import hotspot
from bss import redeeming as use
from bss.failure import NotFound
from bss.rows import find
from db.models import Customer
from db.queries.vouchers import hotspot_subscriptions
from webadmin.forms.vouchers import HotspotForm, RedeemForm
from webadmin.panel.support import attempt, db, found, render
from webadmin.panel.vouchers import plans_for_hotspots
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("redeeming", __name__)


@blueprint.route("/customers/<int:customer_id>/voucher", methods=["GET", "POST"])
@requires("hotspot_recharge")
def redeem(customer_id: int) -> ResponseReturnValue:
    """Type a code; what it is worth goes to the chosen login, a new one, or the balance."""
    customer, form = _customer(customer_id), RedeemForm()
    logins = hotspot_subscriptions(db(), customer.id, limit=use.MAX_LOGINS)
    form.subscription_id.offer((row.id, row.username) for row in logins)
    if not form.is_submitted() and logins:
        form.subscription_id.data = logins[0].id
    if form.validate_on_submit():
        chosen = form.subscription_id.data
        whom = {"customer_id": customer.id} if chosen is None else {"subscription_id": chosen}
        done = attempt(form, use.redeem, code=form.code.data or "", **whom)
        if done is not None:
            return render("panel/vouchers/redeemed.html", customer=customer, done=done)
    return render("panel/vouchers/redeem.html", 422 if form.is_submitted() else 200, form=form, customer=customer)


@blueprint.route("/customers/<int:customer_id>/hotspot-login", methods=["GET", "POST"])
@requires("hotspot_recharge")
def make_login(customer_id: int) -> ResponseReturnValue:
    """A name and a password to read out, on a hotspot plan."""
    customer, form = _customer(customer_id), HotspotForm()
    form.service_plan_id.offer(plans_for_hotspots())
    if form.validate_on_submit():
        issued = attempt(
            form, hotspot.generate, customer_id=customer.id, service_plan_id=form.service_plan_id.data or 0
        )
        if issued is not None:
            return render("panel/vouchers/login.html", customer=customer, row=issued.row, secret=issued.secret)
    return render("panel/vouchers/login_form.html", 422 if form.is_submitted() else 200, form=form, customer=customer)


def _customer(customer_id: int) -> Customer:
    try:
        return find(db(), Customer, customer_id, actor=current_actor())
    except NotFound:
        return found(None)
