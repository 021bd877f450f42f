"""`lintas collect`: from the spool to committed sessions, usage and changes, each record exactly once.

A batch is one transaction that also moves the spool position, so whatever is killed whenever, a record is counted when
and only when the position is behind it. While PostgreSQL writes one batch a thread already parses the next. Decides the
order of work and what to do when the database is away or refuses a batch.
"""

import gc
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from accounting import access_log, fairuse, newcomers, records
from accounting.facts import Facts, Memory, moment
from accounting.merging import Batch, Live, SessionsMoved
from accounting.newcomers import Newcomer, Watched
from accounting.records import Malformed, Record
from accounting.spool import Chunk, Line, Spool
from db.queries import accounting as queries
from db.queries.accounting import Connection, NasRow
from domain.access import BLOCKED_CUSTOMERS
from runtime.logs import get_logger

STREAM = "acct"
ACCESS_STREAM = "access"
IDLE_S = 0.02
MARK_EVERY = timedelta(seconds=10)
TIDY_EVERY = timedelta(minutes=5)
FIRST_BACK_OFF_S, LAST_BACK_OFF_S = 0.1, 5.0
STATEMENT_TIMEOUT_MS = 120_000
LOCK_TIMEOUT_MS = 20_000

# What a record that nobody foresaw may raise on its way; it is isolated and set aside like one the database refuses.
UNFORESEEN = (ArithmeticError, LookupError, TypeError, ValueError)
REFUSALS = (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError, SessionsMoved, *UNFORESEEN)

