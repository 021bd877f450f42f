"""One batch of records meets the stored sessions.

Finds for each record the session it belongs to, applies the merge law in memory, books what each record adds, and
writes the outcome in a few set-based statements. Decides identity and attribution; the law itself is `domain.sessions`.

A session's unique id is 24 hex digits of a hash over router, Class (or User-Name, where no Class of ours came) and
Acct-Session-Id, and 8 that are zero unless that identity was used before: then the start of the later session. So
everything of one identity is found by one range of an index, and the usual case by one exact value.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

from accounting import records
from accounting.facts import Facts, Memory, moment, plain_address
from accounting.ledger import Ledger
from accounting.records import Record
from db.queries import accounting as queries
from db.queries.accounting import Connection, NasRow, SessionRow
from domain.mac import normalise_mac
from domain.sessions import (
    LOST,
    NAS_REBOOT,
    START_SLACK_US,
    STOP,
    Packet,
    Relation,
    SessionState,
    end_unseen,
    first_state,
    merge,
    relation,
)

FIRST = "00000000"
# A packet of a session that ended longer ago than this is taken for a new session.
REMEMBER_ENDED = timedelta(days=45)
MAX_NOTICE_BYTES = 7900


class Live:
    """A session in the hands of the batch: what is stored, what it has become, and the packet that began it."""

    __slots__ = (
        "framed_ip",
        "interval_s",
        "prefix",
        "record",
        "router",
        "state",
        "stored",
        "subscription_id",
        "unique_id",
    )

    def __init__(
        self, unique_id: str, router: NasRow, state: SessionState, subscription_id: int | None, record: Record | None
    ) -> None:
        self.unique_id = unique_id
        self.router = router
        self.state = state
        self.stored: SessionRow | None = None
        self.subscription_id = subscription_id
        self.record = record
        self.framed_ip: str | None = None
        self.interval_s: int | None = None

    @classmethod
    def of(cls, row: SessionRow, router: NasRow) -> "Live":
        """A session as it is stored."""
        live = cls(row.acctuniqueid, router, SessionState(*row[4:11]), row.subscription_id, None)
        live.stored = row
        live.framed_ip = row.framed_ip
        return live

    @property
    def is_open(self) -> bool:
        return self.state.stopped_us is None

    @property
    def was_open(self) -> bool:
        return self.stored is not None and self.stored.stopped_us is None


def identity(router: NasRow, record: Record) -> str:
    """The 24 hex digits that every session of the record's identity shares."""
    owner = record.class_text or f"name {records.text(record.attributes, 'User-Name')}"
    return blake2b(f"{router.nas_server_id}\0{owner}\0{record.session_id}".encode(), digest_size=12).hexdigest()


