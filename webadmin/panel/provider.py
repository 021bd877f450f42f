"""The provider's settings that hold for all customers and subscriptions."""

from dataclasses import asdict

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import provider as use
from webadmin.forms.first_run import zones
from webadmin.forms.provider import CustomersForm, ProviderForm
from webadmin.panel.support import attempt, db, render, tenant
from webadmin.permissions import requires
from webadmin.security import current_actor

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
    return _page(form, _customers_form(None))


@blueprint.post("/settings/provider/customers")
@requires("manage_settings")
def customers() -> ResponseReturnValue:
    """What holds for customers."""
    form = _customers_form(request.form)
    if form.validate_on_submit() and attempt(form, use.change, changes=form.changes()) is not None:
        flash(gettext("Saved."), "success")
        return redirect(url_for("panel.provider.index"), 303)
    return _page(ProviderForm(formdata=None, obj=tenant()), form)


def _customers_form(formdata: object) -> CustomersForm:
    own = tenant()
    settings = asdict(use.settings_of(db(), actor=current_actor()))
    names = ("name", "locale", "country_code", "timezone", "currency")
    data = settings | {name: getattr(own, name) for name in names}
    return CustomersForm(formdata=formdata, data=data)


def _page(form: ProviderForm, customers_form: CustomersForm) -> ResponseReturnValue:
    refused = form.errors or customers_form.errors or form.form_errors or customers_form.form_errors
    shown = {"form": form, "customers_form": customers_form, "zones": zones()}
    return render("panel/settings/provider.html", 422 if refused else 200, **shown)
