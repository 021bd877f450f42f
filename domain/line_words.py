"""What a line of an invoice says, in the language of whoever gets it.

It is written once, when the invoice is, and stays: an invoice says tomorrow what it said today. Decides words; refuses
to know amounts.
"""

from collections.abc import Mapping
from decimal import Decimal

ENGLISH, INDONESIAN = "en", "id"
_GB, _MB, _HOUR_S, _MINUTE_S = 10**9, 10**6, 3600, 60
# One, and several.
_UNITS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    ENGLISH: {"day": ("day", "days"), "hour": ("hour", "hours"), "minute": ("minute", "minutes")},
    INDONESIAN: {"day": ("hari", "hari"), "hour": ("jam", "jam"), "minute": ("menit", "menit")},
}
_FEES: Mapping[str, Mapping[str, str]] = {
    ENGLISH: {"setup": "Setup", "installation": "Installation", "early_end": "Ended before the end of the contract"},
    INDONESIAN: {
        "setup": "Biaya aktivasi",
        "installation": "Biaya pemasangan",
        "early_end": "Berhenti sebelum kontrak berakhir",
    },
}


def days(count: int, language: str) -> str:
    """`3 days`, `3 hari`."""
    return _counted(count, "day", language)


def days_of(some: int, all_of_them: int, language: str) -> str:
    """`15 of 30 days`, `15 dari 30 hari`."""
    between = "dari" if language == INDONESIAN else "of"
    return f"{some} {between} {days(all_of_them, language)}"


def online_time(seconds: int, language: str) -> str:
    """`2 hours`, `90 menit`: whole hours as hours, anything else in minutes."""
    if seconds % _HOUR_S == 0:
        return _counted(seconds // _HOUR_S, "hour", language)
    return _counted(seconds // _MINUTE_S, "minute", language)


def volume(size_bytes: int, language: str) -> str:
    """`1.5 GB`, `1,5 GB`: as it was sold, with at most two digits behind the point."""
    unit, word = (_GB, "GB") if size_bytes >= _GB else (_MB, "MB")
    number = f"{Decimal(size_bytes) / unit:.2f}".rstrip("0").rstrip(".")
    return f"{number.replace('.', ',') if language == INDONESIAN else number} {word}"


def fee(kind: str, language: str) -> str:
    """What is billed once, or by contract: `setup`, `installation`, `early_end`."""
    return _FEES.get(language, _FEES[ENGLISH])[kind]


def _counted(count: int, unit: str, language: str) -> str:
    one, several = _UNITS.get(language, _UNITS[ENGLISH])[unit]
    return f"{count} {one if count == 1 else several}"
