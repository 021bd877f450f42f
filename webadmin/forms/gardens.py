"""A walled garden."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, StringField
from wtforms.validators import InputRequired

from webadmin.forms.fields import Form, MinutesField, SpeedField, optional

GARDEN_FIELDS = ("address_list", "ip_pool", "download_kbps", "upload_kbps", "redirect_url", "session_timeout_s")


class GardenForm(Form):
    """What a customer gets who would be refused for one reason."""

    address_list = StringField(_l("Firewall address list"), validators=[optional()])
    ip_pool = StringField(_l("Address pool on the router"), validators=[optional()])
    download_kbps = SpeedField(
        _l("Download"), default=512, validators=[InputRequired(message=_l("Write the download speed."))]
    )
    upload_kbps = SpeedField(
        _l("Upload"), default=512, validators=[InputRequired(message=_l("Write the upload speed."))]
    )
    redirect_url = StringField(
        _l("Page that a hotspot shows"),
        validators=[optional()],
        render_kw={"placeholder": "http://pay.example.net/", "inputmode": "url", "spellcheck": "false"},
    )
    session_timeout_s = MinutesField(
        _l("New login after (minutes)"),
        default=3600,
        validators=[InputRequired(message=_l("Write a number of minutes, such as 60."))],
    )
    is_active = BooleanField(_l("In use"), default=True)
    # An unmarked box is not sent at all: this tells a first visit from one where the box was cleared.
    seen = HiddenField(default="1")

    def values(self) -> dict[str, Any]:
        """The garden's values as the use-case takes them."""
        return self.given(*GARDEN_FIELDS) | {"is_active": self.is_active.data}
