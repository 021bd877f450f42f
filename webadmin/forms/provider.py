"""The provider's settings."""

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField

from webadmin.forms.fields import Form


class ProviderForm(Form):
    """What holds for all subscriptions."""

    usernames_ignore_case = BooleanField(_l("Upper and lower case of usernames are one"))
