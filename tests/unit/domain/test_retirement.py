"""A month leaves step by step, and no step is skipped."""

from datetime import date
from itertools import product

import pytest

from domain.retirement import MOVES, STATES, WrongMove, check_move, months_after, oldest_kept


@pytest.mark.parametrize(("state", "to"), list(product([None, *STATES], STATES)))
def test_only_the_next_step_is_taken(state: str | None, to: str) -> None:
    if to in MOVES[state]:
        check_move(state, to)
    else:
        with pytest.raises(WrongMove):
            check_move(state, to)


def test_nothing_is_dropped_that_was_not_exported() -> None:
    assert [state for state in MOVES if "dropped" in MOVES[state]] == ["exported"]


@pytest.mark.parametrize(
    ("month", "step", "wanted"),
    [
        (date(2026, 11, 1), 0, date(2026, 11, 1)),
        (date(2026, 11, 1), 2, date(2027, 1, 1)),
        (date(2026, 1, 31), -1, date(2025, 12, 1)),
        (date(2026, 11, 1), -24, date(2024, 11, 1)),
    ],
)
def test_months_are_counted_over_years(month: date, step: int, wanted: date) -> None:
    assert months_after(month, step) == wanted


def test_so_many_full_months_stay_besides_the_running_one() -> None:
    assert oldest_kept(date(2026, 11, 1), 12) == date(2025, 11, 1)
