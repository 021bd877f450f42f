"""A change to many running sessions at once: its kinds, its states, and what its counts mean.

Refuses to know whom it is for and how sessions are told.
"""

from collections.abc import Iterable
from dataclasses import dataclass

BULK_KINDS = ("disconnect", "speed")
BULK_STATES = ("running", "paused", "stopped", "done")
# From which state staff may bring it to which.
MOVES = {"pause": ("running", "paused"), "resume": ("paused", "running")}
OPEN_STATES = ("running", "paused")

# What is kept with a change that had not left yet when the many were stopped.
TAKEN_BACK = "stopped before it was sent"

# In words for staff.
BULK_KIND_WORDS = {"disconnect": "disconnect", "speed": "put the speed into force"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """How many changes of one router ended in one way; `cause` is what the router said when it refused."""

    nas_server_id: int
    router: str
    outcome: str
    cause: str | None
    count: int
    tries: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What became of a bulk change so far.

    `done` were acknowledged or applied, `applied` are those of them that were read back. `taken_back` had not left when
    it was stopped. `dead_routers` have not answered any change of it, though asked.
    """

    asked: int = 0
    done: int = 0
    applied: int = 0
    waiting: int = 0
    failed: int = 0
    unknown: int = 0
    gone: int = 0
    taken_back: int = 0
    failed_by_cause: tuple[tuple[str, int], ...] = ()
    dead_routers: tuple[tuple[str, int], ...] = ()

    @property
    def is_over(self) -> bool:
        """Nothing waits any more."""
        return not self.waiting


def report_of(tallies: Iterable[Tally]) -> Report:
    """The report of these counts."""
    listed = list(tallies)

    def total(*outcomes: str) -> int:
        return sum(tally.count for tally in listed if tally.outcome in outcomes)

    taken_back = sum(tally.count for tally in listed if tally.outcome == "replaced" and tally.cause == TAKEN_BACK)
    causes: dict[str, int] = {}
    for tally in listed:
        if tally.outcome == "failed":
            cause = tally.cause or "no reason given"
            causes[cause] = causes.get(cause, 0) + tally.count
    return Report(
        asked=sum(tally.count for tally in listed),
        done=total("applied", "acknowledged"),
        applied=total("applied"),
        waiting=total("waiting", "sending"),
        failed=total("failed"),
        unknown=total("unknown"),
        gone=total("gone", "replaced") - taken_back,
        taken_back=taken_back,
        failed_by_cause=tuple(sorted(causes.items(), key=lambda item: (-item[1], item[0]))),
        dead_routers=_dead(listed),
    )


def _dead(tallies: list[Tally]) -> tuple[tuple[str, int], ...]:
    answered = {t.nas_server_id for t in tallies if t.outcome in ("applied", "acknowledged", "failed")}
    silent: dict[str, int] = {}
    for tally in tallies:
        # On its way for the first time it may still be answered.
        tries = {"unknown": 1, "waiting": tally.tries, "sending": tally.tries - 1}.get(tally.outcome, 0)
        asked = tries > 0
        if asked and tally.nas_server_id not in answered:
            silent[tally.router] = silent.get(tally.router, 0) + tally.count
    return tuple(sorted(silent.items()))
