"""The RADIUS attributes of a subscription's own: conditions on its logins, and what their replies hold."""

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import attributes
from bss import subscriptions as use
from db.models import Subscription
from db.queries.rows import find_row
from domain.access import NAS_TYPES
from domain.attributes import ATTRIBUTES
from domain.checks import CHECKED
from webadmin.forms.attributes import AttributesForm, edits_rows, rows_of
from webadmin.panel.support import attempt, db, effect_of, found, now, render, tenant, with_follow
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("attributes", __name__)


def choices() -> dict[str, Any]:
    """What the boxes of a row offer: attributes that can be sent with an example, and what can be a condition."""
    return {"reply_names": [ATTRIBUTES[name] for name in attributes.WRITABLE], "check_names": CHECKED}


def tab_of(subscription: Subscription) -> dict[str, Any]:
    """The tab of the customer page: what is written, and what a login through one kind of router is sent."""
    vendor = request.args.get("vendor", "")
    vendor = vendor if vendor in NAS_TYPES else NAS_TYPES[0]
    whose: dict[str, Any] = {"actor": current_actor(), "subscription_id": subscription.id}
    return {
        "own": use.attributes_of(db(), **whose),
        "effective": attributes.effective(db(), now=now(), vendor=vendor, **whose),
        "vendor": vendor,
        "vendors": NAS_TYPES,
        "as_rows": attributes.as_rows,
    }


@blueprint.route("/subscriptions/<int:subscription_id>/attributes", methods=["GET", "POST"])
@requires("edit_customers")
def edit(subscription_id: int) -> ResponseReturnValue:
    """Write, change and remove rows."""
    subscription = _subscription(subscription_id)
    own = use.attributes_of(db(), actor=current_actor(), subscription_id=subscription_id)
    stored = {"replies": [row._asdict() for row in own.replies], "checks": [row._asdict() for row in own.checks]}
    form = AttributesForm(data=stored if request.method == "GET" else None)
    # Both are asked: the button of one list must not be taken for a save of the other.
    edited = [edits_rows(rows, request.form) for rows in (form.replies, form.checks)]
    if not any(edited) and form.validate_on_submit():
        lists = {"replies": rows_of(form.replies), "checks": rows_of(form.checks)}
        done = attempt(form, use.set_attributes, subscription_id=subscription_id, **lists)
        if done is not None:
            flash(gettext("Attributes saved. They count from the next login."), "success")
            return redirect(with_follow(_tab(done.row), effect_of(done)), 303)
        subscription = _subscription(subscription_id)
    status = 422 if form.is_submitted() and not any(edited) else 200
    return render(
        "panel/subscriptions/attributes.html",
        status,
        form=form,
        subscription=subscription,
        back=_tab(subscription),
        **choices(),
    )


def _subscription(subscription_id: int) -> Subscription:
    return found(find_row(db(), Subscription, subscription_id, tenant_id=tenant().id))


def _tab(subscription: Subscription) -> str:
    page = url_for("panel.customers.show", customer_id=subscription.customer_id, subscription=subscription.id)
    return f"{page}&tab=attributes"
