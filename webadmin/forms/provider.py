"""The provider's settings."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired

from domain.provider_settings import STARTING_STATUSES
from webadmin.forms.fields import Form, WholeField, optional, words_field
from webadmin.panel.language import LANGUAGES
from webadmin.panel.states import state_mark


class ProviderForm(Form):
    """What holds for all subscriptions."""

    usernames_ignore_case = BooleanField(_l("Upper and lower case of usernames are one"))


class CustomersForm(Form):
    """What holds for all customers."""

    name = StringField(_l("Name of the provider"), validators=[InputRequired(message=_l("Write a name."))])
    locale = words_field(_l("Language of the provider"), LANGUAGES.items())
    country_code = StringField(_l("Country of numbers without one"), render_kw={"inputmode": "numeric"})
    timezone = StringField(
        _l("Time zone"), validators=[InputRequired(message=_l("Write a time zone."))], render_kw={"list": "zones"}
    )
    currency = StringField(
        _l("Currency"), validators=[InputRequired(message=_l("Write three letters."))], render_kw={"maxlength": 3}
    )
    require_whatsapp = BooleanField(_l("No customer without a WhatsApp number"))
    default_customer_status = words_field(
        _l("New customers are"), [(code, state_mark("customer", code).text) for code in STARTING_STATUSES]
    )
    customer_code_prefix = StringField(_l("Customer codes begin with"))
    subscription_code_prefix = StringField(_l("Subscription codes begin with"))
    grace_period_days = WholeField(_l("Days of grace of new plans"), validators=[optional()])
    tokens_add_per_hour = WholeField(_l("Customers that programs may add in an hour"), validators=[optional()])
    forget_deleted_after_days = WholeField(_l("Days until deleted customers are forgotten"), validators=[optional()])
    deleted_customers_become = words_field(
        _l("Deleted customers then"), [("anonymous", _l("become anonymous")), ("erased", _l("are erased"))]
    )

    def changes(self) -> dict[str, Any]:
        """The fields as the use-case takes them; days of grace that were left empty stay as they are."""
        left_out = {"csrf_token"} | ({"grace_period_days"} if self.grace_period_days.data is None else set())
        return {name: field.data for name, field in self._fields.items() if name not in left_out}
