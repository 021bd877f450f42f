"""The only code that turns values into attributes for FreeRADIUS.

FreeRADIUS 3.2.1 coerces or drops what it cannot use, and still accepts: `-5` becomes 136 years, an unknown attribute
vanishes, an int is skipped. So each attribute that may be sent is listed here with the values it can take, and anything
else raises `UnableToRender` before it leaves: a plan never loses its rate limit in silence.
"""

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache, partial

from domain.attributes import is_sendable
from radius.policies.types import Grant

# Name and value: FreeRADIUS adds what is not in its list yet. An operator between them would be looked up in a table of
# words, for each attribute of each login.
Pair = tuple[str, str]

# RouterOS's user manager lists this as the most it takes for a session timeout.
MAX_SESSION_TIMEOUT_S = 21_474_720

_RATE = r"\d{1,9}[kM]?(/\d{1,9}[kM]?)?"
_RATE_LIMIT = re.compile(rf"{_RATE}( {_RATE}( {_RATE}( \d{{1,4}}(/\d{{1,4}})?( [1-8]( {_RATE})?)?)?)?)?", re.ASCII)


class UnableToRender(Exception):
    """A value that FreeRADIUS or the router would misread; the login is refused rather than sent without it."""


def _number(value: str, lowest: int, highest: int) -> bool:
    return value.isascii() and value.isdigit() and lowest <= int(value) <= highest


def _address(value: str) -> bool:
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError:
        return False
    # RouterOS ignores these and would hand out an address of its default pool instead.
    return not (address.is_loopback or address.is_multicast or int(address) >= 0xE0000000 or int(address) == 0)


ATTRIBUTES: dict[str, Callable[[str], bool]] = {
    "Mikrotik-Rate-Limit": lambda value: is_sendable(value) and _RATE_LIMIT.fullmatch(value) is not None,
    "Mikrotik-Address-List": is_sendable,
    "Framed-IP-Address": _address,
    "Framed-Pool": is_sendable,
    "Session-Timeout": partial(_number, lowest=1, highest=MAX_SESSION_TIMEOUT_S),
    "Idle-Timeout": partial(_number, lowest=60, highest=MAX_SESSION_TIMEOUT_S),
    "Acct-Interim-Interval": partial(_number, lowest=60, highest=3600),
    "Class": is_sendable,
    "Reply-Message": is_sendable,
}


# Most subscribers of a plan share most attributes: checked once, and one tuple in memory for all of them.
@lru_cache(maxsize=20_000)
def pair(name: str, value: str) -> Pair:
    """One reply attribute, or `UnableToRender`: an unknown name, or a value out of its range."""
    check = ATTRIBUTES.get(name)
    if check is None:
        raise UnableToRender(f"{name} is not an attribute this server sends")
    if type(value) is not str or not check(value):
        raise UnableToRender(f"{name} cannot be {value!r}")
    return (name, value)


def grant_pairs(grant: Grant) -> tuple[Pair, ...]:
    """The attributes of a grant that do not change from login to login."""
    # Numbers first: FreeRADIUS copies the list for each attribute it adds, and text costs it twice as much.
    values: list[tuple[str, object]] = [
        ("Framed-IP-Address", grant.framed_ip),
        ("Idle-Timeout", None if grant.idle_timeout_s is None else min(grant.idle_timeout_s, MAX_SESSION_TIMEOUT_S)),
        ("Acct-Interim-Interval", grant.interim_interval_s),
        ("Framed-Pool", grant.pool),
        ("Mikrotik-Address-List", grant.address_list),
        ("Mikrotik-Rate-Limit", grant.rate_limit),
    ]
    return tuple(pair(name, str(value)) for name, value in values if value is not None)


def session_timeout_pair(seconds: int) -> Pair:
    """Session-Timeout, at least 1 s and no longer than RouterOS takes: in range by construction, not checked again."""
    return ("Session-Timeout", str(min(max(1, seconds), MAX_SESSION_TIMEOUT_S)))


def password_pairs(password: str) -> tuple[Pair, ...]:
    """The control list from which FreeRADIUS checks the login."""
    if not password or "\0" in password:
        raise UnableToRender("an empty password, or one with a NUL, cannot be checked")
    return (("Cleartext-Password", password),)
