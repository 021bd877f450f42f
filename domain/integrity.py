"""How far a session's figures may be trusted, and what a router's session ids say of its restarts.

Pure: from what is stored of a session to one grade, the worst that applies. Decides no bytes; refuses to know where
sessions are kept.
"""

import re
from enum import StrEnum

from domain.sessions import BY_START, ENDED_BY_US, MISSED, RESTARTED, SKEWED


class Grade(StrEnum):
    """Totals count what the router reported in every grade; the grade says how sure beginning, end and spread are.

    COMPLETE and RUNNING: Start, regular interims and (when over) the Stop came. GAP: the Start or interims did not, so
    bytes are spread evenly over the time in between. SKEWED: the router's clock was wrong, so times may be, too.
    ESTIMATED_CLOSE: no Stop came, so what passed after the last report is not counted. RESET: counters fell during the
    session, so its total is put together from parts.
    """

    COMPLETE = "complete"
    RUNNING = "running"
    GAP = "gap"
    SKEWED = "skewed"
    ESTIMATED_CLOSE = "estimated_close"
    RESET = "reset"


def grade_of(*, is_open: bool, cause: str | None, start_told_s: int, marks: int) -> Grade:
    """The grade of a session from what is stored of it."""
    if marks & RESTARTED:
        return Grade.RESET
    if not is_open and cause in ENDED_BY_US:
        return Grade.ESTIMATED_CLOSE
    if marks & SKEWED:
        return Grade.SKEWED
    if marks & MISSED or start_told_s != BY_START:
        return Grade.GAP
    return Grade.RUNNING if is_open else Grade.COMPLETE


# RouterOS: two digits of service, one that counts restarts, five that count sessions.
_ROUTEROS_ID = re.compile(r"(8[0-9a-f])([0-9a-f])[0-9a-f]{5}")
# A restart moves the digit forward, by more than one when nobody logged in between; backwards is an old session's id.
_MOST_RESTARTS = 8


def boot_counter(session_id: str) -> tuple[str, int] | None:
    """Service and restart counter of a RouterOS session id; None for an id of another kind."""
    found = _ROUTEROS_ID.fullmatch(session_id)
    return None if found is None else (found[1], int(found[2], 16))


def has_restarted(known: int, told: int) -> bool:
    """Whether a restart counter (0 to 15, and round again) has moved on from the one that was known."""
    return 0 < (told - known) % 16 <= _MOST_RESTARTS
