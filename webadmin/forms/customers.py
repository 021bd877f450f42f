"""Customers, subscriptions and the small questions an action asks."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, DateTimeLocalField, HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired

from bss.subscriptions import CONNECTION_TYPES, SUSPEND_REASONS
from db.models.plans import BILLING_CYCLES
from domain.customer_record import CUSTOMER_TYPES, tags_of
from webadmin.forms.fields import (
    AmountField,
    DegreesField,
    Form,
    IdField,
    MetadataField,
    SpeedField,
    WholeField,
    optional,
    words_field,
)
from webadmin.panel.customer_words import GENDER_WORDS
from webadmin.panel.language import LANGUAGES
from webadmin.panel.words import NAS_BINDINGS, choice_words, suspend_reason_words

CUSTOMER_FIELDS = ("name", "email", "phone", "address", "city", "customer_type", "language", "notes", "credit_limit")
MORE_FIELDS = (
    "whatsapp", "province", "house_number", "apartment_number", "postal_code", "country", "location", "latitude",
    "longitude", "company_name", "tax_id", "birth_date", "gender",
)  # fmt: skip


def _needed(message: Any) -> InputRequired:
    return InputRequired(message=message)


class CustomerForm(Form):
    """Who the customer is."""

    name = StringField(_l("Name"), validators=[_needed(_l("Write the customer's name."))])
    phone = StringField(_l("Phone"), validators=[optional()], render_kw={"inputmode": "tel"})
    email = StringField(_l("E-mail"), validators=[optional()], render_kw={"inputmode": "email"})
    address = TextAreaField(_l("Address"), validators=[optional()], render_kw={"rows": 2})
    city = StringField(_l("City"), validators=[optional()])
    whatsapp = StringField(_l("WhatsApp"), validators=[optional()], render_kw={"inputmode": "tel"})
    province = StringField(_l("Province"), validators=[optional()])
    house_number = StringField(_l("House number"), validators=[optional()])
    apartment_number = StringField(_l("Apartment"), validators=[optional()])
    postal_code = StringField(_l("Postal code"), validators=[optional()])
    country = StringField(_l("Country"), validators=[optional()])
    location = StringField(_l("How to find it"), validators=[optional()])
    latitude = DegreesField(_l("Latitude"), validators=[optional()])
    longitude = DegreesField(_l("Longitude"), validators=[optional()])
    company_name = StringField(_l("Company"), validators=[optional()])
    tax_id = StringField(_l("Tax number"), validators=[optional()])
    birth_date = DateField(_l("Birth date"), validators=[optional()])
    gender = words_field(
        _l("Gender"), [("", _l("not said")), *GENDER_WORDS.items()], default="", filters=[lambda told: told or ""]
    )
    # Called otherwise than the customer's own, so that no form is ever filled with it.
    new_id_card_number = StringField(
        _l("Number of the identity card"), validators=[optional()], render_kw={"autocomplete": "off"}
    )
    customer_type = words_field(_l("Type"), [(code, choice_words(code)) for code in CUSTOMER_TYPES])
    language = words_field(_l("Language of messages"), LANGUAGES.items(), default="id")
    credit_limit = AmountField(_l("Credit limit"), validators=[optional()])
    notes = TextAreaField(_l("Notes"), validators=[optional()], render_kw={"rows": 2})
    version = HiddenField()

    def customer(self) -> dict[str, Any]:
        """The customer's fields as the use-cases take them."""
        given = self.given(*CUSTOMER_FIELDS, *MORE_FIELDS)
        card = (self.new_id_card_number.data or "").strip()
        return (
            given
            | {"name": self.name.data or "", "notes": self.notes.data or ""}
            | ({"id_card_number": card} if card else {})
        )

    @property
    def more_is_open(self) -> bool:
        """Whether a field of the folded part has something to say."""
        folded = set(MORE_FIELDS) - {"whatsapp", "province", "country"}
        return any(self[name].errors for name in (*folded, "new_id_card_number"))


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
    is_postpaid = BooleanField(_l("Paid for afterwards"))
    bill_now = BooleanField(_l("Write the first invoice at once"))
    setup_fee = AmountField(_l("Set-up fee"), validators=[optional()])
    installation_fee = AmountField(_l("Installation fee"), validators=[optional()])
    installation_date = DateField(_l("Installed on"), validators=[optional()])
    installation_address = TextAreaField(_l("Installation address"), validators=[optional()], render_kw={"rows": 2})


