"""What a router shows of a session beside what a change wanted: is it so?

Decides from rows that somebody else read. Refuses to guess: a router that could not be read, or showed an empty list,
has said nothing, and what its tables do not have (how long a PPP session may last, how much may pass through it) is not
taken to be so because something else is.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from domain.attributes import MAX_SESSION_TIMEOUT_S
from domain.desired import NO_VOLUME_LIMIT, RATE_LIMIT, SESSION_TIMEOUT
from domain.speed import read_rate_limit

APPLIED, DIFFERS, UNKNOWN = "applied", "differs", "unknown"
ADDRESS_LIST = "Mikrotik-Address-List"
# The router counts in whole seconds, and says how long a session has run and how long it may still in one answer.
TIME_SLACK_S = 5
_TWIN = "-Gigawords"
Rate = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What was read of one session. `is_there` None: the lists were empty or could not be read.

    `rate_bps` is upload and download of its queue, 0 for no limit, None without a queue that is surely its own;
    `own_queue` the name of that queue when staff and not the router made it, and it may be set. `limits` has those that
    the tables show, by attribute, in seconds from the session's start and bytes, 0 for none. `address_lists` None:
    they were not read.
    """

    is_there: bool | None
    rate_bps: Rate | None = None
    own_queue: str | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    address_lists: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """One of `domain.live_change.PROOFS`.

    `about` are the attributes of which the router shows something else (`differs`) or nothing (`unknown`); none of them
    when it is about the session. `is_final`: looking again would show no more.
    """

    word: str
    about: tuple[str, ...] = ()
    is_final: bool = False


_SO, _NOT_YET = Proof(word=APPLIED), Proof(word=UNKNOWN)
# These a router may show a moment later; anything else its tables have, or never will.
_MAY_APPEAR = frozenset({RATE_LIMIT, ADDRESS_LIST})


def proof_of(kind: str, attributes: Mapping[str, str], shown: Shown, *, left_out: Collection[str] = ()) -> Proof:
    """Whether what the change wanted is so. `left_out` was not asked of the router and comes with the next login."""
    if shown.is_there is None:
        return _NOT_YET
    if kind == "disconnect":
        return Proof(word=DIFFERS) if shown.is_there else _SO
    if not shown.is_there:
        return _NOT_YET
    asked = [name for name in attributes if not name.endswith(_TWIN) and name not in left_out]
    seen = {name: _is_so(name, attributes, shown) for name in asked}
    differing = tuple(name for name, is_so in seen.items() if is_so is False)
    if differing:
        return Proof(word=DIFFERS, about=differing)
    hidden = tuple(name for name, is_so in seen.items() if is_so is None)
    if hidden or not asked:
        return Proof(word=UNKNOWN, about=hidden, is_final=not _MAY_APPEAR & set(hidden))
    return _SO


def _is_so(name: str, attributes: Mapping[str, str], shown: Shown) -> bool | None:
    """None when the tables do not tell."""
    if name == RATE_LIMIT:
        wanted = wanted_rate(attributes)
        return None if wanted is None or shown.rate_bps is None else same_rate(wanted, shown.rate_bps)
    if name == ADDRESS_LIST:
        return None if shown.address_lists is None else attributes[name] in shown.address_lists
    if name not in shown.limits:
        return None
    slack, endless = (TIME_SLACK_S, MAX_SESSION_TIMEOUT_S) if name == SESSION_TIMEOUT else (0, NO_VOLUME_LIMIT)
    wanted_limit, found = wanted_number(name, attributes), shown.limits[name]
    # None at all is as good as one that nobody reaches.
    return abs(wanted_limit - found) <= slack or (found == 0 and wanted_limit >= endless)


def wanted_number(name: str, attributes: Mapping[str, str]) -> int:
    """The seconds or bytes that a change asks for, both halves of a large number together."""
    return int(attributes[name]) + (int(attributes.get(name + _TWIN, "0")) << 32)


def wanted_rate(attributes: Mapping[str, str]) -> Rate | None:
    """Upload and download in bit/s that a change asks for, 0 for no limit; None when it is about other things."""
    if RATE_LIMIT not in attributes:
        return None
    speed = read_rate_limit(attributes[RATE_LIMIT])
    return (0, 0) if speed is None else (speed.upload_kbps * 1000, speed.download_kbps * 1000)


def same_rate(one: Rate, other: Rate) -> bool:
    """Whether two rates are the same; a router keeps no more than three digits of a number it shortens."""
    return all(abs(a - b) <= max(a, b) // 200 for a, b in zip(one, other, strict=True))
