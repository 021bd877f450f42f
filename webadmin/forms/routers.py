"""A router."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, PasswordField, StringField
from wtforms.validators import InputRequired

from db.models.nas import PROVISIONING_MODES
from domain.access import NAS_TYPES, SERVICES
from webadmin.forms.fields import Form, IdField, TypedField, WholeField, optional, words_field
from webadmin.panel.words import choice_words

ROUTER_FIELDS = (
    "name",
    "host",
    "nas_identifier",
    "coa_port",
    "coa_per_second",
    "routeros_version",
    "require_message_authenticator",
    "acct_input_is",
    "location",
    "type",
    "provisioning_mode",
    "api_port",
    "api_username",
    "api_tls",
)


class ServiceMapField(TypedField):
    """Which detected service counts as which, written `other=hotspot, dhcp=wireless`."""

    wrong = _l("Write pairs such as other=hotspot, with commas between.")

    def read(self, text: str) -> Any:
        pairs = [part.partition("=") for part in text.split(",") if part.strip()]
        if not all(sign and name.strip() in SERVICES and value.strip() in SERVICES for name, sign, value in pairs):
            return None
        return {name.strip(): value.strip() for name, _, value in pairs}

    def spell(self, value: Any) -> str:
        return ", ".join(f"{name}={is_one}" for name, is_one in value.items())


class DegreesField(TypedField):
    """A latitude or longitude in degrees."""

    wrong = _l("Write degrees, such as -6.2088.")

    def read(self, text: str) -> float | None:
        try:
            return float(text.replace(",", "."))
        except ValueError:
            return None

    def spell(self, value: Any) -> str:
        return f"{value:g}"


class RouterForm(Form):
    """Who a router is, how it is trusted, and where its CoA port is."""

    name = StringField(_l("Name"), validators=[InputRequired(message=_l("Write a name, such as RB-Cempaka."))])
    host = StringField(
        _l("Address it sends from"),
        validators=[InputRequired(message=_l("Write the router's IP address as we see it."))],
        render_kw={"spellcheck": "false"},
    )
    type = words_field(_l("Made by"), [(code, choice_words(code)) for code in NAS_TYPES])
    routeros_version = words_field(
        _l("RouterOS"), [("7", _l("Version 7")), ("6", _l("Version 6"))], default="7", coerce=int
    )
    coa_port = WholeField(
        _l("CoA port"), default=3799, validators=[InputRequired(message=_l("Write the port, usually 3799."))]
    )
    coa_per_second = WholeField(_l("Changes a second"), default=300, validators=[optional()])
    location = StringField(_l("Location"), validators=[optional()])
    nas_group_id = IdField(_l("Router group"), empty=_l("none"))
    nas_identifier = StringField(_l("NAS-Identifier"), validators=[optional()])
    require_message_authenticator = BooleanField(_l("Refuse logins without Message-Authenticator"), default=True)
    acct_input_is = words_field(
        _l("Input counters hold"),
        [("upload", _l("what customers send (usual)")), ("download", _l("what customers receive"))],
    )

    service_map = ServiceMapField(_l("Services taken for others"), validators=[optional()])
    provisioning_mode = words_field(
        _l("Customers' passwords are kept"), [(code, choice_words(code)) for code in PROVISIONING_MODES]
    )

    api_username = StringField(
        _l("Account for the API"), validators=[optional()], render_kw={"autocomplete": "off", "spellcheck": "false"}
    )
    api_password = PasswordField(
        _l("Its password"), validators=[optional()], render_kw={"autocomplete": "new-password"}
    )
    api_port = WholeField(_l("API port"), default=8728, validators=[optional()])
    api_tls = BooleanField(_l("With TLS (port 8729)"))
    local_address = StringField(_l("Its own address in PPP"), validators=[optional()])
    latitude = DegreesField(_l("Latitude"), validators=[optional()])
    longitude = DegreesField(_l("Longitude"), validators=[optional()])

    def process(self, formdata: Any = None, obj: Any = None, *args: Any, **more: Any) -> None:
        """Show what the row keeps inside its configuration; a password is never shown."""
        if obj is not None:
            more.setdefault("local_address", obj.configuration.get("local_address", ""))
        super().process(formdata, obj, *args, **more)

    def values(self) -> dict[str, Any]:
        """The router's values as the use-cases take them."""
        given = {name: self[name].data for name in ROUTER_FIELDS}
        clean = {
            name: "" if value is None and name not in ("coa_port", "coa_per_second", "api_port") else value
            for name, value in given.items()
        }
        clean["coa_per_second"] = clean["coa_per_second"] or 300
        clean["api_port"] = clean["api_port"] or (8729 if self.api_tls.data else 8728)
        more = {"nas_group_id": self.nas_group_id.data, "service_map": self.service_map.data or {}}
        more |= {"latitude": self.latitude.data, "longitude": self.longitude.data}
        more |= {"configuration": {"local_address": (self.local_address.data or "").strip()}}
        # Left empty, the one that is kept stays.
        if self.api_password.data:
            more["api_password"] = self.api_password.data
        return clean | more
