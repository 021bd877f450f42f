"""Books what sessions add to days and periods.

A record's bytes belong to the time since the record before it, so they are shared between the local days that this
time touches; each period is the sum of its days. Adds up in memory; `Postings` then writes a batch in a few statements.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from accounting.facts import LocalDay, Meter, moment
from db.queries import accounting as queries
from db.queries.accounting import Connection, hex_texts, numbers
from domain.period import split_by_day


class UsageMoved(Exception):
    """A row of usage that was there before is gone: somebody else removed it."""


class Entry:
    """What one subscription used on one day over one router."""

    __slots__ = ("day", "down", "meter", "nas_server_id", "seconds", "sessions", "up")

    def __init__(self, meter: Meter, nas_server_id: int, day: LocalDay) -> None:
        self.meter = meter
        self.nas_server_id = nas_server_id
        self.day = day
        self.down = self.up = self.seconds = self.sessions = 0


class Ledger:
    """The usage of one batch; amounts are only ever added."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, str, int], Entry] = {}
        self.received_us: dict[int, int] = {}

    def begin_session(self, meter: Meter, nas_server_id: int, started_us: int) -> None:
        """Count one session on the day it began."""
        self._entry(meter, nas_server_id, meter.days.day_of(started_us)).sessions += 1

    def book(
        self, meter: Meter, nas_server_id: int, since_us: int, until_us: int, down: int, up: int, seconds: int,
        received_us: int,
    ) -> None:  # fmt: skip
        """Book amounts that arose between two instants; without a time between them, on the day of the later."""
        self.received_us[meter.row.subscription_id] = received_us
        day = meter.days.day_of(min(since_us, until_us))
        if until_us <= day.end_us:
            entry = self._entry(meter, nas_server_id, day)
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
            entry.down += down_share
            entry.up += up_share
            entry.seconds += seconds_share

    def _entry(self, meter: Meter, nas_server_id: int, day: LocalDay) -> Entry:
        key = (meter.row.subscription_id, day.text, nas_server_id)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = Entry(meter, nas_server_id, day)
        return entry

    def postings(self) -> "Postings":
        """The batch as columns; rows that are known to exist apart from those that may have to be made."""
        known, fresh = Daily(), Daily()
        for (subscription_id, day_text, nas_server_id), entry in self._entries.items():
            is_known = entry.meter.known_daily == (day_text, nas_server_id)
            (known if is_known else fresh).add(subscription_id, entry)
            if not is_known:
                entry.meter.known_daily = (day_text, nas_server_id)
        return Postings(known_daily=known, fresh_daily=fresh)

    def to_look_at(self) -> "ToLookAt":
        """The meters whose watched bytes, or whose allowance, may have been reached by this batch."""
        found: dict[int, Meter] = {}
        using: dict[int, Meter] = {}
        for (subscription_id, *_), entry in self._entries.items():
            meter = entry.meter
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
        self.ids: list[int] = []
        self.days: list[str] = []
        self.entries: list[Entry] = []

    def add(self, subscription_id: int, entry: Entry) -> None:
        self.ids.append(subscription_id)
        self.days.append(entry.day.text)
        self.entries.append(entry)

    def columns(self) -> Sequence[str]:
        entries = self.entries
        return [
            numbers(self.ids),
            hex_texts(self.days),
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
        if self.known_daily.ids:
            _expect(queries.add_daily(connection, self.known_daily.columns()), len(self.known_daily.ids))
        if self.fresh_daily.ids:
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
