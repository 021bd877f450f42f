"""Turns numbers, money, lengths and days into the reader's words, on paper and on screens alike.

Decides spelling only; refuses to know where a value came from. `locale` is a Babel locale name such as "en" or "id".
"""

from datetime import date
from decimal import Decimal

from babel.core import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from domain.money import digits_of

BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def number(value: float | Decimal, locale: str) -> str:
    """A number with the locale's separators and at most two decimals."""
    return format_decimal(value, format="#,##0.##", locale=locale)


def volume(value_bytes: int, locale: str) -> str:
    """`48.9 GB`: decimal units, three significant places at most."""
    amount, unit = float(value_bytes), 0
    while amount >= 999.95 and unit < len(BYTE_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    pattern = "#,##0" if unit == 0 or amount >= 100 else "#,##0.#"
    return f"{format_decimal(amount, format=pattern, locale=locale)} {BYTE_UNITS[unit]}"


def money(amount: Decimal | int, currency: str, locale: str) -> str:
    """`Rp 150.000` in the reader's separators, with as many digits behind the point as people pay in."""
    digits = digits_of(currency)
    pattern = "¤ #,##0" + ("." + "0" * digits if digits else "")
    text = format_currency(amount, currency, format=pattern, locale=locale, currency_digits=False)
    # In English CLDR writes IDR where everybody in the country writes Rp.
    return (text.replace("IDR", "Rp") if currency == "IDR" else text).replace("\xa0", " ")


def duration(seconds: float, locale: str) -> str:
    """`2 h 5 min`, `3 d 4 h`, `42 s`: the two largest parts, in the locale's letters."""
    letters = unit_letters(locale)
    rest = max(0, int(seconds))
    parts: list[str] = []
    for size, letter in zip((86400, 3600, 60, 1), letters, strict=True):
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {letter}")
    return " ".join(part for part in parts[:2] if not part.startswith("0 ")) or f"0 {letters[-1]}"


def unit_letters(locale: str) -> tuple[str, str, str, str]:
    """The short words for day, hour, minute and second."""
    return ("hr", "jam", "mnt", "dtk") if Locale.parse(locale).language == "id" else ("d", "h", "min", "s")


def calendar_day(value: date, locale: str) -> str:
    """`21 Nov 2026`."""
    return format_date(value, "d MMM y", locale=locale)
