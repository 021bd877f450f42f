"""A new batch of vouchers."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateTimeLocalField, StringField
from wtforms.validators import InputRequired

from webadmin.forms.fields import Form, HoursField, IdField, WholeField, optional


class VoucherForm(Form):
    """How many vouchers of which plan, and on what terms."""

    service_plan_id = IdField(_l("Plan"))
    count = WholeField(_l("How many"), default=20, validators=[InputRequired(message=_l("Write how many."))])
    validity_s = HoursField(_l("Valid for (hours)"), validators=[optional()])
    batch = StringField(_l("Batch"), validators=[optional()])
    prefix = StringField(_l("Before each code"), validators=[optional()], render_kw={"placeholder": "HOT-"})
    sell_until = DateTimeLocalField(_l("Use at the latest"), validators=[optional()])
    binds_mac = BooleanField(_l("Only for the device that uses it first"))

    def values(self) -> dict[str, Any]:
        """The terms as the use-case takes them, without the time, which is the provider's local one."""
        return self.given("service_plan_id", "validity_s") | {
            "count": self.count.data,
            "batch": self.batch.data or "",
            "prefix": self.prefix.data or "",
            "binds_mac": self.binds_mac.data,
        }
