"""The grade of a session is the worst that applies; RouterOS ids tell of restarts."""

import pytest

from domain.integrity import Grade, boot_counter, grade_of, has_restarted
from domain.sessions import BY_START, LOST, MISSED, NAS_REBOOT, REBOOT_SEEN, RESTARTED, SKEWED

ENDED = {"is_open": False, "cause": "User-Request", "start_told_s": BY_START, "marks": 0}


@pytest.mark.parametrize(
    ("over", "grade"),
    [
        ({}, Grade.COMPLETE),
        ({"cause": None}, Grade.COMPLETE),
        ({"is_open": True, "cause": None}, Grade.RUNNING),
        ({"start_told_s": 0}, Grade.GAP),
        ({"start_told_s": 300}, Grade.GAP),
        ({"marks": MISSED}, Grade.GAP),
        ({"marks": MISSED | SKEWED}, Grade.SKEWED),
        ({"cause": LOST}, Grade.ESTIMATED_CLOSE),
        ({"cause": NAS_REBOOT, "marks": SKEWED}, Grade.ESTIMATED_CLOSE),
        ({"cause": REBOOT_SEEN}, Grade.ESTIMATED_CLOSE),
        ({"cause": LOST, "marks": RESTARTED}, Grade.RESET),
        ({"is_open": True, "cause": None, "marks": MISSED}, Grade.GAP),
    ],
)
def test_the_worst_that_applies_is_the_grade(over: dict[str, object], grade: Grade) -> None:
    assert grade_of(**(ENDED | over)) is grade  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("session_id", "told"),
    [
        ("81000001", ("81", 0)),
        ("80f00014", ("80", 15)),
        ("86b00006", ("86", 11)),
        ("00000001", None),
        ("8100000", None),
        ("810000001", None),
        ("8100000G", None),
        ("", None),
    ],
)
def test_only_an_id_of_routeros_counts_restarts(session_id: str, told: tuple[str, int] | None) -> None:
    assert boot_counter(session_id) == told


@pytest.mark.parametrize(
    ("known", "told", "has"), [(0, 0, False), (0, 1, True), (15, 0, True), (1, 0, False), (0, 8, True), (0, 9, False)]
)
def test_a_restart_moves_the_counter_forward(known: int, told: int, has: bool) -> None:
    assert has_restarted(known, told) is has
