"""When a session that fell silent is asked about, kept, or taken for ended: one table of cases.

A router that says "no such session" ends it; one that says "yes" keeps it; no answer proves nothing, so such a session
ends only after a much longer silence, and as an estimate. It always ends at the moment it was last seen.
"""

from enum import Enum, auto
from typing import NamedTuple

ALIVE, GONE, UNKNOWN = "alive", "gone", "unknown"
ANSWERS = (ALIVE, GONE, UNKNOWN)

# Error-Causes by which a router says that it has no such session. RouterOS says 406 (unsupported extension), which may
# also mean something else, so that one is believed only when it is heard twice.
SAYS_GONE = frozenset({503})
MAY_SAY_GONE = frozenset({406})

SECOND_TRY_AFTER_S = 30
ASK_AGAIN_AFTER_S = 900
# A question that no sender took for so long is as good as unanswered.
WAIT_FOR_ANSWER_S = 300
UNKNOWN_AFTER_S = 24 * 3600


class Step(Enum):
    """What to do with a silent session."""

    KEEP = auto()
    ASK = auto()
    CLOSE = auto()
    CLOSE_UNSEEN = auto()


class Silence(NamedTuple):
    """What is known of a session that was not heard for longer than allowed; times in seconds, None is "never"."""

    silent_s: float
    can_ask: bool
    asked_s_ago: float | None = None
    answer: str | None = None
    answered_s_ago: float | None = None


class Decision(NamedTuple):
    """The step, and after how many seconds to look again."""

    step: Step
    look_again_s: float = 0


def decide(silence: Silence, *, unknown_after_s: float = UNKNOWN_AFTER_S) -> Decision:
    """What to do now with a session that is silent for longer than its interim interval allows."""
    if silence.answer == GONE:
        return Decision(Step.CLOSE)
    if silence.answer is None and silence.asked_s_ago is not None and silence.asked_s_ago < WAIT_FOR_ANSWER_S:
        return Decision(Step.KEEP, WAIT_FOR_ANSWER_S - silence.asked_s_ago)
    if silence.answer != ALIVE and silence.silent_s >= unknown_after_s and _was_asked_or_cannot_be(silence):
        return Decision(Step.CLOSE_UNSEEN)
    answered_s_ago = silence.answered_s_ago
    if answered_s_ago is not None and answered_s_ago < ASK_AGAIN_AFTER_S:
        return Decision(Step.KEEP, ASK_AGAIN_AFTER_S - answered_s_ago)
    if silence.can_ask:
        return Decision(Step.ASK, WAIT_FOR_ANSWER_S)
    return Decision(Step.KEEP, min(ASK_AGAIN_AFTER_S, max(1.0, unknown_after_s - silence.silent_s)))


def _was_asked_or_cannot_be(silence: Silence) -> bool:
    return not silence.can_ask or silence.asked_s_ago is not None


def answer_of(result: str, cause: int | None, *, said_so_before: bool) -> str | None:
    """What a probe's result says of the session; None when it must be heard a second time to be believed."""
    if result == "ack":
        return ALIVE
    if result == "nak" and cause in SAYS_GONE:
        return GONE
    if result == "nak" and cause in MAY_SAY_GONE:
        return GONE if said_so_before else None
    return UNKNOWN
