"""What a customer's record may say: kinds, colours, places on the map, and which tag is the same as another.

Decides the values; refuses to know who has them or whether they are taken.
"""

import re
from decimal import Decimal

CUSTOMER_TYPES = ("residential", "business", "enterprise")
GENDERS = ("male", "female", "other")
CONTACT_TYPES = ("whatsapp", "email", "phone")
EQUIPMENT_TYPES = ("router", "switch", "access_point", "cpe", "ont", "computer", "mobile", "other")
DEFAULT_COUNTRY = "Indonesia"
DEFAULT_COLOUR = "#007bff"
# Words for colours as people write them, with or without "#" before them.
COLOURS = {
    "red": "#dc3545",
    "orange": "#fd7e14",
    "gold": "#ffd700",
    "yellow": "#ffc107",
    "green": "#28a745",
    "teal": "#20c997",
    "cyan": "#17a2b8",
    "blue": "#007bff",
    "indigo": "#6610f2",
    "purple": "#6f42c1",
    "violet": "#ee82ee",
    "pink": "#e83e8c",
    "brown": "#795548",
    "black": "#000000",
    "white": "#ffffff",
    "silver": "#c0c0c0",
    "gray": "#6c757d",
    "grey": "#6c757d",
}
_HEX = re.compile(r"#?([0-9a-f]{6}|[0-9a-f]{3})")
_REFERRAL_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
REFERRAL_LENGTH = 8


def colour(text: str) -> str | None:
    """A colour as `#rrggbb`, from six or three hex digits or a word, with or without `#`; None for anything else."""
    word = text.strip().lower()
    named = COLOURS.get(word.removeprefix("#"))
    if named is not None:
        return named
    found = _HEX.fullmatch(word)
    if found is None:
        return None
    digits = found[1]
    return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))


def is_on_the_map(latitude: Decimal | None, longitude: Decimal | None) -> bool:
    """Whether the two name a place together; one without the other names none."""
    if latitude is None or longitude is None:
        return latitude is None and longitude is None
    return -90 <= latitude <= 90 and -180 <= longitude <= 180


def referral_code(numbers: bytes) -> str:
    """A code that is easy to read out, from at least `REFERRAL_LENGTH` random bytes."""
    if len(numbers) < REFERRAL_LENGTH:
        raise ValueError(f"needs {REFERRAL_LENGTH} bytes, not {len(numbers)}")
    return "".join(_REFERRAL_ALPHABET[number % len(_REFERRAL_ALPHABET)] for number in numbers[:REFERRAL_LENGTH])


def tags_of(text: str) -> list[str]:
    """The tags of one cell, separated by commas; each once, in their order."""
    found: dict[str, str] = {}
    for part in text.split(","):
        tag = " ".join(part.split())
        if tag:
            found.setdefault(tag.lower(), tag)
    return list(found.values())
