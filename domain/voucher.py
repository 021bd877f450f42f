"""A voucher: a code that works from its first use for as long as it was sold for.

Decides what a voucher's state means for a login; refuses to know how codes are made, sold and stored.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

VOUCHER_STATES = ("unused", "active", "used", "expired", "disabled")


@dataclass(frozen=True, kw_only=True, slots=True)
class VoucherTerms:
    """What a login needs of a voucher. `valid_until` is empty until the first login."""

    state: str
    validity_s: int | None
    binds_mac: bool
    sell_until: datetime | None
    valid_until: datetime | None

    def ends_at(self, now: datetime) -> datetime | None:
        """When a login at `now` would have to end; None when only allowances end it."""
        if self.valid_until is not None or self.validity_s is None:
            return self.valid_until
        return now + timedelta(seconds=self.validity_s)
