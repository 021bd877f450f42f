"""A plan drawn: fair use as steps, hours as a week. SVG attributes only; what they say stands beside them in words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from domain.speed import Speed

WIDTH, HEIGHT = 320, 96
# Beyond the last step, so that one sees that it goes on.
ROOM = 1.3
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES = 24 * 60
_CLOCK = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A speed that begins at `x` after `after_bytes`; `row` is its place in the form, None for the full speed."""

    x: float
    y: float
    after_bytes: int
    speed: Speed
    row: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """The download speed over what was used; `path` is its line, `area` what lies below."""

    top_bytes: int
    top_kbps: int
    steps: Sequence[Step]

    @property
    def path(self) -> str:
        """The line from nothing used to more than enough."""
        first, *later = self.steps
        return f"M0 {first.y}" + "".join(f"H{step.x}V{step.y}" for step in later) + f"H{WIDTH}"

    @property
    def area(self) -> str:
        """The same, closed below."""
        return f"{self.path}V{HEIGHT}H0Z"


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Hours on one day, in minutes; `day` counts from Monday, 0."""

    day: int
    start: int
    minutes: int


def steps_of(full: Speed, tiers: Sequence[tuple[int | None, Speed | None]]) -> Steps | None:
    """Steps for (volume, speed) in the order of the form; rows not whole yet are left out. None without any."""
    whole = [(after, speed, row) for row, (after, speed) in enumerate(tiers) if after and speed is not None]
    if not whole or full.is_unlimited:
        return None
    top_bytes, top_kbps = round(max(after for after, _, _ in whole) * ROOM), full.download_kbps
    drawn = [Step(x=0, y=_y(full, top_kbps), after_bytes=0, speed=full, row=None)]
    for after, speed, row in sorted(whole, key=lambda one: one[0]):
        x = round(WIDTH * after / top_bytes, 1)
        drawn.append(Step(x=x, y=_y(speed, top_kbps), after_bytes=after, speed=speed, row=row))
    return Steps(top_bytes=top_bytes, top_kbps=top_kbps, steps=drawn)


def _y(speed: Speed, top_kbps: int) -> float:
    share = 0.0 if not top_kbps else min(1.0, speed.download_kbps / top_kbps)
    return round(HEIGHT - 4 - (HEIGHT - 16) * share, 1)


def week_of(windows: Sequence[tuple[Sequence[str], str, str]]) -> list[Span]:
    """What (weekdays, start, end) cover; an end that is not after the start lies on the next day."""
    found: list[Span] = []
    for weekdays, start_text, end_text in windows:
        start, end = _minutes(start_text), _minutes(end_text)
        if start is None or end is None:
            continue
        for day in (DAYS.index(name) for name in weekdays if name in DAYS):
            if end > start:
                found.append(Span(day=day, start=start, minutes=end - start))
            else:
                found.append(Span(day=day, start=start, minutes=DAY_MINUTES - start))
                found.append(Span(day=(day + 1) % 7, start=0, minutes=end))
    return [span for span in found if span.minutes]


def _minutes(text: str) -> int | None:
    found = _CLOCK.fullmatch((text or "").strip())
    return None if found is None else min(DAY_MINUTES, int(found[1]) * 60 + int(found[2]))
