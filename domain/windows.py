"""Hours in which a plan may be used, in the tenant's time zone, and the speed that is theirs.

Decides which window an instant lies in and when that changes; refuses to know what a window is for.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from domain.period import local_midnight
from domain.speed import Speed

DAY_MINUTES = 24 * 60
# Every window comes round within a week; the day before may reach into this one.
_DAYS_TO_LOOK_AT = range(-1, 9)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeWindow:
    """Hours of some weekdays (0 is Monday), half-open, over midnight when `end_minute` is not after `start_minute`.

    `speed` is the speed inside the window; None leaves it to the plan.
    """

    weekdays: frozenset[int]
    start_minute: int
    end_minute: int
    speed: Speed | None = None

    def __post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= set(range(7)):
            raise ValueError("a window needs weekdays from 0 (Monday) to 6 (Sunday)")
        if not 0 <= self.start_minute < DAY_MINUTES or not 0 < self.end_minute <= DAY_MINUTES:
            raise ValueError("a window begins at minute 0 to 1439 and ends at minute 1 to 1440")

    @property
    def minutes(self) -> int:
        """How long the window is open, at most a day."""
        length = self.end_minute - self.start_minute
        return length if length > 0 else length + DAY_MINUTES


def window_at(windows: Iterable[TimeWindow], now: datetime, zone: tzinfo) -> TimeWindow | None:
    """The first window in the order given that is open at `now`."""
    for window in windows:
        if any(opens <= now < closes for opens, closes in _openings(window, now, zone)):
            return window
    return None


def next_edge(windows: Iterable[TimeWindow], now: datetime, zone: tzinfo) -> datetime | None:
    """The next instant after `now` at which some window opens or closes; None without windows."""
    edges = (edge for window in windows for opening in _openings(window, now, zone) for edge in opening)
    return min((edge for edge in edges if edge > now), default=None)


def last_edge(windows: Iterable[TimeWindow], now: datetime, zone: tzinfo) -> datetime | None:
    """The latest instant up to `now` at which some window opened or closed; None when that is more than a day ago."""
    since = now - timedelta(days=1)
    edges = (edge for window in windows for opening in _openings(window, since, zone) for edge in opening)
    return max((edge for edge in edges if since < edge <= now), default=None)


def closes_at(windows: tuple[TimeWindow, ...], now: datetime, zone: tzinfo) -> datetime | None:
    """When access by hours ends, over windows that follow each other without a gap; None when it never does.

    Only for an instant inside a window. A plan open all week closes at no time.
    """
    at = now
    while (window := window_at(windows, at, zone)) is not None:
        at = max(closes for opens, closes in _openings(window, at, zone) if opens <= at < closes)
        if at - now > timedelta(days=7):
            return None
    return at


def _openings(window: TimeWindow, now: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    today = now.astimezone(zone).date()
    for days in _DAYS_TO_LOOK_AT:
        day = today + timedelta(days=days)
        if day.weekday() in window.weekdays:
            opens = _instant(day, window.start_minute, zone)
            over_midnight = window.end_minute <= window.start_minute
            closes = _instant(day + timedelta(days=over_midnight), window.end_minute, zone)
            if opens < closes:
                yield opens, closes


def _instant(day: date, minute: int, zone: tzinfo) -> datetime:
    if minute == DAY_MINUTES:
        return local_midnight(day + timedelta(days=1), zone)
    # A wall time that a clock change skips is told with the offset before it, so it comes as late as it would have.
    return datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone).astimezone(UTC)
