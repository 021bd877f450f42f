"""What the rules of a decision and the values they saw are called, in English. A code without words is shown as it is.

The panel has the same words for its languages; a terminal and the API use these.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

RULES: Mapping[str, str] = {
    "status": "Customer and subscription",
    "expiry": "End of the term",
    "credit": "Credit limit",
    "voucher": "Voucher",
    "hours": "Hours of the plan",
    "quota": "Allowances",
    "service": "Kind of access",
    "place": "Router",
    "checks": "Conditions written by hand",
    "device": "Device",
    "guessing": "Wrong passwords before",
    "session_limit": "Logins at once",
}
VALUES: Mapping[str, str] = {
    "customer": "customer",
    "subscription": "subscription",
    "cut_off_at": "access ends",
    "grace_days": "days of grace",
    "is_over_credit": "over the credit limit",
    "state": "state",
    "validity_s": "valid from the first login for",
    "sell_until": "to be used by",
    "valid_until": "valid until",
    "windows": "hours in the plan",
    "open_window": "hours that are open",
    "closes_at": "they close",
    "connection_type": "sold for",
    "service": "asked for",
    "nas_server_id": "asked by router",
    "nas_group_id": "of group",
    "nas_binding": "bound to",
    "bound_nas_server_id": "its router",
    "bound_nas_group_id": "its group",
    "conditions": "conditions",
    "condition": "condition",
    "sent": "the router sent",
    "mac": "device",
    "mac_status": "known as",
    "mac_binding": "binding",
    "is_blacklisted": "on the blacklist",
    "wait_s": "has to wait",
    "other_sessions": "other devices online",
    "session_limit": "allowed at once",
    "session_limit_action": "one more",
}


def rule_label(rule: str) -> str:
    """The name of a rule."""
    return RULES.get(rule, rule.replace("_", " "))


def value_label(name: str) -> str:
    """The name of a value that a rule saw."""
    return VALUES.get(name, name.replace("_", " "))


def kind_of(name: str, value: Any) -> str:
    """How a value is to be written: `none`, `truth`, `moment`, `volume` (bytes), `time` (seconds) or `text`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, datetime) or name.endswith(("_at", "until")):
        return "moment"
    if isinstance(value, int | float):
        if name.endswith(("_bytes", "data left")):
            return "volume"
        if name.endswith(("_s", "time left")):
            return "time"
    return "text"


def as_moment(value: Any) -> datetime:
    """A moment as a rule saw it, or as a receipt has it."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def said_value(name: str, value: Any, zone: tzinfo) -> str:
    """A value in English, times in `zone`."""
    match kind_of(name, value):
        case "none":
            return "none"
        case "truth":
            return "yes" if value else "no"
        case "moment":
            return as_moment(value).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        case "volume":
            return f"{value / 1e9:.2f} GB"
        case "time":
            return str(timedelta(seconds=round(value)))
        case _:
            return str(value)
