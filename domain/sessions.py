"""What a session is after one more accounting packet: the merge law.

Packets come late, twice, in any order or not at all. What holds, for the packets of one session, in any order, cut
into batches anywhere, with any of them repeated: totals, session time, start and end are the same (commutative and
associative), a repeat changes nothing (idempotent), totals and session time never fall (monotonic), and after the last
report they are what the router counted. Reports are put in order by the session time, which clock steps do not touch.

Four things are known only as well as packets tell them. Instants are as good as the router's clock, where it is
believed. Without Gigawords a wrap between two reports that came is seen when fewer than 2^31 bytes passed between them,
and in any order while no more than `TRAIL_LENGTH` later reports came first. Counters that restarted in the middle of a
session add up when the report that shows the fall comes before those that hide it. And that interims were missed is
said when the next one comes, also if they then arrive late after all.

Decides whether a packet belongs to a known session, what it adds, and when a session begins and ends; refuses to know
databases, clocks and whose session it is. Instants are whole microseconds since the epoch and values are named tuples:
this runs for every packet.
"""

from enum import Enum, auto
from typing import NamedTuple

START = "start"
INTERIM = "interim"
STOP = "stop"

# Causes that we write ourselves; a router's own causes are RADIUS names such as User-Request. The router said that it
# restarted (NAS-Reboot), or newer session ids or its uptime show it; after the latter a session may still come back.
LOST = "Lost"
NAS_REBOOT = "NAS-Reboot"
REBOOT_SEEN = "NAS-Reboot-Seen"
ENDED_BY_US = frozenset({LOST, NAS_REBOOT, REBOOT_SEEN})
MAY_COME_BACK = frozenset({LOST, REBOOT_SEEN})

# What is remembered of how a session was told, beside its totals.
RESTARTED, SKEWED, MISSED = 1, 2, 4
# The session's Start itself told when it began; otherwise the session time of the report that did.
BY_START = -1

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
# Without Gigawords, reports are remembered from here on: nothing below can have wrapped.
TRAIL_FROM = 1 << 30
TRAIL_LENGTH = 16
# Interims were missed when a session grew by more than this between two reports (and by three of its intervals).
MISSED_AFTER_S = 900


class Packet(NamedTuple):
    """One Start, Interim-Update or Stop; None where the packet did not say. Upload is from the customer."""

    kind: str
    occurred_us: int
    session_time_s: int | None
    upload_bytes: int | None
    download_bytes: int | None
    has_gigawords: bool
    cause: str | None
    # The router's clock and ours disagree about when it was sent.
    is_skewed: bool = False


class SessionState(NamedTuple):
    """All that is known of a session; open while `stopped_us` is None.

    `trail` is empty for nearly all: bytes up and down before its first report, then session time, bytes up, bytes down
    and whether Gigawords were told, for each of the last reports of a session whose counters wrap or fell.
    """

    started_us: int
    updated_us: int
    stopped_us: int | None
    session_time_s: int
    upload_bytes: int
    download_bytes: int
    cause: str | None
    start_told_s: int = BY_START
    marks: int = 0
    trail: tuple[int, ...] = ()


# The quick way to make the one that is made for every packet.
_state = tuple.__new__


class Relation(Enum):
    """Where a packet stands to a session that has the same router and the same Acct-Session-Id."""

    SAME = auto()
    EARLIER = auto()
    LATER = auto()


def sent_at(received_us: int, delay_s: int | None) -> int:
    """When a packet was sent for the first time, by our clock: its Acct-Delay-Time before it came."""
    return received_us - min(delay_s or 0, MAX_DELAY_S) * SECOND_US


def occurred_at(sent_us: int, stamp_us: int | None, received_us: int) -> int:
    """When a packet's event happened: the router's stamp where it is credible, else when it was sent.

    Event-Timestamp already excludes Acct-Delay-Time (RFC 2869 5.3), so only one of them is used. Never after reception.
    """
    if stamp_us is None or not -CLOCK_TOLERANCE_US <= stamp_us - sent_us <= CLOCK_TOLERANCE_US:
        return sent_us
    return min(stamp_us, received_us)


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
    if not packet.session_time_s and packet.kind != START:
        return Relation.SAME
    if began_us > state.started_us:
        is_told_over = state.stopped_us is not None and state.cause not in ENDED_BY_US
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
    return SessionState(
        began_at(packet),
        packet.occurred_us,
        packet.occurred_us if packet.kind == STOP else None,
        packet.session_time_s or 0,
        packet.upload_bytes or 0,
        packet.download_bytes or 0,
        packet.cause if packet.kind == STOP else None,
        _told_start(packet),
        SKEWED if packet.is_skewed else 0,
    )


