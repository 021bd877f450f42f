"""From figures to a verdict and a line."""

from pathlib import Path

import orjson
import pytest

from faults.verdict import BROKEN, HEAD, HELD, NOT_RUN, Expect, Outcome, columns, line


def outcome(**over: object) -> Outcome:
    values: dict[str, object] = {
        "fault": "a1", "title": "PostgreSQL kill -9", "seed": 1, "sent": 100, "acknowledged": 100, "logins": 10,
        "availability": 1.0, "recovery_s": 0.0, "drain_s": 1.0,
    }  # fmt: skip
    return Outcome(**values | over)  # type: ignore[arg-type]


def judged(**over: object) -> Outcome:
    found = outcome(**over)
    found.judge(Expect())
    return found


def test_a_fault_that_cost_nothing_was_held() -> None:
    assert judged().verdict == HELD


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"lost": 1}, "1 acknowledged records lost"),
        ({"duplicated": 2}, "2 counted twice"),
        ({"false_accepts": 1}, "1 strangers let in"),
        ({"false_rejects": 3}, "3 customers refused"),
        ({"availability": 0.99}, "logins available 99.00%, 99.90% promised"),
        ({"recovery_s": 7.0}, "service back after 7.0 s, 5 s promised"),
        ({"drain_s": 31.0}, "backlog gone after 31.0 s, 30 s promised"),
        ({"problems": ["the run failed"]}, "the run failed"),
    ],
)
def test_each_thing_that_may_not_be_breaks_it_and_is_said(over: dict[str, object], said: str) -> None:
    found = judged(**over)

    assert found.verdict == BROKEN
    assert said in line(found)


def test_figures_that_do_not_exist_are_no_failure() -> None:
    found = judged(availability=None, recovery_s=None, drain_s=None)

    assert found.verdict == HELD
    assert line(found).split()[-4:-1] == ["-", "-", "-"]


def test_a_fault_that_was_not_run_says_why() -> None:
    found = outcome(not_run="needs root")

    assert found.verdict == NOT_RUN
    assert line(found).endswith("not run: needs root")


def test_lines_stand_below_their_heads() -> None:
    head, row = columns(HEAD), line(judged())

    assert head.index("verdict") == row.index(HELD)


def test_the_outcome_is_kept_with_its_verdict(tmp_path: Path) -> None:
    judged(lost=1).write(tmp_path)

    kept = orjson.loads((tmp_path / "a1.json").read_bytes())
    assert (kept["verdict"], kept["lost"], kept["seed"]) == (BROKEN, 1, 1)
