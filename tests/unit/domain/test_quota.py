"""Allowances: what is left of one, what a top-up adds, and what a used-up one does to a login."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import (
    AccessProfile,
    data_left_bytes,
    garden_now,
    hours_end_at,
    is_outside_hours,
    is_quota_used_up,
    next_change_at,
    quota_left,
    speed_now,
    time_left_s,
    used_up,
)
from domain.fup import FupTier, raised
from domain.garden import Garden
from domain.quota import ALERT_PERCENTS, DayUsage, Quota, TopUp, alerts_reached, bonus, next_look, used
from domain.speed import Speed
from domain.windows import TimeWindow
from profiles import GOOD_STANDING, NOW, days, moments, profiles, quotas

JAKARTA = ZoneInfo("Asia/Jakarta")
A_MOMENT = timedelta(microseconds=1)
MIDNIGHT = datetime(2026, 11, 1, 17, 0, tzinfo=UTC)
ALLOWANCE = Quota(
    quota_id=1, kind="data", period="daily", counts="total", limit=1000, action="reject", throttle=None
)  # fmt: skip
SLOW = Speed(download_kbps=512, upload_kbps=256)


def day(number: int, *, down: int = 0, up: int = 0, seconds: int = 0) -> DayUsage:
    return DayUsage(day=date(2026, 11, number), download_bytes=down, upload_bytes=up, seconds=seconds)


def topup(amount: int, *, kind: str = "data", since: datetime = NOW, until: datetime | None = None) -> TopUp:
    return TopUp(kind=kind, amount=amount, valid_from=since, valid_until=until)


def using(quota: Quota, *used_days: DayUsage, **over: object) -> AccessProfile:
    return replace(GOOD_STANDING, quotas=(quota,), days=used_days, **over)


@pytest.mark.parametrize(
    ("over", "left_now"),
    [
        ({}, 850),
        ({"counts": "download"}, 900),
        ({"counts": "upload"}, 950),
        ({"kind": "time"}, 970),
        ({"period": "weekly"}, 850),
        ({"period": "monthly"}, 850),
        ({"period": "total"}, 650),
        ({"limit": 150}, 0),
        ({"limit": 151}, 1),
        ({"limit": 10}, 0),
    ],
)
def test_what_is_left_is_the_limit_less_the_days_of_the_period(over: dict[str, object], left_now: int) -> None:
    november = (day(1, down=100, up=50, seconds=30),)
    last_month = replace(day(1, down=200), day=date(2026, 10, 20))
    # NOW is a Sunday, so the week began in October; the month did not.
    profile = using(replace(ALLOWANCE, **over), last_month, *november)

    assert quota_left(profile, profile.quotas[0], NOW) == left_now


def test_a_new_period_begins_with_the_whole_allowance() -> None:
    profile = using(ALLOWANCE, day(1, down=1000))

    assert is_quota_used_up(profile, MIDNIGHT - A_MOMENT)
    assert not is_quota_used_up(profile, MIDNIGHT)
    assert next_change_at(profile, NOW) == MIDNIGHT


def test_a_family_uses_one_allowance_together() -> None:
    shared = replace(ALLOWANCE, is_shared=True)
    profile = using(shared, day(1, down=1), family_days=(day(1, down=999, up=1),))

    assert used_up(profile, NOW) == (shared,)


def test_a_top_up_adds_to_every_allowance_of_its_kind_while_it_is_valid() -> None:
    profile = using(
        ALLOWANCE, day(1, down=1000), topups=(topup(10, until=NOW + timedelta(hours=1)), topup(5, kind="time"))
    )

    assert quota_left(profile, ALLOWANCE, NOW - A_MOMENT) == 0
    assert quota_left(profile, ALLOWANCE, NOW) == 10
    assert next_change_at(profile, NOW) == NOW + timedelta(hours=1)
    assert quota_left(profile, ALLOWANCE, NOW + timedelta(hours=1)) == 0


def test_a_used_up_allowance_that_slows_lowers_the_speed_and_refuses_nobody() -> None:
    profile = using(replace(ALLOWANCE, action="throttle", throttle=SLOW), day(1, down=1000))

    assert not is_quota_used_up(profile, NOW)
    assert speed_now(profile, NOW) == SLOW
    assert speed_now(replace(profile, override=profile.plan_speed, override_until=NOW + A_MOMENT), NOW) != SLOW
    assert speed_now(replace(profile, days=()), NOW) == profile.plan_speed
    assert data_left_bytes(replace(profile, days=()), NOW) is None


def test_the_least_that_is_left_ends_a_session() -> None:
    monthly = replace(ALLOWANCE, period="monthly", limit=1500)
    hours = replace(ALLOWANCE, kind="time", limit=600)
    downloads = replace(ALLOWANCE, counts="download", limit=1001)
    profile = replace(
        using(ALLOWANCE), quotas=(ALLOWANCE, monthly, hours, downloads), days=(day(1, down=900, seconds=60),)
    )

    assert data_left_bytes(profile, NOW) == 100
    assert time_left_s(profile, NOW) == 540


def test_only_an_allowance_that_asks_for_it_ends_in_the_garden() -> None:
    garden = Garden(address_list="isolir", ip_pool=None, speed=SLOW, redirect_url=None, session_timeout_s=600)
    profile = using(ALLOWANCE, day(1, down=1000), gardens={"*": garden})

    assert garden_now(profile, "quota_used_up", NOW) is None
    assert garden_now(profile, "outside_hours", NOW) == garden
    assert garden_now(replace(profile, quotas=(replace(ALLOWANCE, action="garden"),)), "quota_used_up", NOW) == garden


def test_the_speed_of_the_hour_beats_the_plans_and_gives_way_to_one_of_the_subscriptions_own() -> None:
    fast, own = Speed(download_kbps=50_000, upload_kbps=50_000), Speed(download_kbps=7_000, upload_kbps=7_000)
    # NOW is 19:00 of a Sunday in Jakarta.
    evening = TimeWindow(weekdays=frozenset({6}), start_minute=1140, end_minute=1200, speed=fast)
    profile = replace(GOOD_STANDING, windows=(evening,))
    tier = FupTier(
        tier=1, threshold_bytes=1, counts="total", reset_period="monthly", reduced=None, reduction_percent=50
    )  # fmt: skip

    assert speed_now(profile, NOW) == fast
    assert speed_now(replace(profile, override=own), NOW) == own
    assert speed_now(replace(profile, override=own, override_until=NOW + A_MOMENT), NOW) == own
    assert speed_now(replace(profile, tiers=(tier,), fup_tier=1), NOW) == fast.reduced_by(50)
    assert is_outside_hours(profile, NOW - A_MOMENT)
    assert hours_end_at(profile, NOW) == NOW + timedelta(hours=1)
    assert next_change_at(profile, NOW) == NOW + timedelta(hours=1)


def test_fair_use_begins_later_by_what_was_added() -> None:
    tier = FupTier(
        tier=1, threshold_bytes=100, counts="total", reset_period="monthly", reduced=SLOW, reduction_percent=None
    )  # fmt: skip

    assert raised((tier,), 0) == (tier,)
    assert raised((tier,), 7)[0].threshold_bytes == 107


@given(profile=profiles(), quota=quotas(), more=days, now=moments)
def test_using_more_leaves_no_more_and_a_top_up_leaves_no_less(
    profile: AccessProfile, quota: Quota, more: DayUsage, now: datetime
) -> None:
    left = quota_left(profile, quota, now)
    further = replace(profile, days=(*profile.days, more), family_days=(*profile.family_days, more))

    assert 0 <= left <= quota.limit + bonus(profile.topups, quota.kind, now)
    assert quota_left(further, quota, now) <= left
    assert quota_left(replace(profile, topups=()), quota, now) <= left
    assert used(quota, profile.days, None) <= used(quota, further.days, None)


@given(limit=st.integers(1, 2**62), spent=st.integers(0, 2**63))
def test_the_next_look_comes_at_the_next_level_and_never_too_late(limit: int, spent: int) -> None:
    at = next_look(limit, spent)

    if spent < limit:
        assert spent < at <= limit
        assert alerts_reached(limit, at - 1) == alerts_reached(limit, spent)
        assert len(alerts_reached(limit, at)) > len(alerts_reached(limit, spent))
    else:
        assert alerts_reached(limit, spent) == ALERT_PERCENTS


@given(profile=profiles(), now=moments)
def test_what_is_used_up_lets_nothing_be_left(profile: AccessProfile, now: datetime) -> None:
    gone = used_up(profile, now)

    assert all(quota_left(profile, quota, now) == 0 for quota in gone)
    if not is_quota_used_up(profile, now):
        assert data_left_bytes(profile, now) != 0
        assert time_left_s(profile, now) != 0
