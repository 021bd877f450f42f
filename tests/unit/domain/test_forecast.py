"""When a limit will be reached: what is assumed, and the laws that hold whatever was used."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.forecast import DAYS_LOOKED_AT, Forecast, forecast

GB = 10**9
# A Wednesday.
TODAY = date(2026, 11, 18)
END = date(2026, 12, 1)


def days(*amounts: int) -> dict[date, int]:
    """So many bytes on the days before today, the last of them yesterday."""
    return {TODAY - timedelta(days=back): amount for back, amount in enumerate(reversed(amounts), start=1)}


def told(by_day: dict[date, int], *, used: int, limit: int, left_s: int = 0) -> Forecast | None:
    return forecast(by_day, used_bytes=used, limit_bytes=limit, today=TODAY, seconds_left=left_s, after_day=END)


def test_even_days_reach_the_limit_where_a_straight_line_does() -> None:
    # Ten a day, seventeen days of the month gone: 200 is reached on the third day from now.
    found = told(days(*[10 * GB] * 28), used=170 * GB, limit=200 * GB)
    assert found == Forecast(reached_on=date(2026, 11, 21), expected_bytes=290 * GB, from_days=28)


def test_a_limit_that_the_period_does_not_reach_has_no_day() -> None:
    found = told(days(*[GB] * 28), used=17 * GB, limit=200 * GB)
    assert found is not None
    assert (found.reached_on, found.expected_bytes) == (None, 29 * GB)


def test_weekends_count_as_weekends() -> None:
    weekly = {
        day: (20 * GB if day.weekday() >= 5 else 0) for day in (TODAY - timedelta(days=back) for back in range(1, 29))
    }
    found = told(weekly, used=0, limit=15 * GB)
    assert found is not None
    # Saturday, though an even line would be later.
    assert found.reached_on == date(2026, 11, 21)


def test_the_rest_of_today_is_a_share_of_a_day() -> None:
    by_day = days(*[10 * GB] * 28)
    early = told(by_day, used=0, limit=5 * GB, left_s=43_200)
    late = told(by_day, used=0, limit=5 * GB + 1, left_s=43_200)
    assert early is not None
    assert late is not None
    assert (early.reached_on, late.reached_on) == (TODAY, TODAY + timedelta(days=1))


def test_a_new_customer_is_told_by_the_days_he_has() -> None:
    found = told(days(10 * GB, 10 * GB, 10 * GB), used=30 * GB, limit=100 * GB)
    assert found is not None
    assert (found.reached_on, found.from_days) == (date(2026, 11, 25), 3)


@pytest.mark.parametrize("by_day", [{}, {TODAY: 5 * GB}, days(GB, GB)])
def test_from_less_than_three_whole_days_nothing_is_told(by_day: dict[date, int]) -> None:
    assert told(by_day, used=GB, limit=2 * GB) is None


def test_days_without_traffic_are_days_too() -> None:
    found = told(days(30 * GB, 0, 0), used=0, limit=10 * GB)
    assert found is not None
    assert (found.reached_on, found.from_days) == (TODAY + timedelta(days=1), 3)


AMOUNTS = st.lists(st.integers(0, 50 * GB), min_size=3, max_size=40)
BYTES = st.integers(0, 400 * GB)


@given(AMOUNTS, BYTES, BYTES, BYTES, st.integers(0, 86_400))
def test_a_higher_limit_is_never_reached_earlier(
    amounts: list[int], used: int, limit: int, more: int, left_s: int
) -> None:
    sooner = told(days(*amounts), used=used, limit=limit, left_s=left_s)
    later = told(days(*amounts), used=used, limit=limit + more, left_s=left_s)
    if sooner is None or later is None:
        assert sooner is later
    elif later.reached_on is not None:
        assert sooner.reached_on is not None
        assert sooner.reached_on <= later.reached_on


@given(AMOUNTS, BYTES, BYTES, BYTES, st.integers(0, 86_400))
def test_who_used_more_reaches_it_no_later(amounts: list[int], used: int, more: int, limit: int, left_s: int) -> None:
    less = told(days(*amounts), used=used, limit=limit, left_s=left_s)
    greater = told(days(*amounts), used=used + more, limit=limit, left_s=left_s)
    if less is not None and less.reached_on is not None:
        assert greater is not None
        assert greater.reached_on is not None
        assert greater.reached_on <= less.reached_on


@given(AMOUNTS, BYTES, BYTES)
def test_the_day_lies_in_the_period_and_fits_the_expected_amount(amounts: list[int], used: int, limit: int) -> None:
    found = told(days(*amounts), used=used, limit=limit)
    if found is not None:
        assert found.expected_bytes >= used
        assert found.from_days <= DAYS_LOOKED_AT
        assert (found.reached_on is not None) == (found.expected_bytes >= limit)
        assert found.reached_on is None or TODAY <= found.reached_on < END
