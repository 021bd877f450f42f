"""Words for what became of accounting packets and for how far a session's figures may be trusted."""

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from domain.integrity import Grade
from domain.quarantine import reason_of

_PUT_ASIDE: dict[str, LazyString] = {
    "unknown_nas": _l("It came from an address that is no router here. Add the router, then try again."),
    "refused": _l("The database refused it. See the server's log for why, then try again."),
    "not_a_record": _l("The line is no accounting record at all. Nothing can be counted from it."),
    "not_json": _l("The line broke off or is no text. Nothing can be counted from it."),
    "torn_line": _l("The server stopped while it wrote this line, and the router was not told that it was stored."),
    "bad_receive_time": _l("The line does not say when it was received. Nothing can be counted from it."),
    "unknown_status": _l("Its Acct-Status-Type is none that this server counts."),
    "no_session_id": _l("It has no Acct-Session-Id, so nobody can tell which session it is of."),
    "bad_number": _l("One of its numbers is none."),
    "absurd_count": _l("It reports more bytes than any router can have carried."),
    "not_a_decision": _l("A line of the login log that is no decision. Accounting is not concerned."),
}
_OUTCOMES: dict[tuple[str, str], LazyString] = {
    ("stored", ""): _l("changed a session"),
    ("stored", "before_outcomes"): _l("counted before outcomes were kept"),
    ("merged", "repeat"): _l("the same report again"),
    ("merged", "late"): _l("an older report than was known"),
}
_GRADES: dict[Grade, LazyString] = {
    Grade.COMPLETE: _l("Start, reports and Stop came: the figures are the router's own."),
    Grade.RUNNING: _l("Start and all reports so far came."),
    Grade.GAP: _l("The Start or some reports did not come, so traffic is spread evenly over the time between."),
    Grade.SKEWED: _l("The router's clock was wrong: the traffic is right, times may be off."),
    Grade.ESTIMATED_CLOSE: _l("No Stop came: it ends when it was last heard, and later traffic is not counted."),
    Grade.RESET: _l("The router's counters fell during the session: the total is put together from parts."),
}


def put_aside_words(reason: str) -> LazyString:
    """What is wrong with a record that was put aside, and what mends it."""
    return _PUT_ASIDE[reason_of(reason)]


def outcome_words(outcome: str, reason: str) -> LazyString:
    """How packets of an outcome ended."""
    return _OUTCOMES.get((outcome, reason)) or put_aside_words(reason)


def grade_words(grade: Grade) -> LazyString:
    """What a session's grade means."""
    return _GRADES[grade]
