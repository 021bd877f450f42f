"""Bills that come by the calendar: what a renewal says, which days a month's bill is for, when a run must not go on.

Decides from dates and amounts; refuses to know rows, portions, and who started a run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction

from domain import line_words
from domain.invoices import Line
from domain.money import ZERO, rounded
from domain.period import clamp_day
from domain.term import MONTHS, Cycle, anchor_day_of, daily_rate

# What a run is for: the nightly one, and the bills of those who pay afterwards.
NIGHTLY, POSTPAID = "nightly", "postpaid"
RUN_KINDS = (NIGHTLY, POSTPAID)
RUNNING, STOPPED, DONE, UNDONE = "running", "stopped", "done", "undone"
RUN_STATUSES = (RUNNING, STOPPED, DONE, UNDONE)
# Why a run stopped: a person, too many to suspend, a clock that jumped, or a later day's run that took over.
BY_PERSON, TOO_MANY, CLOCK_BACK, CLOCK_AHEAD, LATER_RUN = "person", "too_many", "clock_back", "clock_ahead", "later_run"
STOPPED_BECAUSE = (BY_PERSON, TOO_MANY, CLOCK_BACK, CLOCK_AHEAD, LATER_RUN)

DUE, OVERDUE, SUSPENDED, EXPIRED, EXPIRING, RENEWED, SUSPEND_AHEAD = (
    "invoice_due",
    "invoice_overdue",
    "suspended",
    "expired",
    "expiring",
    "renewed",
    "suspend_ahead",
)
NOTICE_KINDS = (DUE, OVERDUE, SUSPENDED, EXPIRED, EXPIRING, RENEWED, SUSPEND_AHEAD)

# A server that was away for longer than this, or a clock that jumped: a person looks first.
MOST_DAYS_BETWEEN_RUNS = 14


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewal:
    """The bill for a subscription's next term: its half-open period in local days, its due day and its lines."""

    period: tuple[date, date]
    due_date: date
    lines: tuple[Line, ...]


def is_renewed(ends_on: date, today: date, *, cycle: str, lead_days: int) -> bool:
    """Whether the term that ends on `ends_on` is billed today. A daily term is billed on its last day."""
    return (ends_on - today).days <= (0 if cycle == "daily" else lead_days)


def renewal(
    *,
    expires_at: datetime,
    billing_day: int,
    cycle: str,
    validity_days: int,
    zone: tzinfo,
    plan_name: str,
    price: Decimal,
    fees: Sequence[tuple[str, Decimal]] = (),
    language: str = line_words.ENGLISH,
) -> Renewal:
    """The bill for the term after the one that ends at `expires_at`; `fees` are what is billed once."""
    first = expires_at.astimezone(zone).date()
    anchored = Cycle(name=cycle, validity_days=validity_days, anchor_day=anchor_day_of(first, billing_day))
    period = first, anchored.after(first)
    lines = service_line(plan_name, period, price), *fee_lines(fees, language)
    return Renewal(period=period, due_date=first, lines=lines)


def service_line(plan_name: str, period: tuple[date, date], price: Decimal) -> Line:
    """The line of a plan for a period."""
    text = f"{plan_name} {period[0]:%Y-%m-%d} - {period[1]:%Y-%m-%d}"
    return Line(item_type="service", description=text[-255:], unit_price=price)


def fee_lines(fees: Sequence[tuple[str, Decimal]], language: str) -> list[Line]:
    """What is billed once, by type of item."""
    return [
        Line(item_type=kind, description=line_words.fee(kind, language), unit_price=fee)
        for kind, fee in fees
        if fee > ZERO
    ]


def moved_to_day(expires_at: datetime, billing_day: int, zone: tzinfo) -> datetime:
    """The end of a term moved on to the billing day that comes next, at the same local time of day."""
    local = expires_at.astimezone(zone)
    day = clamp_day(local.year, local.month, billing_day)
    if day < local.date():
        following = _next_month(local.date())
        day = clamp_day(following.year, following.month, billing_day)
    return local.replace(year=day.year, month=day.month, day=day.day, fold=0).astimezone(UTC)


def price_of_cycle(price: Decimal, old: Cycle, new: Cycle, currency: str) -> Decimal:
    """What a subscription costs in another cycle: by months where both are months, else by days."""
    if old.name in MONTHS and new.name in MONTHS:
        return rounded(Fraction(price) * MONTHS[new.name] / MONTHS[old.name], currency)
    return rounded(daily_rate(price, old) * new.nominal_days, currency)


def month_used(today: date, *, first_used: date, billed_until: date | None) -> tuple[date, date] | None:
    """The days of a month that are to be billed to somebody who pays afterwards, or None.

    On a month's last day that month is due; on any other day the one before, where its last day was missed.
    `billed_until` is the first day that no bill is for yet.
    """
    month_end = _next_month(today)
    if today + timedelta(days=1) != month_end:
        month_end = today.replace(day=1)
    begin = max(_month_before(month_end), first_used, billed_until or first_used)
    return (begin, month_end) if begin < month_end else None


def share_of_month(price: Decimal, period: tuple[date, date], currency: str) -> Decimal:
    """The price of a month for some of its days."""
    days = (period[1] - _month_before(period[1])).days
    return rounded(Fraction(price) * (period[1] - period[0]).days / days, currency)


def next_suspend_day(day: date, recurring_day: int | None) -> date | None:
    """The day after `day` on which it is suspended again, or None where that does not repeat."""
    if recurring_day is None:
        return None
    following = _next_month(day)
    return clamp_day(following.year, following.month, recurring_day)


def clock_problem(last_day: date | None, today: date) -> str | None:
    """Why a run of today must not begin by itself: its day lies before the last one's, or too far behind it."""
    if last_day is None or today == last_day:
        return None
    if today < last_day:
        return CLOCK_BACK
    return CLOCK_AHEAD if (today - last_day).days > MOST_DAYS_BETWEEN_RUNS else None


def seconds_left(*, done: int, total: int, worked_s: float) -> float | None:
    """How long a run will take still, as fast as it has been; None before anything is done."""
    return None if not done else max(0.0, worked_s * (total - done) / done)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)
