"""A customer's own data on screen: taken away as a file, made anonymous, erased."""

import json
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired

from bss import personal_data as use
from bss.failure import NotFound
from bss.personal_data import Forgotten
from db.models import Customer
from webadmin.forms.fields import Form
from webadmin.panel.subscriptions.questions import Question
from webadmin.panel.support import attempt, db, effect_of, found, render, run, with_follow
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("personal_data", __name__)


class ForgetForm(Form):
    """Who is meant, typed by hand."""

    confirm = StringField(
        _l("Customer code"),
        validators=[InputRequired(message=_l("Type the customer's code."))],
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )
    with_open_money = BooleanField(_l("Also if money is open: nobody can be asked for it afterwards"))


@blueprint.post("/customers/<int:customer_id>/personal-data")
@requires("manage_personal_data")
def export(customer_id: int) -> ResponseReturnValue:
    """Everything about him as a file; who took it is kept."""
    try:
        data = run(use.export, customer_id=customer_id)
    except NotFound:
        return found(None)
    code = data["customer"]["customer_code"]
    headers = {"Content-Disposition": f'attachment; filename="{code}.json"', "Cache-Control": "no-store"}
    return Response(json.dumps(data, ensure_ascii=False, indent=1), mimetype="application/json", headers=headers)


@blueprint.route("/customers/<int:customer_id>/anonymize", methods=["GET", "POST"])
@requires("manage_personal_data")
def anonymize(customer_id: int) -> ResponseReturnValue:
    """Take everything personal away."""
    effect = gettext(
        "Name, contacts, addresses, pictures, devices and logins are taken away for good. Invoices and payments stay"
        " and name nobody. Subscriptions end. Backups and months in files keep what they hold until they go."
    )
    heading, submit = gettext("Make anonymous"), gettext("Make anonymous")
    return _ask(customer_id, use.anonymize, heading, effect, submit, gettext("The customer is anonymous now."))


@blueprint.route("/customers/<int:customer_id>/erase", methods=["GET", "POST"])
@requires("manage_personal_data")
def erase(customer_id: int) -> ResponseReturnValue:
    """The same, and delete all that the books do not need."""
    effect = gettext(
        "Everything personal is taken away, and sessions, logins and usage are deleted. If he ever had an invoice or a"
        " payment, a record without a name stays behind it; otherwise nothing stays. It cannot be taken back."
    )
    heading, submit = gettext("Erase for good"), gettext("Erase")
    return _ask(customer_id, use.erase, heading, effect, submit, gettext("The customer was erased."))


def _ask(
    customer_id: int, verb: Callable[..., Forgotten], heading: str, effect: str, submit: str, message: str
) -> ResponseReturnValue:
    customer, form = _customer(customer_id), ForgetForm()
    code, back = (
        customer.customer_code,
        url_for("panel.customers.index", deleted="yes" if customer.deleted_at else None),
    )
    if form.validate_on_submit():
        given: dict[str, Any] = {"confirm": form.confirm.data, "with_open_money": form.with_open_money.data}
        done = attempt(form, verb, customer_id=customer_id, **given)
        if done is not None:
            flash(message, "success")
            return redirect(with_follow(back, effect_of(done)), 303)
        customer = _customer(customer_id)
    question = Question(
        heading=heading,
        effect=effect,
        submit=submit,
        form=form,
        is_danger=True,
        hints={"confirm": gettext("Type %(code)s to say that you mean this customer.", code=code)},
    )
    status = 422 if form.is_submitted() else 200
    return render("panel/subscriptions/question.html", status, name=customer.name, question=question, back=back)


def _customer(customer_id: int) -> Customer:
    try:
        return use.any_customer(db(), actor=current_actor(), customer_id=customer_id)
    except NotFound:
        return found(None)
