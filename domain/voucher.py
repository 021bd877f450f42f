"""A voucher: a code that works from its first use for as long as it was sold for.

Decides what a voucher's state means for a login; refuses to know how codes are made, sold and stored.
"""

from dataclasses import dataclass
from datetime import datetime

VOUCHER_STATES = ("unused", "active", "used", "expired", "disabled")


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
