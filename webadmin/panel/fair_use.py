"""Fair use put on or lifted by hand, as questions on the customer's page."""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField

from bss import fair_use_by_hand as use
from webadmin.forms.customers import ConfirmForm
from webadmin.forms.fields import Form
from webadmin.panel.subscriptions import Question, ask, finish, subscription_of
from webadmin.panel.support import attempt
from webadmin.permissions import requires

blueprint = Blueprint("fair_use", __name__)


class ActivateForm(Form):
    """Whether it counts below the limit too."""

    override = BooleanField(_l("Also when the limit is not reached"))


@blueprint.route("/subscriptions/<int:subscription_id>/fup", methods=["GET", "POST"])
@requires("activate_fup")
def activate(subscription_id: int) -> ResponseReturnValue:
    """Slow it now."""
    form = ActivateForm()
    if form.validate_on_submit():
        result = attempt(form, use.activate, subscription_id=subscription_id, override=bool(form.override.data))
        if result is not None:
            return finish(result.row, result, gettext("Fair use slows it until its period ends."))
    return ask(
        subscription_of(subscription_id),
        Question(
            heading=gettext("Slow by fair use"),
            effect=gettext("Running sessions get the plan's reduced speed at once, until the period ends."),
            submit=gettext("Slow down"),
            form=form,
        ),
    )


@blueprint.route("/subscriptions/<int:subscription_id>/fup/lift", methods=["GET", "POST"])
@requires("activate_fup")
def lift(subscription_id: int) -> ResponseReturnValue:
    """Full speed again."""
    form = ConfirmForm()
    if form.validate_on_submit():
        result = attempt(form, use.lift, subscription_id=subscription_id)
        if result is not None:
            return finish(result.row, result, gettext("Full speed again, until the period ends."))
    return ask(
        subscription_of(subscription_id),
        Question(
            heading=gettext("Lift fair use"),
            effect=gettext("Running sessions get the full speed at once, whatever is used, until the period ends."),
            submit=gettext("Give full speed"),
            form=form,
        ),
    )
