"""How fields and values of an audit entry are read: by the word of the form that writes them, in the reader's units.

Refuses to know which fields there are: what no form asks for and no word stands here for is shown by its own name.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from wtforms import Form
from wtforms.fields.core import UnboundField

from webadmin import format as spell
from webadmin import forms
from webadmin.panel.filters import language
from webadmin.panel.states import state_text
from webadmin.panel.support import zone

NOTHING = "–"  # noqa: RUF001 - a dash as in the rest of the panel
# Where forms have no word, or one that is understood only beside others of the form.
_WORDS: Mapping[str, LazyString] = {
    "activated_at": _l("Activated"),
    "active": _l("Active"),
    "amount": _l("Amount"),
    "assigned_ip": _l("Fixed address"),
    "by": _l("By"),
    "checks": _l("Checked attributes"),
    "day": _l("Day"),
    "description": _l("Description"),
    "download_kbps": _l("Download"),
    "expires_at": _l("Ends"),
    "forgotten": _l("Forgotten"),
    "fup_rules": _l("Fair use"),
    "is_active": _l("Active"),
    "is_dry": _l("Only tried"),
    "kind": _l("Kind"),
    "lines": _l("Lines"),
    "mac": _l("MAC address"),
    "name": _l("Name"),
    "note": _l("Note"),
    "notes": _l("Notes"),
    "operator_id": _l("Operator"),
    "passkeys": _l("Passkeys"),
    "password": _l("Password"),
    "quotas": _l("Allowances"),
    "radius_secret": _l("RADIUS secret"),
    "reason": _l("Reason"),
    "replies": _l("Attributes"),
    "reply_attributes": _l("Attributes"),
    "service_password": _l("Service password"),
    "state": _l("State"),
    "status": _l("State"),
    "suspend_cause": _l("Reason"),
    "suspend_reason": _l("Reason"),
    "time_windows": _l("Hours of the week"),
    "totp": _l("App with codes"),
    "type": _l("Kind"),
    "until": _l("Until"),
    "upload_kbps": _l("Upload"),
}
# Which words the states of a table have.
_STATES = {
    "customers": "customer", "subscriptions": "subscription", "invoices": "invoice", "payments": "payment",
    "vouchers": "voucher", "gateway_orders": "gateway_order", "parked_payments": "parked",
    "payment_links": "payment_link", "customer_transfers": "transfer",
}  # fmt: skip
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)\Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")


def field_words(name: str) -> str:
    """A field's word; units that its form asks in are not those in which it is shown here."""
    label = _WORDS.get(name) or _labels().get(name)
    return str(label).split(" (")[0] if label is not None else name.replace("_", " ").capitalize()


def value_words(name: str, value: Any, table: str) -> str:
    """A stored value of a field for reading; nothing is a dash."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "✓" if value else "✗"
    if isinstance(value, list):
        return ", ".join(value_words(name, one, table) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{field_words(key)}: {value_words(key, one, table)}" for key, one in value.items())
    if isinstance(value, int):
        return _measured(name, value)
    return _told(name, str(value), table)


def _measured(name: str, value: int) -> str:
    if name.endswith("_kbps"):
        return spell.speed(value, language())
    if name.endswith("_bytes"):
        return spell.volume(value, language())
    return spell.duration(value, language()) if name.endswith("_s") else str(value)


def _told(name: str, value: str, table: str) -> str:
    if name in ("status", "state") and table in _STATES:
        return state_text(_STATES[table], value)
    try:
        if _MOMENT.match(value):
            return spell.exact(datetime.fromisoformat(value), zone(), language())
        if _DAY.match(value):
            return spell.calendar_day(date.fromisoformat(value), language())
    except ValueError:
        # It only looks like one.
        return value
    return value


@cache
def _labels() -> Mapping[str, LazyString]:
    """The labels of all forms by field; of several the shortest, which says least about its form."""
    labels: dict[str, LazyString] = {}
    for name, label in sorted(_fields_of_forms(), key=lambda pair: len(str(pair[1]._args[0]))):
        labels.setdefault(name, label)
    return labels


def _fields_of_forms() -> Iterator[tuple[str, Any]]:
    for module in pkgutil.iter_modules(forms.__path__):
        for form in vars(importlib.import_module(f"{forms.__name__}.{module.name}")).values():
            if isinstance(form, type) and issubclass(form, Form):
                for name in dir(form):
                    field = getattr(form, name, None)
                    if isinstance(field, UnboundField) and field.args and isinstance(field.args[0], LazyString):
                        yield name, field.args[0]
