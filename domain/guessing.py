"""How long somebody who gave wrong passwords has to wait, and when that is forgotten.

Pure arithmetic over what one device did so far. Refuses to know who guesses at what: the same law serves a device at
one name, a device at any name, and all strange devices at one name.
"""

from typing import NamedTuple

# The first wait is a second; each further wrong password doubles it, up to a minute.
LONGEST_WAIT_S = 60.0
# Without a wrong password for this long, all is forgotten.
FORGET_S = 600.0
# A try that was let through to the password and not refused within this time had the right one.
VERDICT_S = 2.0


class Tries(NamedTuple):
    """Wrong passwords in a row, when the last came, until when none is looked at, and when a try last went through."""

    wrong: int
    last_s: float
    wait_until: float
    through_s: float | None = None


def after_wrong(tries: Tries | None, now: float, free: int) -> Tries:
    """One more wrong password; `free` of them cost nothing."""
    wrong = 1 if tries is None else tries.wrong + 1
    return Tries(wrong, now, now + pause_s(wrong, free))


def after_through(tries: Tries, now: float, free: int) -> Tries:
    """A try is let through to the password. It uses up the turn: a second one waits as if this one were wrong."""
    return tries._replace(through_s=now, wait_until=now + pause_s(tries.wrong, free))


def pause_s(wrong: int, free: int) -> float:
    """How long to wait after so many wrong passwords."""
    return 0.0 if wrong < free else min(LONGEST_WAIT_S, 2.0 ** min(wrong - free, 16))


def had_right_password(tries: Tries, now: float) -> bool:
    """Whether the try that went through last was not found wrong."""
    return tries.through_s is not None and now - tries.through_s >= VERDICT_S


def is_forgotten(tries: Tries, now: float) -> bool:
    """Whether so much time passed that it counts no more."""
    return now - tries.last_s >= FORGET_S
