"""Periods in which usage is counted: days, weeks, months and billing cycles of a tenant's local calendar.

A period is half-open, starts at a local midnight and is named by its first local day. Decides where a period begins
and ends and how an amount is shared between two instants; refuses to know what is counted.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

PERIOD_KINDS = ("daily", "weekly", "monthly", "billing_cycle")


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """`[start, end)` in UTC; in the local calendar the days from `first_day` on, `after_day` no longer among them."""

    kind: str
    first_day: date
    after_day: date
    start: datetime
    end: datetime


def local_midnight(day: date, zone: tzinfo) -> datetime:
    """The UTC instant at which `day` begins in `zone`.

    Where a clock change skips midnight the day begins at the first instant that exists: converting the missing wall
    time with the offset before the gap gives exactly that instant.
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def clamp_day(year: int, month: int, anchor_day: int) -> date:
    """The anchor day in a month that may be shorter: 31 becomes 28, 29 or 30, and never drifts."""
    return date(year, month, min(anchor_day, monthrange(year, month)[1]))


def _next_month(day: date) -> tuple[int, int]:
    return (day.year + day.month // 12, day.month % 12 + 1)


def _previous_month(day: date) -> tuple[int, int]:
    return (day.year - (day.month == 1), (day.month - 2) % 12 + 1)


def _anchored(day: date, anchor_day: int) -> tuple[date, date]:
    here = clamp_day(day.year, day.month, anchor_day)
    if day >= here:
        return here, clamp_day(*_next_month(day), anchor_day)
    return clamp_day(*_previous_month(day), anchor_day), here


def days_of(kind: str, day: date, anchor_day: int = 1) -> tuple[date, date]:
    """The first local day of the period that holds `day`, and the first day after it."""
    if kind == "daily":
        return day, day + timedelta(days=1)
    if kind == "weekly":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    if kind == "monthly":
        return _anchored(day, 1)
    if kind == "billing_cycle":
        return _anchored(day, anchor_day)
    raise ValueError(f"unknown period kind {kind!r}")


def period_at(kind: str, moment: datetime, zone: tzinfo, anchor_day: int = 1) -> Period:
    """The period of `kind` that holds `moment`; `anchor_day` (1-31) is the day a billing cycle begins."""
    first, after = days_of(kind, moment.astimezone(zone).date(), anchor_day)
    return Period(
        kind=kind,
        first_day=first,
        after_day=after,
        start=local_midnight(first, zone),
        end=local_midnight(after, zone),
    )


def split_by_day(start: datetime, end: datetime, amount: int, zone: tzinfo) -> Iterator[tuple[date, int]]:
    """Share `amount` between the local days that `[start, end]` touches, by time; the parts add up exactly.

    The share of a day is the difference of two rounded-down running totals, so no unit is lost or made.
    """
    if end <= start:
        yield end.astimezone(zone).date(), amount
        return
    total_us = (end - start) // timedelta(microseconds=1)
    given = 0
    edge = start
    while edge < end:
        day = edge.astimezone(zone).date()
        edge = min(end, local_midnight(day + timedelta(days=1), zone))
        reached = amount * ((edge - start) // timedelta(microseconds=1)) // total_us
        yield day, reached - given
        given = reached