class Batch:
    """Applies records in their order; `write` then stores all of it."""

    def __init__(self, connection: Connection, memory: Memory, now: datetime) -> None:
        self._connection = connection
        self._memory = memory
        self._now = now
        self._routers = memory.routers(connection)
        self._chains: dict[str, list[Live]] = {}
        self._whole: set[str] = set()
        self._of_router: set[int] = set()
        self._owners: dict[tuple[int, str], int] = {}
        self._facts: dict[int, Facts] = {}
        self.ledger = Ledger()
        self.begun: list[Live] = []
        self.heard: set[int] = set()

    @property
    def facts(self) -> dict[int, Facts]:
        """The facts of everybody in the batch, and of others."""
        return self._facts

    def router_of(self, record: Record) -> NasRow | None:
        """The router whose address the packet came from."""
        return self._routers.get(record.source) or self._routers.get(plain_address(record.source))

    def apply(self, items: Sequence[tuple[Record, NasRow]]) -> None:
        """Merge the records into their sessions."""
        keyed = [
            (record, router, identity(router, record) if record.packet is not None else "") for record, router in items
        ]
        self._load({prefix for _, _, prefix in keyed if prefix})
        self._load_owners(keyed)
        for record, router, prefix in keyed:
            self.heard.add(router.nas_server_id)
            if record.packet is None:
                self._end_before(router, record)
            else:
                self._apply_one(record, _from_customer(record.packet, router), router, prefix)

    # --- finding ---

    def _load(self, prefixes: set[str]) -> None:
        rows = queries.open_sessions(self._connection, [prefix + FIRST for prefix in prefixes])
        by_id = {router.nas_server_id: router for router in self._routers.values()}
        for row in rows:
            self._chains[row.acctuniqueid[:24]] = [Live.of(row, by_id[row.nas_server_id])]
        missing = prefixes - self._chains.keys()
        if missing:
            self._load_whole(missing)

    def _load_whole(self, prefixes: Collection[str]) -> None:
        """Every session of the identities, ended ones too; what the batch holds already stays as it is."""
        by_id = {router.nas_server_id: router for router in self._routers.values()}
        self._whole.update(prefixes)
        rows = queries.session_chains(
            self._connection, list(prefixes), ended_since=self._now - REMEMBER_ENDED
        )
        for row in rows:
            chain = self._chains.setdefault(row.acctuniqueid[:24], [])
            if all(live.unique_id != row.acctuniqueid for live in chain):
                chain.append(Live.of(row, by_id[row.nas_server_id]))

    def _load_owners(self, keyed: Sequence[tuple[Record, NasRow, str]]) -> None:
        """Reads in one go whose the new sessions are, and the facts of everybody in the batch."""
        needed = {live.subscription_id for chain in self._chains.values() for live in chain} - {None}
        fresh = [(record, router) for record, router, prefix in keyed if prefix and not self._chains.get(prefix)]
        parts = [records.class_parts(record.class_text) for record, _ in fresh if record.class_text]
        needed |= {part.subscription_id for part in parts if part is not None}
        names = {
            (router.tenant_id, name)
            for record, router in fresh
            if not record.class_text and (name := records.text(record.attributes, "User-Name"))
        }
        self._owners = queries.subscriptions_by_name(self._connection, sorted(names))
        needed |= set(self._owners.values())
        self._facts = self._memory.facts(self._connection, needed, self._now)

    def _owner(self, record: Record, router: NasRow) -> int | None:
        """The subscription that the usage belongs to: the one minted into Class, else the name's, else nobody's."""
        parts = records.class_parts(record.class_text) if record.class_text else None
        if parts is not None:
            self._facts = self._memory.facts(self._connection, [parts.subscription_id], self._now)
            facts = self._facts.get(parts.subscription_id)
            if facts is not None and facts.row.tenant_id == router.tenant_id:
                return parts.subscription_id
        name = records.text(record.attributes, "User-Name")
        if not name:
            return None
        key = (router.tenant_id, name)
        if key not in self._owners:
            self._owners.update(queries.subscriptions_by_name(self._connection, [key]))
        subscription_id = self._owners.get(key)
        if subscription_id is not None:
            self._facts = self._memory.facts(self._connection, [subscription_id], self._now)
        return subscription_id

    # --- merging ---

    def _apply_one(self, record: Record, packet: Packet, router: NasRow, prefix: str) -> None:
        chain = self._chains.get(prefix)
        if chain:
            live = chain[0]
            if len(chain) == 1 and (
                abs(packet.occurred_us - (packet.session_time_s or 0) * 1_000_000 - live.state.started_us)
                <= START_SLACK_US
                or relation(live.state, packet) is Relation.SAME
            ):
                self._merge(live, record, packet)
                return
            if prefix not in self._whole:
                self._load_whole([prefix])
            self._choose(chain, record, packet, router, prefix)
            return
        self._begin(record, packet, router, prefix)

    def _choose(self, chain: list[Live], record: Record, packet: Packet, router: NasRow, prefix: str) -> None:
        """Several sessions had this identity: the packet's is the one with the nearest start, or one more."""
        began_us = packet.occurred_us - (packet.session_time_s or 0) * 1_000_000
        related = [(live, relation(live.state, packet)) for live in chain]
        same = [live for live, kind in related if kind is Relation.SAME]
        if same:
            self._merge(min(same, key=lambda live: abs(live.state.started_us - began_us)), record, packet)
            return
        for live, kind in related:
            if kind is Relation.LATER and live.is_open:
                live.state = end_unseen(live.state, LOST)
        live = self._begin(record, packet, router, prefix)
        if live.is_open and any(kind is Relation.EARLIER for _, kind in related):
            live.state = end_unseen(live.state, LOST)

    def _begin(self, record: Record, packet: Packet, router: NasRow, prefix: str) -> Live:
        state = first_state(packet)
        chain = self._chains.setdefault(prefix, [])
        live = Live(_unique_id(prefix, chain, state), router, state, self._owner(record, router), record)
        live.framed_ip = _address(record, "Framed-IP-Address")
        chain.append(live)
        self.begun.append(live)
        facts = self._facts.get(live.subscription_id) if live.subscription_id is not None else None
        if facts is not None:
            self.ledger.begin_session(facts, router.nas_server_id, state.started_us)
            if state.download_bytes or state.upload_bytes or state.session_time_s:
                self.ledger.book(
                    facts, router.nas_server_id, state.started_us, state.updated_us, state.download_bytes,
                    state.upload_bytes, state.session_time_s, record.received_us,
                )  # fmt: skip
        return live

    def _merge(self, live: Live, record: Record, packet: Packet) -> None:
        before = live.state
        after = live.state = merge(before, packet)
        if after.updated_us > before.updated_us:
            live.interval_s = (after.updated_us - before.updated_us) // 1_000_000
        down = after.download_bytes - before.download_bytes
        up = after.upload_bytes - before.upload_bytes
        seconds = after.session_time_s - before.session_time_s
        framed_ip = record.attributes.get("Framed-IP-Address")
        if framed_ip != live.framed_ip and framed_ip is not None:
            live.framed_ip = _address(record, "Framed-IP-Address") or live.framed_ip
        if live.record is None and (packet.kind == STOP or before.stopped_us is not None):
            live.record = record
        if (down or up or seconds) and live.subscription_id is not None:
            facts = self._facts.get(live.subscription_id)
            if facts is not None:
                self.ledger.book(
                    facts, live.router.nas_server_id, before.updated_us, after.updated_us, down, up, seconds,
                    record.received_us,
                )  # fmt: skip

    def _end_before(self, router: NasRow, record: Record) -> None:
        """Accounting-On or -Off: what began before it on this router is over, as far as it was seen."""
        if router.nas_server_id not in self._of_router:
            self._of_router.add(router.nas_server_id)
            held = {live.unique_id for chain in self._chains.values() for live in chain}
            for row in queries.open_sessions_of_router(self._connection, router.nas_server_id):
                if row.acctuniqueid not in held:
                    self._chains.setdefault(row.acctuniqueid[:24], []).append(Live.of(row, router))
        for chain in self._chains.values():
            for live in chain:
                is_his = live.router.nas_server_id == router.nas_server_id
                if is_his and live.is_open and live.state.started_us < record.sent_us:
                    live.state = end_unseen(live.state, NAS_REBOOT)

    # --- writing ---

    def write(self) -> None:
        """Store new and changed sessions and announce which began and ended."""
        lives = [live for chain in self._chains.values() for live in chain]
        new = [live for live in lives if live.stored is None]
        if new:
            queries.insert_sessions(self._connection, (_row(live) for live in new))
        self._write_changed([live for live in lives if live.stored is not None])
        payloads = _payloads([*_began(lives), *_ended(lives)])
        if payloads:
            queries.notify_sessions(self._connection, payloads)
        if self.heard:
            queries.mark_routers_seen(self._connection, ids=sorted(self.heard), now=self._now)

    def _write_changed(self, lives: list[Live]) -> None:
        advanced: list[Live] = []
        rewritten: dict[bool, list[Live]] = {True: [], False: []}
        for live in lives:
            stored, state = live.stored, live.state
            if stored is None or (stored[4:11] == state and stored.framed_ip == live.framed_ip):
                continue
            if (
                stored.stopped_us is None
                and state.stopped_us is None
                and state.started_us == stored.started_us
                and live.framed_ip == stored.framed_ip
            ):
                advanced.append(live)
            else:
                rewritten[stored.stopped_us is None].append(live)
        self._advance(advanced)
        for were_open, changed in rewritten.items():
            if changed:
                count = queries.rewrite_sessions(
                    self._connection, [_rewrite(live) for live in changed], were_open=were_open
                )
                _expect(count, len(changed))

    def _advance(self, lives: list[Live]) -> None:
        if not lives:
            return
        states = [live.state for live in lives]
        columns = [
            [state.updated_us for state in states],
            [live.interval_s or 0 for live in lives],
            [state.session_time_s for state in states],
            [state.upload_bytes for state in states],
            [state.download_bytes for state in states],
        ]
        count = queries.advance_sessions(self._connection, [live.unique_id for live in lives], columns)
        _expect(count, len(lives))


