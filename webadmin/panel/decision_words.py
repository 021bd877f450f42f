"""What the rules of a decision and the values they saw are called in the panel's languages."""

from collections.abc import Mapping

from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from bss.receipt_words import as_moment, kind_of, rule_label, value_label
from webadmin import format as spell
from webadmin.panel.filters import exact, language
from webadmin.panel.states import state_mark
from webadmin.panel.words import choice_words

RULES: Mapping[str, LazyString] = {
    "status": _l("Customer and subscription"),
    "expiry": _l("End of the term"),
    "credit": _l("Credit limit"),
    "voucher": _l("Voucher"),
    "hours": _l("Hours of the plan"),
    "quota": _l("Allowances"),
    "service": _l("Kind of access"),
    "place": _l("Router"),
    "checks": _l("Conditions written by hand"),
    "device": _l("Device"),
    "guessing": _l("Wrong passwords before"),
    "session_limit": _l("Logins at once"),
}
VALUES: Mapping[str, LazyString] = {
    "customer": _l("customer"),
    "subscription": _l("subscription"),
    "cut_off_at": _l("access ends"),
    "grace_days": _l("days of grace"),
    "is_over_credit": _l("over the credit limit"),
    "state": _l("state"),
    "validity_s": _l("valid from the first login for"),
    "sell_until": _l("to be used by"),
    "valid_until": _l("valid until"),
    "windows": _l("hours in the plan"),
    "open_window": _l("hours that are open"),
    "closes_at": _l("they close"),
    "connection_type": _l("sold for"),
    "service": _l("asked for"),
    "nas_server_id": _l("asked by router"),
    "nas_group_id": _l("of group"),
    "nas_binding": _l("bound to"),
    "bound_nas_server_id": _l("its router"),
    "bound_nas_group_id": _l("its group"),
    "conditions": _l("conditions"),
    "condition": _l("condition"),
    "sent": _l("the router sent"),
    "mac": _l("device"),
    "mac_status": _l("known as"),
    "mac_binding": _l("binding"),
    "is_blacklisted": _l("on the blacklist"),
    "wait_s": _l("has to wait"),
    "other_sessions": _l("other devices online"),
    "session_limit": _l("allowed at once"),
    "session_limit_action": _l("one more"),
    "daily data left": _l("data left today"),
    "weekly data left": _l("data left this week"),
    "monthly data left": _l("data left this month"),
    "billing_cycle data left": _l("data left in the billing month"),
    "total data left": _l("data left"),
    "daily time left": _l("time left today"),
    "weekly time left": _l("time left this week"),
    "monthly time left": _l("time left this month"),
    "billing_cycle time left": _l("time left in the billing month"),
    "total time left": _l("time left"),
}
# The values that are one of a few codes.
CODES: Mapping[str, Mapping[str, LazyString]] = {
    "nas_binding": {"off": _l("no router"), "nas": _l("a router"), "group": _l("a group of routers")},
    "mac_binding": {
        "off": _l("any device"),
        "fixed": _l("listed devices only"),
        "learn": _l("the first device is learned"),
        "approval": _l("new devices wait for approval"),
    },
    "session_limit_action": {"refuse": _l("is refused"), "replace": _l("replaces the oldest")},
}
_STATES = {"customer": "customer", "subscription": "subscription", "mac_status": "device"}


def rule_words(rule: str) -> LazyString | str:
    """The name of a rule; one without words is shown by its code."""
    return RULES.get(rule) or rule_label(rule)


def value_words(name: str) -> LazyString | str:
    """The name of a value that a rule saw."""
    family = name.removeprefix("family ")
    words = VALUES.get(family) or value_label(family)
    return words if family == name else gettext("%(what)s of the family", what=words)


def seen_words(name: str, value: object, routers: Mapping[int, str]) -> str:
    """A value that a rule saw, as people write it; `routers` are their names by id."""
    match kind_of(name, value):
        case "none":
            return str(gettext("none"))
        case "truth":
            return str(gettext("yes") if value else gettext("no"))
        case "moment":
            return exact(as_moment(value))
        case "volume":
            return spell.volume(int(str(value)), language())
        case "time":
            return spell.duration(float(str(value)), language())
        case _:
            return _text(name, value, routers)


def _text(name: str, value: object, routers: Mapping[int, str]) -> str:
    if name in _STATES:
        return str(state_mark(_STATES[name], str(value)).text)
    if name.endswith("nas_server_id"):
        return routers.get(int(str(value)), str(value))
    words = CODES.get(name, {}).get(str(value))
    return str(words or (choice_words(str(value)) if name in ("connection_type", "service") else value))
