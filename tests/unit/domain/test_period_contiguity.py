"""Periods leave no gap and no overlap, and sharing an amount between days loses nothing."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.period import PERIOD_KINDS, clamp_day, days_of, period_at, split_by_day

ZONES = ("Asia/Jakarta", "Asia/Jayapura", "UTC", "Europe/Berlin", "America/Sao_Paulo", "Africa/Cairo", "Asia/Kathmandu")
FIRST = datetime(2015, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 20 * 365 * 86_400).map(lambda seconds: FIRST + timedelta(seconds=seconds))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("anchor_day", [1, 15, 28, 29, 30, 31])
def test_billing_cycles_follow_each_other_for_four_years(anchor_day: int, zone: str) -> None:
    period = period_at("billing_cycle", datetime(2023, 12, 31, 12, tzinfo=UTC), ZoneInfo(zone), anchor_day)
    for _ in range(48):
        following = period_at("billing_cycle", period.end, ZoneInfo(zone), anchor_day)
        assert following.start == period.end
        month = following.first_day
        assert month == clamp_day(month.year, month.month, anchor_day)
        period = following


@given(moment=MOMENTS, zone=st.sampled_from(ZONES), kind=st.sampled_from(PERIOD_KINDS), anchor_day=st.integers(1, 31))
def test_every_moment_lies_in_the_period_found_for_it(moment: datetime, zone: str, kind: str, anchor_day: int) -> None:
    period = period_at(kind, moment, ZoneInfo(zone), anchor_day)
    assert period.start <= moment < period.end
    first, after = days_of(kind, period.first_day, anchor_day)
    assert first == period.first_day
    assert period_at(kind, period.end, ZoneInfo(zone), anchor_day).first_day == after


@given(
    start=MOMENTS,
    seconds=st.integers(0, 40 * 86_400),
    amount=st.integers(0, 1 << 62),
    zone=st.sampled_from(ZONES),
)
def test_shares_of_days_add_up_exactly_and_none_is_negative(
    start: datetime, seconds: int, amount: int, zone: str
) -> None:
    shares = list(split_by_day(start, start + timedelta(seconds=seconds), amount, ZoneInfo(zone)))
    assert sum(share for _, share in shares) == amount
    assert all(share >= 0 for _, share in shares)
    days = [day for day, _ in shares]
    assert days == sorted(set(days))


def test_a_session_over_midnight_is_shared_by_time() -> None:
    midnight = datetime(2026, 11, 21, 17, tzinfo=UTC)  # 00:00 in Jakarta
    shares = split_by_day(
        midnight - timedelta(minutes=1), midnight + timedelta(minutes=3), 400, ZoneInfo("Asia/Jakarta")
    )
    assert [share for _, share in shares] == [100, 300]
