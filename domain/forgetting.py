"""What is left of a customer who is forgotten: words that say nothing, and numbers that belong to nobody.

Decides what stands in place of what; refuses to know tables.
"""

from datetime import date

ANONYMOUS_NAME = "Anonymous Customer"
# How a deleted customer ends when his time is over.
ANONYMOUS, ERASED = "anonymous", "erased"
ENDINGS = (ANONYMOUS, ERASED)
DAYS_BEFORE_FORGETTING = 90
# The wallet of a customer and what he was asked for: as long as money is open, he is needed.
_DIGITS = 9


def nobodys_number(customer_id: int, *, tries: int = 0) -> str:
    """A WhatsApp number that is no person's, for columns in which one must stand; others with more tries."""
    return "+628" + str(customer_id + tries * 10**_DIGITS).rjust(_DIGITS, "0")


def anonymous_username(subscription_id: int) -> str:
    """A username that says nothing and that nobody else has."""
    return f"anonymous-{subscription_id}"


def note_of(day: date) -> str:
    """What the record says instead of notes."""
    return f"Made anonymous on {day}."
