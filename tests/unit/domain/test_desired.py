"""What must be true of a running session: what a login now would be granted, counted from the session's start."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.access import AccessProfile, session_seconds
from domain.attributes import GIGAWORDS, MAX_SESSION_TIMEOUT_S
from domain.desired import (
    LIMITS,
    NO_VOLUME_LIMIT,
    SESSION_TIMEOUT,
    TOTAL_LIMIT,
    Desired,
    RunningSession,
    change_to,
    desired,
    limits_known,
)
from domain.quota import DayUsage, Quota, TopUp
from domain.windows import TimeWindow
from profiles import GOOD_STANDING, NOW, moments, profiles
from radius.compiled import decide
from radius.pairs import UnableToRender
from radius.policies import granted
from radius.policies.types import Login

HOUR_S = 3600
GB = 10**9


def a_session(**over: object) -> RunningSession:
    values: dict[str, object] = {
        "acctuniqueid": "0" * 32,
        "subscription_id": 5,
        "nas_server_id": 1,
        "service": "pppoe",
        "started_at": NOW - timedelta(hours=2),
        "seconds": 2 * HOUR_S,
        "counted_bytes": 3 * GB,
    }
    return RunningSession(**(values | over))  # type: ignore[arg-type]


def a_quota(kind: str, limit: int, **over: object) -> Quota:
    values: dict[str, object] = {
        "quota_id": 1,
        "kind": kind,
        "period": "monthly",
        "counts": "total",
        "limit": limit,
        "action": "reject",
        "throttle": None,
    }
    return Quota(**(values | over))  # type: ignore[arg-type]


USED = DayUsage(day=NOW.date(), download_bytes=4 * GB, upload_bytes=1 * GB, seconds=5 * HOUR_S)


@given(profile=profiles(), now=moments, service=st.sampled_from(("pppoe", "vpn", "hotspot", "dhcp", "wireless")))
def test_a_session_that_begins_now_should_have_what_a_login_now_is_granted(
    profile: AccessProfile, now: datetime, service: str
) -> None:
    grant = granted(Login(profile=profile, service=service, now=now))
    session = a_session(service=service, started_at=now, seconds=0, counted_bytes=0)
    wanted = desired(profile, session, now)
    assert (wanted.rate_limit, wanted.address_list) == (grant.rate_limit, grant.address_list)
    ends_in_s = None if grant.ends_at is None else (grant.ends_at - now).total_seconds()
    assert wanted.session_timeout_s == session_seconds(grant.session_timeout_s, ends_in_s)
    by_hand = [row.value for row in profile.replies if row.attribute == TOTAL_LIMIT]
    assert wanted.total_limit_bytes == (int(by_hand[-1]) if by_hand else grant.total_limit_bytes)
    assert (wanted.session_timeout_s is None) or SESSION_TIMEOUT in limits_known(profile)
    assert (grant.total_limit_bytes is None) or TOTAL_LIMIT in limits_known(profile)


@given(profile=profiles(), now=moments)
def test_who_would_be_refused_for_more_than_a_garden_mends_may_not_run(profile: AccessProfile, now: datetime) -> None:
    refusal, reason, _ = _decided(profile, now)
    assume(refusal not in ("wrong_service", "checks_failed", "check_failed", "wrong_place", "wrong_device",
                           "device_pending", "device_blocked", "session_limit"))  # fmt: skip
    customer = desired(profile, a_session(), now).may_run
    in_garden = desired(profile, a_session(in_garden=True), now).may_run
    assert customer == (refusal is None and not reason.startswith("garden_"))
    assert in_garden == (refusal is None and reason.startswith("garden_"))


def _decided(profile: AccessProfile, now: datetime) -> tuple[str | None, str, object]:
    try:
        return decide(Login(profile=profile, service="pppoe", now=now))
    except UnableToRender:
        assume(False)
        raise


@pytest.mark.parametrize(
    ("over", "seconds"),
    [
        ({}, None),
        ({"session_timeout_s": 8 * HOUR_S}, 8 * HOUR_S),
        ({"expires_at": NOW + timedelta(hours=1)}, 3 * HOUR_S),
        ({"expires_at": NOW + timedelta(hours=1), "grace_days": 1}, 27 * HOUR_S),
        ({"quotas": (a_quota("time", 6 * HOUR_S),), "days": (USED,)}, 3 * HOUR_S),
        (
            {"quotas": (a_quota("time", 6 * HOUR_S),), "days": (USED,),
             "topups": (TopUp(kind="time", amount=HOUR_S, valid_from=NOW, valid_until=None),)},
            4 * HOUR_S,
        ),
        ({"windows": (TimeWindow(weekdays=frozenset(range(7)), start_minute=0, end_minute=1200, speed=None),)},
         3 * HOUR_S),
    ],
)  # fmt: skip
def test_a_length_counts_from_the_sessions_start(over: dict[str, object], seconds: int | None) -> None:
    profile = replace(GOOD_STANDING, **over)  # type: ignore[arg-type]
    assert desired(profile, a_session(), NOW).session_timeout_s == seconds
    assert (SESSION_TIMEOUT in limits_known(profile)) == (seconds is not None)


def test_a_volume_counts_from_the_sessions_start_and_grows_with_a_top_up() -> None:
    profile = replace(GOOD_STANDING, quotas=(a_quota("data", 10 * GB),), days=(USED,))
    topped_up = replace(profile, topups=(TopUp(kind="data", amount=2 * GB, valid_from=NOW, valid_until=None),))
    assert desired(profile, a_session(), NOW).total_limit_bytes == 8 * GB
    assert desired(topped_up, a_session(), NOW).total_limit_bytes == 10 * GB
    assert limits_known(profile) == {TOTAL_LIMIT}


@pytest.mark.parametrize("service", ["dhcp", "wireless", "dot1x", "other"])
def test_a_router_that_counts_no_volume_is_told_none(service: str) -> None:
    profile = replace(GOOD_STANDING, quotas=(a_quota("data", 10 * GB),), days=(USED,))
    assert desired(profile, a_session(service=service), NOW).total_limit_bytes is None


def test_what_passes_between_two_looks_moves_no_limit() -> None:
    """The same desired state is the same change, however much later and however much used: nothing is sent twice."""
    profile = replace(
        GOOD_STANDING,
        quotas=(a_quota("data", 10 * GB), a_quota("time", 20 * HOUR_S, quota_id=2)),
        days=(USED,),
        expires_at=NOW + timedelta(days=9),
    )
    later = replace(profile, days=(replace(USED, download_bytes=USED.download_bytes + GB, seconds=USED.seconds + 60),))
    after = a_session(seconds=2 * HOUR_S + 60, counted_bytes=4 * GB)
    first = desired(profile, a_session(), NOW)
    assert desired(later, after, NOW + timedelta(minutes=1)) == first


def test_a_limit_that_is_gone_is_told_as_one_that_nobody_reaches() -> None:
    nothing = Desired(may_run=True, rate_limit=None, session_timeout_s=None, total_limit_bytes=None, address_list=None)
    said = change_to(nothing, LIMITS)
    assert (said["Mikrotik-Rate-Limit"], said[SESSION_TIMEOUT]) == ("0/0", str(MAX_SESSION_TIMEOUT_S))
    assert int(said[GIGAWORDS[TOTAL_LIMIT]]) * 2**32 + int(said[TOTAL_LIMIT]) == NO_VOLUME_LIMIT
    assert change_to(nothing) == {"Mikrotik-Rate-Limit": "0/0"}
