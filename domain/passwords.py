"""Which passwords staff may choose. Length counts, not kinds of characters; what everybody tries first is refused."""

import unicodedata
from collections.abc import Iterable

MIN_CHARACTERS, MAX_CHARACTERS = 12, 256
LEAST_DIFFERENT = 5
# Long enough, and among the first that anybody tries.
WELL_KNOWN = (
    "password", "passw0rd", "qwerty", "asdfgh", "letmein", "welcome", "administrator", "iloveyou", "lintas", "mikrotik",
    "changeme", "katasandi", "rahasia", "bismillah", "indonesia", "sayang", "internet", "superadmin", "1234567890",
    "123456789", "12345678", "abcdefgh", "administrasi",
)  # fmt: skip
_MOST_BESIDE = 5


def problem_with(password: object, *, about: Iterable[str] = ()) -> str | None:
    """What is wrong with a password, as a reason that follows its name; None when it may be used.

    `about` are words that the person is known by: one of these with a few characters beside it is no password.
    """
    if not isinstance(password, str) or len(password) < MIN_CHARACTERS:
        return f"has fewer than {MIN_CHARACTERS} characters"
    if len(password) > MAX_CHARACTERS:
        return f"is longer than {MAX_CHARACTERS} characters"
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in password):
        return "contains a control character"
    if len(set(password.casefold())) < LEAST_DIFFERENT:
        return "repeats the same few characters"
    if _is_mostly(password, WELL_KNOWN):
        return "is one of the first that anybody tries"
    return "is the name or address of the account" if _is_mostly(password, about) else None


def _is_mostly(password: str, words: Iterable[str]) -> bool:
    bare = _bare(password)
    known = (_bare(word) for word in words)
    return any(len(word) > 3 and word in bare and len(bare) - len(word) <= _MOST_BESIDE for word in known)


def _bare(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
