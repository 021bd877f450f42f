"""What a router should know of a subscription by itself, as a table of cases and laws."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.lifecycle import SUBSCRIPTION_STATUSES
from domain.router_order import is_last, wait_after
from domain.router_secret import BOTH, LOCAL, MAX_COMMENT, Holder, comment_for, is_ours, profile_among, secret_for

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BUDI = Holder(
    username="budi", password="rahasia", status="active", connection_type="pppoe", customer_name="Budi Santoso",
    customer_code="CUST-7", customer_status="active", assigned_ip="10.20.0.5", plan_slug="paket-10m",
    local_address="10.0.0.1", mac="AA:BB:CC:DD:EE:FF",
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "local", "both"),
    [
        ({}, "on", "on"),
        ({"status": "suspended"}, "off", "none"),
        ({"status": "expired"}, "off", "none"),
        ({"status": "disabled"}, "off", "none"),
        ({"status": "pending"}, "none", "none"),
        ({"status": "cancelled"}, "none", "none"),
        ({"status": "terminated"}, "none", "none"),
        ({"customer_status": "blacklisted"}, "off", "none"),
        ({"customer_status": "prospect"}, "on", "on"),
        ({"expires_at": NOW, "grace_days": 0}, "off", "none"),
        ({"expires_at": NOW, "grace_days": 1}, "on", "on"),
        ({"connection_type": "dhcp"}, "none", "none"),
        ({"connection_type": "static"}, "none", "none"),
    ],
)
def test_who_is_known_to_a_router_of_each_mode(change: dict[str, object], local: str, both: str) -> None:
    holder = replace(BUDI, **change)  # type: ignore[arg-type]

    def state(mode: str) -> str:
        secret = secret_for(holder, mode=mode, now=NOW)
        return "none" if secret is None else "off" if secret.is_disabled else "on"

    assert (state(LOCAL), state(BOTH), state("radius")) == (local, both, "none")


@pytest.mark.parametrize(
    ("own", "plan", "there", "profile"),
    [
        ("own", "plan", ["own", "plan", "paket-10m", "default"], "own"),
        ("own", "plan", ["plan", "paket-10m", "default"], None),
        (None, "plan", ["plan", "default"], "plan"),
        (None, "plan", ["default"], None),
        (None, None, ["paket-10m", "default"], "paket-10m"),
        (None, None, ["default"], "default"),
        (None, None, [], None),
    ],
)
def test_the_profile_is_the_one_somebody_named_else_the_plans_else_default(
    own: str | None, plan: str | None, there: list[str], profile: str | None
) -> None:
    secret = secret_for(replace(BUDI, own_profile=own, plan_profile=plan), mode=LOCAL, now=NOW)

    assert secret is not None
    assert profile_among(secret, there) == profile


@pytest.mark.parametrize(
    ("kind", "service", "local", "mac"),
    [
        ("pppoe", "pppoe", "10.0.0.1", ""),
        ("vpn", "any", "10.0.0.1", ""),
        ("any", "any", "10.0.0.1", ""),
        ("hotspot", "hotspot", "", "AA:BB:CC:DD:EE:FF"),
    ],
)
def test_the_service_decides_what_a_secret_holds(kind: str, service: str, local: str, mac: str) -> None:
    secret = secret_for(replace(BUDI, connection_type=kind), mode=LOCAL, now=NOW)

    assert secret is not None
    assert (secret.service, secret.local_address, secret.remote_address, secret.mac) == (
        service, local, "10.20.0.5", mac,
    )  # fmt: skip
    assert "rahasia" not in repr(secret)


@given(name=st.text(max_size=300), code=st.text("ABC-123", min_size=1, max_size=50))
def test_a_comment_is_plain_short_and_ours(name: str, code: str) -> None:
    comment = comment_for(name, code)

    assert is_ours(comment)
    assert code in comment
    assert comment.isascii()
    assert comment.isprintable()
    assert len(comment) <= MAX_COMMENT


@given(status=st.sampled_from(SUBSCRIPTION_STATUSES), days=st.integers(-400, 400), grace=st.integers(0, 60))
def test_whoever_is_on_with_both_is_on_with_local_and_nobody_is_on_past_his_term(
    status: str, days: int, grace: int
) -> None:
    holder = replace(BUDI, status=status, expires_at=NOW + timedelta(days=days), grace_days=grace)
    local, both = (secret_for(holder, mode=mode, now=NOW) for mode in (LOCAL, BOTH))

    assert both is None or both == local
    assert local is None or local.is_disabled or (status == "active" and days + grace > 0)


def test_a_failed_order_waits_longer_each_time_and_is_given_up_in_the_end() -> None:
    waits = [wait_after(attempt).total_seconds() for attempt in range(1, 13)]

    assert waits == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800, 1800]
    assert not is_last("secret", 59)
    assert is_last("secret", 60)
    assert is_last("end_sessions", 4)
