"""A voucher: a code that works from its first use for as long as it was sold for.

Decides what a voucher's state means for a login, which state may follow which, and how much of a code must be chance;
refuses to know who sells it and where it is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log2

from domain.codes import READABLE

VOUCHER_STATES = ("unused", "active", "used", "expired", "disabled")
# Used: its time is over, or it was redeemed. Expired: nobody used it in time.
VOUCHER_MOVES: dict[str, frozenset[str]] = {
    "unused": frozenset({"active", "used", "expired", "disabled"}),
    "active": frozenset({"used", "disabled"}),
    "used": frozenset(),
    "expired": frozenset(),
    "disabled": frozenset({"unused", "active"}),
}
BATCH_KINDS = ("access", "credit")
SHEET_STATES = ("waiting", "running", "done", "failed")

# In a pattern X stands for a letter or digit that nobody misreads on paper, 9 for a digit; a hyphen stays.
DIGITS = "0123456789"
USUAL_PATTERN = "XXXX-XXXX-XXXX"
MAX_PATTERN, MAX_PREFIX = 40, 10
# Ten guesses a second, more than the guards let through, find one of two thousand vouchers within a year with a chance
# of three in a hundred; with the usual pattern, of one in a million.
LEAST_BITS = 44


@dataclass(frozen=True, kw_only=True, slots=True)
class VoucherTerms:
    """What a login needs of a voucher. `valid_until` is empty until the first login."""

    state: str
    validity_s: int | None
    binds_mac: bool
    sell_until: datetime | None
    valid_until: datetime | None

    @property
    def is_unused(self) -> bool:
        """Whether the next login begins its validity."""
        return self.state == "unused"


def may_move(current: str, wanted: str) -> bool:
    """Whether a voucher may go from one state to the other."""
    return wanted in VOUCHER_MOVES[current]


def problem_with_pattern(pattern: str) -> str | None:
    """What to do about a pattern of codes that cannot be; None when it can."""
    if not 1 <= len(pattern) <= MAX_PATTERN or set(pattern) - set("X9-"):
        return "use X for a letter or digit, 9 for a digit, and hyphens, like XXXX-XXXX-XXXX"
    if bits_of(pattern) < LEAST_BITS:
        return "use at least nine X or fourteen 9: shorter codes are guessed"
    return None


def bits_of(pattern: str) -> float:
    """How much there is to guess in a code of this pattern."""
    return pattern.count("X") * log2(len(READABLE)) + pattern.count("9") * log2(len(DIGITS))


def code_of(pattern: str, choose: Callable[[str], str]) -> str:
    """A code; `choose` draws one character of those it is given."""
    alphabets = {"X": READABLE, "9": DIGITS}
    return "".join(choose(alphabets[place]) if place in alphabets else place for place in pattern)


def end_after(now: datetime, current_end: datetime | None, validity_s: int) -> datetime:
    """When a subscription ends that was lengthened: from its end on, or from now on when it has ended."""
    return max(now, current_end or now) + timedelta(seconds=validity_s)


def refusal(voucher: VoucherTerms, now: datetime) -> str | None:
    """Why a login with the voucher is refused at `now`, or None; times decide even before a job has set the state."""
    if voucher.state == "disabled":
        return "voucher_disabled"
    if voucher.state == "expired" or (voucher.is_unused and _is_over(voucher.sell_until, now)):
        return "voucher_expired"
    return "voucher_used" if voucher.state == "used" or _is_over(voucher.valid_until, now) else None


def next_change(voucher: VoucherTerms) -> tuple[datetime | None, datetime | None]:
    """The instants at which `refusal` may change by the clock alone."""
    return (voucher.sell_until if voucher.is_unused else None, voucher.valid_until)


def _is_over(until: datetime | None, now: datetime) -> bool:
    return until is not None and now >= until
