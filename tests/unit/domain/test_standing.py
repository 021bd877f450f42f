"""How far allowances are used, as people are told it."""

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.quota import DayUsage, Quota
from domain.standing import standings, usage_percentage
from profiles import GOOD_STANDING

# In Jakarta it is the 21st; the billing month began on the 10th.
NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
GB = 1_000_000_000
IN_JAKARTA = replace(GOOD_STANDING, zone=ZoneInfo("Asia/Jakarta"), topups=())


def quota(number: int, kind: str, period: str, limit: int, *, is_shared: bool = False) -> Quota:
    return Quota(
        quota_id=number, kind=kind, period=period, counts="total", limit=limit, action="reject", throttle=None,
        is_shared=is_shared,
    )  # fmt: skip


def day(when: date, *, gb: float = 0, seconds: int = 0) -> DayUsage:
    return DayUsage(day=when, download_bytes=int(gb * GB), upload_bytes=0, seconds=seconds)


@pytest.mark.parametrize(
    ("quotas", "percent"),
    [
        ([], None),
        ([quota(1, "data", "billing_cycle", 100 * GB)], 30),
        ([quota(1, "data", "monthly", 100 * GB)], 50),
        # Used twice over is a hundred, no more.
        ([quota(1, "data", "billing_cycle", 15 * GB)], 100),
        # What a day or a week allows, and time, say nothing of the billing period.
        ([quota(1, "data", "daily", GB), quota(2, "data", "weekly", GB), quota(3, "time", "billing_cycle", 60)], None),
        # The fullest of several counts.
        ([quota(1, "data", "billing_cycle", 100 * GB), quota(2, "data", "monthly", 60 * GB)], 83),
        ([quota(1, "data", "total", GB)], None),
    ],
)
def test_the_percentage_is_of_the_volume_of_this_billing_period(quotas: list[Quota], percent: int | None) -> None:
    days = (
        # The same month and day of the month of last year, and the cycle before: not of this period.
        day(date(2025, 11, 20), gb=500),
        day(date(2026, 11, 9), gb=20),
        day(date(2026, 11, 10), gb=10),
        day(date(2026, 11, 21), gb=20),
    )
    profile = replace(IN_JAKARTA, quotas=tuple(quotas), days=days, billing_day=10)

    assert usage_percentage(standings(profile, NOW)) == percent


def test_time_is_counted_by_day_and_by_week() -> None:
    days = (
        day(date(2026, 11, 15), seconds=9000),
        day(date(2026, 11, 16), seconds=3600),
        day(date(2026, 11, 21), seconds=1800),
    )
    quotas = (quota(1, "time", "daily", 7200), quota(2, "time", "weekly", 10_800))

    found = standings(replace(IN_JAKARTA, quotas=quotas, days=days), NOW)

    # A week begins on Monday, the 16th.
    assert [(one.used, one.left, one.percent) for one in found] == [(1800, 5400, 25), (5400, 5400, 50)]
