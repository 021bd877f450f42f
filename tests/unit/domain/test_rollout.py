"""Stages of a roll-out: how many in each, and when failures end it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rollout import LAST_STAGE, StageCounts, must_stop, sessions_until, state_when_asked


@pytest.mark.parametrize(
    ("sessions", "expected"), [(0, [0, 0, 0]), (1, [1, 1, 1]), (50, [1, 5, 50]), (1001, [11, 101, 1001])]
)
def test_a_stage_takes_its_share_and_at_least_one(sessions: int, expected: list[int]) -> None:
    assert [sessions_until(stage, sessions) for stage in (1, 2, 3)] == expected


@given(st.integers(0, 10**7))
def test_stages_grow_and_the_last_is_everybody(sessions: int) -> None:
    first, second, last = (sessions_until(stage, sessions) for stage in (1, 2, 3))

    assert first <= second <= last == sessions


@pytest.mark.parametrize(
    ("counts", "stops"),
    [
        (StageCounts(asked=1, failed=1), True),
        (StageCounts(asked=2, failed=1, waiting=1), False),
        (StageCounts(asked=100, done=95, failed=5), False),
        (StageCounts(asked=100, done=94, failed=6), True),
        (StageCounts(asked=1000, waiting=975, done=20, failed=5), True),
        (StageCounts(asked=10, gone=10), False),
        (StageCounts(), False),
    ],
)
def test_more_than_five_percent_of_failures_stop_it(counts: StageCounts, stops: bool) -> None:
    assert must_stop(counts, 5) is stops


def test_a_stage_waits_for_its_answers_and_then_for_a_word() -> None:
    assert state_when_asked(1, StageCounts(asked=5, waiting=1, done=4)) == "running"
    assert state_when_asked(1, StageCounts(asked=5, done=5)) == "waiting"
    assert state_when_asked(LAST_STAGE, StageCounts(asked=5, done=4, gone=1)) == "done"
