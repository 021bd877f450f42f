"""When a request to a router is sent again, and what becomes of a change after each answer.

Two different repetitions: the same packet again within seconds, because UDP loses packets (RFC 5176), and the change
tried anew later, because the router was away. And a ladder: a CoA or Disconnect first, then the router's API where it
has one, then a Disconnect in place of a CoA. Refuses to know sockets, tables and the time of day.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

# The same bytes leave at 0, 0.4, 1.2, 2.8 and 5.0 s; after 7 s the router is taken to be silent.
WAIT_AFTER_SEND_MS = (400, 800, 1600, 2200, 2000)
# RFC 5080 section 2.2.1: each wait varies by a tenth, so that many senders do not fall into step.
WAIT_VARIATION = 0.1

RETRY_AFTER = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
# Counted from the first transmission: a change that waited for our own worker still gets all its tries.
MAX_AGE = timedelta(hours=1)
ASK_AGAIN_AFTER = timedelta(seconds=2)
# A claim that never reports back (its worker was killed) ends after this many.
MAX_CLAIMS = 20

RESULTS = ("ack", "nak", "timeout", "error", "unsendable")
# What a router's API may bring: it is so now, the session is not there, it is there and cannot be brought to that, the
# router showed nothing to judge from, it was not reached.
API_RESULTS = ("applied", "absent", "cannot", "unknown", "error")
# A CoA that met silence may only be lost, and the API may have to end the session; so it is tried again first.
COA_TRIES_BEFORE_API = 2

# When it is looked at again whether what a router acknowledged is so. Afterwards it stays acknowledged.
LOOK_AFTER = (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5))
# A router may show for a moment what was before.
BELIEVE_DIFFERENCE_AFTER = 2

ERROR_CAUSES: dict[int, str] = {
    201: "Residual-Context-Removed",
    202: "Invalid-EAP-Packet",
    401: "Unsupported-Attribute",
    402: "Missing-Attribute",
    403: "NAS-Identification-Mismatch",
    404: "Invalid-Request",
    405: "Unsupported-Service",
    406: "Unsupported-Extension",
    407: "Invalid-Attribute-Value",
    501: "Administratively-Prohibited",
    502: "Proxy-Request-Not-Routable",
    503: "Session-Context-Not-Found",
    504: "Session-Context-Not-Removable",
    505: "Proxy-Processing-Error",
    506: "Resources-Unavailable",
    507: "Request-Initiated",
    508: "Multiple-Session-Selection-Unsupported",
}


# No Error-Cause of RFC 5176: the router is known to refuse this and was not asked.
KNOWN_TO_REFUSE = -1


class NakMeaning(Enum):
    """What a router's refusal says about the change."""

    CANNOT_CHANGE = "the session lives, but not this change to it: a reconnect brings the new values"
    UNKNOWN_SESSION = "the router does not find the session"
    BUSY = "not now"
    REFUSED = "the router will not, whatever is tried"


