"""One batch of records meets the known sessions.

Finds for each record the session it belongs to, applies the merge law in memory, books what each record adds, and hands
out what must be written. Decides identity and attribution; the law itself is `domain.sessions`.

A session's unique id is 24 hex digits of a hash over router, Class (or User-Name, where no Class of ours came) and
Acct-Session-Id, and 8 that are zero unless that identity was used before: then the start of the later session. So
everything of one identity is found by one range of an index, and the usual case by one exact value.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b

from accounting import records
from accounting.facts import Memory, Meter, forget_oldest, plain_address
from accounting.ledger import Ledger
from accounting.records import SKEWED_FROM_US, Record
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

FIRST = "00000000"
# A packet of a session that ended longer ago than this is taken for a new session.
REMEMBER_ENDED = timedelta(days=45)

Known = dict[Key, Live]
Keyed = tuple[Record, NasRow, Key]


def key_of(record: Record, router: NasRow) -> Key:
    """What the record says its session is; no part can hold the NUL that is between them."""
    return f"{router.nas_server_id}\0{record.class_text or f'name {record.username}'}\0{record.session_id}"


def session_id_of(key: Key) -> str:
    """The Acct-Session-Id in it."""
    return key.rpartition("\0")[2]


def prefix_of(key: Key) -> str:
    """The 24 hex digits that every session of an identity shares."""
    return blake2b(key.encode(), digest_size=12).hexdigest()


class Batch:
    """Applies records in their order. `known` are open sessions that need not be read; the batch keeps it true."""

    def __init__(self, connection: Connection, memory: Memory, known: Known, now: datetime) -> None:
        self._connection = connection
        self._memory = memory
        self._known = known
        self._now = now
        self._routers = memory.routers(connection)
        self._chains: dict[Key, list[Live]] = {}
        self._whole: set[Key] = set()
        self._swept: set[int] = set()
        self._swept_lives: dict[int, list[Live]] = {}
        self._owners: dict[tuple[int, str], int] = {}
        self._touched: list[Live] = []
        self.ledger = Ledger()
        self.begun: list[Live] = []
        # Each router's last record.
        self.heard: dict[int, Record] = {}
        # Packets that told nothing new, by reason.
        self.unchanged: dict[str, int] = {}
        self._booted: dict[int, BootRow] = {}

    def keyed(self, found: Sequence[tuple[Line, Record]]) -> tuple[list[Keyed], list[Line]]:
        """The records with their router and what each says its session is, and the lines of nobody's routers."""
        routers, keyed, strange = self._routers, [], []
        for line, record in found:
            router = routers.get(record.source) or routers.get(plain_address(record.source))
            if router is None:
                strange.append(line)
            else:
                keyed.append((record, router, key_of(record, router)))
        return keyed, strange

    def read_routers_again(self) -> None:
        """Take the routers as they are now."""
        self._memory.forget(["nas *"])
        self._routers = self._memory.routers(self._connection)

    def lives(self, keyed: Sequence[Keyed]) -> list[Live] | None:
        """The records' sessions; None when anything about one of them stands in the database only."""
        meters, known = self._memory.meters, self._known
        lives: list[Live] = []
        for record, _, key in keyed:
            live, packet = known.get(key), record.packet
            if live is None or packet is None or not _is_near(live.state, packet):
                return None
            if live.subscription_id is not None and live.subscription_id not in meters:
                return None
            lives.append(live)
        return lives

    def apply(self, keyed: Sequence[Keyed], lives: Sequence[Live] | None) -> None:
        """Merge the records into their sessions, which are read unless `lives` are all of them."""
        heard = self.heard
        if lives is None:
            self._load(keyed)
            for record, router, key in keyed:
                heard[router.nas_server_id] = record
                self._apply(record, router, key)
            return
        for (record, router, key), live in zip(keyed, lives, strict=True):
            heard[router.nas_server_id] = record
            if live.is_touched or router.input_is_download or record.packet is None:
                # An earlier record of this batch may have changed when the session began.
                self._apply(record, router, key)
            else:
                self._merge(live, record, record.packet)

    def _apply(self, record: Record, router: NasRow, key: Key) -> None:
        packet = record.packet
        if packet is None:
            self._end_before(router, record)
            return
        if router.input_is_download:
            packet = packet._replace(upload_bytes=packet.download_bytes, download_bytes=packet.upload_bytes)
        live = self._known.get(key)
        if live is not None and _is_near(live.state, packet):
            self._merge(live, record, packet)
        else:
            self._find(key, record, packet, router)

    # --- finding ---

    def _load(self, keyed: Sequence[Keyed]) -> None:
        """Reads in one go what the batch will need: sessions, owners of new ones, meters of everybody."""
        known = self._known
        missing = {key for record, _, key in keyed if record.packet is not None and key not in known}
        if missing:
            self._load_sessions(missing)
        needed = {live.subscription_id for key in {key for *_, key in keyed} if (live := known.get(key)) is not None}
        needed |= {live.subscription_id for chain in self._chains.values() for live in chain}
        if missing:
            needed |= self._load_owners([item for item in keyed if item[2] in missing])
        self._load_meters(subscription_id for subscription_id in needed if subscription_id is not None)

    def _load_sessions(self, keys: Collection[Key]) -> None:
        prefixes = {prefix_of(key): key for key in keys}
        rows = queries.open_sessions(self._connection, [prefix + FIRST for prefix in prefixes])
        routers = {router.nas_server_id: router for router in self._routers.values()}
        for row in rows:
            key = prefixes.pop(row.acctuniqueid[:24])
            self._known[key] = Live.stored(key, row, routers[row.nas_server_id])
        if prefixes:
            self._load_chains(prefixes)

    def _load_chains(self, prefixes: dict[str, Key]) -> None:
        """Every session of the identities, ended ones too; what is in hand already stays as it is."""
        since = self._now - REMEMBER_ENDED
        rows = queries.session_chains(self._connection, list(prefixes), ended_since=since)
        routers = {router.nas_server_id: router for router in self._routers.values()}
        self._whole.update(prefixes.values())
        for row in rows:
            key = prefixes[row.acctuniqueid[:24]]
            chain = self._chains.setdefault(key, [])
            if all(live.unique_id != row.acctuniqueid for live in chain):
                chain.append(Live.stored(key, row, routers[row.nas_server_id]))

    def _load_owners(self, fresh: Sequence[Keyed]) -> set[int | None]:
        parts = [records.class_parts(record.class_text) for record, *_ in fresh if record.class_text]
        names = {
            (router.tenant_id, name)
            for record, router, _ in fresh
            if not record.class_text and (name := record.username)
        }
        self._owners = queries.subscriptions_by_name(self._connection, sorted(names))
        return {*(part.subscription_id for part in parts if part is not None), *self._owners.values()}

    def _load_meters(self, subscription_ids: Iterable[int]) -> None:
        missing = [key for key in subscription_ids if key not in self._memory.meters]
        if missing:
            self._memory.load(self._connection, missing, self._now)

    def _owner(self, record: Record, router: NasRow) -> int | None:
        """The subscription that the usage belongs to: the one minted into Class, else the name's, else nobody's."""
        parts = records.class_parts(record.class_text) if record.class_text else None
        if parts is not None:
            self._load_meters([parts.subscription_id])
            meter = self._memory.meters.get(parts.subscription_id)
            if meter is not None and meter.row.tenant_id == router.tenant_id:
                return parts.subscription_id
        name = record.username
        if not name:
            return None
        wanted = (router.tenant_id, name)
        if wanted not in self._owners:
            self._owners.update(queries.subscriptions_by_name(self._connection, [wanted]))
        subscription_id = self._owners.get(wanted)
        if subscription_id is not None:
            self._load_meters([subscription_id])
        return subscription_id

    # --- merging ---

    def _find(self, key: Key, record: Record, packet: Packet, router: NasRow) -> None:
        """The packet's session among those of its identity: the one with the nearest start, or one more."""
        live = self._known.get(key)
        if live is not None and relation(live.state, packet) is Relation.SAME:
            self._merge(live, record, packet)
            return
        chain = self._chains.setdefault(key, [])
        if live is not None:
            # From here on the identity has several sessions, so it is looked up with all of them.
            del self._known[key]
            chain.append(live)
            if key not in self._whole:
                self._load_chains({prefix_of(key): key})
        began_us = began_at(packet)
        related = [(other, relation(other.state, packet)) for other in chain]
        same = [other for other, kind in related if kind is Relation.SAME]
        if same:
            self._merge(min(same, key=lambda other: abs(other.state.started_us - began_us)), record, packet)
            return
        for other, kind in related:
            if kind is Relation.LATER and other.is_open:
                self._end(other, LOST)
        fresh = self._begin(key, record, packet, router)
        if fresh.is_open and any(kind is Relation.EARLIER for _, kind in related):
            self._end(fresh, LOST)

    def _begin(self, key: Key, record: Record, packet: Packet, router: NasRow) -> Live:
        state = self._first_state(record, packet, router)
        chain = self._chains[key]
        live = Live(key, _unique_id(prefix_of(key), chain, state), router, state, self._owner(record, router))
        live.framed_ip = None if record.framed_ip is None else records.address(record.framed_ip)
        live.record = record
        if chain or not live.is_open:
            chain.append(live)
        else:
            self._known[key] = live
        self.begun.append(live)
        self._touch(live)
        meter = self._meter(live)
        if meter is not None:
            self.ledger.begin_session(meter, router.nas_server_id, state.started_us)
            if state.download_bytes or state.upload_bytes or state.session_time_s:
                self.ledger.book(
                    meter, router.nas_server_id, state.started_us, state.updated_us, state.download_bytes,
                    state.upload_bytes, state.session_time_s, record.received_us,
                )  # fmt: skip
        return live

    def _merge(self, live: Live, record: Record, packet: Packet) -> None:
        before = live.state
        meter = self._meter(live)
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

    def _meter(self, live: Live) -> Meter | None:
        return None if live.subscription_id is None else self._memory.meters.get(live.subscription_id)

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
        for live in self._open_on(router):
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
        over = [live for live in self._open_on(router) if live.state.started_us < record.sent_us]
        if boot.booted_us is None or record.sent_us > boot.booted_us:
            self._note_boot(BootRow(number, record.sent_us, "accounting_on", boot.counters))
        elif not over:
            self._count_unchanged(REPEAT)
        for live in over:
            self._end(live, NAS_REBOOT)

    def _open_on(self, router: NasRow) -> list[Live]:
        """Every open session of a router, those in hand and the others."""
        number = router.nas_server_id
        held = {live.unique_id: live for live in self._known.values() if live.router.nas_server_id == number}
        chained = (live for chain in self._chains.values() for live in chain)
        held |= {live.unique_id: live for live in chained if live.router.nas_server_id == number}
        if number not in self._swept:
            self._swept.add(number)
            for row in queries.open_sessions_of_router(self._connection, number):
                if row.acctuniqueid not in held:
                    held[row.acctuniqueid] = Live.stored(f"{number}\0\0{row.session_id}", row, router)
            self._swept_lives[number] = list(held.values())
        others = self._swept_lives.get(number, [])
        held |= {live.unique_id: live for live in others if live.unique_id not in held}
        return [live for live in held.values() if live.is_open]

    # --- the outcome ---

    def changes(self) -> SessionChanges:
        """What must be written of sessions. From here on the batch counts as stored: on a failure forget `known`."""
        heard = {router: records.clock_skew_s(record) for router, record in sorted(self.heard.items())}
        changes = SessionChanges(self._touched, heard, self._now, list(self._booted.values()))
        for live in self._touched:
            live.settle()
            if not live.is_open and self._known.get(live.key) is live:
                del self._known[live.key]
        if len(self._known) > self._memory.capacity:
            forget_oldest(self._known)
        self._memory.forget_surplus()
        return changes


def _is_near(state: SessionState, packet: Packet) -> bool:
    """The quick answer for nearly every packet: it tells of the same start, so it is the same session."""
    apart_us = packet.occurred_us - (packet.session_time_s or 0) * SECOND_US - state.started_us
    return -START_SLACK_US <= apart_us <= START_SLACK_US


def _unique_id(prefix: str, chain: Sequence[Live], state: SessionState) -> str:
    if not chain:
        return prefix + FIRST
    taken = {live.unique_id for live in chain}
    suffix = state.started_us // SECOND_US
    while (unique_id := f"{prefix}{suffix & 0xFFFFFFFF:08x}") in taken:
        suffix += 1
    return unique_id
