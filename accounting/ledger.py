"""Books what sessions add to days and periods.

A record's bytes belong to the time since the record before it, so they are shared between the local days that this
time touches; each period is the sum of its days. Adds up in memory; `Postings` then writes a batch in a few statements.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from accounting.facts import LocalDay, Meter, moment
from db.queries import accounting as queries
from db.queries.accounting import Connection, hex_texts, numbers
from domain.period import split_by_day


class UsageMoved(Exception):
    """A row of usage that was there before is gone: somebody else removed it."""


class Entry:
    """What one subscription used on one day over one router; `other` is another of its entries in the same batch."""

    __slots__ = (
        "day", "down", "meter", "nas_server_id", "other", "received_us", "seconds", "sessions", "subscription_id", "up",
    )  # fmt: skip

    def __init__(self, meter: Meter, nas_server_id: int, day: LocalDay, other: "Entry | None") -> None:
        self.meter = meter
        self.subscription_id = meter.subscription_id
        self.nas_server_id = nas_server_id
        self.day = day
        self.other = other
        self.received_us = self.down = self.up = self.seconds = self.sessions = 0


class Ledger:
    """The usage of one batch; amounts are only ever added."""

    def __init__(self) -> None:
        # The latest of each subscription; nearly all have but one.
        self._latest: dict[int, Entry] = {}
        self._entries: list[Entry] = []

    def begin_session(self, meter: Meter, nas_server_id: int, started_us: int) -> None:
        """Count one session on the day it began."""
        self._entry(meter, nas_server_id, meter.days.day_of(started_us)).sessions += 1

    def book(
        self, meter: Meter, nas_server_id: int, since_us: int, until_us: int, down: int, up: int, seconds: int,
        received_us: int,
    ) -> None:  # fmt: skip
        """Book amounts that arose between two instants; without a time between them, on the day of the later."""
        day = meter.days.day_of(min(until_us, since_us))
        if until_us <= day.end_us:
            entry = self._latest.get(meter.subscription_id)
            if entry is None or entry.day is not day or entry.nas_server_id != nas_server_id:
                entry = self._entry(meter, nas_server_id, day)
            entry.received_us = received_us
            entry.down += down
            entry.up += up
            entry.seconds += seconds
            return
        since, until, zone = moment(since_us), moment(until_us), meter.days.zone
        shares = zip(
            split_by_day(since, until, down, zone),
            split_by_day(since, until, up, zone),
            split_by_day(since, until, seconds, zone),
            strict=True,
        )
        for (day_of_share, down_share), (_, up_share), (_, seconds_share) in shares:
            entry = self._entry(meter, nas_server_id, meter.days.on(day_of_share))
            entry.received_us = received_us
            entry.down += down_share
            entry.up += up_share
            entry.seconds += seconds_share

    def _entry(self, meter: Meter, nas_server_id: int, day: LocalDay) -> Entry:
        latest = entry = self._latest.get(meter.subscription_id)
        while entry is not None:
            if entry.nas_server_id == nas_server_id and entry.day.text == day.text:
                return entry
            entry = entry.other
        entry = self._latest[meter.subscription_id] = Entry(meter, nas_server_id, day, latest)
        self._entries.append(entry)
        return entry

    def received_us(self, subscription_id: int) -> int:
        """When the last record came that was booked to a subscription of this batch."""
        last, entry = 0, self._latest.get(subscription_id)
        while entry is not None:
            last, entry = max(last, entry.received_us), entry.other
        return last

    def postings(self) -> "Postings":
        """The batch as columns; rows that are known to exist apart from those that may have to be made."""
        known, fresh = Daily(), Daily()
        for entry in self._entries:
            if entry.meter.knows_daily(entry.day, entry.nas_server_id):
                known.entries.append(entry)
            else:
                fresh.entries.append(entry)
        return Postings(known_daily=known, fresh_daily=fresh)

    def to_look_at(self) -> "ToLookAt":
        """The meters whose watched bytes, or whose allowance, may have been reached by this batch."""
        found: dict[int, Meter] = {}
        using: dict[int, Meter] = {}
        for entry in self._entries:
            meter, subscription_id = entry.meter, entry.subscription_id
            if meter.watch:
                meter.left_bytes -= entry.down + entry.up
                if meter.left_bytes <= 0:
                    found[subscription_id] = meter
            if meter.own is not None and meter.own.use(entry.down + entry.up, entry.seconds):
                using[subscription_id] = meter
            if meter.shared is not None and meter.shared.use(entry.down + entry.up, entry.seconds):
                using[subscription_id] = meter
        return ToLookAt(meters=list(found.values()), using=list(using.values()))


@dataclass(frozen=True, kw_only=True, slots=True)
class ToLookAt:
    """What a batch makes worth a look: fair use of `meters`, allowances of those `using` them."""

    meters: Sequence[Meter]
    using: Sequence[Meter]


class Daily:
    """Columns for usage_daily."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def columns(self) -> Sequence[str]:
        # In the order of the table's index, so that neighbours are found where PostgreSQL looked a moment ago.
        entries = sorted(self.entries, key=attrgetter("subscription_id"))
        return [
            numbers([entry.subscription_id for entry in entries]),
            hex_texts([entry.day.text for entry in entries]),
            numbers([entry.nas_server_id for entry in entries]),
            numbers([entry.down for entry in entries]),
            numbers([entry.up for entry in entries]),
            numbers([entry.seconds for entry in entries]),
            numbers([entry.sessions for entry in entries]),
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Postings:
    """A batch's usage, ready to be written."""

    known_daily: Daily
    fresh_daily: Daily

    def write(self, connection: Connection) -> None:
        """Add to the days in the caller's transaction; raises `UsageMoved` when a row has gone."""
        if self.known_daily.entries:
            _expect(queries.add_daily(connection, self.known_daily.columns()), len(self.known_daily.entries))
        if self.fresh_daily.entries:
            queries.begin_daily(connection, self.fresh_daily.columns())


def _expect(written: int, wanted: int) -> None:
    if written != wanted:
        raise UsageMoved(f"{written} of {wanted} rows of usage were there")


def watched_columns(meters: Sequence[Meter], now: datetime) -> Sequence[str]:
    """The running periods that the meters watch: subscription, kind, first day, day after the last."""
    rows = [(meter, *days) for meter in meters for days in meter.watched_days(now)]
    return [
        numbers(meter.row.subscription_id for meter, *_ in rows),
        hex_texts(kind for _, kind, _, _ in rows),
        hex_texts(first for _, _, first, _ in rows),
        hex_texts(after for *_, after in rows),
    ]
