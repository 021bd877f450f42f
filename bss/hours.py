"""Hours of a plan as people write them: weekdays as words, times as 22:00, and back.

Decides what can be accepted; what hours mean for a login is `domain.windows`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bss import fields
from bss.failure import Invalid, Problem
from db.models import PlanTimeWindow
from domain.speed import MAX_KBPS
from domain.windows import DAY_MINUTES

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW_FIELDS = frozenset({"weekdays", "start", "end", "download_kbps", "upload_kbps"})
MAX_WINDOWS = 20
COLUMNS = ("weekdays", "start_minute", "end_minute", "download_kbps", "upload_kbps")
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)", re.ASCII)


def clean_windows(value: Any) -> list[dict[str, Any]]:
    """Windows in order, each as its columns; raises `Invalid` with the place of what is wrong."""
    given = list(value or ())
    if len(given) > MAX_WINDOWS:
        raise Invalid(Problem(field="time_windows", reason=f"are more than {MAX_WINDOWS}", mend="use fewer hours"))
    return [_window(f"time_windows.{position}.", window) for position, window in enumerate(given)]


def as_given(rows: Iterable[PlanTimeWindow]) -> list[dict[str, Any]]:
    """Stored windows as `clean_windows` takes them."""
    return [
        {
            "weekdays": [word for bit, word in enumerate(WEEKDAYS) if row.weekdays >> bit & 1],
            "start": clock_text(row.start_minute),
            "end": clock_text(row.end_minute),
            "download_kbps": row.download_kbps,
            "upload_kbps": row.upload_kbps,
        }
        for row in rows
    ]


def as_columns(rows: Iterable[PlanTimeWindow]) -> list[dict[str, Any]]:
    """Stored windows as `clean_windows` returns them, to compare with."""
    return [{name: getattr(row, name) for name in COLUMNS} for row in rows]


def make_rows(windows: Iterable[Mapping[str, Any]], *, tenant_id: int) -> list[PlanTimeWindow]:
    """Rows of clean windows, not yet of a plan."""
    return [PlanTimeWindow(tenant_id=tenant_id, position=place, **window) for place, window in enumerate(windows)]


def clock_text(minute: int) -> str:
    """Minutes after midnight as 06:30; the end of a day is 24:00."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _window(at: str, given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(given) - WINDOW_FIELDS)
    if unknown:
        raise Invalid(Problem(field=at + unknown[0], reason="is not a field of a window"))
    start = _minute(given.get("start"), field=at + "start")
    end = _minute(given.get("end"), field=at + "end") or DAY_MINUTES
    if start == DAY_MINUTES:
        raise Invalid(Problem(field=at + "start", reason="is the end of a day", mend="write 00:00 of the next day"))
    return {"weekdays": _weekdays(at, given), "start_minute": start, "end_minute": end, **_speeds(at, given)}


def _weekdays(at: str, given: Mapping[str, Any]) -> int:
    words = given.get("weekdays")
    if not isinstance(words, list | tuple) or not words or not set(words) <= set(WEEKDAYS):
        mend = f"use some of {', '.join(WEEKDAYS)}"
        raise Invalid(Problem(field=at + "weekdays", reason="are not weekdays", mend=mend))
    return sum(1 << WEEKDAYS.index(word) for word in set(words))


def _minute(value: Any, *, field: str) -> int:
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    minute = int(found[1]) * 60 + int(found[2]) if found else DAY_MINUTES + 1
    if minute > DAY_MINUTES:
        raise Invalid(Problem(field=field, reason="is not a time of day", mend="write it like 06:30, up to 24:00"))
    return minute


def _speeds(at: str, given: Mapping[str, Any]) -> dict[str, int | None]:
    names = ("download_kbps", "upload_kbps")
    speeds = {name: fields.optional_whole(given.get(name), field=at + name, least=1, most=MAX_KBPS) for name in names}
    if len({speed is None for speed in speeds.values()}) > 1:
        missing = next(name for name in names if speeds[name] is None)
        raise Invalid(Problem(field=at + missing, reason="is missing", mend="set both speeds or neither"))
    return speeds
