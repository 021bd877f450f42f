"""A payment's state after news in any order."""

from itertools import permutations

import pytest

from domain.lifecycle import IllegalMove
from domain.payments import STATUSES, canonical_status, check_move, later_state


@pytest.mark.parametrize("news", list(permutations(STATUSES, 4)))
def test_news_in_any_order_and_twice_end_in_one_state(news: tuple[str, ...]) -> None:
    ends = set()
    for order in permutations(news):
        state = "pending"
        for told in (*order, order[0]):
            state = later_state(state, told)
        ends.add(state)

    assert len(ends) == 1


@pytest.mark.parametrize("told", ["pending", "failed", "cancelled", "expired", "completed"])
def test_what_is_paid_stays_paid(told: str) -> None:
    assert later_state("completed", told) == "completed"


@pytest.mark.parametrize(
    ("word", "state"),
    [("SUCCESS", "completed"), ("settlement", "completed"), ("Completed", "completed"), ("expire", None), ("x", None)],
)
def test_other_peoples_words(word: str, state: str | None) -> None:
    assert canonical_status(word) == state


def test_a_refund_is_the_end() -> None:
    with pytest.raises(IllegalMove, match="refunded payment cannot become completed"):
        check_move("refunded", "completed")
