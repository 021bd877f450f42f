"""`lintas collect`: from the spool to committed sessions, usage and changes, each record exactly once.

A batch is one transaction that also moves the spool position, so whatever is killed whenever, a record is counted when
and only when the position is behind it. Decides the order of work and what to do when the database is away or refuses a
batch.

With little waiting, a batch is read, merged and written under the merge lock. With much, the next batch is parsed and
merged in memory while PostgreSQL still writes the one before; merges are numbered, so a batch that was prepared on
what another collector has changed since is noticed, thrown away and done again.
"""

import gc
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from accounting import access_log, fairuse, newcomers, quotas, records, replays
from accounting.facts import Memory, Meter, moment
from accounting.ledger import Ledger, Postings, ToLookAt, watched_columns
from accounting.merging import Batch, Known
from accounting.newcomers import Newcomer, Watched
from accounting.quarantine import put_aside
from accounting.records import Malformed, Record
from accounting.replays import MOVED, REFUSALS, UNFORESEEN
from accounting.sessions import SessionChanges, SessionsMoved
from accounting.spool import Chunk, Line, Spool
from accounting.spool_watch import SpoolWatch
from db.queries import accounting as queries
from db.queries import health
from db.queries import spool as spool_queries
from db.queries.accounting import Connection
from domain.quarantine import MERGED, QUARANTINED, REFUSED, STORED, UNKNOWN_NAS
from runtime.logs import get_logger

STREAM = "acct"
ACCESS_STREAM = "access"
# Between two looks at the spool, also while records keep coming: in transactions of a hundred, a record costs half as
# much again as in those of five hundred.
GATHER_S = 0.02
# From this many records on, the next batch is merged while the one before is being written, backlog or not.
AHEAD_FROM = 500
# While batches overlap, everything else has its turn this often: the access log, new sessions, housekeeping.
ASIDE_EVERY = timedelta(seconds=1)
MARK_EVERY = timedelta(seconds=10)
TIDY_EVERY = timedelta(minutes=5)
# Between two looks for put-aside records that somebody wants tried again.
REPLAY_EVERY = timedelta(seconds=2)
# After another collector was noticed, batches are merged under the lock for this long.
SHARED_FOR = timedelta(seconds=10)
FIRST_BACK_OFF_S, LAST_BACK_OFF_S = 0.1, 5.0
STATEMENT_TIMEOUT_MS = 120_000
LOCK_TIMEOUT_MS = 20_000
# What an open session takes with its subscription in the collector's memory.
SESSION_BYTES = 2048

log = get_logger("accounting.collector")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much one transaction may take, how long counted files are kept, and what the watch over the spool is told."""

    records: int = 10_000
    # How many open sessions are remembered; those beyond it are read again, which costs three times as much.
    sessions: int = 300_000
    bytes: int = 16 * 1024 * 1024
    keep_hours: int = 24
    min_free_bytes: int = 0
    is_strict: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """A chunk with what its lines say; `bad` are lines to set aside with the reason."""

    chunk: Chunk
    records: list[tuple[Line, Record]]
    bad: list[tuple[Line, str]]


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


def sessions_for(memory: int) -> int:
    """How many open sessions are remembered on a machine with so many bytes of memory: a quarter of it at most."""
    return max(100_000, memory // 4 // SESSION_BYTES)


def tune_garbage_collection() -> None:
    """For a process that only collects: batches make many values and no cycles, so looking for cycles is waste."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)


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


def connect(url: str) -> Connection:
    """A connection for collecting: deadlines on everything, and notices of changed access data."""
    connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=5,
        application_name="lintas collect",
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        # What was sent to a server that vanished would be sent again for a quarter of an hour.
        tcp_user_timeout=25_000,
        options=(
            f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
            " -c idle_in_transaction_session_timeout=60000 -c plan_cache_mode=force_generic_plan"
            # Every lookup is by index. If statistics were taken while no session was open, the planner would read the
            # whole table for each of them once it has grown, and go on until somebody analyses it again.
            " -c enable_seqscan=off"
        ),
    )
    connection.execute("LISTEN access_changed")
    return connection


