"""How a plan is drawn: fair use as steps down, hours as a week."""

import pytest

from domain.speed import Speed
from webadmin.panel.plan_drawings import HEIGHT, WIDTH, Span, steps_of, week_of

FULL = Speed(download_kbps=20_000, upload_kbps=10_000)
SLOW = Speed(download_kbps=10_000, upload_kbps=5_000)
SLOWER = Speed(download_kbps=2_000, upload_kbps=1_000)
GB = 10**9


def test_each_tier_is_a_step_further_and_lower() -> None:
    drawn = steps_of(FULL, [(100 * GB, SLOW), (200 * GB, SLOWER)])
    assert drawn is not None
    assert [step.row for step in drawn.steps] == [None, 0, 1]
    assert [step.x for step in drawn.steps] == sorted(step.x for step in drawn.steps)
    assert [step.y for step in drawn.steps] == sorted(step.y for step in drawn.steps)
    assert all(0 <= step.x <= WIDTH and 0 <= step.y <= HEIGHT for step in drawn.steps)
    assert drawn.path == "M0 12.0H123.1V52.0H246.2V84.0H320"


def test_rows_in_another_order_are_drawn_by_their_volume_and_keep_their_place() -> None:
    drawn = steps_of(FULL, [(200 * GB, SLOWER), (100 * GB, SLOW)])
    assert drawn is not None
    assert [step.row for step in drawn.steps] == [None, 1, 0]


@pytest.mark.parametrize(
    "tiers", [[], [(None, SLOW)], [(0, SLOW)], [(100 * GB, None)]], ids=["none", "no volume", "zero", "no speed"]
)
def test_what_is_not_whole_yet_is_not_drawn(tiers: list[tuple[int | None, Speed | None]]) -> None:
    assert steps_of(FULL, tiers) is None


def test_no_limit_has_no_height_to_draw() -> None:
    assert steps_of(Speed(download_kbps=0, upload_kbps=0), [(GB, SLOW)]) is None


@pytest.mark.parametrize(
    ("window", "spans"),
    [
        ((["mon"], "08:00", "17:00"), [Span(day=0, start=480, minutes=540)]),
        ((["sun"], "22:00", "06:00"), [Span(day=6, start=1320, minutes=120), Span(day=0, start=0, minutes=360)]),
        ((["tue"], "00:00", "24:00"), [Span(day=1, start=0, minutes=1440)]),
        ((["wed"], "00:00", "00:00"), [Span(day=2, start=0, minutes=1440)]),
        ((["thu", "someday"], "8:30", "9:00"), [Span(day=3, start=510, minutes=30)]),
        ((["fri"], "", "17:00"), []),
        ((["fri"], "25:00", "17:00"), []),
    ],
)
def test_hours_cover_their_days(window: tuple[list[str], str, str], spans: list[Span]) -> None:
    assert week_of([window]) == spans
