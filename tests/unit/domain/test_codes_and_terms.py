"""Codes, ends of terms, and what subscriptions say about their customer."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.codes import code_period, render_code
from domain.lifecycle import CUSTOMER_MOVES, CUSTOMER_STATUSES, SUBSCRIPTION_STATUSES
from domain.roll_up import rolled_up
from domain.term import Cycle, end_of_term

JAKARTA = ZoneInfo("Asia/Jakarta")


@pytest.mark.parametrize(
    ("number", "code"), [(1, "CUST-2026110001"), (9999, "CUST-2026119999"), (10_000, "CUST-20261110000")]
)
def test_a_code_widens_past_ten_thousand(number: int, code: str) -> None:
    assert render_code("CUST", code_period(date(2026, 11, 30)), number) == code


def test_a_running_number_starts_at_one() -> None:
    with pytest.raises(ValueError, match="start at one"):
        render_code("CUST", "202611", 0)


@pytest.mark.parametrize(
    ("cycle", "start", "end"),
    [
        ("daily", "2026-01-31T10:00+07:00", "2026-02-01T10:00+07:00"),
        ("monthly", "2026-01-31T10:00+07:00", "2026-02-28T10:00+07:00"),
        ("monthly", "2028-01-31T10:00+07:00", "2028-02-29T10:00+07:00"),
        ("monthly", "2026-12-15T23:59+07:00", "2027-01-15T23:59+07:00"),
        ("quarterly", "2026-11-30T00:00+07:00", "2027-02-28T00:00+07:00"),
        ("yearly", "2028-02-29T12:00+07:00", "2029-02-28T12:00+07:00"),
        ("custom", "2026-11-30T12:00+07:00", "2026-12-10T12:00+07:00"),
    ],
)
def test_a_term_ends_one_cycle_later_at_the_same_local_time(cycle: str, start: str, end: str) -> None:
    began = datetime.fromisoformat(start)
    ends = end_of_term(began, cycle=Cycle(name=cycle, validity_days=10, anchor_day=began.day), zone=JAKARTA)

    assert ends == datetime.fromisoformat(end)
    assert ends.tzinfo is UTC


@given(
    st.integers(1_577_836_800, 3_786_912_000).map(lambda epoch_s: datetime.fromtimestamp(epoch_s, UTC)),
    st.sampled_from(["daily", "monthly", "quarterly", "yearly", "custom"]),
    st.sampled_from(["Asia/Jakarta", "America/Sao_Paulo", "Europe/London", "Asia/Kathmandu"]),
)
def test_a_term_always_ends_later(start: datetime, cycle: str, zone: str) -> None:
    anchored = Cycle(name=cycle, validity_days=1, anchor_day=start.astimezone(ZoneInfo(zone)).day)
    ends = end_of_term(start, cycle=anchored, zone=ZoneInfo(zone))

    assert timedelta(hours=22) < ends - start < timedelta(days=367)


@given(st.sampled_from(CUSTOMER_STATUSES), st.booleans(), st.lists(st.sampled_from(SUBSCRIPTION_STATUSES)))
def test_a_roll_up_is_a_legal_move_and_settles_at_once(current: str, by_hand: bool, owned: list[str]) -> None:
    status = rolled_up(current, suspended_by_hand=by_hand, subscriptions=owned)

    assert status == current or status in CUSTOMER_MOVES[current]
    assert rolled_up(status, suspended_by_hand=by_hand and status == current, subscriptions=owned) == status


@pytest.mark.parametrize(
    ("current", "by_hand", "owned", "status"),
    [
        ("prospect", False, ["active"], "active"),
        ("prospect", False, ["terminated"], "prospect"),
        ("active", False, ["expired", "terminated"], "expired"),
        ("active", False, ["expired", "suspended"], "active"),
        ("active", False, ["terminated", "pending"], "active"),
        ("active", False, ["terminated", "cancelled"], "suspended"),
        ("active", False, [], "active"),
        ("suspended", True, ["active"], "suspended"),
        ("suspended", False, ["active"], "active"),
        ("blacklisted", False, ["active"], "blacklisted"),
    ],
)
def test_what_subscriptions_say_about_their_customer(
    current: str, by_hand: bool, owned: list[str], status: str
) -> None:
    assert rolled_up(current, suspended_by_hand=by_hand, subscriptions=owned) == status
