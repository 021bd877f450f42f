"""One's own account, staff, and API tokens."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_security import verify_password
from wtforms import DateField, PasswordField, SelectMultipleField, StringField
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from webadmin.forms.fields import Form, optional, words_field
from webadmin.panel.language import LANGUAGES

THEME_WORDS = (("auto", _l("As the system")), ("light", _l("Light")), ("dark", _l("Dark")))


class BoxesField(SelectMultipleField):
    """Several choices as boxes."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def by_subject(self) -> Iterator[tuple[str, list[Any]]]:
        """The boxes under what they are about; under nothing where the choices do not say."""
        told = zip(self.choices, self, strict=True)
        for subject, boxes in groupby(told, key=lambda pair: pair[0].optgroup or ""):
            yield subject, [box for _choice, box in boxes]


class MeForm(Form):
    """What everybody may change of their own account."""

    name = StringField(_l("Name"), validators=[InputRequired(message=_l("Write your name."))])
    language = words_field(_l("Language"), LANGUAGES.items())
    theme = words_field(_l("Theme"), THEME_WORDS)


class StaffForm(Form):
    """A new member of staff."""

    name = StringField(_l("Name"), validators=[InputRequired(message=_l("Write the name."))])
    email = StringField(
        _l("E-mail"),
        validators=[InputRequired(message=_l("Write the address to sign in with."))],
        render_kw={"type": "email"},
    )
    language = words_field(_l("Language"), LANGUAGES.items())
    roles = BoxesField(_l("Roles"))


class RolesForm(Form):
    """Which roles a member of staff has."""

    roles = BoxesField(_l("Roles"))


class RoleForm(Form):
    """A role of the provider's own."""

    name = StringField(_l("Name"), validators=[InputRequired(message=_l("Write the name."))])
    description = StringField(_l("What it is for"), validators=[optional()])
    permissions = BoxesField(_l("May"))

    def values(self) -> dict[str, Any]:
        """As the use-case takes them."""
        chosen = list(self.permissions.data or [])
        return {"name": self.name.data or "", "description": self.description.data or "", "permissions": chosen}


class TokenForm(Form):
    """A new API token."""

    name = StringField(_l("What it is for"), validators=[InputRequired(message=_l("Write what the token is for."))])
    expires_at = DateField(_l("Valid until"), validators=[optional()])
    scopes = BoxesField(_l("May"))


class AppForm(Form):
    """The first code of an authenticator app."""

    code = StringField(
        _l("Six figures of the app"),
        validators=[InputRequired(message=_l("Type the figures that the app shows."))],
        render_kw={"inputmode": "numeric", "autocomplete": "one-time-code", "maxlength": "12"},
    )


class OwnPasswordForm(Form):
    """A new password of one's own; the present one is asked for, so that an open screen is not enough."""

    current = PasswordField(
        _l("Present password"),
        validators=[InputRequired(message=_l("Write your present password."))],
        render_kw={"autocomplete": "current-password"},
    )
    password = PasswordField(
        _l("New password"),
        validators=[InputRequired(message=_l("Write a new password."))],
        render_kw={"autocomplete": "new-password"},
    )

    def validate_current(self, field: PasswordField) -> None:
        """The present password must be right."""
        if not verify_password(field.data or "", current_user.password):
            raise ValueError(gettext("That is not your present password."))
