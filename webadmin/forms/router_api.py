"""What staff write on a router: a secret, a queue, an address in a list."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from domain.router_secret import SECRET_SERVICES
from webadmin.forms.fields import Form, WholeField, optional, words_field
from webadmin.panel.words import choice_words


def _needed(text: Any) -> InputRequired:
    return InputRequired(message=text)


class SecretForm(Form):
    """A secret by its name: added, or changed where something is filled in."""

    username = StringField(_l("Username"), validators=[_needed(_l("Write a username."))])
    password = PasswordField(_l("Password"), validators=[optional()], render_kw={"autocomplete": "new-password"})
    service = words_field(_l("Service"), [(code, choice_words(code)) for code in SECRET_SERVICES])
    profile = StringField(_l("Profile"), default="default", validators=[optional()])
    remote_address = StringField(_l("Address"), validators=[optional()])
    local_address = StringField(_l("Router's address"), validators=[optional()])
    comment = StringField(_l("Comment"), validators=[optional()])

    def values(self) -> dict[str, Any]:
        """As the use-case takes them; what is empty is left as it is."""
        given = self.given("password", "profile", "remote_address", "local_address", "comment")
        values = {name: value for name, value in given.items() if value is not None}
        return {"username": self.username.data, "values": values | {"service": self.service.data}}


class QueueForm(Form):
    """A simple queue; pairs are upload/download, as RouterOS has them."""

    name = StringField(_l("Name"), validators=[_needed(_l("Write a name."))])
    target = StringField(_l("Target"), validators=[_needed(_l("Write an address or network, such as 10.20.0.5."))])
    max_limit = StringField(_l("Limit (upload/download)"), validators=[optional()])
    burst_limit = StringField(_l("Burst (upload/download)"), validators=[optional()])
    burst_threshold = StringField(_l("Burst begins below"), validators=[optional()])
    burst_time = StringField(_l("Burst time"), validators=[optional()])
    priority = StringField(_l("Priority"), validators=[optional()])
    comment = StringField(_l("Comment"), validators=[optional()])

    def values(self) -> dict[str, Any]:
        """As the use-case takes them."""
        names = ("name", "target", "max_limit", "burst_limit", "burst_threshold", "burst_time", "priority", "comment")
        return self.given(*names)


class ListEntryForm(Form):
    """An address in an address list."""

    list_name = StringField(_l("List"), validators=[_needed(_l("Write the list's name."))])
    address = StringField(_l("Address"), validators=[_needed(_l("Write an address or network, such as 10.20.0.5."))])
    timeout_s = WholeField(_l("For how many seconds"), validators=[optional()])
    comment = StringField(_l("Comment"), validators=[optional()])

    def values(self) -> dict[str, Any]:
        """As the use-case takes them."""
        return self.given("list_name", "address", "timeout_s") | {"comment": self.comment.data or ""}
