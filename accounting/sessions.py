"""A session in the collector's hands, and what a batch writes of sessions.

Knows the columns of radacct, which change needs which statement, and whom to tell that a session began or ended.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from accounting import records
from accounting.facts import moment
from accounting.records import Record
from db.queries import accounting as queries
from db.queries.accounting import Connection, NasRow, SessionRow, numbers
from db.queries.prefixes import length_of, note_lengths
from domain.addresses import PREFIX_COLUMNS
from domain.mac import normalise_mac
from domain.sessions import SessionState

MAX_NOTICE_BYTES = 7900

_PLAIN_MAC = re.compile("(?:[0-9A-F]{2}:){5}[0-9A-F]{2}")

_PREFIX_PLACES = [(column, queries.SESSION_COLUMNS.index(column)) for column in PREFIX_COLUMNS]

# Router, Class or User-Name, Acct-Session-Id, a NUL after each of the first two.
Key = str


class SessionsMoved(Exception):
    """A stored session was not as it was read a moment ago: somebody else wrote radacct in between."""


class Live:
    """A session: what is stored, what it has become, and the packet that began it or brought it back."""

    __slots__ = (
        "framed_ip",
        "interval_s",
        "is_touched",
        "key",
        "number",
        "record",
        "router",
        "state",
        "stored_ip",
        "stored_state",
        "subscription_id",
        "unique_id",
    )

    def __init__(
        self, key: Key, unique_id: str, router: NasRow, state: SessionState, subscription_id: int | None
    ) -> None:
        self.key = key
        # Its radacctid; a new session is given one before it is written.
        self.number = 0
        self.unique_id = unique_id
        self.router = router
        self.state = state
        self.subscription_id = subscription_id
        self.framed_ip: str | None = None
        self.stored_state: SessionState | None = None
        self.stored_ip: str | None = None
        self.interval_s = 0
        self.record: Record | None = None
        self.is_touched = False

    @classmethod
    def stored(cls, key: Key, row: SessionRow, router: NasRow) -> "Live":
        """A session as it was read."""
        state = SessionState(*row[4:14])
        live = cls(key, row.acctuniqueid, router, state, row.subscription_id)
        live.number = row.radacctid
        live.stored_state = state
        live.framed_ip = live.stored_ip = row.framed_ip
        return live

    @property
    def is_open(self) -> bool:
        return self.state.stopped_us is None

    @property
    def was_open(self) -> bool:
        return self.stored_state is not None and self.stored_state.stopped_us is None

    def settle(self) -> None:
        """What it has become is from now on what is stored."""
        self.stored_state, self.stored_ip = self.state, self.framed_ip
        self.interval_s = 0
        self.record = None
        self.is_touched = False


class SessionChanges:
    """The statements of one batch, made ready while PostgreSQL may still be busy with the batch before.

    From here on the sessions count as stored. `others` are those that did more than to go on.
    """

    def __init__(
        self,
        lives: Sequence[Live],
        heard: Mapping[int, int | None],
        now: datetime,
        boots: Sequence[queries.BootRow] = (),
    ) -> None:
        self._heard = heard
        self._boots = boots
        self._corrections: list[Sequence[Any]] = []
        self._now = now
        self._rewritten: dict[bool, list[queries.RewriteRow]] = {True: [], False: []}
        advanced: list[tuple[int, int, int, int, int, int]] = []
        others: list[Live] = []
        self.others = others
        for live in lives:
            state = live.state
            if _only_advances(live, state):
                advanced.append((live.number, state[1], live.interval_s, state[3], state[4], state[5]))
                live.settle()
            else:
                others.append(live)
        # In the order of an index and of the table, so that neighbours are where PostgreSQL looked a moment ago.
        advanced.sort()
        self._advanced = len(advanced), [numbers(column) for column in zip(*advanced, strict=True)]
        self._new = [_row(live) for live in others if live.stored_state is None]
        for live in others:
            self._note(live)
        self._payloads = _payloads([*_began(others), *_ended(others)])
        for live in others:
            live.settle()

    def _note(self, live: Live) -> None:
        """A stored session that did not just advance is written whole, if anything of it has changed."""
        stored, state = live.stored_state, live.state
        if stored is None or (stored == state and live.stored_ip == live.framed_ip):
            return
        self._rewritten[stored.stopped_us is None].append(_rewrite(live))
        if stored.stopped_us is not None and stored[:7] != state[:7]:
            self._corrections.append(_correction(live, stored, stored.stopped_us, self._now))

    def write(self, connection: Connection) -> None:
        """Store new and changed sessions and announce which began and ended; raises `SessionsMoved`."""
        if self._new:
            queries.insert_sessions(connection, self._new)
            note_lengths(connection, _prefix_lengths(self._new))
        count, columns = self._advanced
        if count:
            _expect(queries.advance_sessions(connection, columns), count)
        for were_open, rows in self._rewritten.items():
            if rows:
                _expect(queries.rewrite_sessions(connection, rows, were_open=were_open), len(rows))
        if self._corrections:
            queries.add_corrections(connection, self._corrections)
        if self._boots:
            queries.save_boots(connection, self._boots)
        if self._payloads:
            queries.notify_sessions(connection, self._payloads)
        if self._heard:
            queries.mark_routers_seen(connection, skews=self._heard, now=self._now)


def _only_advances(live: Live, state: SessionState) -> bool:
    """True for what the usual interim does: an open session that is a little older and has grown."""
    stored = live.stored_state
    return (
        stored is not None
        # In the order of SessionState: last heard, end, start, who told the start, marks, trail.
        and state[1] > stored[1]
        and state[2] is None
        and stored[2] is None
        and state[0] == stored[0]
        and state[7] == stored[7]
        and state[8] == stored[8]
        and state[9] == stored[9]
        and live.framed_ip == live.stored_ip
    )


def _expect(written: int, wanted: int) -> None:
    if written < wanted:
        raise SessionsMoved(f"{written} of {wanted} sessions were where they had been")


def _row(live: Live) -> list[Any]:
    """A new session in the order of SESSION_COLUMNS."""
    record, state, router = live.record, live.state, live.router
    if record is None:
        raise ValueError("a new session begins with a record")
    attributes = record.attributes

    def told(name: str) -> str | None:
        return records.text(attributes, name)

    def address(name: str) -> str | None:
        return records.address_of(attributes, name)

    name = told("User-Name") or ""
    return [
        record.session_id, live.unique_id, name, _realm(name), router.host, told("NAS-Port-Id") or told("NAS-Port"),
        told("NAS-Port-Type"), moment(state.started_us), moment(state.updated_us),
        None if state.stopped_us is None else moment(state.stopped_us), state.session_time_s, told("Acct-Authentic"),
        told("Connect-Info"), None, state.upload_bytes, state.download_bytes, told("Called-Station-Id"),
        told("Calling-Station-Id"), state.cause, told("Service-Type"), told("Framed-Protocol"), live.framed_ip,
        address("Framed-IPv6-Address"), address("Framed-IPv6-Prefix"), told("Framed-Interface-Id"),
        address("Delegated-IPv6-Prefix"), records.readable_class(attributes), router.tenant_id, live.subscription_id,
        router.nas_server_id, state.start_told_s, state.marks, list(state.trail) or None, live.number,
    ]  # fmt: skip


def _prefix_lengths(rows: Sequence[list[Any]]) -> Iterator[tuple[str, int]]:
    """The columns of new sessions that hold a prefix, and its length."""
    for column, place in _PREFIX_PLACES:
        for row in rows:
            if row[place] is not None:
                yield column, length_of(row[place])


def _realm(name: str) -> str | None:
    return name.rpartition("@")[2] if "@" in name else None


def _rewrite(live: Live) -> queries.RewriteRow:
    state = live.state
    return (
        live.unique_id, state.started_us, state.updated_us, state.stopped_us, live.interval_s, state.session_time_s,
        state.upload_bytes, state.download_bytes, state.cause, live.framed_ip, state.start_told_s, state.marks,
        numbers(state.trail) if state.trail else None,
    )  # fmt: skip


def _correction(live: Live, old: SessionState, old_stopped_us: int, now: datetime) -> Sequence[Any]:
    """In the order of CORRECTION_COLUMNS."""
    new = live.state
    return (
        now, live.unique_id, live.router.tenant_id, live.subscription_id, live.router.nas_server_id,
        new.download_bytes - old.download_bytes, new.upload_bytes - old.upload_bytes,
        new.session_time_s - old.session_time_s, moment(old_stopped_us), old.cause,
        None if new.stopped_us is None else moment(new.stopped_us), new.cause,
    )  # fmt: skip


def _began(lives: Sequence[Live]) -> list[list[Any]]:
    """Notices of sessions that are new or came back. One that also ended is told of twice: it held a place at login."""
    return [
        [
            "+",
            live.unique_id,
            live.subscription_id,
            _mac(live.record.attributes.get("Calling-Station-Id")),
            live.router.nas_server_id,
            live.record.session_id,
            _decision(live.record),
        ]
        for live in lives
        if live.subscription_id is not None
        and live.record is not None
        and (live.stored_state is None or (live.is_open and not live.was_open))
    ]


def _mac(told: Any) -> str | None:
    if type(told) is str:
        # Most routers already write it the way it is kept.
        return told if _PLAIN_MAC.fullmatch(told) else normalise_mac(told)
    return None


def _decision(record: Record) -> str | None:
    parts = records.class_parts(record.class_text) if record.class_text else None
    return None if parts is None else parts.decision_id


def _ended(lives: Sequence[Live]) -> list[list[Any]]:
    return [
        ["-", live.unique_id, live.subscription_id]
        for live in lives
        if live.subscription_id is not None and not live.is_open and (live.stored_state is None or live.was_open)
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


def ended_payloads(ended: Sequence[tuple[str, int | None]]) -> list[str]:
    """Notices of sessions that were ended by a job, from (unique id, subscription)."""
    return _payloads([["-", unique_id, owner] for unique_id, owner in ended if owner is not None])
