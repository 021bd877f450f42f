"""Turns numbers and moments into the reader's words: bytes, speeds, money, durations, relative times.

Decides spelling only; refuses to know where a value came from. `locale` is a Babel locale name such as "en" or "id".
"""

import re
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from babel.core import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal

from paper.spelling import calendar_day, duration, money, number, unit_letters, volume

__all__ = [
    "BYTES_PER_GB",
    "DAY_S",
    "JUST_NOW_S",
    "ago",
    "calendar_day",
    "clock",
    "day",
    "duration",
    "exact",
    "flow",
    "gigabytes_field",
    "initials",
    "minute",
    "money",
    "month",
    "number",
    "parse_gigabytes",
    "parse_speed",
    "phone",
    "precise_seconds",
    "router_rate",
    "short_day",
    "speed",
    "speed_field",
    "speed_pair",
    "volume",
    "zone_of",
]

BYTES_PER_GB = 1000**3
JUST_NOW_S = 5
DAY_S = 86_400
_UNITS_EN = {365 * DAY_S: "year", 30 * DAY_S: "month", DAY_S: "day", 3600: "h", 60: "min", 1: "s"}
_UNITS_ID = {365 * DAY_S: "tahun", 30 * DAY_S: "bulan", DAY_S: "hari", 3600: "jam", 60: "mnt", 1: "dtk"}
_SPEED = re.compile(r"^\s*(\d+(?:[.,]\d+)?)\s*(k|m|g)?(?:bit/s|bps|b)?\s*$", re.IGNORECASE)
_SPEED_FACTORS = {"k": 1, "m": 1000, "g": 1_000_000}


def speed(kbps: int, locale: str) -> str:
    """`10 Mbps`, `512 kbps`, `1.5 Gbps`; the infinity sign for 0, which means no limit."""
    if kbps == 0:
        return "∞"
    for factor, unit in ((1_000_000, "Gbps"), (1000, "Mbps")):
        if kbps >= factor:
            return f"{number(Decimal(kbps) / factor, locale)} {unit}"
    return f"{number(kbps, locale)} kbps"


def flow(bps: int, locale: str) -> str:
    """`8.3 Mbps`, `512 kbps`, `0 kbps`: what passes, where zero is nothing."""
    return speed(round(bps / 1000), locale) if bps >= 500 else f"{number(0, locale)} kbps"


def speed_pair(download_kbps: int, upload_kbps: int, locale: str) -> str:
    """`↓ 10 Mbps ↑ 5 Mbps`, always named from the customer's side."""
    return f"↓ {speed(download_kbps, locale)} ↑ {speed(upload_kbps, locale)}"


def speed_field(kbps: int | None) -> str:
    """A speed as people type it into a form: `10M`, `1500k`, `0`."""
    if kbps is None:
        return ""
    return f"{kbps // 1000}M" if kbps and kbps % 1000 == 0 else f"{kbps}k" if kbps else "0"


def parse_speed(text: str) -> int | None:
    """kbit/s for `10M`, `10 Mbps`, `512k`, `1.5g`; a bare number is Mbit/s. None when unreadable."""
    match = _SPEED.match(text)
    if match is None:
        return None
    amount = Decimal(match[1].replace(",", "."))
    return int(amount * _SPEED_FACTORS[(match[2] or "m").lower()])


def parse_gigabytes(text: str) -> int | None:
    """Bytes for a number of gigabytes (`100`, `1.5`), or None when unreadable."""
    try:
        amount = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        return None
    return int(amount * BYTES_PER_GB) if amount.is_finite() else None


def gigabytes_field(value_bytes: int | None) -> str:
    """Bytes as people type them into a form: gigabytes without needless zeros."""
    if value_bytes is None:
        return ""
    whole, rest = divmod(value_bytes, BYTES_PER_GB)
    return f"{Decimal(value_bytes) / BYTES_PER_GB:f}".rstrip("0") if rest else str(whole)


def router_rate(text: str) -> str:
    """A pair of rates as a router says it, shortened as RouterOS writes it: "10000000/20000000" is "10M/20M"."""
    return "/".join(_short_rate(one) for one in text.split("/"))


def _short_rate(text: str) -> str:
    for zeros, unit in (("0" * 9, "G"), ("0" * 6, "M"), ("0" * 3, "k")):
        if text.isdecimal() and text.endswith(zeros):
            return text.removesuffix(zeros) + unit
    return text


def precise_seconds(seconds: float, locale: str) -> str:
    """`0.34 s`: how long a router took."""
    digits = "#,##0.00" if seconds < 10 else "#,##0.0"
    return f"{format_decimal(seconds, format=digits, locale=locale)} {unit_letters(locale)[-1]}"


def ago(moment: datetime, now: datetime, locale: str, just_now: str = "now") -> str:
    """`3 min ago`, `in 2 days`: one unit, rounded down, short enough for a column."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < JUST_NOW_S:
        return just_now
    indonesian = Locale.parse(locale).language == "id"
    count, size = _largest_part(int(abs(seconds)))
    unit = _UNITS_ID[size] if indonesian else _UNITS_EN[size] + ("s" if count > 1 and size >= DAY_S else "")
    if indonesian:
        return f"{count} {unit} {'lalu' if seconds > 0 else 'lagi'}"
    return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"


def _largest_part(seconds: int) -> tuple[int, int]:
    """How many of the largest unit that fits, and its seconds."""
    size = next((size for size in _UNITS_EN if seconds >= size), 1)
    return seconds // size, size


def exact(moment: datetime, zone: tzinfo, locale: str) -> str:
    """`21 Nov 2026, 21:04:05` in the reader's zone."""
    return format_datetime(moment, "d MMM y, HH:mm:ss", tzinfo=zone, locale=locale)


def minute(moment: datetime, zone: tzinfo, locale: str) -> str:
    """`21 Nov 21:04`."""
    return format_datetime(moment, "d MMM HH:mm", tzinfo=zone, locale=locale)


def clock(moment: datetime, now: datetime, zone: tzinfo, locale: str) -> str:
    """`21:04` when it is today in the zone, with the day otherwise, and the year where it is another."""
    local, today = moment.astimezone(zone).date(), now.astimezone(zone).date()
    pattern = "HH:mm" if local == today else "d MMM HH:mm" if local.year == today.year else "d MMM y HH:mm"
    return format_datetime(moment, pattern, tzinfo=zone, locale=locale)


def day(moment: datetime, zone: tzinfo, locale: str) -> str:
    """`21 Nov 2026`."""
    return calendar_day(moment.astimezone(zone).date(), locale)


def short_day(value: date, locale: str) -> str:
    """`21 Nov`."""
    return format_date(value, "d MMM", locale=locale)


def month(value: date, locale: str) -> str:
    """The month and its year: "Nov 2026"."""
    return format_date(value, "MMM y", locale=locale)


def zone_of(name: str) -> tzinfo:
    """The zone of that name, or UTC when this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def phone(number: str) -> str:
    """`+62 812-3456-7890`: an international number in groups; anything else as it is."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def initials(name: str) -> str:
    """Up to two letters that stand for a name."""
    words = re.findall(r"\w+", name)
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()
