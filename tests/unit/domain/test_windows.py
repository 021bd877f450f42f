"""Hours of a plan: which is open, when that changes, and when access by hours ends."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.windows import TimeWindow, closes_at, last_edge, next_edge, window_at
from profiles import moments, windows

JAKARTA = ZoneInfo("Asia/Jakarta")
BERLIN = ZoneInfo("Europe/Berlin")
zones = st.sampled_from([JAKARTA, BERLIN, ZoneInfo("UTC"), ZoneInfo("America/Sao_Paulo")])
EVERY_DAY = frozenset(range(7))
A_MOMENT = timedelta(microseconds=1)


def window(days: str, start: str, end: str) -> TimeWindow:
    """Weekdays as digits from 0 (Monday), hours as HH:MM."""
    hour = {text: int(text[:2]) * 60 + int(text[3:]) for text in (start, end)}
    weekdays = frozenset(int(day) for day in days)
    return TimeWindow(weekdays=weekdays, start_minute=hour[start], end_minute=hour[end])


def local(text: str) -> datetime:
    """A moment of Jakarta's clock; 2026-11-02 is a Monday."""
    return datetime.fromisoformat(text).replace(tzinfo=JAKARTA).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "at", "is_open"),
    [
        (window("01234", "08:00", "17:00"), "2026-11-02 08:00", True),
        (window("01234", "08:00", "17:00"), "2026-11-02 07:59:59.999999", False),
        (window("01234", "08:00", "17:00"), "2026-11-02 16:59:59.999999", True),
        (window("01234", "08:00", "17:00"), "2026-11-02 17:00", False),
        (window("01234", "08:00", "17:00"), "2026-11-07 12:00", False),
        (window("4", "22:00", "06:00"), "2026-11-06 23:00", True),
        (window("4", "22:00", "06:00"), "2026-11-07 05:59", True),
        (window("4", "22:00", "06:00"), "2026-11-06 05:00", False),
        (window("6", "22:00", "06:00"), "2026-11-09 05:00", True),
        (window("0", "00:00", "24:00"), "2026-11-02 23:59:59", True),
        (window("0", "00:00", "24:00"), "2026-11-03 00:00", False),
        (window("0", "12:00", "12:00"), "2026-11-03 11:59", True),
    ],
)
def test_a_window_is_open_from_its_start_to_before_its_end_also_over_midnight(
    hours: TimeWindow, at: str, is_open: bool
) -> None:
    assert (window_at((hours,), local(at), JAKARTA) is not None) is is_open


def test_the_first_open_window_counts() -> None:
    night, day = window("0123456", "20:00", "06:00"), window("0123456", "00:00", "24:00")

    assert window_at((night, day), local("2026-11-02 21:00"), JAKARTA) is night
    assert window_at((night, day), local("2026-11-02 12:00"), JAKARTA) is day


def test_windows_that_follow_each_other_close_together() -> None:
    hours = (window("0", "08:00", "12:00"), window("0", "12:00", "18:00"))

    assert closes_at(hours, local("2026-11-02 09:00"), JAKARTA) == local("2026-11-02 18:00")


def test_a_plan_that_is_open_all_week_never_closes() -> None:
    hours = (TimeWindow(weekdays=EVERY_DAY, start_minute=0, end_minute=24 * 60),)

    assert closes_at(hours, local("2026-11-02 09:00"), JAKARTA) is None


def test_hours_that_a_clock_change_skips_come_an_hour_later_and_never_twice() -> None:
    hours = (TimeWindow(weekdays=EVERY_DAY, start_minute=150, end_minute=210),)
    # On 2026-03-29 Berlin's clock jumps from 02:00 to 03:00, at 01:00 UTC.
    jump = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)

    assert window_at(hours, jump - A_MOMENT, BERLIN) is None
    assert next_edge(hours, jump - A_MOMENT, BERLIN) is not None


@pytest.mark.parametrize(
    ("weekdays", "start", "end"),
    [([], 0, 60), ([7], 0, 60), ([0], -1, 60), ([0], 1440, 60), ([0], 0, 0), ([0], 0, 1441)],
)
def test_a_window_that_cannot_be_is_not_made(weekdays: list[int], start: int, end: int) -> None:
    with pytest.raises(ValueError, match="window"):
        TimeWindow(weekdays=frozenset(weekdays), start_minute=start, end_minute=end)


@given(hours=st.lists(windows, min_size=1, max_size=3), now=moments, zone=zones, share=st.floats(0, 0.999))
def test_nothing_changes_between_two_edges(
    hours: list[TimeWindow], now: datetime, zone: ZoneInfo, share: float
) -> None:
    edge = next_edge(hours, now, zone)
    assert edge is not None
    assert edge > now

    between = now + (edge - now) * share
    assume(between < edge)

    assert window_at(hours, between, zone) == window_at(hours, now, zone)
    assert next_edge(hours, between, zone) == edge


@given(hours=st.lists(windows, min_size=1, max_size=3), now=moments, zone=zones)
def test_the_last_edge_is_the_one_whose_next_is_the_next(
    hours: list[TimeWindow], now: datetime, zone: ZoneInfo
) -> None:
    last = last_edge(hours, now, zone)

    if last is None:
        return
    assert last <= now
    assert next_edge(hours, last, zone) == next_edge(hours, now, zone)


@given(hours=st.lists(windows, min_size=1, max_size=3), now=moments, zone=zones)
def test_access_by_hours_holds_until_it_closes_and_not_at_that_moment(
    hours: list[TimeWindow], now: datetime, zone: ZoneInfo
) -> None:
    assume(window_at(hours, now, zone) is not None)
    closes = closes_at(tuple(hours), now, zone)
    if closes is None:
        return

    assert closes > now
    assert window_at(hours, closes, zone) is None
    assert window_at(hours, closes - A_MOMENT, zone) is not None