class SessionsMoved(Exception):
    """A stored session was not where it was read a moment ago: somebody wrote radacct without the merge lock."""


def _expect(written: int, wanted: int) -> None:
    if written < wanted:
        raise SessionsMoved(f"{written} of {wanted} sessions were updated")


def _from_customer(packet: Packet, router: NasRow) -> Packet:
    """The packet with upload and download from the customer's side, whatever the router calls input."""
    if not router.input_is_download:
        return packet
    return packet._replace(upload_bytes=packet.download_bytes, download_bytes=packet.upload_bytes)


def _unique_id(prefix: str, chain: Sequence[Live], state: SessionState) -> str:
    if not chain:
        return prefix + FIRST
    taken = {live.unique_id for live in chain}
    suffix = state.started_us // 1_000_000
    while (unique_id := f"{prefix}{suffix & 0xFFFFFFFF:08x}") in taken:
        suffix += 1
    return unique_id


def _address(record: Record, name: str) -> str | None:
    value = records.text(record.attributes, name)
    return None if value is None else records.address(value)


def _row(live: Live) -> list[Any]:
    """A new session in the order of SESSION_COLUMNS."""
    record, state, router = live.record, live.state, live.router
    if record is None:
        raise ValueError("a new session begins with a record")
    attributes = record.attributes

    def told(name: str) -> str | None:
        return records.text(attributes, name)

    name = told("User-Name") or ""
    return [
        record.session_id, live.unique_id, name, _realm(name), router.host, told("NAS-Port-Id") or told("NAS-Port"),
        told("NAS-Port-Type"), moment(state.started_us), moment(state.updated_us),
        None if state.stopped_us is None else moment(state.stopped_us), state.session_time_s, told("Acct-Authentic"),
        told("Connect-Info"), None, state.upload_bytes, state.download_bytes, told("Called-Station-Id"),
        told("Calling-Station-Id"), state.cause, told("Service-Type"), told("Framed-Protocol"), live.framed_ip,
        _address(record, "Framed-IPv6-Address"), _address(record, "Framed-IPv6-Prefix"), told("Framed-Interface-Id"),
        _address(record, "Delegated-IPv6-Prefix"), records.readable_class(attributes), router.tenant_id,
        live.subscription_id, router.nas_server_id,
    ]  # fmt: skip


