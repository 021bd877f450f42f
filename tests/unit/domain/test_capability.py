"""What a router's refusals teach, and what it is still asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.capability import Ask, Lesson, can_wait, lesson_of, worth_asking
from domain.desired import RATE_LIMIT, SESSION_TIMEOUT, TOTAL_LIMIT

RATE = {RATE_LIMIT: "5M/10M"}
VOLUME = {TOTAL_LIMIT: "1", f"{TOTAL_LIMIT}-Gigawords": "3"}
LENGTH = {SESSION_TIMEOUT: "3600"}


@pytest.mark.parametrize(
    ("kind", "attributes", "cause", "lesson"),
    [
        ("coa", RATE, 401, Lesson(what=RATE_LIMIT)),
        ("coa", VOLUME, 401, Lesson(what=TOTAL_LIMIT)),
        ("coa", RATE | VOLUME, 401, Lesson(what=TOTAL_LIMIT, is_sure=True)),
        ("coa", RATE | VOLUME | LENGTH, 401, Lesson(what=TOTAL_LIMIT, is_sure=True)),
        ("coa", RATE | LENGTH, 401, Lesson(what=SESSION_TIMEOUT, is_sure=True)),
        ("coa", RATE | {"Filter-Id": "x"}, 401, None),
        ("coa", RATE, 405, Lesson(what="coa")),
        ("disconnect", {}, 405, Lesson(what="disconnect")),
        ("disconnect", {}, 501, Lesson(what="disconnect")),
        ("disconnect", {}, 401, None),
        ("coa", RATE, 406, None),
        ("coa", RATE, 503, None),
        ("coa", RATE, 407, None),
        ("coa", RATE, 506, None),
        ("coa", RATE, None, None),
    ],
)
def test_a_refusal_teaches_what_it_was_about(
    kind: str, attributes: dict[str, str], cause: int | None, lesson: Lesson | None
) -> None:
    assert lesson_of(kind, attributes, cause) == lesson


@pytest.mark.parametrize(
    ("kind", "attributes", "refused", "ask"),
    [
        ("coa", RATE, set(), Ask(attributes=RATE)),
        ("coa", RATE, {"disconnect"}, Ask(attributes=RATE)),
        ("coa", RATE, {"coa"}, Ask(attributes=RATE, refused="coa")),
        ("disconnect", {}, {"coa"}, Ask(attributes={})),
        ("disconnect", {}, {"disconnect"}, Ask(attributes={}, refused="disconnect")),
        ("coa", RATE, {RATE_LIMIT}, Ask(attributes=RATE, refused=RATE_LIMIT)),
        ("coa", RATE | VOLUME, {TOTAL_LIMIT}, Ask(attributes=RATE, left_out=(TOTAL_LIMIT,))),
        ("coa", VOLUME, {TOTAL_LIMIT}, Ask(attributes=VOLUME, refused=TOTAL_LIMIT)),
        ("coa", RATE | VOLUME, {RATE_LIMIT, TOTAL_LIMIT}, Ask(attributes=RATE | VOLUME, refused=RATE_LIMIT)),
    ],
)
def test_a_router_is_not_asked_for_what_it_refuses(
    kind: str, attributes: dict[str, str], refused: set[str], ask: Ask
) -> None:
    assert worth_asking(kind, attributes, refused) == ask


@given(
    attributes=st.dictionaries(st.sampled_from([*RATE, *VOLUME, *LENGTH, "Filter-Id"]), st.just("1"), min_size=1),
    cause=st.sampled_from([None, 401, 402, 403, 404, 405, 406, 407, 501, 503, 506]),
)
def test_a_lesson_that_is_sure_leaves_something_to_ask_and_never_the_same_again(
    attributes: dict[str, str], cause: int | None
) -> None:
    """So asking for less ends: each refusal takes something away."""
    lesson = lesson_of("coa", attributes, cause)
    if lesson is not None and lesson.is_sure:
        ask = worth_asking("coa", attributes, {lesson.what})
        assert 0 < len(ask.attributes) < len(attributes)
        assert ask.refused is None


def test_limits_wait_for_the_next_login_and_a_speed_does_not() -> None:
    assert can_wait(VOLUME | LENGTH)
    assert not can_wait(RATE | VOLUME)
    assert not can_wait({})
