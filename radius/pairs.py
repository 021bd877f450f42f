"""The only code that turns values into attributes for FreeRADIUS.

FreeRADIUS 3.2.1 coerces or drops what it cannot use, and still accepts: `-5` becomes 136 years, an unknown attribute
vanishes, an int is skipped, 4 GiB becomes 0. So each attribute that may be sent is listed in `domain.attributes` with
the values it can take, and anything else raises `UnableToRender` before it leaves: a plan never loses its rate limit in
silence.
"""

from functools import lru_cache

from domain.attributes import (
    GIGAWORDS,
    MAX_SESSION_TIMEOUT_S,
    MAX_UINT32,
    can_hold,
    find_attribute,
    flaw,
    is_for,
    split_limit,
)
from domain.replies import merge
from radius.policies.types import MIKROTIK, Grant
from radius.vendors import attributes_of

# Name and value: FreeRADIUS adds what is not in its list yet. An operator between them would be looked up in a table of
# words, for each attribute of each login; so only the second of a name has one, which would be dropped without it.
Pair = tuple[str, ...]


class UnableToRender(Exception):
    """A value that FreeRADIUS or the router would misread; the login is refused rather than sent without it."""


# Most subscribers of a plan share most attributes: checked once, and one tuple in memory for all of them.
@lru_cache(maxsize=20_000)
def pair(name: str, value: str) -> tuple[str, str]:
    """One reply attribute, or `UnableToRender`: an unknown name, or a value out of its range."""
    if find_attribute(name) is None:
        raise UnableToRender(f"{name} is not an attribute this server sends")
    if type(value) is not str or not can_hold(name, value) or (name in GIGAWORDS and int(value) > MAX_UINT32):
        raise UnableToRender(f"{name} cannot be {value!r}")
    return (name, value)


def grant_pairs(grant: Grant, vendor: str = MIKROTIK) -> tuple[Pair, ...]:
    """The attributes of a grant that do not change from login to login, for a vendor's router.

    Raises `UnableToRender` for anything that could not be said as it is meant.
    """
    if grant.rate_limit is not None:
        # Before it is taken apart for a router that knows no such text.
        pair("Mikrotik-Rate-Limit", grant.rate_limit)
    values = attributes_of(grant, vendor)
    if grant.replies:
        values = list(merge(values, (row for row in grant.replies if is_for(row[0], vendor))))
    sent = [pair(*half) for value in values for half in split_limit(*_bounded(value))]
    wrong = flaw(sent)
    if wrong is not None:
        raise UnableToRender(wrong)
    # Numbers first: FreeRADIUS copies the list for each attribute it adds, and text costs it twice as much.
    return _with_operators(sorted(sent, key=_is_text))


def _is_text(sent: tuple[str, str]) -> bool:
    return not (sent[1].isdigit() or sent[0] == "Framed-IP-Address")


def _bounded(value: tuple[str, str]) -> tuple[str, str]:
    """An idle time longer than a router takes is as long as it takes."""
    name, text = value
    if name == "Idle-Timeout" and text.isdigit() and len(text) <= 20:
        return name, str(min(int(text), MAX_SESSION_TIMEOUT_S))
    return value


def _with_operators(sent: list[tuple[str, str]]) -> tuple[Pair, ...]:
    seen: set[str] = set()
    pairs: list[Pair] = []
    for name, value in sent:
        # To FreeRADIUS an attribute without a tag is there already when one with a tag is.
        base = name.partition(":")[0]
        pairs.append((name, "+=", value) if base in seen else (name, value))
        seen.add(base)
    return tuple(pairs)


def session_timeout_pair(seconds: int) -> Pair:
    """Session-Timeout, at least 1 s and no longer than RouterOS takes: in range by construction, not checked again."""
    return ("Session-Timeout", str(min(max(1, seconds), MAX_SESSION_TIMEOUT_S)))


def password_pairs(password: str) -> tuple[Pair, ...]:
    """The control list from which FreeRADIUS checks the login."""
    if not password or "\0" in password:
        raise UnableToRender("an empty password, or one with a NUL, cannot be checked")
    return (("Cleartext-Password", password),)
