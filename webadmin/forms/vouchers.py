"""Batches of vouchers: made, changed, printed, sold, and single ones redeemed."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateTimeLocalField, StringField, TextAreaField
from wtforms.validators import InputRequired

from domain.voucher import USUAL_PATTERN
from webadmin.forms.fields import (
    AmountField,
    Form,
    GigabytesField,
    HoursField,
    IdField,
    WholeField,
    optional,
    words_field,
)

_LAYOUTS = (
    ("medium", _l("24 to a page")),
    ("small", _l("44 to a page")),
    ("large", _l("10 to a page")),
)
_QR = (
    ("code", _l("The code alone")),
    ("login", _l("The hotspot's login page with the code")),
    ("none", _l("No QR code")),
)
_WHICH = (("unused", _l("All unused")), ("unsold", _l("Unused and not sold")))
_LANGUAGES = (("id", _l("Indonesian")), ("en", _l("English")))
_METHODS = (
    ("cash", _l("Cash")),
    ("transfer", _l("Bank transfer")),
    ("qris", _l("QRIS")),
    ("card", _l("Card")),
    ("other", _l("Other")),
)


class VoucherForm(Form):
    """How many vouchers of which plan or worth how much, and on what terms."""

    service_plan_id = IdField(_l("Plan"), empty=_l("None: vouchers of money"))
    credit = AmountField(_l("Worth in money"), validators=[optional()])
    count = WholeField(_l("How many"), default=20, validators=[InputRequired(message=_l("Write how many."))])
    price = AmountField(_l("Price"), validators=[optional()])
    validity_s = HoursField(_l("Valid for (hours)"), validators=[optional()])
    validity_from_plan = BooleanField(_l("Valid for as many days as the plan"))
    time_limit_s = HoursField(_l("Time online (hours)"), validators=[optional()])
    data_limit_bytes = GigabytesField(_l("Volume (GB)"), validators=[optional()])
    batch = StringField(_l("Batch"), validators=[optional()])
    prefix = StringField(_l("Before each code"), validators=[optional()], render_kw={"placeholder": "HOT-"})
    code_pattern = StringField(_l("Pattern of the codes"), default=USUAL_PATTERN, validators=[optional()])
    sell_until = DateTimeLocalField(_l("Use at the latest"), validators=[optional()])
    operator_id = IdField(_l("Sold by"), empty=_l("The provider"))
    binds_mac = BooleanField(_l("Only for the device that uses it first"))

    def values(self) -> dict[str, Any]:
        """The terms as the use-case takes them, without the time, which is the provider's local one."""
        given = self.given("service_plan_id", "credit", "validity_s", "time_limit_s", "data_limit_bytes", "operator_id")
        return given | {
            "count": self.count.data,
            "batch": self.batch.data or "",
            "prefix": self.prefix.data or "",
            "code_pattern": self.code_pattern.data or "",
            "price": 0 if self.price.data is None else self.price.data,
            "validity_from_plan": self.validity_from_plan.data,
            "binds_mac": self.binds_mac.data,
        }


class BatchForm(Form):
    """What may change of a batch."""

    name = StringField(_l("Name"))
    price = AmountField(_l("Price"), validators=[optional()])
    operator_id = IdField(_l("Sold by"), empty=_l("The provider"))
    commission_percent = AmountField(_l("Commission (%)"), validators=[optional()])
    note = TextAreaField(_l("Note"), validators=[optional()], render_kw={"rows": 2})

    def values(self) -> dict[str, Any]:
        """The changes; a commission that was left out is the operator's own."""
        values: dict[str, Any] = {
            "name": self.name.data or "",
            "price": 0 if self.price.data is None else self.price.data,
            "operator_id": self.operator_id.data,
            "note": self.note.data or "",
        }
        if self.operator_id.data is not None and self.commission_percent.data is not None:
            values["commission_percent"] = self.commission_percent.data
        return values


class CountForm(Form):
    """How many more."""

    count = WholeField(_l("How many"), default=20, validators=[InputRequired(message=_l("Write how many."))])


class SheetForm(Form):
    """How a sheet looks."""

    layout = words_field(_l("Size"), _LAYOUTS)
    qr = words_field(_l("QR code"), _QR)
    language = words_field(_l("Language"), _LANGUAGES)
    which = words_field(_l("Which"), _WHICH)
    with_price = BooleanField(_l("With the price"), default=True)
    skip = WholeField(_l("Leave out the first"), validators=[optional()])
    count = WholeField(_l("At most"), validators=[optional()])

    def values(self) -> dict[str, Any]:
        """The options as the use-case takes them."""
        numbers = {name: value for name, value in self.given("skip", "count").items() if value is not None}
        words = {name: self[name].data for name in ("layout", "qr", "language", "which", "with_price")}
        return words | numbers


class SaleForm(Form):
    """How many are sold and how they are paid."""

    count = WholeField(_l("How many"), default=1, validators=[InputRequired(message=_l("Write how many."))])
    method = words_field(_l("Paid by"), _METHODS)
    note = StringField(_l("Note"), validators=[optional()])


class ReasonForm(Form):
    """Why something is taken back."""

    reason = StringField(_l("Why"), validators=[InputRequired(message=_l("Write why."))])


class RedeemForm(Form):
    """A code, and what it is for."""

    code = StringField(
        _l("Code"),
        validators=[InputRequired(message=_l("Type the code."))],
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "maxlength": 64},
    )
    subscription_id = IdField(_l("For"), empty=_l("A new hotspot login"))


class HotspotForm(Form):
    """The plan of a new hotspot login."""

    service_plan_id = IdField(_l("Plan"))
