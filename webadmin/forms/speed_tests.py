"""Forms about speed tests: what the test server at a customer's end asks for, and what he measured himself."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import PasswordField, StringField

from webadmin.forms.fields import Form, IdField, SpeedField, WholeField, optional


class MeasureForm(Form):
    """Which line, and the login of the test server there."""

    subscription_id = IdField(_l("Subscription"), empty=_l("the one that is online"))
    username = StringField(_l("User of the test server"), validators=[optional()], render_kw={"autocomplete": "off"})
    password = PasswordField(_l("Its password"), validators=[optional()], render_kw={"autocomplete": "new-password"})

    def values(self) -> dict[str, Any]:
        """As the use-case takes them."""
        return {
            "subscription_id": self.subscription_id.data,
            "username": self.username.data or "",
            "password": self.password.data or "",
        }


class ResultForm(Form):
    """What the customer read off."""

    download_kbps = SpeedField(_l("Download"), validators=[optional()])
    upload_kbps = SpeedField(_l("Upload"), validators=[optional()])
    latency_ms = WholeField(_l("Round trip (ms)"), validators=[optional()])
    server = StringField(_l("Measured against"), validators=[optional()])

    def values(self) -> dict[str, Any]:
        """As the use-case takes them."""
        figures = {name: self[name].data for name in ("download_kbps", "upload_kbps", "latency_ms")}
        return figures | {"server": self.server.data or ""}
