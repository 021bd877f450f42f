"""What a session is after one more accounting packet: the merge law.

Packets come late, twice, in any order or not at all. Counters, session time and last-seen only grow, so any order of a
session's packets ends at the same totals, a repeat changes nothing and the greatest report wins. Decides whether a
packet belongs to a known session, what it adds, and when a session begins and ends; refuses to know databases, clocks
and whose session it is.

Instants are whole microseconds since the epoch and values are named tuples: this runs for every packet.
"""

from enum import Enum, auto
from typing import NamedTuple

START = "start"
INTERIM = "interim"
STOP = "stop"

# Causes that we write ourselves; a router's own causes are RADIUS names such as User-Request.
LOST = "Lost"
NAS_REBOOT = "NAS-Reboot"

SECOND_US = 1_000_000
# Event-Timestamp is the router's clock; a box without a battery wakes up in 1970.
CLOCK_TOLERANCE_US = 300 * SECOND_US
MAX_DELAY_S = 86_400
# Routers count whole seconds and networks hold packets up: starts closer than this are one start.
START_SLACK_US = 30 * SECOND_US
# Two stamps of one session may lie a whole tolerance to either side of the truth.
CLOCK_SLACK_US = 2 * CLOCK_TOLERANCE_US + 60 * SECOND_US
WRAP = 1 << 32
MAX_BYTES_PER_S = 1_250_000_000


class Packet(NamedTuple):
    """One Start, Interim-Update or Stop; None where the packet did not say. Upload is from the customer."""

    kind: str
    occurred_us: int
    session_time_s: int | None
    upload_bytes: int | None
    download_bytes: int | None
    has_gigawords: bool
    cause: str | None


class SessionState(NamedTuple):
    """All that is known of a session; open while `stopped_us` is None."""

    started_us: int
    updated_us: int
    stopped_us: int | None
    session_time_s: int
    upload_bytes: int
    download_bytes: int
    cause: str | None


class Relation(Enum):
    """Where a packet stands to a session that has the same router and the same Acct-Session-Id."""

    SAME = auto()
    EARLIER = auto()
    LATER = auto()


def occurred_at(received_us: int, *, stamp_us: int | None, delay_s: int | None) -> int:
    """When a packet's event happened: the router's stamp where it is credible, else reception less the delay.

    Event-Timestamp already excludes Acct-Delay-Time (RFC 2869 5.3), so only one of them is used. Never after reception.
    """
    sent_us = received_us - min(delay_s or 0, MAX_DELAY_S) * SECOND_US
    if stamp_us is not None and abs(stamp_us - sent_us) <= CLOCK_TOLERANCE_US:
        return min(stamp_us, received_us)
    return sent_us


def began_at(packet: Packet) -> int:
    """The start of the session as this packet tells it."""
    return packet.occurred_us - (packet.session_time_s or 0) * SECOND_US


def relation(state: SessionState, packet: Packet) -> Relation:
    """Whether the packet is of this session, or of an earlier or later one whose Acct-Session-Id was used again.

    Ids repeat after a router has restarted a few times, so the start decides. A packet that could continue the session
    is given the benefit of both clocks being wrong; one that comes after the Stop or whose counts contradict it is not.
    """
    began_us = began_at(packet)
    if abs(began_us - state.started_us) <= START_SLACK_US:
        return Relation.SAME
    if packet.session_time_s is None and packet.kind != START:
        return Relation.SAME
    if began_us > state.started_us:
        is_told_over = state.stopped_us is not None and state.cause not in (LOST, NAS_REBOOT)
        slack_us = START_SLACK_US if is_told_over or _falls(state, packet) else CLOCK_SLACK_US
        is_later = began_us > state.started_us + slack_us and began_us > state.updated_us - START_SLACK_US
        return Relation.LATER if is_later else Relation.SAME
    slack_us = START_SLACK_US if _rises(state, packet) else CLOCK_SLACK_US
    return Relation.EARLIER if packet.occurred_us < state.started_us - slack_us else Relation.SAME


