"""A payment gateway's account, and what is done with orders and parked money."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, PasswordField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange

from gateways import FIELDS
from webadmin.forms.fields import AmountField, Form, WholeField, optional
from webadmin.panel.gateway_words import FIELDS as LABELS


class GatewayForm(Form):
    """What every gateway has; `for_kind` adds what its kind must be told."""

    name = StringField(_l("Name that payers read"), validators=[optional(), Length(max=80)])
    position = WholeField(_l("Place in the list"), default=0, validators=[optional(), NumberRange(0, 99)])
    is_production = BooleanField(_l("Real payments (off: the gateway's sandbox)"))
    is_active = BooleanField(_l("Offered to payers"), default=True)
    # An unmarked box is not sent at all: this tells a first visit from one where the box was cleared.
    seen = HiddenField(default="1")

    kind: str

    def values(self) -> dict[str, Any]:
        """The account as the use-cases take it."""
        told = {field.name: self[field.name].data or "" for field in FIELDS[self.kind]}
        shared = {
            "name": self.name.data,
            "is_production": self.is_production.data,
            "is_active": self.is_active.data,
            "position": self.position.data or 0,
        }
        return shared | {"values": told}


def gateway_form(kind: str, *, has_keys: bool) -> type[GatewayForm]:
    """The form for one kind. A key's box is empty, whatever is stored; empty keeps it."""
    members: dict[str, Any] = {"kind": kind}
    for field in FIELDS[kind]:
        if field.is_secret:
            says = {"autocomplete": "new-password", "spellcheck": "false"}
            kept = {"placeholder": _l("unchanged")} if has_keys else {}
            members[field.name] = PasswordField(LABELS[field.name], render_kw=says | kept)
        elif field.name == "note":
            members[field.name] = TextAreaField(LABELS[field.name], validators=[optional()], render_kw={"rows": 3})
        else:
            checks = [] if field.is_required else [optional()]
            members[field.name] = StringField(LABELS[field.name], validators=checks, render_kw={"spellcheck": "false"})
    return type("GatewayFormOf" + kind.capitalize(), (GatewayForm,), members)


class RefundForm(Form):
    """Giving a payment back."""

    reason = StringField(_l("Reason"), validators=[InputRequired(message=_l("Write why.")), Length(max=200)])


class ParkedForm(Form):
    """Dealing with parked money."""

    customer = StringField(_l("Customer's code"), validators=[optional(), Length(max=50)])
    invoice = StringField(_l("Invoice number"), validators=[optional(), Length(max=50)])
    note = StringField(_l("Note"), validators=[optional(), Length(max=200)])


class LinkForm(Form):
    """A link to pay."""

    amount = AmountField(_l("Amount"), validators=[optional()])
    days = WholeField(_l("Valid for (days)"), default=30, validators=[optional(), NumberRange(1, 365)])
