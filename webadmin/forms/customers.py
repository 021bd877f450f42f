"""Customers, subscriptions and the small questions an action asks."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateTimeLocalField, HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired

from bss.subscriptions import CONNECTION_TYPES, SUSPEND_REASONS
from domain.customer_record import CUSTOMER_TYPES
from webadmin.forms.fields import AmountField, Form, IdField, SpeedField, WholeField, optional, words_field
from webadmin.panel.language import LANGUAGES
from webadmin.panel.words import NAS_BINDINGS, choice_words, suspend_reason_words

CUSTOMER_FIELDS = ("name", "email", "phone", "address", "city", "customer_type", "language", "notes", "credit_limit")


def _needed(message: Any) -> InputRequired:
    return InputRequired(message=message)


class CustomerForm(Form):
    """Who the customer is."""

    name = StringField(_l("Name"), validators=[_needed(_l("Write the customer's name."))])
    phone = StringField(_l("Phone"), validators=[optional()], render_kw={"inputmode": "tel"})
    email = StringField(_l("E-mail"), validators=[optional()], render_kw={"inputmode": "email"})
    address = TextAreaField(_l("Address"), validators=[optional()], render_kw={"rows": 2})
    city = StringField(_l("City"), validators=[optional()])
    customer_type = words_field(_l("Type"), [(code, choice_words(code)) for code in CUSTOMER_TYPES])
    language = words_field(_l("Language of messages"), LANGUAGES.items(), default="id")
    credit_limit = AmountField(_l("Credit limit"), validators=[optional()])
    notes = TextAreaField(_l("Notes"), validators=[optional()], render_kw={"rows": 2})
    version = HiddenField()

    def customer(self) -> dict[str, Any]:
        """The customer's fields as the use-cases take them."""
        return self.given(*CUSTOMER_FIELDS) | {"name": self.name.data or "", "notes": self.notes.data or ""}


class _ServiceMixin:
    """The service of a new subscription."""

    username = StringField(
        _l("Username"), validators=[optional()], render_kw={"autocomplete": "off", "spellcheck": "false"}
    )
    password = StringField(_l("Service password"), validators=[optional()], render_kw={"autocomplete": "off"})
    connection_type = words_field(
        _l("Kind of access"), [("", _l("as the plan says")), *[(code, choice_words(code)) for code in CONNECTION_TYPES]]
    )
    nas_server_id = IdField(_l("Router"), empty=_l("any router"))
    nas_binding = words_field(_l("May be used"), NAS_BINDINGS.items(), default="off")
    nas_group_id = IdField(_l("Router group"), empty=_l("none"))
    never_expires = BooleanField(_l("Does not end by itself"))
    activate = BooleanField(_l("Active at once"), default=True)


class NewCustomerForm(_ServiceMixin, CustomerForm):
    """A customer with the first subscription; without a plan only the customer is added."""

    service_plan_id = IdField(_l("Plan"), empty=_l("none: add the customer without a subscription"))


class SubscriptionForm(_ServiceMixin, Form):
    """One more subscription for a customer."""

    service_plan_id = IdField(_l("Plan"))


class EditSubscriptionForm(Form):
    """What may be changed of a subscription without touching its plan."""

    username = StringField(_l("Username"), validators=[_needed(_l("Write a username."))])
    nas_server_id = IdField(_l("Router"), empty=_l("any router"))
    nas_group_id = IdField(_l("Router group"), empty=_l("none"))
    nas_binding = words_field(_l("May be used"), NAS_BINDINGS.items())
    price = AmountField(_l("Price"), validators=[_needed(_l("Write the price."))])
    billing_day = WholeField(_l("Billing day of the month"), validators=[_needed(_l("Write a day from 1 to 31."))])
    grace_period_days = WholeField(_l("Grace days after the end"), validators=[optional()])
    auto_renew = BooleanField(_l("Renews by itself"))
    ip_pool = StringField(_l("Address pool on the router"), validators=[optional()])
    address_list = StringField(_l("Firewall address list"), validators=[optional()])
    router_profile = StringField(_l("Profile on routers that keep passwords"), validators=[optional()])
    notes = TextAreaField(_l("Notes"), validators=[optional()], render_kw={"rows": 2})
    version = HiddenField()


class ConfirmForm(Form):
    """A question that needs only yes."""


class SuspendForm(Form):
    """Why it is suspended."""

    reason = words_field(_l("Reason"), [(code, suspend_reason_words(code)) for code in SUSPEND_REASONS])


class ReasonForm(Form):
    """A reason in free words."""

    reason = StringField(_l("Reason"), validators=[optional()])


class ChangePlanForm(Form):
    """Which plan it moves to."""

    service_plan_id = IdField(_l("New plan"))
    effective = words_field(_l("When"), [("now", _l("now")), ("next_period", _l("when the term ends"))], default="now")
    prorated = BooleanField(_l("Count the days that are left"), default=True)


class PasswordForm(Form):
    """A new service password."""

    password = StringField(_l("New password"), validators=[optional()], render_kw={"autocomplete": "off"})


class ExpiryForm(Form):
    """When the subscription ends, in the provider's time zone."""

    expires_at = DateTimeLocalField(_l("Ends"), validators=[optional()])


class SpeedForm(Form):
    """A speed of the subscription's own."""

    download_kbps = SpeedField(_l("Download"), validators=[optional()])
    upload_kbps = SpeedField(_l("Upload"), validators=[optional()])
    speed_expires_at = DateTimeLocalField(_l("Until"), validators=[optional()])


class AddressForm(Form):
    """A fixed address."""

    assigned_ip = StringField(_l("Fixed IPv4 address"), validators=[optional()])


class DeviceForm(Form):
    """A device for the list."""

    mac = StringField(_l("MAC address"), validators=[_needed(_l("Write the MAC address."))])
    note = StringField(_l("Note"), validators=[optional()])