def merge(state: SessionState, packet: Packet, missed_after_s: int = MISSED_AFTER_S) -> SessionState:
    """The session after a packet that is its own (`relation` said so); the same object when it told nothing new."""
    started_us, updated_us, stopped_us, time_s, upload_bytes, download_bytes, cause, start_told_s, marks, trail = state
    kind, occurred_us, told_s, told_up, told_down, has_gigawords, _, is_skewed = packet
    if (
        told_s is not None
        and kind == INTERIM
        and stopped_us is None
        and 0 < told_s - time_s <= missed_after_s
        and told_up is not None
        and told_down is not None
        and told_up >= upload_bytes
        and told_down >= download_bytes
        and (has_gigawords or (told_up < TRAIL_FROM and told_down < TRAIL_FROM))
        and occurred_us > updated_us
        and not (trail or is_skewed)
    ):
        # The usual interim: a little older, a little more.
        return _state(
            SessionState,
            (started_us, occurred_us, None, told_s, told_up, told_down, cause, start_told_s, marks, trail),
        )
    merged = _merge_with_care(state, packet, missed_after_s)
    return state if merged == state else merged


def _merge_with_care(state: SessionState, packet: Packet, missed_after_s: int) -> SessionState:
    # A session time of zero in the middle or at the end says nothing of it.
    told_s = packet.session_time_s if packet.session_time_s or packet.kind == START else None
    ahead_s = None if told_s is None else told_s - state.session_time_s
    upload_bytes, download_bytes, trail, fell = _totals(state, packet, told_s)
    started_us, start_told_s = _start(state, packet)
    updated_us, stopped_us, cause = _end(state, packet, ahead_s)
    missed = ahead_s is not None and ahead_s > missed_after_s
    return SessionState(
        started_us,
        updated_us,
        stopped_us,
        state.session_time_s + max(0, ahead_s or 0),
        upload_bytes,
        download_bytes,
        cause,
        start_told_s,
        state.marks | RESTARTED * fell | SKEWED * packet.is_skewed | MISSED * missed,
        trail,
    )


def _told_start(packet: Packet) -> int:
    return BY_START if packet.kind == START else packet.session_time_s or 0


def _start(state: SessionState, packet: Packet) -> tuple[int, int]:
    """The start as told by whoever was nearest to it: the Start itself, else the report with the least session time."""
    if packet.kind != START and not packet.session_time_s:
        return state.started_us, state.start_told_s
    nearest = min((state.start_told_s, state.started_us), (_told_start(packet), began_at(packet)))
    return nearest[1], nearest[0]


def _end(state: SessionState, packet: Packet, ahead_s: int | None) -> tuple[int, int | None, str | None]:
    """Last-seen, end and cause after the packet."""
    seen_us = _seen(state, packet, ahead_s)
    is_told_over = state.stopped_us is not None and state.cause not in ENDED_BY_US
    if packet.kind == STOP:
        if not is_told_over:
            return seen_us, seen_us, packet.cause
        # Of two causes, which no router tells, the same one stays whatever comes first.
        cause = max(state.cause or "", packet.cause or "") or None
        ended_us = state.updated_us if ahead_s is None else seen_us
        return ended_us, ended_us, cause
    if state.stopped_us is None:
        return seen_us, None, state.cause
    if state.cause in MAY_COME_BACK and _shows_life(state, packet, ahead_s):
        return seen_us, None, None
    if ahead_s is None:
        return state.updated_us, state.stopped_us, state.cause
    # A correction after the end: the session did go on for longer than was told.
    return seen_us, seen_us, state.cause


def _seen(state: SessionState, packet: Packet, ahead_s: int | None) -> int:
    """When the report with the greatest session time was made; of its copies, the one that was sent first says it."""
    if ahead_s is None:
        return max(state.updated_us, packet.occurred_us)
    if ahead_s < 0:
        return state.updated_us
    told_us = packet.occurred_us if ahead_s else min(packet.occurred_us, state.updated_us)
    return max(told_us, state.started_us)


def _shows_life(state: SessionState, packet: Packet, ahead_s: int | None) -> bool:
    """Only news later than what was known proves that a session given up as lost still runs."""
    if packet.kind != INTERIM:
        return False
    return packet.occurred_us > state.updated_us if ahead_s is None else ahead_s > 0


def end_unseen(state: SessionState, cause: str) -> SessionState:
    """The session ended without a Stop: at the moment it was last seen, never at "now"."""
    return state._replace(stopped_us=state.updated_us, cause=cause)


