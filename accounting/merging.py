"""One batch of records meets the known sessions.

Finds for each record the session it belongs to, applies the merge law in memory, books what each record adds, and hands
out what must be written. Decides which of its identity's sessions a record is of; the law itself is `domain.sessions`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from accounting import records
from accounting.facts import Memory, Meter, forget_oldest, plain_address
from accounting.identity import key_of, session_id_of, unique_id_of
from accounting.ledger import Ledger
from accounting.lookup import Keyed, Known, Lookup
from accounting.records import SKEWED_FROM_US, Malformed, Record, parse_line, salvage
from accounting.sessions import Key, Live, SessionChanges
from accounting.spool import Line
from db.queries import accounting as queries
from db.queries.accounting import BootRow, Connection, NasRow
from domain.integrity import boot_counter, has_restarted
from domain.quarantine import LATE, REPEAT
from domain.sessions import (
    LOST,
    MISSED_AFTER_S,
    NAS_REBOOT,
    REBOOT_SEEN,
    SECOND_US,
    START_SLACK_US,
    STOP,
    Packet,
    Relation,
    SessionState,
    began_at,
    end_unseen,
    first_state,
    merge,
    relation,
)


class Batch:
    """Applies records in their order. `known` are open sessions that need not be read; the batch keeps it true."""

    def __init__(self, connection: Connection, memory: Memory, known: Known, now: datetime) -> None:
        self._connection = connection
        self._memory = memory
        self._now = now
        self._lookup = Lookup(connection, memory, known, now)
        self._known = known
        self._touched: list[Live] = []
        self.ledger = Ledger()
        self.begun: list[Live] = []
        # Each router's last record.
        self.heard: dict[int, Record] = {}
        # How many records found their session, and those of them that told nothing new, by reason.
        self.merged = 0
        self.unchanged: dict[str, int] = {}
        self._booted: dict[int, BootRow] = {}

    def merge_known(self, lines: Iterable[Line]) -> tuple[list[tuple[Line, Record]], list[tuple[Line, str]]]:
        """Read lines and merge what memory alone can, each record while it is at hand.

        Returns the records that need more than that, in their order, and the lines that are none, with the reason.
        """
        routers = self._lookup.routers
        left: list[tuple[Line, Record]] = []
        bad: list[tuple[Line, str]] = []
        waiting: set[Key] = set()
        for line in lines:
            try:
                record = parse_line(line.raw)
            except Malformed as error:
                saved = _take_apart(line, str(error), bad)
                if saved is None:
                    continue
                record = saved
            router = routers.get(record.source)
            if router is None or not self._merge_at_hand(record, router, waiting):
                left.append((line, record))
        return left, bad

    def _merge_at_hand(self, record: Record, router: NasRow, waiting: set[Key]) -> bool:
        """Merge a record of whose session memory knows everything; what follows one that must wait, waits too.

        A router's restart is merged after the batch's records of known sessions, wherever it came among them: what it
        makes of a session is the same before and after the session's last report.
        """
        packet = record.packet
        if packet is None:
            return False
        key = key_of(record, router)
        live = self._known.get(key)
        if live is None or key in waiting or not _is_near(live.state, packet):
            waiting.add(key)
            return False
        meter = None
        if live.subscription_id is not None:
            meter = self._memory.meters.get(live.subscription_id)
            if meter is None:
                waiting.add(key)
                return False
        self.heard[router.nas_server_id] = record
        self.merged += 1
        self._merge(live, record, _from_customer(packet) if router.input_is_download else packet, meter)
        return True

    def keyed(self, found: Sequence[tuple[Line, Record]]) -> tuple[list[Keyed], list[Line]]:
        """The records with their router and what each says its session is, and the lines of nobody's routers."""
        routers, keyed, strange = self._lookup.routers, [], []
        for line, record in found:
            router = routers.get(record.source) or routers.get(plain_address(record.source))
            if router is None:
                strange.append(line)
            else:
                keyed.append((record, router, key_of(record, router)))
        return keyed, strange

    def read_routers_again(self) -> None:
        """Take the routers as they are now."""
        self._lookup.read_routers_again()

    def apply(self, keyed: Sequence[Keyed]) -> None:
        """Merge the records into their sessions, which are read, with everything else that is not in memory."""
        self._lookup.load(keyed)
        for record, router, key in keyed:
            self.heard[router.nas_server_id] = record
            self.merged += 1
            self._apply(record, router, key)
        if self.begun:
            numbers = queries.new_session_numbers(self._connection, len(self.begun))
            for live, number in zip(self.begun, numbers, strict=True):
                live.number = number

    def _apply(self, record: Record, router: NasRow, key: Key) -> None:
        packet = record.packet
        if packet is None:
            self._end_before(router, record)
            return
        if router.input_is_download:
            packet = _from_customer(packet)
        live = self._known.get(key)
        if live is not None and _is_near(live.state, packet):
            self._merge(live, record, packet, self._lookup.meter(live))
        else:
            self._find(key, record, packet, router)

    # --- merging ---

    def _find(self, key: Key, record: Record, packet: Packet, router: NasRow) -> None:
        """The packet's session among those of its identity: the one with the nearest start, or one more."""
        live = self._known.get(key)
        if live is not None and relation(live.state, packet) is Relation.SAME:
            self._merge(live, record, packet, self._lookup.meter(live))
            return
        chain = self._lookup.chain(key)
        began_us = began_at(packet)
        related = [(other, relation(other.state, packet)) for other in chain]
        same = [other for other, kind in related if kind is Relation.SAME]
        if same:
            nearest = min(same, key=lambda other: abs(other.state.started_us - began_us))
            self._merge(nearest, record, packet, self._lookup.meter(nearest))
            return
        for other, kind in related:
            if kind is Relation.LATER and other.is_open:
                self._end(other, LOST)
        fresh = self._begin(key, record, packet, router, chain)
        if fresh.is_open and any(kind is Relation.EARLIER for _, kind in related):
            self._end(fresh, LOST)

    def _begin(self, key: Key, record: Record, packet: Packet, router: NasRow, chain: list[Live]) -> Live:
        state = self._first_state(record, packet, router)
        unique_id = unique_id_of(key, state.started_us, [live.unique_id for live in chain])
        live = Live(key, unique_id, router, state, self._lookup.owner(record, router))
        live.framed_ip = None if record.framed_ip is None else records.address(record.framed_ip)
        live.record = record
        if chain or not live.is_open:
            chain.append(live)
        else:
            self._known[key] = live
        self.begun.append(live)
        self._touch(live)
        meter = self._lookup.meter(live)
        if meter is not None:
            self.ledger.begin_session(meter, router.nas_server_id, state.started_us)
            if state.download_bytes or state.upload_bytes or state.session_time_s:
                self.ledger.book(
                    meter, router.nas_server_id, state.started_us, state.updated_us, state.download_bytes,
                    state.upload_bytes, state.session_time_s, record.received_us,
                )  # fmt: skip
        return live

    def _merge(self, live: Live, record: Record, packet: Packet, meter: Meter | None) -> None:
        before = live.state
        after = live.state = merge(before, packet, MISSED_AFTER_S if meter is None else meter.missed_after_s)
        framed_ip = record.framed_ip
        if after is before and (framed_ip is None or framed_ip == live.framed_ip):
            self._count_unchanged(REPEAT if packet.session_time_s == before.session_time_s else LATE)
            return
        if not live.is_touched:
            self._touch(live)
        _, since_us, ended_us, seconds_before, up_before, down_before, *_ = before
        _, until_us, _, seconds, up, down, *_ = after
        if until_us > since_us:
            live.interval_s = (until_us - since_us) // SECOND_US
        if framed_ip != live.framed_ip and framed_ip is not None:
            live.framed_ip = records.address(framed_ip) or live.framed_ip
        if live.record is None and (ended_us is not None or packet.kind == STOP):
            live.record = record
        if meter is not None and (down != down_before or up != up_before or seconds != seconds_before):
            self.ledger.book(
                meter, live.router.nas_server_id, since_us, until_us, down - down_before, up - up_before,
                seconds - seconds_before, record.received_us,
            )  # fmt: skip

    def _count_unchanged(self, reason: str) -> None:
        self.unchanged[reason] = self.unchanged.get(reason, 0) + 1

    def _touch(self, live: Live) -> None:
        live.is_touched = True
        self._touched.append(live)

    def _end(self, live: Live, cause: str) -> None:
        live.state = end_unseen(live.state, cause)
        if not live.is_touched:
            self._touch(live)

    # --- restarts of routers ---

    def _first_state(self, record: Record, packet: Packet, router: NasRow) -> SessionState:
        """A session's beginning; one that a restart of its router has ended already is not open any more."""
        state = first_state(packet)
        boot = self._memory.boots.get(router.nas_server_id)
        # A router's clock may be behind for a while after a restart.
        if (
            boot is not None
            and state.stopped_us is None
            and not packet.is_skewed
            and state.updated_us + SKEWED_FROM_US < (boot.booted_us or 0)
        ):
            state = end_unseen(state, NAS_REBOOT if boot.told_by == "accounting_on" else REBOOT_SEEN)
        if router.is_routeros:
            self._look_at_id(record, state, router)
        return state

    def _look_at_id(self, record: Record, state: SessionState, router: NasRow) -> None:
        """RouterOS counts its restarts in its session ids: with a new count, the sessions of the old one are over."""
        told = boot_counter(record.session_id)
        if told is None:
            return
        service, counter = told
        number = router.nas_server_id
        boot = self._memory.boots.get(number) or BootRow(number, None, None, {})
        known = boot.counters.get(service)
        if known is not None and not (has_restarted(known[0], counter) and state.started_us > known[1]):
            return
        counters = boot.counters | {service: (counter, state.started_us)}
        if known is None:
            self._note_boot(boot._replace(counters=counters))
            return
        self._note_boot(BootRow(number, state.started_us, "session_ids", counters))
        for live in self._lookup.open_on(router):
            seen = boot_counter(session_id_of(live.key))
            is_of_before = seen is not None and seen[0] == service and seen[1] != counter
            if is_of_before and live.state.updated_us < state.started_us:
                self._end(live, REBOOT_SEEN)

    def _note_boot(self, boot: BootRow) -> None:
        self._memory.boots[boot.nas_server_id] = self._booted[boot.nas_server_id] = boot

    def _end_before(self, router: NasRow, record: Record) -> None:
        """Accounting-On or -Off: what began before it on this router is over, as far as it was seen."""
        number = router.nas_server_id
        boot = self._memory.boots.get(number) or BootRow(number, None, None, {})
        over = [live for live in self._lookup.open_on(router) if live.state.started_us < record.sent_us]
        if boot.booted_us is None or record.sent_us > boot.booted_us:
            self._note_boot(BootRow(number, record.sent_us, "accounting_on", boot.counters))
        elif not over:
            self._count_unchanged(REPEAT)
        for live in over:
            self._end(live, NAS_REBOOT)

    # --- the outcome ---

    def changes(self) -> SessionChanges:
        """What must be written of sessions. From here on the batch counts as stored: on a failure forget `known`."""
        heard = {router: records.clock_skew_s(record) for router, record in sorted(self.heard.items())}
        changes = SessionChanges(self._touched, heard, self._now, list(self._booted.values()))
        for live in changes.others:
            if not live.is_open and self._known.get(live.key) is live:
                del self._known[live.key]
        if len(self._known) > self._memory.capacity:
            forget_oldest(self._known)
        self._memory.forget_surplus()
        return changes


def _take_apart(line: Line, reason: str, bad: list[tuple[Line, str]]) -> Record | None:
    """A line that cannot be read is set aside; the whole record that may be at its end is saved and returned."""
    saved = salvage(line.raw)
    if saved is None:
        bad.append((line, reason))
        return None
    torn, record = saved
    bad.append((Line(line.file, line.offset, torn), reason))
    return record


def _from_customer(packet: Packet) -> Packet:
    """The packet of a router that counts from the other side."""
    return packet._replace(upload_bytes=packet.download_bytes, download_bytes=packet.upload_bytes)


def _is_near(state: SessionState, packet: Packet) -> bool:
    """The quick answer for nearly every packet: it tells of the same start, so it is the same session."""
    apart_us = packet.occurred_us - (packet.session_time_s or 0) * SECOND_US - state.started_us
    return -START_SLACK_US <= apart_us <= START_SLACK_US
