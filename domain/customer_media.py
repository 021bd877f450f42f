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
# Of one customer; the oldest go.
KEPT_TESTS = 100
TEST_STATES = ("waiting", "running", "done", "failed")

REGISTRATION_STATES = ("waiting", "done", "failed")
# After the first try that failed by no fault of the request; there is none after the last.
WAITS_S = (30, 60, 120)


def wait_before_try(tries: int) -> timedelta | None:
    """How long to wait after so many tries that failed; None when it was the last."""
    return timedelta(seconds=WAITS_S[tries - 1]) if 1 <= tries <= len(WAITS_S) else None
