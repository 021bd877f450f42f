"""What a router has been seen to refuse, so that it is not asked for it again for a while.

Decides what a refusal teaches, when it is believed, and what is still worth asking. Refuses to know how long ago it was
and where lessons are kept.

Mikrotik-Total-Limit is not among what RouterOS says a CoA may change. The next login brings it anyway, so a router that
refuses it is asked for the rest rather than made to end the session.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from domain.desired import SESSION_TIMEOUT, TOTAL_LIMIT

# A refusal is believed when it came so often; one may have been about the moment.
BELIEVED_AFTER = 2
FORGOTTEN_AFTER = timedelta(days=7)
# These the next login brings as well; in the order in which they are suspected when several were refused together.
MAY_WAIT = (TOTAL_LIMIT, SESSION_TIMEOUT)
WITHOUT_EFFECT = "acknowledged without effect"
_UNSUPPORTED_ATTRIBUTE = 401
_WHOLLY = frozenset({405, 501})


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """Something a router refused: "coa", "disconnect" or an attribute. `is_sure`: believed at once."""

    what: str
    is_sure: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """What is worth asking: the attributes that are left, those left out, and what stands against asking at all."""

    attributes: Mapping[str, str]
    left_out: tuple[str, ...] = ()
    refused: str | None = None


def lesson_of(kind: str, attributes: Iterable[str], cause: int | None) -> Lesson | None:
    """What a NAK with this cause teaches; None when it was about the session or the moment."""
    if cause in _WHOLLY:
        return Lesson(what=kind)
    if kind != "coa" or cause != _UNSUPPORTED_ATTRIBUTE:
        return None
    names = {_family(name) for name in attributes}
    if len(names) == 1:
        return Lesson(what=names.pop())
    suspect = next((name for name in MAY_WAIT if name in names), None)
    return None if suspect is None else Lesson(what=suspect, is_sure=True)


def worth_asking(kind: str, attributes: Mapping[str, str], refused: Collection[str]) -> Ask:
    """What to send to a router that refuses these."""
    if not refused:
        return Ask(attributes=attributes)
    if kind in refused:
        return Ask(attributes=attributes, refused=kind)
    against = [name for name in attributes if _family(name) in refused]
    must = next((name for name in against if _family(name) not in MAY_WAIT), None)
    left = {name: value for name, value in attributes.items() if name not in against}
    if must is not None or (against and not left):
        return Ask(attributes=attributes, refused=must or against[0])
    return Ask(attributes=left, left_out=tuple(dict.fromkeys(_family(name) for name in against)))


def can_wait(attributes: Iterable[str]) -> bool:
    """Whether the next login is soon enough for all of this."""
    names = {_family(name) for name in attributes}
    return bool(names) and names <= set(MAY_WAIT)


def _family(name: str) -> str:
    """Both halves of a limit are one thing."""
    return name.removesuffix("-Gigawords")
