"""What a voucher's state and times mean for a login."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given

from domain.access import REASONS
from domain.voucher import (
    LEAST_BITS,
    USUAL_PATTERN,
    VOUCHER_MOVES,
    VOUCHER_STATES,
    VoucherTerms,
    bits_of,
    code_of,
    end_after,
    may_move,
    next_change,
    problem_with_pattern,
    refusal,
)
from profiles import NOW, moments, vouchers

UNUSED = VoucherTerms(state="unused", validity_s=3600, binds_mac=False, sell_until=None, valid_until=None)
ACTIVE = replace(UNUSED, state="active", valid_until=NOW + timedelta(hours=1))
A_MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("voucher", "reason"),
    [
        (UNUSED, None),
        (ACTIVE, None),
        (replace(UNUSED, state="disabled"), "voucher_disabled"),
        (replace(ACTIVE, state="disabled"), "voucher_disabled"),
        (replace(ACTIVE, state="used"), "voucher_used"),
        (replace(ACTIVE, state="expired"), "voucher_expired"),
        (replace(ACTIVE, valid_until=NOW), "voucher_used"),
        (replace(ACTIVE, valid_until=NOW + A_MOMENT), None),
        (replace(UNUSED, sell_until=NOW), "voucher_expired"),
        (replace(UNUSED, sell_until=NOW + A_MOMENT), None),
        # Sold in time and used since: the last day of sale no longer matters.
        (replace(ACTIVE, sell_until=NOW), None),
    ],
)
def test_a_voucher_is_refused_for_its_state_and_its_times(voucher: VoucherTerms, reason: str | None) -> None:
    assert refusal(voucher, NOW) == reason
    assert reason is None or reason in REASONS


@given(voucher=vouchers, first=moments, second=moments)
def test_between_two_changes_the_answer_stays(voucher: VoucherTerms, first: datetime, second: datetime) -> None:
    first, second = sorted((first, second))
    if not any(at is not None and first < at <= second for at in next_change(voucher)):
        assert refusal(voucher, first) == refusal(voucher, second)


def test_every_state_has_its_moves_and_what_is_over_has_none() -> None:
    assert VOUCHER_MOVES.keys() == set(VOUCHER_STATES)
    assert {state for moves in VOUCHER_MOVES.values() for state in moves} <= set(VOUCHER_STATES)
    assert [state for state in VOUCHER_STATES if not VOUCHER_MOVES[state]] == ["used", "expired"]
    assert may_move("unused", "used")
    assert not may_move("active", "unused")


@pytest.mark.parametrize(
    ("pattern", "is_good"),
    [
        (USUAL_PATTERN, True),
        ("XXXXXXXXX", True),
        ("XXXXXXXX", False),
        ("9999-9999-9999-99", True),
        ("9999-9999-9999-9", False),
        ("XXXX-XXXX-xxxx", False),
        ("X" * 41, False),
        ("", False),
    ],
)
def test_a_pattern_leaves_enough_to_chance(pattern: str, is_good: bool) -> None:
    assert (problem_with_pattern(pattern) is None) is is_good
    assert not is_good or bits_of(pattern) >= LEAST_BITS


def test_a_code_has_the_shape_of_its_pattern() -> None:
    assert code_of("XX-99", lambda alphabet: alphabet[0]) == "aa-00"
    assert code_of("XX-99", lambda alphabet: alphabet[-1]) == "99-99"


@given(now=moments, current=moments)
def test_a_term_is_lengthened_from_its_end_and_never_into_the_past(now: datetime, current: datetime) -> None:
    end = end_after(now, current, 3600)

    assert end - max(now, current) == timedelta(hours=1)
    assert end_after(now, None, 3600) == now + timedelta(hours=1)
