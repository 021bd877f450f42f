"""Forms about what is spent, what is sold besides packages, and what operators are paid."""

import secrets
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, HiddenField, StringField
from wtforms.validators import InputRequired

from domain.payments import EXTERNAL
from webadmin.forms.allowances import HoursField
from webadmin.forms.fields import AmountField, Form, GigabytesField, IdField, WholeField, optional, words_field
from webadmin.forms.money import method_field
from webadmin.panel.money.words import METHOD_WORDS

_PRICE = {"inputmode": "decimal", "autocomplete": "off"}


def _needed(message: Any) -> InputRequired:
    return InputRequired(message=message)


class _Once(Form):
    """The key makes one of two clicks."""

    request_key = HiddenField(default=lambda: secrets.token_urlsafe(18))

    def key(self) -> str | None:
        """The key as the use-cases take it."""
        return f"panel:{self.request_key.data}" if self.request_key.data else None


class ExpenseForm(_Once):
    """Money that was spent."""

    category = StringField(
        _l("For"), validators=[_needed(_l("Write what it was for."))],
        render_kw={"list": "categories", "autocomplete": "off", "maxlength": 50},
    )  # fmt: skip
    amount = AmountField(_l("Amount"), validators=[_needed(_l("Write what was spent."))], render_kw=_PRICE)
    method = method_field(_l("Paid by"))
    spent_on = DateField(_l("On"), validators=[_needed(_l("Choose a day."))])
    description = StringField(_l("Description"), validators=[optional()])
    reference = StringField(_l("Reference"), validators=[optional()], render_kw={"autocomplete": "off"})

    def expense(self) -> dict[str, Any]:
        """The expense as the use-case takes it."""
        return {
            "category": self.category.data or "", "amount": self.amount.data, "method": self.method.data,
            "spent_on": self.spent_on.data, "description": self.description.data or "",
            "reference": self.reference.data or "", "request_key": self.key(),
        }  # fmt: skip


class OtherPaymentForm(_Once):
    """Income that is no package's."""

    category = StringField(
        _l("For"), validators=[_needed(_l("Write what was sold."))],
        render_kw={"list": "categories", "autocomplete": "off", "maxlength": 50},
    )  # fmt: skip
    amount = AmountField(_l("Amount"), validators=[_needed(_l("Write what was paid."))], render_kw=_PRICE)
    method = method_field(_l("Paid by"))
    expense_id = IdField(_l("It pays for the expense"), empty=_l("none"))
    reference = StringField(_l("Reference"), validators=[optional()], render_kw={"autocomplete": "off"})
    note = StringField(_l("Note"), validators=[optional()])

    def payment(self) -> dict[str, Any]:
        """The payment as the use-case takes it."""
        return {
            "purpose": "other", "category": self.category.data or "", "amount": self.amount.data,
            "method": self.method.data, "expense_id": self.expense_id.data, "reference": self.reference.data or "",
            "note": self.note.data or "", "request_key": self.key(),
        }  # fmt: skip


class RechargeForm(_Once):
    """Days, volume or online time."""

    kind = words_field(
        _l("What"), [("data", _l("volume")), ("time", _l("online time")), ("days", _l("days"))], default="data"
    )
    amount_bytes = GigabytesField(_l("How much (GB)"), validators=[optional()])
    amount_s = HoursField(_l("How much (hours)"), validators=[optional()])
    days = WholeField(_l("How many days"), validators=[optional()])
    price = AmountField(_l("Price"), validators=[optional()], render_kw=_PRICE)
    by = words_field(
        _l("Paid"), [("balance", _l("out of the balance")), *((code, METHOD_WORDS[code]) for code in EXTERNAL)],
        default="cash",
    )  # fmt: skip
    for_good = BooleanField(_l("Volume and time never end"))

    def values(self) -> dict[str, Any]:
        """What was typed, as the use-case takes it."""
        sizes = {"data": self.amount_bytes, "time": self.amount_s, "days": self.days}
        kind = self.kind.data or "data"
        return {
            "kind": kind, "amount": sizes[kind].data or 0, "price": None if kind == "days" else self.price.data,
            "by": self.by.data, "for_good": self.for_good.data, "request_key": self.key(),
        }  # fmt: skip


class PayOutForm(_Once):
    """What an operator is paid."""

    amount = AmountField(_l("Amount"), validators=[_needed(_l("Write what he was paid."))], render_kw=_PRICE)
    method = method_field(_l("Paid by"))
    reference = StringField(_l("Reference"), validators=[optional()], render_kw={"autocomplete": "off"})
