"""Groups of routers and the blacklist."""

from flask_babel import lazy_gettext as _l
from wtforms import StringField
from wtforms.validators import InputRequired

from webadmin.forms.fields import Form, optional


class RouterGroupForm(Form):
    """What a group of routers is called."""

    name = StringField(_l("Name"), validators=[InputRequired(message=_l("Write a name, such as Cempaka."))])


class BlacklistForm(Form):
    """A device for the blacklist."""

    mac = StringField(
        _l("MAC address"),
        validators=[InputRequired(message=_l("Write the MAC address."))],
        render_kw={"placeholder": "AA:BB:CC:DD:EE:FF", "autocomplete": "off", "spellcheck": "false"},
    )
    note = StringField(_l("Why"), validators=[optional()])
