"""A webhook as staff enter it."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from domain.webhook import MAX_URL
from webadmin.forms.fields import Form


class WebhookForm(Form):
    """Whom to tell what."""

    name = StringField(_l("Name"), validators=[InputRequired(message=_l("Write a name.")), Length(max=80)])
    url = StringField(
        _l("Address"),
        validators=[InputRequired(message=_l("Write where to call.")), Length(max=MAX_URL)],
        render_kw={"placeholder": "https://hooks.example.net/lintas", "spellcheck": "false", "inputmode": "url"},
    )
    events = SelectMultipleField(_l("What is told"), widget=ListWidget(), option_widget=CheckboxInput())
    is_active = BooleanField(_l("Switched on"), default=True)
    # An unmarked box is not sent at all: this tells a first visit from one where the box was cleared.
    seen = HiddenField(default="1")

    def values(self) -> dict[str, Any]:
        """The webhook as the use-cases take it."""
        return {
            "name": self.name.data,
            "url": (self.url.data or "").strip(),
            "events": self.events.data or [],
            "is_active": bool(self.is_active.data),
        }
