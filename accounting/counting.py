"""What a chunk of the spool comes to: sessions, usage and changes in memory, and then in PostgreSQL.

`prepare` merges a chunk into what is remembered and reads what is not; `write` is everything that this means, with the
position behind it, inside the caller's transaction. Refuses to know in which order chunks come, who else merges and
what happens when the database is away.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from accounting import fairuse, newcomers, quotas, records, replays
from accounting.facts import Memory, Meter, moment
from accounting.ledger import Ledger, Postings, ToLookAt, watched_columns
from accounting.lookup import Known
from accounting.merging import Batch
from accounting.newcomers import Newcomer, Watched
from accounting.quarantine import put_aside
from accounting.records import Malformed, Record
from accounting.replays import REFUSALS, UNFORESEEN
from accounting.sessions import SessionChanges
from accounting.spool import Chunk, Line
from db.queries import accounting as queries
from db.queries import spool as spool_queries
from db.queries.accounting import Connection
from domain.quarantine import MERGED, QUARANTINED, REFUSED, STORED, UNKNOWN_NAS
from runtime.logs import get_logger

STREAM = "acct"
TORN = "torn_line"

log = get_logger("accounting.collector")


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """A merged batch, ready to be written."""

    chunk: Chunk
    bad: list[tuple[Line, str]]
    changes: SessionChanges
    postings: Postings
    ledger: Ledger
    outcomes: Mapping[tuple[str, str], int]
    fresh: list[Newcomer]
    doubtful: list[Newcomer]
    now: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What writing a batch has shown: watched totals by subscription and kind, what is left of allowances, and how
    many changes were asked for."""

    looked_at: ToLookAt
    totals: Mapping[int, Mapping[str, int]]
    settled: quotas.Settled
    asked: int


def begun_at(chunk: Chunk) -> datetime:
    """When the first of its records was received; the beginning of time for a chunk without any."""
    for line in chunk.lines:
        received_us = _received_us(line)
        if received_us is not None:
            return moment(received_us)
    return moment(0)


def _received_us(line: Line) -> int | None:
    try:
        return records.parse_line(line.raw).received_us
    except UNFORESEEN:
        return None


class Counting:
    """What one node's collector remembers, and what it makes of a chunk."""

    def __init__(self, *, node: str, sessions: int, clock: Callable[[], datetime]) -> None:
        """`sessions`: how many open ones are remembered."""
        self._node = node
        self._clock = clock
        self.memory = Memory(sessions)
        self.known: Known = {}
        self.watched = Watched()

    def forget(self) -> None:
        """Forget everything that may not be true any more."""
        self.memory.clear()
        self.known.clear()

    def prepare(
        self, connection: Connection, chunk: Chunk, settle: Callable[[Connection], None] = lambda _: None
    ) -> Work:
        """Merge a chunk in memory. Only one with something new needs to read, and then `settle`s what was before."""
        if not self.memory.has_routers:
            settle(connection)
        now = self._clock()
        batch = Batch(connection, self.memory, self.known, now)
        left, bad = batch.merge_known(chunk.lines)
        bad += [(line, TORN) for line in chunk.torn]
        if left:
            settle(connection)
            bad += [(line, UNKNOWN_NAS) for line in _merge_left(batch, left)]
        fresh = [
            Newcomer.of(live.unique_id, live.subscription_id, live.record.class_text, now)
            for live in batch.begun
            if live.is_open and live.subscription_id is not None and live.record is not None
        ]
        meters = self.memory.meters
        return Work(
            chunk=chunk, bad=bad, changes=batch.changes(), postings=batch.ledger.postings(), ledger=batch.ledger,
            fresh=fresh, now=now, outcomes=_outcomes(batch.merged, batch.unchanged, bad),
            doubtful=[item for item in fresh if newcomers.is_doubtful(item, meters.get(item.subscription_id), now)],
        )  # fmt: skip

    def write_alone(self, connection: Connection, chunk: Chunk) -> Outcome:
        """The last bite after failures: a record that the database still refuses is set aside."""
        try:
            with connection.transaction():
                return self.write(connection, self.prepare(connection, chunk))
        except REFUSALS as error:
            self.forget()
            log.exception("record refused, set aside", error=repr(error))
            reason = f"{REFUSED}: {type(error).__name__}"
            bad = [*((line, TORN) for line in chunk.torn), *(_set_aside(line, reason) for line in chunk.lines)]
            self._store_position(connection, chunk, bad, self._clock(), _outcomes(0, {}, bad))
            return Outcome(looked_at=ToLookAt(meters=(), using=()), totals={}, settled=quotas.Settled(), asked=0)

    def write(self, connection: Connection, work: Work, looks: ToLookAt | None = None) -> Outcome:
        """Everything that a batch means and that it is counted, inside its transaction."""
        outcome = self.write_merged(connection, work, looks)
        self._store_position(connection, work.chunk, work.bad, work.now, work.outcomes)
        return outcome

    def write_merged(self, connection: Connection, work: Work, looks: ToLookAt | None = None) -> Outcome:
        work.changes.write(connection)
        work.postings.write(connection)
        looked_at = work.ledger.to_look_at() if looks is None else looks
        totals = _watched_totals(connection, looked_at.meters, work.now)
        reached = {
            meter.row.subscription_id
            for meter in looked_at.meters
            if any(totals[meter.row.subscription_id].get(kind, 0) >= least for kind, least in meter.watch)
        }
        asked = 0
        if reached:
            caused_at = {key: moment(work.ledger.received_us(key)) for key in reached}
            asked += fairuse.apply_crossings(connection, reached, caused_at=caused_at, now=work.now)
        settled = _settle(connection, looked_at.using, work)
        asked += settled.asked
        asked += newcomers.put_right(connection, work.doubtful, work.now)
        self.watched.add(work.fresh)
        return Outcome(looked_at=looked_at, totals=totals, settled=settled, asked=asked)

    def _store_position(
        self,
        connection: Connection,
        chunk: Chunk,
        bad: list[tuple[Line, str]],
        now: datetime,
        outcomes: Mapping[tuple[str, str], int],
    ) -> None:
        if bad:
            routers = self.memory.routers(connection)
            rows = [put_aside(line, reason, routers) for line, reason in bad]
            spool_queries.quarantine(connection, node=self._node, stream=STREAM, rows=rows)
        spool_queries.save_positions(
            connection,
            node=self._node,
            stream=STREAM,
            offsets=chunk.after,
            records=sum(outcomes.values()),
            outcomes=outcomes,
            now=now,
            counted_until=now if chunk.reached_end else _last_received(chunk, now),
        )

    def count_again(self, connection: Connection, lines: list[Line]) -> replays.Counted[Outcome]:
        """Lines that were put aside, merged and written; no position moves."""
        chunk = Chunk(lines=lines, torn=[], before={}, after={}, reached_end=True)
        work = self.prepare(connection, chunk)
        return replays.Counted(work.outcomes, work.bad, self.write_merged(connection, work))