def _realm(name: str) -> str | None:
    return name.rpartition("@")[2] if "@" in name else None


def _rewrite(live: Live) -> queries.RewriteRow:
    state = live.state
    return (
        live.unique_id, state.started_us, state.updated_us, state.stopped_us, live.interval_s, state.session_time_s,
        state.upload_bytes, state.download_bytes, state.cause, live.framed_ip,
    )  # fmt: skip


def _began(lives: Sequence[Live]) -> list[list[Any]]:
    """Notices of sessions that are new or came back. One that also ended is told of twice: it held a place at login."""
    return [
        [
            "+",
            live.unique_id,
            live.subscription_id,
            normalise_mac(records.text(live.record.attributes, "Calling-Station-Id") or ""),
            live.router.nas_server_id,
            live.record.session_id,
            _decision(live.record),
        ]
        for live in lives
        if live.subscription_id is not None
        and live.record is not None
        and (live.stored is None or (live.is_open and not live.was_open))
    ]


def _decision(record: Record) -> str | None:
    parts = records.class_parts(record.class_text) if record.class_text else None
    return None if parts is None else parts.decision_id


def _ended(lives: Sequence[Live]) -> list[list[Any]]:
    return [
        ["-", live.unique_id, live.subscription_id]
        for live in lives
        if live.subscription_id is not None and not live.is_open and (live.stored is None or live.was_open)
    ]


def _payloads(notices: Sequence[list[Any]]) -> list[str]:
    """JSON arrays of notices, each short enough for one NOTIFY."""
    payloads: list[str] = []
    current: list[bytes] = []
    size = 2
    for text in map(orjson.dumps, notices):
        if current and size + len(text) + 1 > MAX_NOTICE_BYTES:
            payloads.append(f"[{b','.join(current).decode()}]")
            current, size = [], 2
        current.append(text)
        size += len(text) + 1
    if current:
        payloads.append(f"[{b','.join(current).decode()}]")
    return payloads