def _falls(state: SessionState, packet: Packet) -> bool:
    return (
        (packet.session_time_s or 0) < state.session_time_s
        or (packet.upload_bytes or 0) < state.upload_bytes
        or (packet.download_bytes or 0) < state.download_bytes
    )


def _rises(state: SessionState, packet: Packet) -> bool:
    return (
        (packet.session_time_s or 0) > state.session_time_s
        or (packet.upload_bytes or 0) > state.upload_bytes
        or (packet.download_bytes or 0) > state.download_bytes
    )


def first_state(packet: Packet) -> SessionState:
    """The session that a first packet tells of; a Start that never came is made up from the session time."""
    stopped_us = packet.occurred_us if packet.kind == STOP else None
    return SessionState(
        began_at(packet),
        packet.occurred_us,
        stopped_us,
        packet.session_time_s or 0,
        packet.upload_bytes or 0,
        packet.download_bytes or 0,
        packet.cause if packet.kind == STOP else None,
    )


def merge(state: SessionState, packet: Packet) -> SessionState:
    """The session after a packet that is its own (`relation` said so); counters, time and last-seen never fall."""
    started_us, updated_us, stopped_us, time_s, upload_bytes, download_bytes, cause = state
    kind, occurred_us, told_s, told_up, told_down, has_gigawords, _ = packet
    ahead_s = 0 if told_s is None else told_s - time_s
    if told_up:
        upload_bytes = _greater(upload_bytes, told_up, ahead_s, has_gigawords)
    if told_down:
        download_bytes = _greater(download_bytes, told_down, ahead_s, has_gigawords)
    if kind == START and occurred_us < started_us:
        started_us = occurred_us
    elif occurred_us - (told_s or 0) * SECOND_US < started_us - START_SLACK_US and told_s is not None:
        started_us = occurred_us - told_s * SECOND_US
    if kind == STOP or stopped_us is not None:
        updated_us, stopped_us, cause = _end(state, packet, ahead_s)
    elif occurred_us > updated_us:
        updated_us = occurred_us
    time_s = max(time_s, time_s + ahead_s)
    return SessionState(started_us, updated_us, stopped_us, time_s, upload_bytes, download_bytes, cause)


def _greater(known: int, told: int, ahead_s: int, has_gigawords: bool) -> int:
    """The greater count. Only a router that never sends Gigawords may wrap at 2^32, and only as fast as a link can."""
    if has_gigawords or ahead_s == 0:
        return max(known, told)
    low = known % WRAP
    if ahead_s > 0:
        continued = known - low + told
        if continued >= known:
            return continued
        return continued + WRAP if _wraps(low, told, ahead_s) else known
    if known == low and known and _wraps(told, known, -ahead_s):
        return known + WRAP
    return max(known, told)


def _wraps(before: int, after: int, seconds: int) -> bool:
    return before - after > WRAP // 2 and WRAP - before + after <= seconds * MAX_BYTES_PER_S


def _end(state: SessionState, packet: Packet, ahead_s: int) -> tuple[int, int | None, str | None]:
    """Last-seen, end and cause when the packet is a Stop or the session had ended already."""
    seen_us = max(state.updated_us, packet.occurred_us)
    if packet.kind == STOP and (state.stopped_us is None or state.cause in (LOST, NAS_REBOOT)):
        return seen_us, seen_us, packet.cause
    if state.cause == LOST and _shows_life(state, packet, ahead_s):
        return seen_us, None, None
    if ahead_s > 0:
        # A correction after the end: the session did go on for longer than was told.
        return seen_us, seen_us, state.cause
    return state.updated_us, state.stopped_us, state.cause


def _shows_life(state: SessionState, packet: Packet, ahead_s: int) -> bool:
    """Only news later than what was known proves that a session given up as lost still runs."""
    is_newer = ahead_s > 0 or packet.session_time_s is None
    return packet.kind == INTERIM and is_newer and packet.occurred_us > state.updated_us


def end_unseen(state: SessionState, cause: str) -> SessionState:
    """The session ended without a Stop: at the moment it was last seen, never at "now"."""
    return state._replace(stopped_us=state.updated_us, cause=cause)
