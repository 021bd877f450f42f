"""How hours, allowances and amounts are written at a terminal: `mon-fri 08:00-17:00 50M/20M`, `data monthly 100GB`."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import click

from bss.hours import WEEKDAYS
from domain.fup import COUNTS
from domain.quota import QUOTA_ACTIONS, QUOTA_PERIODS

HOURS = "'mon-fri 08:00-17:00 [50M/20M]'"
QUOTA = "'data monthly 100GB [reject|garden|throttle 1M/512k] [download|upload]'"
_UNITS = {
    "MB": ("data", 10**6),
    "GB": ("data", 10**9),
    "TB": ("data", 10**12),
    "s": ("time", 1),
    "m": ("time", 60),
    "h": ("time", 3600),
    "d": ("time", 86_400),
}
_AMOUNT = re.compile(rf"(\d{{1,12}}(?:\.\d{{1,3}})?)({'|'.join(_UNITS)})", re.ASCII)
_RATE = re.compile(r"(\d{1,9})([kM])/(\d{1,9})([kM])", re.ASCII)
_SPAN = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)", re.ASCII)


def amount(text: str) -> dict[str, Any]:
    """`10GB` or `2h` as kind and `amount_bytes` or `amount_s`."""
    kind, value = _measure(text)
    return {"kind": kind, "amount_bytes" if kind == "data" else "amount_s": value}


def hours(text: str) -> dict[str, Any]:
    """Weekdays, times, and perhaps a speed (download first)."""
    days, span, *rest = text.split() if len(text.split()) in (2, 3) else ("", "")
    found = _SPAN.fullmatch(span)
    if found is None:
        raise click.BadParameter(f"{text!r}: write it like {HOURS}, or with 'daily' for every day")
    return {"weekdays": _weekdays(days), "start": found[1], "end": found[2]} | (_rate(rest[0]) if rest else {})


def quota(text: str) -> dict[str, Any]:
    """Kind, period, limit, and perhaps what happens when it is used up and which direction counts."""
    words = text.split()
    if len(words) < 3 or words[1] not in QUOTA_PERIODS:
        raise click.BadParameter(f"{text!r}: write it like {QUOTA}; periods are {', '.join(QUOTA_PERIODS)}")
    kind, value = _measure(words[2])
    if kind != words[0]:
        raise click.BadParameter(f"{words[2]!r} is no amount of {words[0]}")
    given: dict[str, Any] = {"kind": kind, "period": words[1], "limit_bytes" if kind == "data" else "limit_s": value}
    rest = words[3:]
    while rest:
        rest = _take(rest, given)
    return given


def reader(read: Callable[[str], dict[str, Any]]) -> Callable[..., list[dict[str, Any]]]:
    """A click callback that reads every text of an option or argument."""

    def callback(_context: click.Context, _parameter: click.Parameter, texts: Sequence[str]) -> list[dict[str, Any]]:
        return [read(text) for text in texts]

    return callback


def _take(words: list[str], given: dict[str, Any]) -> list[str]:
    word = words[0]
    if word in COUNTS:
        given["counts"] = word
        return words[1:]
    if word not in QUOTA_ACTIONS:
        raise click.BadParameter(f"{word!r} is not one of {', '.join((*QUOTA_ACTIONS, *COUNTS))}")
    given["action"] = word
    if word != "throttle":
        return words[1:]
    speeds = _rate(words[1] if len(words) > 1 else "")
    given |= {f"throttle_{name}": value for name, value in speeds.items()}
    return words[2:]


def _measure(text: str) -> tuple[str, int]:
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r}: write an amount like 100GB, 500MB, 2h or 30m")
    kind, size = _UNITS[found[2]]
    whole, _, part = found[1].partition(".")
    return kind, int(whole) * size + int(part or 0) * size // 10 ** len(part)


def _rate(text: str) -> dict[str, int]:
    found = _RATE.fullmatch(text)
    if found is None:
        raise click.BadParameter(f"{text!r}: write a speed like 50M/20M, download first")
    factor = {"k": 1, "M": 1000}
    return {"download_kbps": int(found[1]) * factor[found[2]], "upload_kbps": int(found[3]) * factor[found[4]]}


def _weekdays(text: str) -> list[str]:
    if text == "daily":
        return list(WEEKDAYS)
    days: list[str] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
            raise click.BadParameter(f"{part!r}: weekdays are {', '.join(WEEKDAYS)}, such as mon-fri or sat,sun")
        start, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        days += [WEEKDAYS[number % 7] for number in range(start, end + 1 + (7 if end < start else 0))]
    return days
