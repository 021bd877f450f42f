"""The rules of billing."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import billing_rules
from webadmin.forms.money import RulesForm
from webadmin.panel.support import attempt, db, render, tenant
from webadmin.permissions import requires

blueprint = Blueprint("billing_rules", __name__)


@blueprint.route("/settings/billing", methods=["GET", "POST"])
@requires("manage_billing")
def index() -> ResponseReturnValue:
    """Tax, due days, reminders, and what stops a run."""
    rules = billing_rules.rules_of(db(), tenant_id=tenant().id)
    form = RulesForm(obj=rules)
    if form.validate_on_submit() and attempt(form, billing_rules.change, changes=form.changes()) is not None:
        flash(gettext("Saved."), "success")
        return redirect(url_for("panel.billing_rules.index"), 303)
    return render("panel/money/rules.html", 422 if request.method == "POST" else 200, form=form)
