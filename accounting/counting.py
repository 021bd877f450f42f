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
from accounting.merging import Batch, Known
from accounting.newcomers import Newcomer, Watched
from accounting.quarantine import put_aside
from accounting.records import Malformed, Record
from accounting.replays import REFUSALS
from accounting.sessions import SessionChanges
from accounting.spool import Chunk, Line
from db.queries import accounting as queries
from db.queries import spool as spool_queries
from db.queries.accounting import Connection
from domain.quarantine import MERGED, QUARANTINED, REFUSED, STORED, UNKNOWN_NAS
from runtime.logs import get_logger

STREAM = "acct"

log = get_logger("accounting.collector")


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """A chunk with what its lines say; `bad` are lines to set aside with the reason."""

    chunk: Chunk
    records: list[tuple[Line, Record]]
    bad: list[tuple[Line, str]]

    @property
    def begun_at(self) -> datetime:
        """When the first of its records was received; the beginning of time for one without any."""
        return moment(self.records[0][1].received_us if self.records else 0)


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


def parse(chunk: Chunk) -> Parsed:
    """Reads every line; one that cannot be read is set aside, with whatever whole record is at its end saved."""
    good: list[tuple[Line, Record]] = []
    bad = [(line, "torn_line") for line in chunk.torn]
    for line in chunk.lines:
        try:
            good.append((line, records.parse_line(line.raw)))
        except Malformed as error:
            saved = records.salvage(line.raw)
            if saved is not None:
                good.append((line, saved[1]))
            bad.append((line if saved is None else Line(line.file, line.offset, saved[0]), str(error)))
    return Parsed(chunk=chunk, records=good, bad=bad)


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
        self, connection: Connection, parsed: Parsed, settle: Callable[[Connection], None] = lambda _: None
    ) -> Work:
        """Merge a chunk in memory. Only one with something new needs to read, and then `settle`s what was before."""
        if not self.memory.has_routers:
            settle(connection)
        now = self._clock()
        batch = Batch(connection, self.memory, self.known, now)
        keyed, strange = batch.keyed(parsed.records)
        if strange:
            # The router may have been added a moment ago, and its notice be still on the way.
            settle(connection)
            batch.read_routers_again()
            keyed, strange = batch.keyed(parsed.records)
        bad = parsed.bad + [(line, UNKNOWN_NAS) for line in strange]
        lives = batch.lives(keyed)
        if lives is None:
            settle(connection)
        batch.apply(keyed, lives)
        fresh = [
            Newcomer.of(live.unique_id, live.subscription_id, live.record.class_text, now)
            for live in batch.begun
            if live.is_open and live.subscription_id is not None and live.record is not None
        ]
        meters = self.memory.meters
        return Work(
            chunk=parsed.chunk, bad=bad, changes=batch.changes(), postings=batch.ledger.postings(), ledger=batch.ledger,
            fresh=fresh, now=now, outcomes=_outcomes(len(keyed), batch.unchanged, bad),
            doubtful=[item for item in fresh if newcomers.is_doubtful(item, meters.get(item.subscription_id), now)],
        )  # fmt: skip

    def write_alone(self, connection: Connection, parsed: Parsed) -> Outcome:
        """The last bite after failures: a record that the database still refuses is set aside."""
        try:
            with connection.transaction():
                return self.write(connection, self.prepare(connection, parsed))
        except REFUSALS as error:
            self.forget()
            log.exception("record refused, set aside", error=repr(error))
            reason = f"{REFUSED}: {type(error).__name__}"
            refused = [(line, reason) for line, _ in parsed.records]
            bad = [*parsed.bad, *refused]
            self._store_position(connection, parsed.chunk, bad, self._clock(), _outcomes(0, {}, bad))
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
        work = self.prepare(connection, parse(chunk))
        return replays.Counted(work.outcomes, work.bad, self.write_merged(connection, work))


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
        if line.file in last:
            continue
        try:
            last[line.file] = moment(records.parse_line(line.raw).received_us)
        except Malformed:
            continue
    return min([now, *last.values()]) if last else datetime.fromtimestamp(0, UTC)