class Collector:
    """One node's collector. `step` does one round; `run` keeps going until told to stop."""

    def __init__(
        self,
        *,
        connect: Callable[[], Connection],
        spool_dir: Path,
        node: str,
        nudge: Callable[[], object],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        limits: Limits | None = None,
    ) -> None:
        self._connect = connect
        self._node = node
        self._nudge = nudge
        self._clock = clock
        self._limits = limits or Limits()
        self._spool = Spool(spool_dir, STREAM, wall_clock=lambda: clock().timestamp())
        self._access_spool = Spool(spool_dir, ACCESS_STREAM, wall_clock=lambda: clock().timestamp())
        self._watch = SpoolWatch(
            self._spool,
            spool_dir,
            node=node,
            min_free_bytes=self._limits.min_free_bytes,
            is_strict=self._limits.is_strict,
        )
        self._connection: Connection | None = None
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write")
        self._writing: Future[Outcome] | None = None
        self._memory = Memory(self._limits.sessions)
        self._known: Known = {}
        self._watched = Watched()
        self._to_look_at: list[Newcomer] = []
        self._positions: dict[str, dict[str, int]] = {}
        self._merge = 0
        self._is_behind = False
        self._most_records = self._limits.records
        self._shared_until = self._aside_at = self._marked_at = self._tidied_at = self._replayed_at = (
            datetime.min.replace(tzinfo=UTC)
        )

    # --- the loop ---

    def run(self, stop: threading.Event) -> None:
        """Collect until told to stop; a database that is away is asked again, more and more slowly."""
        back_off_s = FIRST_BACK_OFF_S
        while not stop.is_set():
            try:
                self.step()
                back_off_s = FIRST_BACK_OFF_S
                stop.wait(0 if self._is_behind else GATHER_S)
            except (psycopg.Error, OSError, *MOVED, *UNFORESEEN) as error:
                log.warning("batch not counted, trying again", error=repr(error), wait_seconds=back_off_s)
                self.recover(error)
                stop.wait(back_off_s)
                back_off_s = min(back_off_s * 2, LAST_BACK_OFF_S)
        self.close()

    def recover(self, error: Exception) -> None:
        """After a failed round: forget everything that may not be true, and take smaller bites."""
        self._abandon()
        if isinstance(error, SessionsMoved):
            self._shared_until = self._clock() + SHARED_FOR
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | OSError):
            self._disconnect()
        self._forget()
        self._most_records = max(1, self._most_records // 8)

    def step(self) -> int:
        """One round over both streams; returns how many lines were taken. Raises what the database raises."""
        connection = self._connected()
        self._is_behind = False
        if self._writing is None:
            self._hear(connection)
        counted = self._collect_accounting(connection)
        if self._clock() - self._aside_at >= ASIDE_EVERY:
            self._settle(connection)
        if self._writing is None:
            self._aside_at = self._clock()
            counted += self._collect_access(connection)
            self._look_again(connection)
            self._keep_house(connection)
        if counted:
            self._most_records = min(self._limits.records, self._most_records * 2)
        return counted

    def close(self) -> None:
        """Finish the batch that is being written and let go of the database."""
        self._abandon()
        self._disconnect()
        self._writer.shutdown(wait=True)

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            # Notices may have been missed while there was nobody to hear them.
            self._forget()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _abandon(self) -> None:
        """Wait for the batch that is being written; whether it was stored shows in the position."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.exception()

    def _forget(self) -> None:
        self._memory.clear()
        self._known.clear()
        self._positions.clear()
        self._merge = -1

    def _hear(self, connection: Connection) -> None:
        payloads = [notice.payload for notice in connection.notifies(timeout=0)]
        if payloads:
            self._to_look_at += self._watched.of(self._memory.forget(payloads))

    # --- accounting ---

    def _collect_accounting(self, connection: Connection) -> int:
        chunk = self._read(connection, self._spool, STREAM)
        if not chunk:
            self._settle(connection)
            return 0
        parsed = parse(chunk)
        self._is_behind = not chunk.reached_end
        is_much = self._is_behind or len(parsed.records) >= AHEAD_FROM
        if not is_much or self._most_records == 1 or self._clock() < self._shared_until:
            self._settle(connection)
            self._count_locked(connection, parsed)
        else:
            self._count_ahead(connection, parsed)
        self._positions[STREAM] |= chunk.after
        return len(chunk.lines) + len(chunk.torn)

    def _read(self, connection: Connection, spool: Spool, stream: str) -> Chunk:
        if stream not in self._positions:
            positions = spool_queries.spool_positions(connection, node=self._node, stream=stream)
            self._positions[stream] = self._believed(connection, positions) if stream == STREAM else positions
        return spool.read(self._positions[stream], max_bytes=self._limits.bytes, max_lines=self._most_records)

    def _believed(self, connection: Connection, positions: dict[str, int]) -> dict[str, int]:
        """Positions in files that a power cut has changed are dropped: what is counted again changes nothing."""
        rewritten = self._spool.rewritten(positions)
        if rewritten:
            log.warning("spool files are not what was counted, as after a power cut: counted again", files=rewritten)
            spool_queries.forget_files(connection, node=self._node, stream=STREAM, files=rewritten)
        return {name: position for name, position in positions.items() if name not in rewritten}

    def _count_locked(self, connection: Connection, parsed: Parsed) -> None:
        """Read, merge and write under the merge lock: nobody can come in between."""
        with connection.transaction():
            merge = queries.take_merge_lock(connection)
            if merge != self._merge + 1:
                self._distrust()
            self._check_position(connection, STREAM, parsed.chunk)
            if self._most_records == 1:
                outcome = self._write_alone(connection, parsed)
            else:
                outcome = self._write(connection, self._prepare(connection, parsed))
        self._merge = merge
        self._take_note(outcome)

    def _count_ahead(self, connection: Connection, parsed: Parsed) -> None:
        """Merge in memory while the batch before is being written, then hand over this one."""
        if self._merge < 0 and self._writing is None:
            self._merge = queries.last_merge(connection)
        work = self._prepare(connection, parsed)
        self._settle(connection)
        looks = work.ledger.to_look_at()
        self._writing = self._writer.submit(self._write_next, connection, work, looks)

    def _write_next(self, connection: Connection, work: Work, looks: ToLookAt) -> Outcome:
        with connection.transaction():
            merge = queries.take_merge_lock(connection)
            if merge != self._merge + 1:
                raise SessionsMoved("another collector has merged in between")
            self._check_position(connection, STREAM, work.chunk)
            outcome = self._write(connection, work, looks)
        self._merge = merge
        return outcome

    def _settle(self, connection: Connection) -> None:
        """Wait for the batch that is being written; raises what writing it raised."""
        writing, self._writing = self._writing, None
        if writing is not None:
            self._take_note(writing.result())
            self._hear(connection)

    def _take_note(self, outcome: Outcome) -> None:
        for meter in outcome.looked_at.meters:
            meter.look_again(outcome.totals.get(meter.row.subscription_id, {}))
        for meter in outcome.looked_at.using:
            outcome.settled.tell(meter)
        if outcome.asked:
            self._nudge()

    def _check_position(self, connection: Connection, stream: str, chunk: Chunk) -> None:
        """A second collector of this node may have been here: then the chunk does not begin where the database says."""
        stored = spool_queries.spool_positions(connection, node=self._node, stream=stream)
        if any(stored.get(file, 0) != offset for file, offset in chunk.before.items()):
            raise SessionsMoved(f"another collector of {self._node} has counted")

    def _prepare(self, connection: Connection, parsed: Parsed) -> Work:
        """Merge a chunk in memory. Only a batch with something new needs to read, and then waits for the one before."""
        if not self._memory.has_routers:
            self._settle(connection)
        now = self._clock()
        batch = Batch(connection, self._memory, self._known, now)
        keyed, strange = batch.keyed(parsed.records)
        if strange:
            # The router may have been added a moment ago, and its notice be still on the way.
            self._settle(connection)
            batch.read_routers_again()
            keyed, strange = batch.keyed(parsed.records)
        bad = parsed.bad + [(line, UNKNOWN_NAS) for line in strange]
        lives = batch.lives(keyed)
        if lives is None:
            self._settle(connection)
        batch.apply(keyed, lives)
        fresh = [
            Newcomer.of(live.unique_id, live.subscription_id, live.record.class_text, now)
            for live in batch.begun
            if live.is_open and live.subscription_id is not None and live.record is not None
        ]
        meters = self._memory.meters
        return Work(
            chunk=parsed.chunk, bad=bad, changes=batch.changes(), postings=batch.ledger.postings(), ledger=batch.ledger,
            fresh=fresh, now=now, outcomes=_outcomes(len(keyed), batch.unchanged, bad),
            doubtful=[item for item in fresh if newcomers.is_doubtful(item, meters.get(item.subscription_id), now)],
        )  # fmt: skip

    def _write_alone(self, connection: Connection, parsed: Parsed) -> Outcome:
        """The last bite after failures: a record that the database still refuses is set aside."""
        try:
            with connection.transaction():
                return self._write(connection, self._prepare(connection, parsed))
        except REFUSALS as error:
            self._distrust()
            log.exception("record refused, set aside", error=repr(error))
            reason = f"{REFUSED}: {type(error).__name__}"
            refused = [(line, reason) for line, _ in parsed.records]
            bad = [*parsed.bad, *refused]
            self._store_position(connection, parsed.chunk, bad, self._clock(), _outcomes(0, {}, bad))
            return Outcome(looked_at=ToLookAt(meters=(), using=()), totals={}, settled=quotas.Settled(), asked=0)

    def _write(self, connection: Connection, work: Work, looks: ToLookAt | None = None) -> Outcome:
        """Everything that a batch means and that it is counted, inside its transaction."""
        outcome = self._write_merged(connection, work, looks)
        self._store_position(connection, work.chunk, work.bad, work.now, work.outcomes)
        return outcome

    def _write_merged(self, connection: Connection, work: Work, looks: ToLookAt | None = None) -> Outcome:
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
        self._watched.add(work.fresh)
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
            routers = self._memory.routers(connection)
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

    # --- the access log ---

    def _collect_access(self, connection: Connection) -> int:
        chunk = self._read(connection, self._access_spool, ACCESS_STREAM)
        if not chunk:
            return 0
        with connection.transaction():
            self._check_position(connection, ACCESS_STREAM, chunk)
            asked = access_log.store(connection, chunk, node=self._node, stream=ACCESS_STREAM, now=self._clock())
        self._positions[ACCESS_STREAM] |= chunk.after
        self._is_behind = self._is_behind or not chunk.reached_end
        if asked:
            self._nudge()
        return len(chunk.lines) + len(chunk.torn)

    # --- put-aside records ---

    def _replay(self, connection: Connection) -> None:
        """Try put-aside records again that somebody asked for; each is counted now, or waits again."""
        if not spool_queries.has_replays(connection):
            return
        with connection.transaction():
            merge = queries.take_merge_lock(connection)
            self._distrust()
            outcomes = replays.try_again(connection, self._count_again, self._distrust, self._clock())
        self._merge = merge
        for outcome in outcomes:
            self._take_note(outcome)

    def _distrust(self) -> None:
        self._memory.clear()
        self._known.clear()

    def _count_again(self, connection: Connection, lines: list[Line]) -> replays.Counted[Outcome]:
        chunk = Chunk(lines=lines, torn=[], before={}, after={}, reached_end=True)
        work = self._prepare(connection, parse(chunk))
        return replays.Counted(work.outcomes, work.bad, self._write_merged(connection, work))

    # --- between batches ---

    def _look_again(self, connection: Connection) -> None:
        """Check new sessions again whose subscription was reported as changed."""
        listed, self._to_look_at = self._to_look_at, []
        if not listed:
            return
        with connection.transaction():
            asked = newcomers.put_right(connection, listed, self._clock())
        if asked:
            self._nudge()

    def _keep_house(self, connection: Connection) -> None:
        now = self._clock()
        if now - self._replayed_at >= REPLAY_EVERY:
            self._replayed_at = now
            self._replay(connection)
        if now - self._marked_at >= MARK_EVERY:
            self._marked_at = now
            self._watched.forget_old(now)
            if self._spool_is_counted():
                spool_queries.mark_counted_until(connection, node=self._node, stream=STREAM, counted_until=now)
            health.save_reading(connection, self._watch.look(self._positions.get(STREAM, {}), now))
        if now - self._tidied_at >= TIDY_EVERY:
            self._tidied_at = now
            self._remove_old_files(connection)

    def _spool_is_counted(self) -> bool:
        positions = self._positions.get(STREAM, {})
        return all(positions.get(name, 0) >= size for name, size, _ in self._spool.files())

    def _remove_old_files(self, connection: Connection) -> None:
        for spool, stream in ((self._spool, STREAM), (self._access_spool, ACCESS_STREAM)):
            positions = self._positions[stream]
            spool.remove_counted(positions, older_than_s=self._limits.keep_hours * 3600)
            gone = sorted(positions.keys() - {name for name, *_ in spool.files()})
            if gone:
                spool_queries.forget_files(connection, node=self._node, stream=stream, files=gone)
                for name in gone:
                    positions.pop(name)


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
