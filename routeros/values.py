"""RouterOS's spellings of numbers, times and yes, read into ours; what cannot be read is None, never a guess."""

import re

_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:\d+ms)?")
_CLOCK = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(\d+):(\d\d):(\d\d)")
_RATE = re.compile(r"(\d+(?:\.\d+)?)([kMG]?)(?:bps)?")
_ROUND_TRIP = re.compile(r"(?:(\d{1,6})s)?(?:(\d{1,6})ms)?(?:(\d{1,6})us)?")
_TIMES = {"": 1, "k": 1000, "M": 1_000_000, "G": 1_000_000_000}
_IN_SECONDS = (604800, 86400, 3600, 60, 1)


def text(value: str) -> str:
    """As the router wrote it."""
    return value


def flag(value: str) -> bool:
    """`true` and `yes`; everything else is no."""
    return value in ("true", "yes")


def count(value: str) -> int:
    """A whole number; 0 for what is none."""
    return count_if_said(value) or 0


def count_if_said(value: str) -> int | None:
    """A whole number; None for what is none or was left out."""
    return int(value) if value.isascii() and value.isdigit() else None


def percent(value: str) -> int:
    """`5` or `5%`."""
    return count(value.removesuffix("%"))


def seconds(value: str) -> int | None:
    """`1w2d03:04:05`, `1d2h3m4s` and `never`, in seconds."""
    found = _CLOCK.fullmatch(value) or (_DURATION.fullmatch(value) if value else None)
    if found is None:
        return None
    return sum(int(part or 0) * length for part, length in zip(found.groups(), _IN_SECONDS, strict=True))


def milliseconds(value: str) -> float | None:
    """`12ms345us` or `1s20ms` of a ping, in milliseconds."""
    found = _ROUND_TRIP.fullmatch(value) if value else None
    if found is None:
        return None
    return sum(int(part or 0) * length for part, length in zip(found.groups(), (1000, 1, 0.001), strict=True))


def rate_bps(value: str) -> int | None:
    """`10M`, `512k` or `512000`, in bits per second; 0 is no limit."""
    found = _RATE.fullmatch(value.strip())
    return None if found is None else round(float(found[1]) * _TIMES[found[2]])


def rate_pair_bps(value: str) -> tuple[int, int] | None:
    """`upload/download` of a queue, in bits per second, upload first as RouterOS has it."""
    upload, slash, download = value.partition("/")
    pair = rate_bps(upload), rate_bps(download if slash else upload)
    return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])


def counter_pair(value: str) -> tuple[int, int]:
    """`upload/download` of a queue's counters."""
    upload, _, download = value.partition("/")
    return count(upload), count(download)


def yes(is_so: bool) -> str:
    """How RouterOS wants it written."""
    return "yes" if is_so else "no"
