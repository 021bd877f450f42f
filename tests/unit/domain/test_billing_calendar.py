"""Bills by the calendar: periods without gaps, months that were used, days of suspension, clocks that jump."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing import (
    clock_problem,
    is_renewed,
    month_used,
    moved_to_day,
    next_suspend_day,
    price_of_cycle,
    renewal,
    seconds_left,
    share_of_month,
)
from domain.term import Cycle, anchor_day_of, end_of_term

ZONES = [
    "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "Africa/Cairo", "America/Sao_Paulo", "Australia/Lord_Howe", "UTC",
]  # fmt: skip
DAYS = st.dates(date(2024, 1, 1), date(2032, 12, 31))


@pytest.mark.parametrize("zone_name", ZONES)
@pytest.mark.parametrize("cycle", ["monthly", "quarterly", "yearly", "daily", "custom"])
@pytest.mark.parametrize("anchor", range(1, 32))
def test_periods_follow_one_another_for_four_years(zone_name: str, cycle: str, anchor: int) -> None:
    zone = ZoneInfo(zone_name)
    ends = datetime(2026, 1, anchor, 2, 30, tzinfo=zone).astimezone(UTC)
    last_end: date | None = None
    for _ in range({"monthly": 48, "quarterly": 16, "yearly": 4}.get(cycle, 20)):
        bill = renewal(
            expires_at=ends, billing_day=anchor, cycle=cycle, validity_days=17, zone=zone, plan_name="Home",
            price=Decimal(1),
        )  # fmt: skip
        assert last_end in (None, bill.period[0])
        assert bill.period[0] < bill.period[1]
        assert bill.due_date == bill.period[0]
        day = ends.astimezone(zone).date()
        own = Cycle(name=cycle, validity_days=17, anchor_day=anchor_day_of(day, anchor))
        ends = end_of_term(ends, cycle=own, zone=zone)
        last_end = bill.period[1]
        assert ends.astimezone(zone).date() == last_end


@pytest.mark.parametrize(
    ("ends_in", "cycle", "is_due"),
    [(7, "monthly", True), (8, "monthly", False), (0, "daily", True), (1, "daily", False), (-3, "daily", True)],
)
def test_a_daily_term_is_billed_on_its_last_day_and_others_some_days_before(
    ends_in: int, cycle: str, is_due: bool
) -> None:
    today = date(2026, 11, 27)
    assert is_renewed(today + timedelta(days=ends_in), today, cycle=cycle, lead_days=7) is is_due


@given(first=DAYS, days=st.lists(st.integers(1, 20), min_size=20, max_size=120))
def test_whoever_pays_afterwards_pays_each_day_once_on_whichever_days_somebody_looks(
    first: date, days: list[int]
) -> None:
    """With gaps of less than a month between two looks, nothing is left out."""
    until: date | None = None
    today = first
    for gap in days:
        period = month_used(today, first_used=first, billed_until=until)
        if period is not None:
            assert period[0] == (until or first)
            assert period[0] < period[1]
            assert period[1].day == 1
            until = period[1]
        today += timedelta(days=gap)
    assert (today - (until or first)).days < 62


@given(DAYS)
def test_shares_of_a_month_add_up_to_at_most_the_price_and_a_whole_month_is_the_price(day: date) -> None:
    begin = day.replace(day=1)
    end = (begin + timedelta(days=32)).replace(day=1)
    assert share_of_month(Decimal(150000), (begin, end), "IDR") == 150000
    assert 0 < share_of_month(Decimal(150000), (day, end), "IDR") <= 150000


@given(DAYS, st.integers(1, 31), st.sampled_from(ZONES))
def test_a_moved_end_lies_on_its_day_within_a_month_and_never_before(day: date, billing_day: int, zone: str) -> None:
    tz = ZoneInfo(zone)
    end = datetime(day.year, day.month, day.day, 12, tzinfo=tz).astimezone(UTC)
    moved = moved_to_day(end, billing_day, tz)
    local = moved.astimezone(tz).date()
    assert 0 <= (local - day).days <= 31
    assert local.day == billing_day or (local + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("old", "new", "price"),
    [
        ("monthly", "yearly", 1800000),
        ("yearly", "monthly", 12500),
        ("monthly", "daily", 5000),
        ("daily", "custom", 1500),
    ],
)
def test_a_price_in_another_cycle(old: str, new: str, price: int) -> None:
    given_price = {"monthly": 150000, "yearly": 150000, "daily": 150}[old]
    cycles = [Cycle(name=name, validity_days=10, anchor_day=1) for name in (old, new)]
    assert price_of_cycle(Decimal(given_price), *cycles, "IDR") == price


@pytest.mark.parametrize(
    ("day", "recurring", "next_day"),
    [
        (date(2026, 11, 27), None, None),
        (date(2026, 11, 27), 5, date(2026, 12, 5)),
        (date(2026, 1, 31), 31, date(2026, 2, 28)),
        (date(2026, 12, 31), 31, date(2027, 1, 31)),
    ],
)
def test_a_day_of_suspension_comes_again_where_it_should(
    day: date, recurring: int | None, next_day: date | None
) -> None:
    assert next_suspend_day(day, recurring) == next_day


@pytest.mark.parametrize(
    ("days", "because"),
    [(None, None), (0, None), (1, None), (14, None), (15, "clock_ahead"), (400, "clock_ahead"), (-2, "clock_back")],
)
def test_a_run_whose_day_makes_no_sense_does_not_begin_by_itself(days: int | None, because: str | None) -> None:
    last = date(2026, 11, 27)
    today = last if days is None else last + timedelta(days=days)
    assert clock_problem(None if days is None else last, today) == because


@pytest.mark.parametrize(("done", "left"), [(0, None), (25, 30.0), (100, 0.0)])
def test_how_long_a_run_takes_still(done: int, left: float | None) -> None:
    assert seconds_left(done=done, total=100, worked_s=10.0 if done == 25 else 7.0) == left
