"""The small decisions about a subscription, at and around the moments that change them."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.access import (
    BLOCKED_CUSTOMERS,
    REASONS,
    SERVICES,
    AccessProfile,
    belongs_in_garden,
    device_reason,
    fup_tier_in_force,
    is_in_grace,
    is_past_grace,
    next_change_at,
    override_in_force,
    rate_limit_now,
    serves,
    session_seconds,
    speed_now,
    standing_reasons,
    status_reason,
)
from domain.fup import FupTier
from domain.lifecycle import CUSTOMER_STATUSES, SUBSCRIPTION_STATUSES
from domain.speed import Burst, Speed
from profiles import DEVICES, GOOD_STANDING, NOW, moments, profiles

A_MOMENT = timedelta(microseconds=1)


def speed(download: int, upload: int) -> Speed:
    return Speed(download_kbps=download, upload_kbps=upload)


TIER = FupTier(
    tier=1,
    threshold_bytes=1,
    counts="total",
    reset_period="monthly",
    reduced=speed(2_000, 1_000),
    reduction_percent=None,
)
PLAIN = replace(GOOD_STANDING, tiers=(TIER,))


def test_every_refusal_a_rule_can_give_has_words_for_staff() -> None:
    given_by_status = {f"customer_{status}" for status in BLOCKED_CUSTOMERS}
    given_by_status |= {f"subscription_{status}" for status in SUBSCRIPTION_STATUSES if status != "active"}

    assert given_by_status <= REASONS.keys()
    assert set(CUSTOMER_STATUSES) >= BLOCKED_CUSTOMERS


@pytest.mark.parametrize("status", [status for status in CUSTOMER_STATUSES if status not in BLOCKED_CUSTOMERS])
def test_a_customer_who_is_not_blocked_may_use_an_active_subscription(status: str) -> None:
    assert status_reason(replace(PLAIN, customer_status=status)) is None


def test_the_customers_own_state_is_named_before_the_subscriptions() -> None:
    both = replace(PLAIN, customer_status="blacklisted", subscription_status="suspended")

    assert status_reason(both) == "customer_blacklisted"


@pytest.mark.parametrize(
    ("subscription", "reason"),
    [
        ("active", "customer_suspended"),
        ("suspended", "customer_suspended"),
        ("expired", "customer_suspended"),
        ("disabled", "subscription_disabled"),
        ("terminated", "subscription_terminated"),
        ("pending", "subscription_pending"),
    ],
)
def test_a_customers_suspension_does_not_hide_what_no_payment_mends(subscription: str, reason: str) -> None:
    both = replace(PLAIN, customer_status="suspended", subscription_status=subscription)

    assert status_reason(both) == reason


@given(profile=profiles(), now=moments)
def test_who_belongs_in_a_garden_may_not_be_online_otherwise(profile: AccessProfile, now: datetime) -> None:
    reasons = set(standing_reasons(profile, now))

    assert reasons <= REASONS.keys()
    assert not (belongs_in_garden(profile, now) and not reasons)
    assert not belongs_in_garden(replace(profile, gardens={}), now)


@pytest.mark.parametrize(
    ("now", "in_grace", "past_grace"),
    [
        (NOW - A_MOMENT, False, False),
        (NOW, True, False),
        (NOW + timedelta(days=7) - A_MOMENT, True, False),
        (NOW + timedelta(days=7), False, True),
    ],
)
def test_grace_begins_at_expiry_and_ends_to_the_moment(now: datetime, in_grace: bool, past_grace: bool) -> None:
    profile = replace(PLAIN, expires_at=NOW, grace_days=7)

    assert (is_in_grace(profile, now), is_past_grace(profile, now)) == (in_grace, past_grace)


def test_without_grace_access_ends_at_expiry() -> None:
    profile = replace(PLAIN, expires_at=NOW)

    assert not is_past_grace(profile, NOW - A_MOMENT)
    assert is_past_grace(profile, NOW)
    assert not is_in_grace(profile, NOW)


@pytest.mark.parametrize(
    ("binding", "macs", "mac", "reason"),
    [
        ("off", {}, None, None),
        ("off", {}, DEVICES[0], None),
        ("off", {DEVICES[0]: "blocked"}, DEVICES[0], "device_blocked"),
        ("off", {DEVICES[0]: "blocked"}, None, None),
        ("off", {DEVICES[0]: "approved"}, DEVICES[1], None),
        ("fixed", {}, DEVICES[0], None),
        ("fixed", {DEVICES[0]: "pending"}, DEVICES[1], None),
        ("fixed", {DEVICES[0]: "approved"}, DEVICES[0], None),
        ("fixed", {DEVICES[0]: "approved"}, DEVICES[1], "wrong_device"),
        ("fixed", {DEVICES[0]: "approved"}, None, "wrong_device"),
        ("fixed", {DEVICES[0]: "approved", DEVICES[1]: "pending"}, DEVICES[1], "wrong_device"),
        ("fixed", {DEVICES[0]: "approved", DEVICES[1]: "blocked"}, DEVICES[1], "device_blocked"),
    ],
)
def test_devices(binding: str, macs: dict[str, str], mac: str | None, reason: str | None) -> None:
    assert device_reason(replace(PLAIN, mac_binding=binding, macs=macs), mac) == reason


@pytest.mark.parametrize(
    ("limit_s", "ends_in_s", "seconds"),
    [
        (None, None, None),
        (600, None, 600),
        (None, 90.9, 90),
        (600, 90.9, 90),
        (60, 90.9, 60),
        (None, 0.4, 1),
        (600, 0.4, 1),
        (None, -5.0, 1),
    ],
)
def test_a_session_lasts_to_its_limit_or_to_the_end_of_access(
    limit_s: int | None, ends_in_s: float | None, seconds: int | None
) -> None:
    assert session_seconds(limit_s, ends_in_s) == seconds


def test_a_temporary_speed_wins_over_fair_use_until_its_time() -> None:
    profile = replace(PLAIN, override=speed(50_000, 50_000), override_until=NOW, fup_tier=1)

    assert speed_now(profile, NOW - A_MOMENT) == speed(50_000, 50_000)
    assert override_in_force(profile, NOW) is None
    assert speed_now(profile, NOW) == speed(2_000, 1_000)


def test_fair_use_lowers_a_permanent_speed_of_the_subscription() -> None:
    profile = replace(PLAIN, override=speed(50_000, 500), fup_tier=1)

    assert speed_now(profile, NOW) == speed(2_000, 500)


def test_a_tier_ends_with_its_period_even_before_a_job_resets_it() -> None:
    profile = replace(PLAIN, fup_tier=1, fup_until=NOW)

    assert speed_now(profile, NOW - A_MOMENT) == speed(2_000, 1_000)
    assert speed_now(profile, NOW) == PLAIN.plan_speed


def test_a_tier_that_the_plan_no_longer_has_slows_nobody() -> None:
    assert fup_tier_in_force(replace(PLAIN, fup_tier=2), NOW) is None
    assert speed_now(replace(PLAIN, fup_tier=2), NOW) == PLAIN.plan_speed


def test_burst_belongs_to_the_plans_own_full_speed() -> None:
    burst = Burst(speed=speed(20_000, 10_000), threshold=speed(8_000, 4_000), time_s=8)
    profile = replace(PLAIN, burst=burst)

    assert rate_limit_now(profile, NOW) == "5M/10M 10M/20M 4M/8M 8/8"
    assert rate_limit_now(replace(profile, fup_tier=1), NOW) == "1M/2M"
    assert rate_limit_now(replace(profile, override=speed(3_000, 3_000)), NOW) == "3M/3M"


@pytest.mark.parametrize(
    ("connection_type", "served"),
    [
        ("any", set(SERVICES)),
        ("static", set(SERVICES)),
        ("pppoe", {"pppoe"}),
        ("vpn", {"vpn"}),
        ("wireless", {"wireless"}),
        ("dot1x", {"dot1x"}),
        ("hotspot", {"hotspot"}),
        ("dhcp", {"dhcp"}),
    ],
)
def test_a_subscription_serves_the_access_it_was_sold_for(connection_type: str, served: set[str]) -> None:
    assert {service for service in SERVICES if serves(connection_type, service)} == served


@given(profile=profiles(), start=moments, step_us=st.integers(0, 86_400_000_000))
def test_the_clock_alone_changes_nothing_before_the_next_change(
    profile: AccessProfile, start: datetime, step_us: int
) -> None:
    change = next_change_at(profile, start)
    later = start + timedelta(microseconds=step_us)
    assume(change is None or later < change)

    def decisions(now: datetime) -> tuple[object, ...]:
        return (
            is_past_grace(profile, now),
            is_in_grace(profile, now),
            rate_limit_now(profile, now),
            fup_tier_in_force(profile, now),
            override_in_force(profile, now),
        )

    assert decisions(later) == decisions(start)


@given(profile=profiles(), now=moments)
def test_the_next_change_lies_ahead(profile: AccessProfile, now: datetime) -> None:
    change = next_change_at(profile, now)

    assert change is None or change > now
