"""What belongs to a customer: contacts, tags, equipment, family, operators; and files of customers."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired

from bss.subscriptions import SUSPEND_REASONS
from domain.customer_record import CONTACT_TYPES, EQUIPMENT_TYPES
from webadmin.forms.fields import AmountField, Form, IdField, WholeField, optional, words_field
from webadmin.panel.customer_words import CONTACT_KINDS, EQUIPMENT_KINDS
from webadmin.panel.states import state_mark
from webadmin.panel.words import suspend_reason_words


def _needed(message: Any) -> InputRequired:
    return InputRequired(message=message)


class TagForm(Form):
    """A tag to put on a customer."""

    tag = StringField(_l("Tag"), validators=[_needed(_l("Write a word."))])
    color = StringField(_l("Colour"), validators=[optional()])


class ContactForm(Form):
    """One more way to reach a customer."""

    kind = words_field(_l("Kind"), [(code, CONTACT_KINDS[code]) for code in CONTACT_TYPES])
    value = StringField(_l("Number or address"), validators=[_needed(_l("Write the number or address."))])
    notes = StringField(_l("Note"), validators=[optional()])
    is_primary = BooleanField(_l("The first to use of its kind"))


class EquipmentForm(Form):
    """A piece of equipment at a customer's place."""

    device_name = StringField(_l("Name"), validators=[_needed(_l("Write a name."))])
    device_type = words_field(_l("Kind"), [(code, EQUIPMENT_KINDS[code]) for code in EQUIPMENT_TYPES])
    subscription_id = IdField(_l("Subscription"), empty=_l("none"))
    mac_address = StringField(_l("MAC address"), validators=[optional()])
    ip_address = StringField(_l("IP address"), validators=[optional()])
    interface = StringField(_l("Interface"), validators=[optional()])
    vlan_id = StringField(_l("VLAN"), validators=[optional()])
    manufacturer = StringField(_l("Manufacturer"), validators=[optional()])
    model = StringField(_l("Model"), validators=[optional()])
    firmware_version = StringField(_l("Firmware"), validators=[optional()])
    location_description = TextAreaField(_l("Where it is"), validators=[optional()], render_kw={"rows": 2})
    is_primary = BooleanField(_l("The subscription's main piece"))
    is_active = BooleanField(_l("In use"), default=True)

    def equipment(self) -> dict[str, Any]:
        """The fields as the use-cases take them."""
        names = [name for name in self._fields if name != "csrf_token"]
        return self.given(*names) | {"device_name": self.device_name.data or ""}


class FamilyForm(Form):
    """Whose family a customer belongs to."""

    parent = StringField(
        _l("Head of the family"), validators=[optional()], render_kw={"placeholder": "CUST-…", "autocomplete": "off"}
    )


class TransferForm(Form):
    """Where a customer shall go."""

    to_operator_id = IdField(_l("New operator"), empty=_l("the provider itself"))
    note = TextAreaField(_l("Note"), validators=[optional()], render_kw={"rows": 2})


class BlockForm(Form):
    """How and why a customer is blocked."""

    status = words_field(
        _l("As"), [(code, state_mark("customer", code).text) for code in ("inactive", "disabled", "blacklisted")]
    )
    reason = words_field(_l("Reason"), [(code, suspend_reason_words(code)) for code in SUSPEND_REASONS])
    note = StringField(_l("Note"), validators=[optional()])


class OperatorForm(Form):
    """A reseller."""

    name = StringField(_l("Name"), validators=[_needed(_l("Write a name."))])
    parent_operator_id = IdField(_l("Stands below"), empty=_l("the provider itself"))
    level = WholeField(_l("Level"), validators=[_needed(_l("Write a number from 1 to 99."))])
    commission_rate = AmountField(_l("Commission"), validators=[optional()])
    phone = StringField(_l("Phone"), validators=[optional()], render_kw={"inputmode": "tel"})
    email = StringField(_l("E-mail"), validators=[optional()], render_kw={"inputmode": "email"})
    is_active = BooleanField(_l("Takes new customers"), default=True)
    version = HiddenField()

    def operator(self) -> dict[str, Any]:
        """The fields as the use-cases take them."""
        values = self.given("name", "parent_operator_id", "level", "phone", "email")
        return values | {"name": self.name.data or "", "commission_rate": self.commission_rate.data or 0}


class StaffOperatorForm(Form):
    """Whose staff somebody is."""

    user_id = IdField(_l("Member of staff"))
    operator_id = IdField(_l("Works for"), empty=_l("the provider itself"))


class ImportForm(Form):
    """A file of customers."""

    file = FileField(_l("CSV file"), validators=[FileRequired(message=_l("Choose a file."))])
    dry_run = BooleanField(_l("Only look what would be done"), default=True)
    check_duplicates = BooleanField(_l("Leave out whoever is known at the same address"), default=True)


class BulkForm(Form):
    """What an action on many needs besides its name."""

    reason = words_field(_l("Reason"), [(code, suspend_reason_words(code)) for code in SUSPEND_REASONS])
    tag = StringField(_l("Tag"), validators=[optional()])
    service_plan_id = IdField(_l("New plan"))
