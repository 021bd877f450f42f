"""The four short forms of a new installation; every subject's own page has the rest."""

from typing import Any
from zoneinfo import available_timezones

from flask_babel import lazy_gettext as _l
from wtforms import StringField
from wtforms.validators import InputRequired

from domain.speed import render_rate_limit
from webadmin.forms.fields import AmountField, Form, IdField, SpeedField, optional, words_field
from webadmin.forms.plans import speed_of
from webadmin.panel.language import LANGUAGES


def zones() -> list[str]:
    """Names of time zones that people live in."""
    return sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "posix")))


class CompanyForm(Form):
    """Who the provider is and whose days he counts."""

    name = StringField(_l("Name of your company"), validators=[InputRequired(message=_l("Write a name."))])
    timezone = StringField(
        _l("Time zone"),
        validators=[InputRequired(message=_l("Write it like Asia/Jakarta."))],
        render_kw={"list": "zones", "autocomplete": "off", "spellcheck": "false"},
    )
    locale = words_field(_l("Language of what customers get"), LANGUAGES.items())

    def changes(self) -> dict[str, Any]:
        """The fields as the use-case takes them."""
        return {"name": self.name.data, "timezone": self.timezone.data, "locale": self.locale.data}


class FirstRouterForm(Form):
    """A router by the address that its packets come from."""

    name = StringField(_l("Name"), validators=[InputRequired(message=_l("Write a name, such as RB-Cempaka."))])
    host = StringField(
        _l("Address it sends from"),
        validators=[InputRequired(message=_l("Write the router's IP address as we see it."))],
        render_kw={"spellcheck": "false", "autocomplete": "off"},
    )
    routeros_version = words_field(
        _l("RouterOS"), [("7", _l("Version 7")), ("6", _l("Version 6"))], default="7", coerce=int
    )


class FirstPlanForm(Form):
    """A plan with its speeds and its price; fair use, hours and the rest can follow."""

    name = StringField(_l("Name"), validators=[InputRequired(message=_l("Write the plan's name."))])
    download_kbps = SpeedField(_l("Download"), validators=[InputRequired(message=_l("Write the download speed."))])
    upload_kbps = SpeedField(_l("Upload"), validators=[InputRequired(message=_l("Write the upload speed."))])
    price = AmountField(_l("Price of a month"), validators=[InputRequired(message=_l("Write the price; 0 is free."))])

    def rate_limit(self) -> str | None:
        """`Mikrotik-Rate-Limit` for what is typed so far; None when it is no whole speed yet or has no limit."""
        speed = speed_of(self.download_kbps.data, self.upload_kbps.data)
        return None if speed is None else render_rate_limit(speed)


class FirstCustomerForm(Form):
    """A customer with a plan; username and password are made."""

    name = StringField(_l("Name"), validators=[InputRequired(message=_l("Write the customer's name."))])
    phone = StringField(_l("Phone"), validators=[optional()], render_kw={"inputmode": "tel"})
    service_plan_id = IdField(_l("Plan"))
