"""Words and bounds around a customer's pictures, speed tests and registrations in the background.

Decides which kinds there are, how long is waited before the next try, and what stands in place of a photo; refuses to
know where any of it is kept.
"""

from datetime import timedelta

PHOTO, ID_CARD = "photo", "id_card"
PICTURE_KINDS = (PHOTO, ID_CARD)
# The longest side in points: a face fills a card on the screen, the small print of a card must be readable.
LONGEST_SIDE = {PHOTO: 512, ID_CARD: 1600}
THUMBNAIL_SIDE = 96

TEST_SOURCES = ("router", "client")
TEST_STATES = ("waiting", "running", "done", "failed")

REGISTRATION_STATES = ("waiting", "done", "failed")
# After the first try that failed by no fault of the request; there is none after the last.
WAITS_S = (30, 60, 120)
AVATAR_COLOURS = 8


def wait_before_try(tries: int) -> timedelta | None:
    """How long to wait after so many tries that failed; None when it was the last."""
    return timedelta(seconds=WAITS_S[tries - 1]) if 1 <= tries <= len(WAITS_S) else None


def initials(name: str) -> str:
    """One or two letters that stand for a name: of its first and its last word."""
    words = [word for word in name.split() if any(letter.isalnum() for letter in word)]
    chosen = [words[0], words[-1]] if len(words) > 1 else words
    letters = [next(letter for letter in word if letter.isalnum()) for word in chosen]
    return "".join(letters).upper() or "?"


def avatar_colour(customer_id: int) -> int:
    """Which of the colours an avatar without a photo has: always the same for a customer."""
    return customer_id % AVATAR_COLOURS