class NewCustomerForm(_ServiceMixin, CustomerForm):
    """A customer with the first subscription; without a plan only the customer is added."""

    service_plan_id = IdField(_l("Plan"), empty=_l("none: add the customer without a subscription"))
    tags = StringField(_l("Tags"), validators=[optional()])
    referred_by = StringField(_l("Recommended by"), validators=[optional()], render_kw={"autocomplete": "off"})
    operator_id = IdField(_l("Operator"), empty=_l("as who adds him"))
    initial_balance = AmountField(_l("Balance he brings along"), validators=[optional()])

    def customer(self) -> dict[str, Any]:
        """The same, with what can be said only of a new one."""
        given = self.given("referred_by", "operator_id")
        return super().customer() | given | {"tags": tags_of(self.tags.data or "")}


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
    is_postpaid = BooleanField(_l("Paid for afterwards"))
    billing_cycle = words_field(_l("Billed"), [(code, choice_words(code)) for code in BILLING_CYCLES])
    setup_fee = AmountField(_l("Set-up fee"), validators=[optional()])
    installation_fee = AmountField(_l("Installation fee"), validators=[optional()])
    installation_date = DateField(_l("Installed on"), validators=[optional()])
    installation_address = TextAreaField(_l("Installation address"), validators=[optional()], render_kw={"rows": 2})
    ip_pool = StringField(_l("Address pool on the router"), validators=[optional()])
    address_list = StringField(_l("Firewall address list"), validators=[optional()])
    router_profile = StringField(_l("Profile on routers that keep passwords"), validators=[optional()])
    notes = TextAreaField(_l("Notes"), validators=[optional()], render_kw={"rows": 2})
    details = MetadataField(_l("Further fields"), validators=[optional()], render_kw={"rows": 3})
    version = HiddenField()


class ConfirmForm(Form):
    """A question that needs only yes."""


class SuspendForm(Form):
    """Why it is suspended."""

    reason = words_field(_l("Reason"), [(code, suspend_reason_words(code)) for code in SUSPEND_REASONS])


class SuspendSubscriptionForm(SuspendForm):
    """The same, and what lifts it."""

    until_paid = BooleanField(_l("Comes back by itself when what is owed is paid"))


class ActivateForm(Form):
    """A first activation."""

    bill_now = BooleanField(_l("Write the first invoice at once"))


class CancelForm(Form):
    """When a customer leaves."""

    when = words_field(_l("When"), [("end", _l("when the term ends")), ("now", _l("now"))], default="end")
    reason = StringField(_l("Reason"), validators=[optional()])
    charge_fee = BooleanField(_l("Bill the fee for leaving early"), default=True)


class ReasonForm(Form):
    """A reason in free words."""

    reason = StringField(_l("Reason"), validators=[optional()])


class EndForm(ReasonForm):
    """An end for good, with the fee of a contract where there is one."""

    charge_fee = BooleanField(_l("Bill the fee for leaving early"), default=True)


class ChangePlanForm(Form):
    """Which plan it moves to."""

    service_plan_id = IdField(_l("New plan"))
    effective = words_field(_l("When"), [("now", _l("now")), ("next_period", _l("when the term ends"))], default="now")
    prorated = BooleanField(_l("Count the days that are left"), default=True)
    charge_fee = BooleanField(_l("Bill the fee for leaving the contract"), default=True)


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
