"""The words of what is to be done on a router through its API, and how long a failed one waits.

Knows neither routers nor rows.
"""

from datetime import timedelta

SECRET, QUEUE, LIST_ENTRY, FORGET_DEVICE, END_SESSIONS = (
    "secret",
    "queue",
    "list_entry",
    "forget_device",
    "end_sessions",
)
ORDER_KINDS = (SECRET, QUEUE, LIST_ENTRY, FORGET_DEVICE, END_SESSIONS)
ORDER_STATUSES = ("pending", "sending", "done", "failed")
# What only helps at once is not tried for long; the rest stays wanted for a day, and drift is repaired after that.
TRIES = {END_SESSIONS: 4, FORGET_DEVICE: 10}
DEFAULT_TRIES = 60
FIRST_WAIT_S, LONGEST_WAIT_S = 5, 1800


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts (1 or more): five seconds, doubled each time, half an hour at most."""
    return timedelta(seconds=min(FIRST_WAIT_S * 2 ** min(attempts - 1, 16), LONGEST_WAIT_S))


def is_last(kind: str, attempts: int) -> bool:
    """Whether it is given up after so many attempts."""
    return attempts >= TRIES.get(kind, DEFAULT_TRIES)
