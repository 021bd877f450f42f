"""The provider's letterhead."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, StringField, TextAreaField

from webadmin.forms.fields import Form, optional

_TEXTS = ("address", "contact", "tax_id", "bank", "footer", "hotspot_login_url", "voucher_note")


class LetterheadForm(Form):
    """What stands on invoices, receipts and vouchers."""

    address = TextAreaField(_l("Address"), validators=[optional()], render_kw={"rows": 3})
    contact = TextAreaField(_l("Phone, e-mail, web"), validators=[optional()], render_kw={"rows": 2})
    tax_id = StringField(_l("Tax number"), validators=[optional()])
    bank = TextAreaField(_l("How to pay"), validators=[optional()], render_kw={"rows": 3})
    footer = TextAreaField(_l("At the foot"), validators=[optional()], render_kw={"rows": 2})
    logo = FileField(_l("Logo"), validators=[optional()], render_kw={"accept": "image/png,image/jpeg,image/webp"})
    without_logo = BooleanField(_l("Take the logo off"))
    hotspot_login_url = StringField(
        _l("Login page of the hotspot"),
        validators=[optional()],
        render_kw={"placeholder": "http://wifi.example.net/login"},
    )
    voucher_note = StringField(_l("On every voucher"), validators=[optional()])

    def values(self) -> dict[str, Any]:
        """The changes; a picture only when one was chosen or the old one goes."""
        changes: dict[str, Any] = {name: self[name].data or "" for name in _TEXTS}
        chosen = self.logo.data
        # Without a new one the field holds the picture that is there.
        upload = chosen.read() if isinstance(chosen, FileStorage) and chosen.filename else b""
        if upload:
            changes["logo"] = upload
        elif self.without_logo.data:
            changes["logo"] = ""
        return changes
