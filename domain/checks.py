"""Conditions on a login that an operator wrote by hand (radcheck), held against what the router asked.

Decides which attributes of a request can be a condition, and when a condition is met. Refuses to know who wrote it.

What has a place of its own in a subscription (password, logins at once, end, hours, router) is not a condition here:
two places for one thing would contradict each other. A condition that this server cannot check is not met.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from domain.mac import normalise_mac

# What a router says about its customer. What it says about itself (NAS-IP-Address, NAS-Identifier) anybody with a
# secret could claim: a router is known by where its packets come from.
CHECKED = (
    "Calling-Station-Id",
    "Called-Station-Id",
    "NAS-Port-Id",
    "NAS-Port",
    "NAS-Port-Type",
    "Service-Type",
    "Framed-Protocol",
)
# Where to set instead what tools of this field keep in radcheck.
ELSEWHERE: Mapping[str, str] = {
    "Cleartext-Password": "set the subscription's password",
    "User-Password": "set the subscription's password",
    "NT-Password": "set the subscription's password",
    "Simultaneous-Use": "set how many logins at once the subscription allows",
    "Expiration": "set the end of the subscription's term",
    "Login-Time": "set the hours of the plan",
    "Session-Timeout": "write it as a reply attribute",
    "Max-All-Session": "give the subscription an allowance of time",
    "Max-Daily-Session": "give the subscription an allowance of time",
    "NAS-IP-Address": "bind the subscription to a router",
    "NAS-Identifier": "bind the subscription to a router",
    "Auth-Type": "suspend the subscription to refuse its logins",
}
OPERATORS = ("==", "!=", "=~", "!~", ">", ">=", "<", "<=")
MAX_QUANTIFIERS = 2

_CLASS = re.compile(r"\[\^?\]?[^\]]*\]")
_ESCAPED = re.compile(r"\\.")
# Signs that a set may come to mean something else by: Python keeps them for differences, unions and sets in sets.
_AMBIGUOUS = re.compile(r"\[\^?(\[|\]?[^\]]*(--|&&|~~|\|\|))")


def failed_check(checks: Iterable[tuple[str, str, str]], request: Mapping[str, str]) -> tuple[str, str, str] | None:
    """The first condition (attribute, operator, value) that the request does not meet, or None."""
    return next((check for check in checks if not is_met(check, request.get(check[0]))), None)


def is_met(check: tuple[str, str, str], actual: str | None) -> bool:
    """Whether what the router sent meets the condition; what it did not send meets none, as in FreeRADIUS.

    `:=`, which other tools write for "must be", is read as `==`. MAC addresses are equal in every spelling.
    """
    name, op, wanted = check
    if actual is None or name not in CHECKED:
        return False
    match op:
        case "==" | ":=":
            return _spelled(actual) == _spelled(wanted)
        case "!=":
            return _spelled(actual) != _spelled(wanted)
        case "=~" | "!~":
            pattern = _pattern(wanted)
            return pattern is not None and (pattern.search(actual) is not None) == (op == "=~")
        case _:
            return _compares(op, actual, wanted)


def pattern_problem(text: str) -> str | None:
    """Why a pattern is not taken, or None.

    It is tried inside the server while all other logins wait, on text that a stranger chose: so only patterns whose
    cost cannot explode are taken, which are those with few quantifiers and none behind a group.
    """
    if _AMBIGUOUS.search(_ESCAPED.sub("x", text)):
        return "has [[, --, &&, ~~ or || in a set of characters, which can be read in two ways"
    try:
        re.compile(text)
    except re.error as error:
        return f"is not a pattern: {error}"
    bare = _CLASS.sub("x", _ESCAPED.sub("x", text))
    if "(?" in bare or re.search(r"\)[*+?{]", bare) or re.search(r"\\\d", text):
        return "repeats a group, or uses more than plain groups"
    if len(re.findall(r"[*+?{]", bare)) > MAX_QUANTIFIERS:
        return f"has more than {MAX_QUANTIFIERS} of * + ? {{}}"
    return None


@lru_cache(maxsize=5_000)
def _pattern(text: str) -> re.Pattern[str] | None:
    return re.compile(text) if pattern_problem(text) is None else None


def _spelled(value: str) -> str:
    return normalise_mac(value) or value


def _compares(op: str, actual: str, wanted: str) -> bool:
    if not (_is_number(actual) and _is_number(wanted)):
        return False
    left, right = int(actual), int(wanted)
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}.get(op, False)


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 20
