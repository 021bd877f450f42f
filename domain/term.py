"""When terms and billing periods begin and end, by billing cycle. Decides dates; refuses to know prices and states.

A month is counted from the anchor day that the customer began with: 31 January, 28 February, 31 March. A period is
half-open and named by local days; a term is an instant at the same local time of day.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction

from domain.period import clamp_day

BILLING_CYCLES = ("daily", "monthly", "quarterly", "yearly", "custom")
MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}
EXPIRING_SOON_DAYS = 7
# For a rate per day, where no period says how many days there are.
_NOMINAL_DAYS = {"daily": 1, "monthly": 30, "quarterly": 90, "yearly": 365}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cycle:
    """How long a billing cycle is; "custom" counts `validity_days`. `anchor_day` (1-31) is the day months turn on."""

    name: str
    validity_days: int
    anchor_day: int

    def __post_init__(self) -> None:
        if self.name not in BILLING_CYCLES:
            raise ValueError(f"unknown billing cycle {self.name!r}")
        if self.validity_days < 1 or not 1 <= self.anchor_day <= 31:
            raise ValueError("a cycle has at least a day, and an anchor from 1 to 31")

    def after(self, day: date) -> date:
        """The first day of the period after the one that begins on `day`."""
        if self.name in MONTHS:
            return _months_on(day, MONTHS[self.name], self.anchor_day)
        return day + timedelta(days=1 if self.name == "daily" else self.validity_days)

    def before(self, day: date) -> date:
        """The first day of the period that ends before `day`: whatever `after` brings to `day`."""
        if self.name in MONTHS:
            return _months_on(day, -MONTHS[self.name], self.anchor_day)
        return day - timedelta(days=1 if self.name == "daily" else self.validity_days)

    @property
    def nominal_days(self) -> int:
        """The days of a cycle where no calendar says how many: 30 for a month."""
        return _NOMINAL_DAYS.get(self.name, self.validity_days)


def _months_on(day: date, months: int, anchor_day: int) -> date:
    reached = day.year * 12 + day.month - 1 + months
    return clamp_day(reached // 12, reached % 12 + 1, anchor_day)


def end_of_term(start: datetime, *, cycle: Cycle, zone: tzinfo) -> datetime:
    """The instant one cycle after `start`, at the same local time of day."""
    local = start.astimezone(zone)
    end = cycle.after(local.date())
    return local.replace(year=end.year, month=end.month, day=end.day, fold=0).astimezone(UTC)


def days_left(expires_at: datetime | None, now: datetime) -> int:
    """Whole days until the end of a term; below zero once it is over, and -1 for one without an end."""
    return -1 if expires_at is None else (expires_at - now) // timedelta(days=1)


def ends_soon(expires_at: datetime | None, now: datetime) -> bool:
    """Whether a term that is not over ends within a week."""
    return expires_at is not None and now < expires_at and days_left(expires_at, now) <= EXPIRING_SOON_DAYS


def contract_end(activated_at: datetime | None, months: int, zone: tzinfo) -> date | None:
    """The first local day on which a subscription may end without breaking its contract; None without a contract."""
    if activated_at is None or not months:
        return None
    first = activated_at.astimezone(zone).date()
    return _months_on(first, months, first.day)


def anchor_day_of(end: date, billing_day: int) -> int:
    """The day that months turn on for a term that ends on `end`.

    It is the billing day where the end lies on it, as 28 February does on the 31st; a term that was moved turns on its
    own day from then on.
    """
    return billing_day if clamp_day(end.year, end.month, billing_day) == end else end.day


def period_from(day: date, cycle: Cycle) -> tuple[date, date]:
    """The billing period that begins on `day`: its first day and the first day after it."""
    return day, cycle.after(day)


def monthly_price(price: Decimal, *, billing_cycle: str, validity_days: int) -> Fraction:
    """What a price comes to in a month: a quarter's over three, a day's times thirty; whoever shows it rounds."""
    if billing_cycle in MONTHS:
        return Fraction(price) / MONTHS[billing_cycle]
    return Fraction(price) * 30 / (1 if billing_cycle == "daily" else validity_days)


def daily_rate(price: Decimal, cycle: Cycle) -> Fraction:
    """The exact price of a day: the price over the nominal days of its cycle; whoever pays it rounds the sum."""
    return Fraction(price) / cycle.nominal_days


def price_of_days(price: Decimal, cycle: Cycle, first: date, days: int, *, by_calendar: bool = False) -> Fraction:
    """The exact price of `days` days from `first` on; below zero days it is what is given back.

    `by_calendar`: a day of a cycle of months costs its share of the month in which it lies, so that every whole month
    costs the same however long it is. Otherwise a month has 30 days, a quarter 90 and a year 365.
    """
    if not by_calendar or cycle.name not in MONTHS:
        return daily_rate(price, cycle) * days
    if days < 0:
        return -price_of_days(price, cycle, first + timedelta(days=days), -days, by_calendar=True)
    a_month = Fraction(price) / MONTHS[cycle.name]
    return sum((a_month * part / month_days for part, month_days in _by_month(first, days)), Fraction(0))


def _by_month(first: date, days: int) -> Iterator[tuple[int, int]]:
    """For each month that the days touch, how many of them lie in it and how long it is."""
    day, left = first, days
    while left > 0:
        length = monthrange(day.year, day.month)[1]
        part = min(left, length - day.day + 1)
        yield part, length
        day, left = day + timedelta(days=part), left - part
