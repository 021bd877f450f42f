"""Allowances of volume or time: what is left of one, and what happens when nothing is.

Decides from days that somebody else counted; refuses to know sessions, routers and where a top-up came from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from domain.fup import Usage
from domain.period import Period, period_at
from domain.speed import Speed

QUOTA_KINDS = ("data", "time")
# `total` never turns: it lasts as long as the subscription or voucher.
QUOTA_PERIODS = ("daily", "weekly", "monthly", "billing_cycle", "total")
QUOTA_ACTIONS = ("reject", "garden", "throttle")
_UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6))
# The customer is told once in a period when so much of an allowance is used.
ALERT_PERCENTS = (80, 90, 100)


def used_words(used_bytes: int) -> str:
    """What passed, with two decimals of the largest unit that it reaches: "6.29 GB"; below a thousand in bytes."""
    for unit, size in (*_UNITS, ("kB", 1000)):
        if used_bytes >= size:
            return f"{used_bytes / size:.2f} {unit}"
    return f"{used_bytes} B"


def time_words(seconds: int) -> str:
    """How long in its two largest parts: "4h 30m", "3d 2h", "12s"."""
    parts = [(seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    first = next((number for number, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count}{unit}" for count, unit in parts[first : first + 2] if count) or "0s"


def volume_words(limit_bytes: int | None) -> str:
    """A volume as plans are advertised: "500.0 GB", or "Unlimited" for none. A unit is 1000 of the one below."""
    if limit_bytes is None:
        return "Unlimited"
    unit, size = next((one for one in _UNITS if limit_bytes >= one[1]), _UNITS[-1])
    return f"{limit_bytes / size:.1f} {unit}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """An allowance: `limit` bytes (data) or seconds (time) in each period. `is_shared`: a whole family uses it."""

    quota_id: int
    kind: str
    period: str
    counts: str
    limit: int
    action: str
    throttle: Speed | None
    is_shared: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TopUp:
    """More of every allowance of a kind while it is valid; `data` also moves the thresholds of fair use."""

    kind: str
    amount: int
    valid_from: datetime
    valid_until: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Half-open: from the first instant on, not at the last."""
        return self.valid_from <= now and (self.valid_until is None or now < self.valid_until)


@dataclass(frozen=True, kw_only=True, slots=True)
class DayUsage:
    """What was used on one local day, over all routers."""

    day: date
    download_bytes: int
    upload_bytes: int
    seconds: int


def bonus(topups: Iterable[TopUp], kind: str, now: datetime) -> int:
    """How much valid top-ups add to an allowance of a kind."""
    return sum(topup.amount for topup in topups if topup.kind == kind and topup.is_valid(now))


def used(quota: Quota, days: Iterable[DayUsage], period: Period | None) -> int:
    """Bytes or seconds of the days that lie in the period; without a period, of all days."""
    inside = [day for day in days if period is None or period.first_day <= day.day < period.after_day]
    if quota.kind == "time":
        return sum(day.seconds for day in inside)
    return sum(
        Usage(download_bytes=day.download_bytes, upload_bytes=day.upload_bytes).counted(quota.counts) for day in inside
    )


def period_of(quota: Quota, now: datetime, zone: tzinfo, billing_day: int) -> Period | None:
    """The running period of an allowance; None for one that never turns."""
    return None if quota.period == "total" else period_at(quota.period, now, zone, billing_day)


def alerts_reached(limit: int, spent: int) -> tuple[int, ...]:
    """The levels of `ALERT_PERCENTS` that what was spent has reached."""
    return tuple(percent for percent in ALERT_PERCENTS if spent * 100 >= limit * percent)


def next_look(limit: int, spent: int) -> int:
    """The least spending above the present one at which a level is reached; the limit itself when none is."""
    levels = (-(-limit * percent // 100) for percent in ALERT_PERCENTS)
    return min((level for level in levels if level > spent), default=limit)
