"""A plan's change goes to running sessions in stages: how many get it in each, and when the next may begin.

Decides from counts; refuses to know sessions, routers and the clock.
"""

from dataclasses import dataclass

# Of the sessions there were at the start, so many percent have been asked after each stage.
STAGES_PERCENT = (1, 10, 100)
ROLLOUT_STATES = ("running", "waiting", "stopped", "done", "replaced")
OPEN_STATES = ("running", "waiting")


@dataclass(frozen=True, kw_only=True, slots=True)
class StageCounts:
    """What became of the sessions that were asked so far."""

    asked: int = 0
    waiting: int = 0
    done: int = 0
    failed: int = 0
    gone: int = 0


def sessions_until(stage: int, sessions: int) -> int:
    """How many of `sessions` have been asked when stage 1, 2 or 3 is over: at least one as soon as there is one."""
    percent = STAGES_PERCENT[stage - 1]
    return -(-sessions * percent // 100)


def is_settled(counts: StageCounts) -> bool:
    """True when every session that was asked has answered, failed or ended."""
    return counts.waiting == 0


def has_failed_too_often(counts: StageCounts, failures_percent: int) -> bool:
    """True when more than so many percent of the sessions that answered at all did not take the change."""
    answered = counts.done + counts.failed
    return counts.failed * 100 > failures_percent * answered


def state_after(stage: int, counts: StageCounts, failures_percent: int) -> str:
    """What a roll-out is once a stage's answers are in: going on, waiting for a word from staff, or done.

    `running` means that the answers are not all in yet; too many failures stop it whatever is still on its way.
    """
    if has_failed_too_often(counts, failures_percent) and is_settled(counts):
        return "stopped" if stage < len(STAGES_PERCENT) else "done"
    if not is_settled(counts):
        return "running"
    return "done" if stage == len(STAGES_PERCENT) else "waiting"