# --- counters ----------------------------------------------------------------------------------------------------

Report = tuple[int, int, int, int]


def _totals(state: SessionState, packet: Packet, told_s: int | None) -> tuple[int, int, tuple[int, ...], bool]:
    """Upload, download, trail, and whether counters were seen to fall."""
    up, down = packet.upload_bytes or 0, packet.download_bytes or 0
    most = max(state.upload_bytes, up), max(state.download_bytes, down)
    if told_s is None or not (up or down) or (not state.trail and _only_grows(state, packet, told_s)):
        return *most, state.trail, False
    reports = _reports(state, packet.has_gigawords)
    report = (told_s, up, down, int(packet.has_gigawords))
    if report not in reports:
        reports = sorted([*reports, report])
    base = state.trail[:2] or (0, 0)
    if len(reports) > TRAIL_LENGTH:
        base, reports = _folded(base, reports)
    totals, fell = _sum(base, reports)
    trail = (*base, *(number for kept in reports for number in kept))
    # Whatever was told, what has been counted stays counted.
    return max(state.upload_bytes, totals[0]), max(state.download_bytes, totals[1]), trail, fell


def _only_grows(state: SessionState, packet: Packet, told_s: int) -> bool:
    """Whether the report fits counters that rise and neither wrap nor restart, so that the greater is the truth."""
    up, down = packet.upload_bytes or 0, packet.download_bytes or 0
    most = max(up, down, state.upload_bytes, state.download_bytes)
    if not packet.has_gigawords and TRAIL_FROM <= most < WRAP:
        return False
    if told_s == state.session_time_s:
        return True
    if told_s > state.session_time_s:
        return (not up or up >= state.upload_bytes) and (not down or down >= state.download_bytes)
    return up <= state.upload_bytes and down <= state.download_bytes


def _reports(state: SessionState, has_gigawords: bool) -> list[Report]:
    trail = state.trail[2:]
    if trail:
        return [(trail[at], trail[at + 1], trail[at + 2], trail[at + 3]) for at in range(0, len(trail), 4)]
    if not (state.upload_bytes or state.download_bytes):
        return []
    is_wide = has_gigawords or max(state.upload_bytes, state.download_bytes) >= WRAP
    return [(state.session_time_s, state.upload_bytes, state.download_bytes, int(is_wide))]


def _folded(base: tuple[int, ...], reports: list[Report]) -> tuple[tuple[int, ...], list[Report]]:
    """The oldest report is taken into the one after it."""
    first, second, *others = reports
    is_wide = any(report[3] for report in reports)
    level, restarted, _ = _step(first, second, is_wide=is_wide)
    if restarted:
        base = (base[0] + first[1], base[1] + first[2])
    return base, [level, *others]


def _sum(base: tuple[int, ...], reports: list[Report]) -> tuple[tuple[int, int], bool]:
    """The bytes up and down that reports in their order tell of, and whether counters fell on the way."""
    is_wide = any(report[3] for report in reports)
    up, down, has_fallen = base[0], base[1], False
    level = reports[0]
    for report in reports[1:]:
        before = level
        level, restarted, fell = _step(before, report, is_wide=is_wide)
        has_fallen = has_fallen or fell
        if restarted:
            up, down = up + before[1], down + before[2]
    return (up + level[1], down + level[2]), has_fallen


def _step(level: Report, report: Report, *, is_wide: bool) -> tuple[Report, bool, bool]:
    """What the counters stand at after a report, whether they restarted for it, and whether any fell.

    They restarted when all that are told fell, to half together or less. A fall that is neither that nor a wrap is a
    mistake of the router's: the higher count stays.
    """
    seconds = report[0] - level[0]
    told = [at for at in (1, 2) if report[at]]
    counts = {at: report[at] if is_wide else _unwrapped(level[at], report[at], seconds) for at in told}
    fallen = [at for at in told if counts[at] < level[at]]
    if fallen and fallen == told and sum(report[at] for at in told) <= sum(level[at] for at in told) // 2:
        return report, True, True
    up, down = (max(level[at], counts.get(at, 0)) for at in (1, 2))
    return (report[0], up, down, report[3]), False, bool(fallen)


def _unwrapped(known: int, told: int, seconds: int) -> int:
    """The count that a router without Gigawords means; less than what is known when it can be no wrap."""
    low = known % WRAP
    if told >= WRAP:
        return told
    continued = known - low + told
    if told < low and low - told > WRAP // 2 and WRAP - low + told <= seconds * MAX_BYTES_PER_S:
        return continued + WRAP
    return continued
