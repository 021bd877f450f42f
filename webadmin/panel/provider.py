"""The provider's settings that hold for all subscriptions."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import provider as use
from webadmin.forms.provider import ProviderForm
from webadmin.panel.support import attempt, render, tenant
from webadmin.permissions import requires

blueprint = Blueprint("provider", __name__)


@blueprint.route("/settings/provider", methods=["GET", "POST"])
@requires("manage_settings")
def index() -> ResponseReturnValue:
    """Which usernames are one."""
    form = ProviderForm(obj=tenant())
    ignore_case = form.usernames_ignore_case.data
    if form.validate_on_submit() and attempt(form, use.set_usernames_ignore_case, ignore_case=ignore_case) is not None:
        flash(gettext("Saved."), "success")
        return redirect(url_for("panel.provider.index"), 303)
    return render("panel/settings/provider.html", 422 if form.is_submitted() else 200, form=form)
