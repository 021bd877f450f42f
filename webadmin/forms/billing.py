"""Questions about billing runs and jobs, and how a customer wants to be billed."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, HiddenField, StringField
from wtforms.validators import InputRequired, Length

from bss.billing.profiles import CONTACT
from domain.term import BILLING_CYCLES
from webadmin.forms.fields import Form, WholeField, optional, words_field
from webadmin.panel.money.words import METHOD_WORDS
from webadmin.panel.words import choice_words


class ReasonForm(Form):
    """Why."""

    reason = StringField(_l("Why"), validators=[InputRequired(message=_l("Write why; it is kept.")), Length(max=255)])


class ContinueForm(Form):
    """How a stopped run goes on."""

    reason = StringField(_l("Why it may go on"), validators=[optional(), Length(max=255)])
    without_suspending = BooleanField(_l("Bill and remind, but suspend nobody"))


class ScheduleForm(Form):
    """When a job runs by itself."""

    when = StringField(_l("When"), validators=[optional(), Length(max=60)])
    is_off = BooleanField(_l("It does not run by itself"))


class ProfileForm(Form):
    """How a customer, or one of his subscriptions, wants to be billed."""

    billing_day = WholeField(_l("Terms turn on day"), validators=[optional()])
    billing_cycle = words_field(_l("Cycle"), [(code, choice_words(code)) for code in BILLING_CYCLES])
    payment_method = words_field(_l("Pays by"), [("", _l("whatever comes")), *METHOD_WORDS.items()])
    contact_name = StringField(_l("Bills go to"), validators=[optional(), Length(max=CONTACT["contact_name"])])
    contact_phone = StringField(_l("Phone"), validators=[optional(), Length(max=CONTACT["contact_phone"])])
    contact_email = StringField(_l("E-mail"), validators=[optional(), Length(max=CONTACT["contact_email"])])
    contact_address = StringField(_l("Address"), validators=[optional(), Length(max=CONTACT["contact_address"])])
    parent_pays = BooleanField(_l("The head of the family gets the invoices"))
    is_confirmed = BooleanField(_l("I have seen what this does to the next bill"))

    def narrow(self, *, is_subscription: bool, has_parent: bool) -> None:
        """Leave out what does not belong to what is edited."""
        if not is_subscription:
            del self.billing_day, self.billing_cycle
        if is_subscription or not has_parent:
            del self.parent_pays

    def values(self) -> dict[str, Any]:
        """What was given, as the use-case takes it."""
        given = {name: field.data for name, field in self._fields.items() if name not in ("is_confirmed", "csrf_token")}
        texts = {name: value or None for name, value in given.items() if name in {*CONTACT, "payment_method"}}
        return {name: value for name, value in (given | texts).items() if name in texts or value is not None}


class SuspendDateForm(Form):
    """A day of suspension, once or every month."""

    suspend_on = DateField(_l("Suspend on"), validators=[optional()])
    recurring_day = WholeField(_l("And every month on day"), validators=[optional()])
    is_confirmed = HiddenField()
