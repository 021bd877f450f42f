"""Bars drawn on the server as SVG attributes: no script, no style, readable without colour through their titles."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 100
STEP = 10
BAR = 8


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One column of two parts, the second on top of the first."""

    x: int
    lower_y: float
    lower_height: float
    upper_y: float
    upper_height: float
    label: str


def columns(pairs: Sequence[tuple[int, int]], labels: Sequence[str]) -> list[Bar]:
    """Columns for (lower, upper) amounts, the highest as tall as the drawing; small amounts stay visible."""
    top = max((lower + upper for lower, upper in pairs), default=0) or 1
    return [
        _column(place, lower, upper, top, label)
        for place, ((lower, upper), label) in enumerate(zip(pairs, labels, strict=True))
    ]


def _column(place: int, lower: int, upper: int, top: int, label: str) -> Bar:
    lower_height, upper_height = _height(lower, top), _height(upper, top)
    lower_y = HEIGHT - lower_height
    return Bar(
        x=place * STEP + (STEP - BAR) // 2,
        lower_y=lower_y,
        lower_height=lower_height,
        upper_y=max(0.0, lower_y - upper_height),
        upper_height=upper_height,
        label=label,
    )


def _height(amount: int, top: int) -> float:
    return 0.0 if amount == 0 else max(2.0, round(HEIGHT * amount / top, 2))


def line(values: Sequence[float | None], top: float) -> str:
    """A line through amounts at equal distances, as the path of an SVG; broken where nothing is known."""
    step, parts, is_down = WIDTH / max(1, len(values) - 1), [], False
    for place, value in enumerate(values):
        if value is not None:
            y = HEIGHT - (HEIGHT - 4) * value / (top or 1)
            parts.append(f"{'L' if is_down else 'M'}{place * step:.1f},{y:.1f}")
        is_down = value is not None
    return " ".join(parts)


def round_top(most: float) -> int:
    """The next round number from `most` on: the end of a scale."""
    size = 10 ** max(0, len(str(int(most))) - 1)
    return next((step * size for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * size >= most), 1)
