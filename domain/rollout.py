"""A plan's change goes to running sessions in stages: how many get it in each, and when the next may begin.

Decides from counts; refuses to know sessions, routers and the clock.
"""

from dataclasses import dataclass

# Of the sessions there were at the start, so many percent have been asked after each stage.
STAGES_PERCENT = (1, 10, 100)
LAST_STAGE = len(STAGES_PERCENT)
# `running`: being asked, or answers are still out. `waiting`: staff decides whether the next stage begins.
ROLLOUT_STATES = ("running", "waiting", "stopped", "done", "replaced")
OPEN_STATES = ("running", "waiting")
# So many answers must be in before failures among them can stop a stage that is not over.
ENOUGH_ANSWERS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class StageCounts:
    """What became of the sessions that were asked so far; `gone` ended or were changed by something newer."""

    asked: int = 0
    waiting: int = 0
    done: int = 0
    failed: int = 0
    gone: int = 0


def sessions_until(stage: int, sessions: int) -> int:
    """How many of `sessions` have been asked when stage 1, 2 or 3 is over: at least one as soon as there is one."""
    return -(-sessions * STAGES_PERCENT[stage - 1] // 100)


def must_stop(counts: StageCounts, failures_percent: int) -> bool:
    """True when more than so many percent of the sessions that answered did not take the change."""
    answered = counts.done + counts.failed
    too_many = counts.failed * 100 > failures_percent * answered
    return too_many and (counts.waiting == 0 or answered >= ENOUGH_ANSWERS)


def state_when_asked(stage: int, counts: StageCounts) -> str:
    """What a roll-out is once all sessions of its stage have been asked: running until the answers are in."""
    if counts.waiting:
        return "running"
    return "done" if stage == LAST_STAGE else "waiting"