# RouterOS answers 406 for a session it does not know; RFC 5176 has 503 for that. 406 alone therefore proves nothing.
NAK_MEANINGS: dict[int, NakMeaning] = {
    401: NakMeaning.CANNOT_CHANGE,
    405: NakMeaning.CANNOT_CHANGE,
    407: NakMeaning.CANNOT_CHANGE,
    406: NakMeaning.UNKNOWN_SESSION,
    503: NakMeaning.UNKNOWN_SESSION,
    506: NakMeaning.BUSY,
    KNOWN_TO_REFUSE: NakMeaning.CANNOT_CHANGE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One exchange seen together with what is known of the session at that moment.

    `tries` counts this exchange too; `age` runs from the first transmission. `asked_again` says that an earlier try
    was refused as unknown session. `has_successor` says that the same device or address has a later session, and
    `newer_waiting` that a later change for this session is in the outbox. `has_api`: the router's API may be asked.
    `can_ask_less`: the refusal was about something that can be left out. `can_wait`: the next login is soon enough.
    """

    kind: str
    result: str
    cause: int | None = None
    tries: int = 1
    age: timedelta = timedelta(0)
    asked_again: bool = False
    session_open: bool = True
    has_successor: bool = False
    newer_waiting: bool = False
    has_api: bool = False
    can_ask_less: bool = False
    can_wait: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The change's next status; `retry_after` only with "pending", `disconnect` asks for a Disconnect instead.

    `via` is how it is tried next, `proof` what was seen already.
    """

    status: str
    retry_after: timedelta | None = None
    disconnect: bool = False
    via: str = "radius"
    proof: str | None = None


ACK = Verdict(status="ack")
NAK = Verdict(status="nak")
TIMEOUT = Verdict(status="timeout")
GONE = Verdict(status="gone")
SUPERSEDED = Verdict(status="superseded")
NAK_THEN_DISCONNECT = Verdict(status="nak", disconnect=True)
AGAIN = Verdict(status="pending", retry_after=timedelta(0))
TO_API = Verdict(status="pending", retry_after=timedelta(0), via="api")
SEEN = Verdict(status="ack", proof="applied")


def waits_ms(variation: Callable[[], float]) -> list[float]:
    """How long to wait after each transmission; `variation` gives numbers between -1 and 1."""
    return [wait * (1 + WAIT_VARIATION * variation()) for wait in WAIT_AFTER_SEND_MS]


def longest_exchange() -> timedelta:
    """No exchange lasts longer than this."""
    return timedelta(milliseconds=sum(WAIT_AFTER_SEND_MS) * (1 + WAIT_VARIATION))


def retry_after(tries: int) -> timedelta:
    """How long a change rests after its n-th try met silence."""
    return RETRY_AFTER[min(tries, len(RETRY_AFTER)) - 1]


def cause_text(cause: int | None) -> str | None:
    """An Error-Cause as it is kept and shown: "406 Unsupported-Extension"."""
    return None if cause is None else f"{cause} {ERROR_CAUSES.get(cause, 'unknown cause')}"


def says_unknown_session(text: str | None) -> bool:
    """Whether a kept cause means that the router did not find the session."""
    number = (text or "").partition(" ")[0]
    return number.isdecimal() and NAK_MEANINGS.get(int(number)) is NakMeaning.UNKNOWN_SESSION


def judge(outcome: Outcome) -> Verdict:
    """What becomes of the change after a RADIUS exchange."""
    match outcome.result:
        case "ack":
            return ACK
        case "nak":
            return _after_nak(outcome)
        case "timeout" | "error":
            return _after_silence(outcome)
        case "unsendable":
            return NAK
        case unknown:
            raise ValueError(f"no such result of an exchange: {unknown}")


def judge_api(outcome: Outcome) -> Verdict:
    """What becomes of the change after the router's API was asked; `result` is one of `API_RESULTS`."""
    match outcome.result:
        case "applied":
            return SEEN
        case "absent":
            return GONE
        case "cannot":
            return _reconnect(outcome)
        case "unknown" | "error":
            return _later(outcome, when_over=TIMEOUT)
        case unknown:
            raise ValueError(f"no such result of the API: {unknown}")


def _after_nak(outcome: Outcome) -> Verdict:
    match NAK_MEANINGS.get(outcome.cause or 0, NakMeaning.REFUSED):
        case NakMeaning.CANNOT_CHANGE:
            if outcome.can_ask_less and outcome.tries < MAX_CLAIMS:
                return AGAIN
            return _next_rung(outcome, otherwise=_reconnect(outcome))
        case NakMeaning.UNKNOWN_SESSION:
            return _not_found(outcome)
        case NakMeaning.BUSY:
            return _later(outcome, when_over=NAK)
        case NakMeaning.REFUSED:
            return _next_rung(outcome, otherwise=NAK)


def _next_rung(outcome: Outcome, *, otherwise: Verdict) -> Verdict:
    """The API where there is one, unless a later change will do or the session is over."""
    possible = outcome.has_api and outcome.session_open and not outcome.newer_waiting and not outcome.can_wait
    return TO_API if possible else otherwise


def _reconnect(outcome: Outcome) -> Verdict:
    # A later change may suit the router, and it brings its own fallback if not.
    possible = outcome.kind == "coa" and outcome.session_open and not outcome.newer_waiting and not outcome.can_wait
    return NAK_THEN_DISCONNECT if possible else NAK


def _after_silence(outcome: Outcome) -> Verdict:
    is_patient = outcome.kind == "coa" and outcome.tries < COA_TRIES_BEFORE_API
    later = _later(outcome, when_over=TIMEOUT)
    return later if is_patient or later.status != "pending" else _next_rung(outcome, otherwise=later)


def _not_found(outcome: Outcome) -> Verdict:
    if not outcome.session_open or outcome.has_successor:
        return GONE
    if outcome.newer_waiting:
        return SUPERSEDED
    # The Stop may be on its way, or the session so new that the router does not list it yet.
    if not outcome.asked_again:
        return Verdict(status="pending", retry_after=ASK_AGAIN_AFTER)
    return _next_rung(outcome, otherwise=NAK)


def _later(outcome: Outcome, *, when_over: Verdict) -> Verdict:
    if not outcome.session_open:
        return GONE
    if outcome.newer_waiting:
        return SUPERSEDED
    rest = retry_after(outcome.tries)
    if outcome.age + rest > MAX_AGE or outcome.tries >= MAX_CLAIMS:
        return when_over
    return Verdict(status="pending", retry_after=rest)
