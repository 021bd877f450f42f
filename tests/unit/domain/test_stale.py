"""A session that fell silent: asked about, kept, or taken for ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.stale import ALIVE, ANSWERS, GONE, UNKNOWN, Silence, Step, answer_of, decide

DAY = 86_400


def silence(**over: object) -> Silence:
    return Silence(**{"silent_s": 1000, "can_ask": True} | over)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "step"),
    [
        (silence(), Step.ASK),
        (silence(can_ask=False), Step.KEEP),
        (silence(can_ask=False, silent_s=DAY), Step.CLOSE_UNSEEN),
        (silence(asked_s_ago=10), Step.KEEP),
        (silence(asked_s_ago=10, silent_s=2 * DAY), Step.KEEP),
        (silence(asked_s_ago=400), Step.ASK),
        (silence(asked_s_ago=10, answer=GONE, answered_s_ago=1), Step.CLOSE),
        (silence(asked_s_ago=10, answer=ALIVE, answered_s_ago=1), Step.KEEP),
        (silence(asked_s_ago=10, answer=ALIVE, answered_s_ago=1, silent_s=9 * DAY), Step.KEEP),
        (silence(asked_s_ago=1000, answer=ALIVE, answered_s_ago=901), Step.ASK),
        (silence(asked_s_ago=10, answer=UNKNOWN, answered_s_ago=1), Step.KEEP),
        (silence(asked_s_ago=1000, answer=UNKNOWN, answered_s_ago=901), Step.ASK),
        (silence(asked_s_ago=10, answer=UNKNOWN, answered_s_ago=1, silent_s=DAY), Step.CLOSE_UNSEEN),
        # Long silent when first noticed (we were away): it is asked about before it is closed.
        (silence(silent_s=30 * DAY), Step.ASK),
    ],
)
def test_each_case_has_its_step(known: Silence, step: Step) -> None:
    assert decide(known).step is step


@given(
    st.builds(
        Silence,
        silent_s=st.floats(900, 90 * DAY),
        can_ask=st.booleans(),
        asked_s_ago=st.none() | st.floats(0, 10 * DAY),
        answer=st.none() | st.sampled_from(ANSWERS),
        answered_s_ago=st.none() | st.floats(0, 10 * DAY),
    )
)
def test_only_the_router_ends_a_session_early_and_waiting_always_ends(known: Silence) -> None:
    decision = decide(known)
    if decision.step in (Step.CLOSE, Step.CLOSE_UNSEEN):
        assert known.answer == GONE or (known.silent_s >= DAY and known.answer != ALIVE)
    else:
        assert 0 < decision.look_again_s <= 900


@pytest.mark.parametrize(
    ("result", "cause", "before", "said"),
    [
        ("ack", None, False, ALIVE),
        ("nak", 503, False, GONE),
        ("nak", 406, False, None),
        ("nak", 406, True, GONE),
        ("nak", 401, True, UNKNOWN),
        ("nak", None, True, UNKNOWN),
        ("timeout", None, True, UNKNOWN),
        ("error", None, True, UNKNOWN),
        ("unsendable", None, True, UNKNOWN),
    ],
)
def test_what_an_answer_says(result: str, cause: int | None, before: bool, said: str | None) -> None:
    assert answer_of(result, cause, said_so_before=before) == said
