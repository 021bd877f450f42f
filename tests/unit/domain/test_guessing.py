"""How long somebody waits who gave wrong passwords."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.guessing import (
    FORGET_S,
    LONGEST_WAIT_S,
    VERDICT_S,
    Tries,
    after_through,
    after_wrong,
    had_right_password,
    is_forgotten,
    pause_s,
)


@pytest.mark.parametrize(
    ("wrong", "wanted"), [(1, 0), (4, 0), (5, 1), (6, 2), (7, 4), (10, 32), (11, 60), (12, 60), (100_000, 60)]
)
def test_the_wait_doubles_after_the_free_tries_up_to_a_minute(wrong: int, wanted: float) -> None:
    assert pause_s(wrong, free=5) == wanted


@given(st.integers(0, 10**6), st.integers(1, 50))
def test_the_wait_never_falls_and_never_exceeds_the_longest(wrong: int, free: int) -> None:
    assert 0 <= pause_s(wrong, free) <= pause_s(wrong + 1, free) <= LONGEST_WAIT_S


def test_a_try_that_goes_through_uses_up_the_turn() -> None:
    tries = Tries(wrong=6, last_s=100.0, wait_until=102.0)

    assert after_through(tries, 110.0, free=5).wait_until == 112.0


def test_a_try_that_nobody_found_wrong_had_the_right_password() -> None:
    tries = after_through(Tries(wrong=6, last_s=100.0, wait_until=102.0), 110.0, free=5)

    assert not had_right_password(tries, 110.0 + VERDICT_S - 0.1)
    assert had_right_password(tries, 110.0 + VERDICT_S)
    assert not had_right_password(after_wrong(tries, 110.1, free=5), 200.0)


def test_wrong_passwords_are_forgotten_after_minutes_without_one() -> None:
    tries = after_wrong(None, 100.0, free=5)

    assert not is_forgotten(tries, 100.0 + FORGET_S - 1)
    assert is_forgotten(tries, 100.0 + FORGET_S)