def _merge_left(batch: Batch, left: Sequence[tuple[Line, Record]]) -> list[Line]:
    """Merge what needs to be read for; returns the lines of nobody's routers."""
    keyed, strange = batch.keyed(left)
    if strange:
        # The router may have been added a moment ago, and its notice be still on the way.
        batch.read_routers_again()
        keyed, strange = batch.keyed(left)
    batch.apply(keyed)
    return strange


def _set_aside(line: Line, refused: str) -> tuple[Line, str]:
    """A line whose record was refused, or that is none, which is then the reason."""
    try:
        records.parse_line(line.raw)
    except UNFORESEEN as error:
        return line, str(error) if isinstance(error, Malformed) else refused
    return line, refused


def _settle(connection: Connection, using: Sequence[Meter], work: Work) -> quotas.Settled:
    """What is left of the allowances of those who may have used theirs up, and what follows where they have."""
    if not using:
        return quotas.Settled()
    return quotas.settle(
        connection,
        [meter.row.subscription_id for meter in using],
        families={meter.row.family_id for meter in using if meter.shared is not None and meter.row.family_id},
        caused_at={key: moment(work.ledger.received_us(key)) for key in (meter.subscription_id for meter in using)},
        now=work.now,
    )


def _watched_totals(connection: Connection, meters: Sequence[Meter], now: datetime) -> dict[int, dict[str, int]]:
    """Bytes by subscription and period kind in the periods that run now."""
    totals: dict[int, dict[str, int]] = {meter.row.subscription_id: {} for meter in meters}
    if meters:
        for subscription_id, kind, total in queries.watched_totals(connection, watched_columns(meters, now)):
            totals[subscription_id][kind] = total
    return totals


def _outcomes(
    matched: int, unchanged: Mapping[str, int], bad: Sequence[tuple[Line, str]]
) -> dict[tuple[str, str], int]:
    """How the records of a batch ended; what a line holds beside a torn piece is a record of its own."""
    merged = {(MERGED, reason): number for reason, number in unchanged.items()}
    stored = matched - sum(unchanged.values())
    aside = Counter((QUARANTINED, reason) for _, reason in bad)
    return ({(STORED, ""): stored} if stored else {}) | merged | dict(aside)


def _last_received(chunk: Chunk, now: datetime) -> datetime:
    """The receive time of the last readable line of the file that is furthest behind: all before it is counted."""
    last: dict[str, datetime] = {}
    for line in reversed(chunk.lines):
        if line.file not in last and (received_us := _received_us(line)) is not None:
            last[line.file] = moment(received_us)
    return min([now, *last.values()]) if last else datetime.fromtimestamp(0, UTC)
