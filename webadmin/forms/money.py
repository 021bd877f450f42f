"""Forms about money: an invoice with its lines, a payment, a change of balance, a renewal, the rules of billing."""

import secrets
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, FieldList, FormField, HiddenField, StringField, TextAreaField
from wtforms import Form as PlainForm
from wtforms.validators import InputRequired

from bss.billing_rules import KNOWN
from domain.invoices import ITEM_TYPES
from domain.payments import EXTERNAL
from webadmin.forms.fields import AmountField, Form, IdField, TypedField, WholeField, optional, words_field
from webadmin.panel.money.words import BALANCE_WORDS, ITEM_WORDS, METHOD_WORDS

MAX_LINES = 30
_PRICE = {"inputmode": "decimal", "autocomplete": "off"}


def _needed(message: Any) -> InputRequired:
    return InputRequired(message=message)


def method_field(label: Any) -> Any:
    """How it was paid."""
    return words_field(label, [(code, METHOD_WORDS[code]) for code in EXTERNAL], default="cash")


class LineForm(PlainForm):
    """One line of an invoice."""

    item_type = words_field(_l("For"), [(code, ITEM_WORDS[code]) for code in ITEM_TYPES], default="other")
    description = StringField(_l("Text"), validators=[_needed(_l("Write what it is for."))])
    unit_price = AmountField(_l("Price"), validators=[_needed(_l("Write the price."))], render_kw=_PRICE)
    quantity = AmountField(_l("How many"), default=1, validators=[_needed(_l("Write how many."))], render_kw=_PRICE)

    def line(self) -> dict[str, Any]:
        """The line as the use-case takes it."""
        return {name: field.data for name, field in self._fields.items()}


class InvoiceForm(Form):
    """An invoice written by hand."""

    lines = FieldList(FormField(LineForm), min_entries=1, max_entries=MAX_LINES)
    subscription_id = IdField(_l("Subscription"), empty=_l("none of them"))
    due_date = DateField(_l("Due on"), validators=[optional()])
    discount = AmountField(_l("Discount"), validators=[optional()], render_kw=_PRICE)
    discount_note = StringField(_l("Why the discount"), validators=[optional()])
    notes = TextAreaField(_l("Notes on the invoice"), validators=[optional()], render_kw={"rows": 2})
    is_draft = BooleanField(_l("Keep it as a draft; do not ask for the money yet"))


class PaymentForm(Form):
    """Money that a customer brings. The key makes one payment of two clicks."""

    amount = AmountField(_l("Amount"), validators=[_needed(_l("Write what was paid."))], render_kw=_PRICE)
    method = method_field(_l("Paid by"))
    invoice_id = IdField(_l("For"), empty=_l("the balance"))
    is_advance = BooleanField(_l("An advance, for what will be billed later"))
    reference = StringField(_l("Reference"), validators=[optional()], render_kw={"autocomplete": "off"})
    note = StringField(_l("Note"), validators=[optional()])
    request_key = HiddenField(default=lambda: secrets.token_urlsafe(18))


class ReasonForm(Form):
    """Why something is taken back."""

    reason = StringField(_l("Why"), validators=[_needed(_l("Write why; it is kept with the change."))])


class DueForm(Form):
    """A new due day."""

    due_date = DateField(_l("Due on"), validators=[_needed(_l("Choose a day."))])


class BalanceForm(Form):
    """Credit or debit by hand."""

    kind = words_field(_l("What"), list(BALANCE_WORDS.items()), default="credit")
    amount = AmountField(_l("Amount"), validators=[_needed(_l("Write the amount."))], render_kw=_PRICE)
    description = StringField(_l("Why"), validators=[_needed(_l("Write why; the customer may see it."))])
    request_key = HiddenField(default=lambda: secrets.token_urlsafe(18))


class RenewForm(Form):
    """One more term, or several."""

    terms = WholeField(_l("How many terms"), default=1, validators=[_needed(_l("Write how many."))])
    by = words_field(
        _l("Paid"),
        [
            ("balance", _l("out of the balance")),
            ("bill", _l("later: only write the invoice")),
            *((code, METHOD_WORDS[code]) for code in EXTERNAL),
        ],
        default="balance",
    )
    request_key = HiddenField(default=lambda: secrets.token_urlsafe(18))


class PercentField(TypedField):
    """Per cent, with decimals."""

    wrong = _l("Write a number such as 11 or 7.5.")

    def read(self, text: str) -> Decimal | None:
        try:
            percent = Decimal(text.replace(",", "."))
        except InvalidOperation:
            return None
        return percent if percent.is_finite() else None

    def spell(self, value: Any) -> str:
        return f"{value.normalize():f}"


class DaysField(TypedField):
    """Days before and after a day, such as -3, 0, 3."""

    wrong = _l("Write days such as -3, 0, 3.")

    def read(self, text: str) -> list[int] | None:
        try:
            return [int(part) for part in text.replace(" ", "").split(",")]
        except ValueError:
            return None

    def spell(self, value: Any) -> str:
        return ", ".join(str(day) for day in value)


class RulesForm(Form):
    """What the provider has decided about bills."""

    tax_percent = PercentField(_l("Tax (%)"), validators=[_needed(_l("Write the tax; 0 is none."))])
    tax_included = BooleanField(_l("Prices include the tax"))
    renewal_lead_days = WholeField(_l("Bill a renewal so many days before its term ends"), validators=[optional()])
    due_days = WholeField(_l("Other invoices are due after days"), validators=[optional()])
    remind_on = DaysField(_l("Remind on days from the due day"), validators=[optional()])
    expiry_remind_days = DaysField(_l("Tell of the end of a term days before it"), validators=[optional()])
    invoice_prefix = StringField(_l("Numbers of invoices begin with"), validators=[optional()])
    receipt_prefix = StringField(_l("Numbers of receipts begin with"), validators=[optional()])
    applies_balance = BooleanField(_l("Credit pays open invoices by itself, the one due first in front"))
    keeps_days = BooleanField(_l("A late renewal is for the days that were billed, not a whole term from then on"))
    days_by_calendar = BooleanField(_l("A single day costs its share of the calendar month, not a thirtieth"))
    most_suspended_percent = WholeField(_l("Stop a run that would suspend more than (%)"), validators=[optional()])
    runs_by_itself = BooleanField(_l("The nightly billing run begins by itself"))
    referral_reward = AmountField(_l("Credit for recommending a customer"), validators=[optional()], render_kw=_PRICE)
    run_hour = WholeField(_l("It begins at the hour (0 to 23)"), validators=[optional()])

    def changes(self) -> dict[str, Any]:
        """The rules as the use-case takes them; what was left empty stays."""
        given = {name: field.data for name, field in self._fields.items() if name in KNOWN}
        return {name: value for name, value in given.items() if value not in (None, "")}
