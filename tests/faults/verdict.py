"""From what was counted to a line and a verdict.

Decides what a fault must not cost; refuses to know how it was counted.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HELD, BROKEN, NOT_RUN = "held", "BROKEN", "not run"
# `-` where a figure does not exist: nobody logged in, or nothing was down.
_NOTHING = "-"


@dataclass(frozen=True, kw_only=True)
class Expect:
    """What a fault may cost at most. Nothing is ever allowed to be lost, counted twice, or accepted wrongly.

    `availability` is the least share of customers let in within three seconds from the fault to the end of the load; it
    and the two times are promises of the runner's own restarts, so each fault states them.
    """

    availability: float = 0.999
    recovery_s: float = 5.0
    drain_s: float = 30.0
    false_rejects: int = 0


@dataclass(kw_only=True)
class Outcome:
    """One fault's line. `problems` are what the checks found; anything in it means that the fault was not held."""

    fault: str
    title: str
    seed: int
    sent: int = 0
    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    false_rejects: int = 0
    false_accepts: int = 0
    logins: int = 0
    availability: float | None = None
    recovery_s: float | None = None
    drain_s: float | None = None
    seconds: float = 0.0
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    not_run: str = ""

    @property
    def verdict(self) -> str:
        if self.not_run:
            return NOT_RUN
        return BROKEN if self.problems else HELD

    def judge(self, expect: Expect) -> None:
        """Adds to the problems whatever was worse than expected."""
        never = {
            "acknowledged records lost": self.lost,
            "counted twice": self.duplicated,
            "strangers let in": self.false_accepts,
            "customers refused": max(0, self.false_rejects - expect.false_rejects),
        }
        self.problems += [f"{count} {what}" for what, count in never.items() if count]
        if self.availability is not None and self.availability < expect.availability:
            self.problems.append(f"logins available {self.availability:.2%}, {expect.availability:.2%} promised")
        for what, value, most in (
            ("service back", self.recovery_s, expect.recovery_s), ("backlog gone", self.drain_s, expect.drain_s),
        ):  # fmt: skip
            if value is not None and value > most:
                self.problems.append(f"{what} after {value:.1f} s, {most:.0f} s promised")

    def write(self, directory: Path) -> None:
        """Keeps the line with all its figures as JSON."""
        directory.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self) | {"verdict": self.verdict}, indent=2, default=str)
        (directory / f"{self.fault}.json").write_text(text + "\n")


HEAD = (
    "fault", "sent", "acked", "lost", "twice", "rejects", "accepts", "logins", "avail", "recov s", "drain s", "verdict",
)  # fmt: skip
_WIDTHS = (36, 8, 8, 5, 6, 8, 8, 7, 8, 8, 8, 0)


def line(outcome: Outcome) -> str:
    """The outcome in one line, with what went wrong behind it."""
    name = f"{outcome.fault.upper()} {outcome.title}"
    if outcome.not_run:
        return f"{name[: _WIDTHS[0]]:<{_WIDTHS[0]}}{NOT_RUN}: {outcome.not_run}"
    said = "; ".join(outcome.problems)
    return columns((name[: _WIDTHS[0] - 1], *_cells(outcome), outcome.verdict + (f": {said}" if said else "")))


def columns(cells: Sequence[str]) -> str:
    """Cells side by side, numbers to the right."""
    first, *rest = cells
    padded = [f"{first:<{_WIDTHS[0]}}"]
    padded += [f"{cell:>{width}}" if width else f"  {cell}" for cell, width in zip(rest, _WIDTHS[1:], strict=True)]
    return "".join(padded).rstrip()


def _cells(outcome: Outcome) -> tuple[str, ...]:
    counts = (
        outcome.sent, outcome.acknowledged, outcome.lost, outcome.duplicated, outcome.false_rejects,
        outcome.false_accepts, outcome.logins,
    )  # fmt: skip
    share = _NOTHING if outcome.availability is None else f"{outcome.availability * 100:.2f}%"
    return (*(str(count) for count in counts), share, _seconds(outcome.recovery_s), _seconds(outcome.drain_s))


def _seconds(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.1f}"