log = get_logger("accounting.collector")


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much one transaction may take."""

    records: int = 10_000
    bytes: int = 16 * 1024 * 1024
    keep_hours: int = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """A chunk with what its lines say; `bad` are lines to set aside with the reason."""

    chunk: Chunk
    records: list[tuple[Line, Record]]
    bad: list[tuple[Line, str]]


def tune_garbage_collection() -> None:
    """For a process that only collects: batches make many values and no cycles, so looking for cycles is mostly waste."""
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
            bad.append((line if saved is None else line._replace(raw=saved[0]), str(error)))
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
        options=(
            f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
            " -c idle_in_transaction_session_timeout=60000 -c plan_cache_mode=force_generic_plan"
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
        self._connection: Connection | None = None
        self._memory = Memory()
        self._watched = Watched()
        self._to_look_at: list[Newcomer] = []
        self._positions: dict[str, dict[str, int]] = {}
        self._ahead: Future[Parsed] | None = None
        self._parser = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parse")
        self._most_records = self._limits.records
        self._marked_at = self._tidied_at = datetime.min.replace(tzinfo=UTC)

    # --- the loop ---

    def run(self, stop: threading.Event) -> None:
        """Collect until told to stop; a database that is away is asked again, more and more slowly."""
        back_off_s = FIRST_BACK_OFF_S
        while not stop.is_set():
            try:
                counted = self.step()
                back_off_s = FIRST_BACK_OFF_S
                stop.wait(0 if counted else IDLE_S)
            except (psycopg.Error, SessionsMoved, OSError, *UNFORESEEN) as error:
                log.warning("batch not counted, trying again", error=repr(error), wait_seconds=back_off_s)
                self.recover(error)
                stop.wait(back_off_s)
                back_off_s = min(back_off_s * 2, LAST_BACK_OFF_S)
        self.close()

    def recover(self, error: Exception) -> None:
        """After a failed round: forget what was read ahead and what may be stale, and take smaller bites."""
        self._drop_read_ahead()
        self._positions.clear()
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | OSError):
            self._disconnect()
        self._most_records = max(1, self._most_records // 8)

    def step(self) -> int:
        """One round over both streams; returns how many lines were counted. Raises what the database raises."""
        connection = self._connected()
        self._hear(connection)
        counted = self._collect_accounting(connection) + self._collect_access(connection)
        self._look_again(connection)
        self._keep_house(connection)
        if counted:
            self._most_records = min(self._limits.records, self._most_records * 2)
        return counted

    def close(self) -> None:
        """Let go of the database and the parsing thread."""
        self._drop_read_ahead()
        self._disconnect()
        self._parser.shutdown(wait=True)

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            # Notices may have been missed while there was nobody to hear them.
            self._memory.clear()
            self._positions.clear()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _hear(self, connection: Connection) -> None:
        payloads = [notice.payload for notice in connection.notifies(timeout=0)]
        if payloads:
            changed = self._memory.forget(payloads)
            self._to_look_at += self._watched.of(changed)

    # --- accounting ---

    def _collect_accounting(self, connection: Connection) -> int:
        parsed = self._take_parsed(connection)
        if not parsed.chunk:
            return 0
        self._read_ahead(connection, parsed)
        now = self._clock()
        with connection.transaction():
            queries.take_merge_lock(connection)
            if not self._is_current(connection, STREAM, parsed.chunk):
                self._drop_read_ahead()
                return 0
            changes = self._count(connection, parsed, now)
        self._positions[STREAM] |= parsed.chunk.after
        if changes:
            self._nudge()
        return len(parsed.chunk.lines) + len(parsed.chunk.torn)

    def _take_parsed(self, connection: Connection) -> Parsed:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            parsed = ahead.result()
            if parsed.chunk:
                return parsed
        return parse(self._read(connection, self._spool, STREAM))

    def _read(self, connection: Connection, spool: Spool, stream: str) -> Chunk:
        return spool.read(
            self._known_positions(connection, stream), max_bytes=self._limits.bytes, max_lines=self._most_records
        )

    def _known_positions(self, connection: Connection, stream: str) -> dict[str, int]:
        if stream not in self._positions:
            self._positions[stream] = queries.spool_positions(connection, node=self._node, stream=stream)
        return self._positions[stream]

    def _read_ahead(self, connection: Connection, parsed: Parsed) -> None:
        """With a backlog, parse the next chunk while PostgreSQL works on this one."""
        if parsed.chunk.reached_end:
            return
        positions = self._known_positions(connection, STREAM) | parsed.chunk.after
        limits, most = self._limits, self._most_records
        self._ahead = self._parser.submit(
            lambda: parse(self._spool.read(positions, max_bytes=limits.bytes, max_lines=most))
        )

    def _drop_read_ahead(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()

    def _is_current(self, connection: Connection, stream: str, chunk: Chunk) -> bool:
        """Whether the chunk begins where the database says; a second collector of this node may have been here."""
        stored = queries.spool_positions(connection, node=self._node, stream=stream)
        if all(stored.get(file, 0) == offset for file, offset in chunk.before.items()):
            return True
        log.warning("another collector of this node has counted", node=self._node)
        self._positions[stream] = stored
        return False

    def _count(self, connection: Connection, parsed: Parsed, now: datetime) -> int:
        """Everything that a chunk means, inside its transaction; returns how many live changes were asked for."""
        if len(parsed.chunk.lines) == 1 and self._most_records == 1 and parsed.records:
            return self._count_alone(connection, parsed, now)
        return self._count_all(connection, parsed, now)

    def _count_alone(self, connection: Connection, parsed: Parsed, now: datetime) -> int:
        """The last bite after failures: if the database refuses this very record, it is set aside and not tried again."""
        try:
            with connection.transaction():
                return self._count_all(connection, parsed, now)
        except REFUSALS as error:
            self._memory.clear()
            log.error("record refused by the database, set aside", error=repr(error))
            refused = [(line, f"refused: {type(error).__name__}") for line, _ in parsed.records]
            self._store_position(connection, parsed.chunk, [*parsed.bad, *refused], now)
            return 0

    def _count_all(self, connection: Connection, parsed: Parsed, now: datetime) -> int:
        batch = Batch(connection, self._memory, now)
        known: list[tuple[Record, NasRow]] = []
        bad = list(parsed.bad)
        for line, record in parsed.records:
            router = batch.router_of(record)
            if router is None:
                bad.append((line, "unknown_nas"))
            else:
                known.append((record, router))
        changes = 0
        if known:
            batch.apply(known)
            batch.write()
            changes = self._follow_up(connection, batch, now)
        self._store_position(connection, parsed.chunk, bad, now)
        return changes

    def _follow_up(self, connection: Connection, batch: Batch, now: datetime) -> int:
        """What the new totals and new sessions lead to: fair use, and sessions let in on an old answer."""
        facts = batch.facts
        reached = batch.ledger.write(connection, now)
        changes = 0
        if reached:
            caused_at = {key: moment(us) for key, us in batch.ledger.received_us.items() if key in reached}
            changes += fairuse.apply_crossings(connection, reached, caused_at=caused_at, now=now)
        fresh = [_newcomer(live, now) for live in batch.begun if live.is_open and live.subscription_id is not None]
        self._watched.add(fresh)
        doubtful = [item for item in fresh if _is_doubtful(item, facts.get(item.subscription_id), now)]
        return changes + newcomers.put_right(connection, doubtful, now)

    def _store_position(
        self, connection: Connection, chunk: Chunk, bad: list[tuple[Line, str]], now: datetime
    ) -> None:
        if bad:
            rows = [(line.file, line.offset, reason, line.raw) for line, reason in bad]
            queries.quarantine(connection, node=self._node, stream=STREAM, rows=rows)
        queries.save_positions(
            connection,
            node=self._node,
            stream=STREAM,
            offsets=chunk.after,
            records=len(chunk.lines) + len(chunk.torn),
            counted_until=now if chunk.reached_end else _last_received(chunk, now),
        )

    # --- the access log ---

    def _collect_access(self, connection: Connection) -> int:
        chunk = self._read(connection, self._access_spool, ACCESS_STREAM)
        if not chunk:
            return 0
        with connection.transaction():
            if not self._is_current(connection, ACCESS_STREAM, chunk):
                return 0
            access_log.store(connection, chunk, node=self._node, stream=ACCESS_STREAM, now=self._clock())
        self._positions[ACCESS_STREAM] |= chunk.after
        return len(chunk.lines)

    # --- between batches ---

    def _look_again(self, connection: Connection) -> None:
        """Check new sessions again whose subscription was reported as changed."""
        listed, self._to_look_at = self._to_look_at, []
        if not listed:
            return
        with connection.transaction():
            changes = newcomers.put_right(connection, listed, self._clock())
        if changes:
            self._nudge()

    def _keep_house(self, connection: Connection) -> None:
        now = self._clock()
        if now - self._marked_at >= MARK_EVERY:
            self._marked_at = now
            self._watched.forget_old(now)
            if self._spool_is_counted():
                queries.mark_counted_until(connection, node=self._node, stream=STREAM, counted_until=now)
        if now - self._tidied_at >= TIDY_EVERY:
            self._tidied_at = now
            self._remove_old_files(connection)

    def _spool_is_counted(self) -> bool:
        positions = self._positions.get(STREAM, {})
        return all(positions.get(name, 0) >= size for name, size, _ in self._spool.files())

    def _remove_old_files(self, connection: Connection) -> None:
        for spool, stream in ((self._spool, STREAM), (self._access_spool, ACCESS_STREAM)):
            positions = self._known_positions(connection, stream)
            spool.remove_counted(positions, older_than_s=self._limits.keep_hours * 3600)
            gone = sorted(positions.keys() - {name for name, *_ in spool.files()})
            if gone:
                queries.forget_files(connection, node=self._node, stream=stream, files=gone)
                for name in gone:
                    positions.pop(name)


def _newcomer(live: Live, now: datetime) -> Newcomer:
    if live.subscription_id is None or live.record is None:
        raise ValueError("a newcomer has a subscription and a first record")
    return Newcomer.of(live.unique_id, live.subscription_id, live.record.class_text, now)


def _is_doubtful(newcomer: Newcomer, facts: Facts | None, now: datetime) -> bool:
    """Whether what is remembered speaks against the session; the database then decides."""
    if facts is None:
        return True
    row = facts.row
    tier = row.fup_tier if row.fup_until is None or row.fup_until > now else 0
    return (
        row.subscription_status != "active"
        or row.customer_status in BLOCKED_CUSTOMERS
        or (row.cut_off_at is not None and row.cut_off_at <= now)
        or (newcomer.fup_tier is not None and newcomer.fup_tier != tier)
    )


def _last_received(chunk: Chunk, now: datetime) -> datetime:
    """The receive time of the last readable line: all before it is counted."""
    for line in reversed(chunk.lines):
        try:
            return min(now, moment(records.parse_line(line.raw).received_us))
        except Malformed:
            continue
    return datetime.fromtimestamp(0, UTC)


