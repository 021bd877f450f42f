"""`lintas collect`: from the spool to committed sessions, usage and changes, each record exactly once.

A batch is one transaction that also moves the spool position, so whatever is killed whenever, a record is counted when
and only when the position is behind it. Decides the order of work and what to do when the database is away or refuses a
batch.

With little waiting, a batch is read, merged and written under the merge lock. With much, the next batch is parsed and
merged in memory while PostgreSQL still writes the one before; merges are numbered, so a batch that was prepared on
what another collector has changed since is noticed, thrown away and done again.
"""

import ctypes
import gc
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from accounting import access_log, newcomers, replays
from accounting.counting import STREAM, Counting, Outcome, Work, begun_at
from accounting.housekeeping import Housekeeping
from accounting.ledger import ToLookAt
from accounting.newcomers import Newcomer
from accounting.replays import MOVED, UNFORESEEN
from accounting.sessions import SessionsMoved
from accounting.spool import Chunk, Spool
from accounting.spool_watch import SpoolWatch
from db.queries import accounting as queries
from db.queries import spool as spool_queries
from db.queries.accounting import Connection
from runtime.logs import get_logger

ACCESS_STREAM = "access"
# Up to which offset a file of decisions is read anew, so that those that are there already are left out.
AGAIN_STREAM = "access-again"
# Between two looks at the spool, also while records keep coming: in transactions of a hundred, a record costs half as
# much again as in those of five hundred.
GATHER_S = 0.02
# From this many records on, the next batch is merged while the one before is being written, backlog or not; and more
# is gathered, for where so much comes, transactions are most of what a record costs.
AHEAD_FROM = 500
GATHER_MUCH_S = 0.1
# While batches overlap, everything else has its turn this often: the access log, new sessions, housekeeping.
ASIDE_EVERY = timedelta(seconds=1)
# Between two looks for put-aside records that somebody wants tried again.
REPLAY_EVERY = timedelta(seconds=2)
# After another collector was noticed, batches are merged under the lock for this long.
SHARED_FOR = timedelta(seconds=10)
# Where much is waiting, counting gives way to whatever else this machine does, above all to acknowledging what else
# comes; not for ever, though.
PATIENT_NICENESS = 10
LATE_FROM = timedelta(seconds=5)
FIRST_BACK_OFF_S, LAST_BACK_OFF_S = 0.1, 5.0
STATEMENT_TIMEOUT_MS = 120_000
LOCK_TIMEOUT_MS = 20_000
# What an open session takes with its subscription in the collector's memory.
SESSION_BYTES = 2048

# Of glibc's malloc.h; another library's has no `mallopt`.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8

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


def sessions_for(memory: int) -> int:
    """How many open sessions are remembered on a machine with so many bytes of memory: a quarter of it at most."""
    return max(100_000, memory // 4 // SESSION_BYTES)


def tune_memory() -> None:
    """For a process that only collects: batches make many values and no cycles, so looking for cycles is waste.

    And what a batch took is kept for the next one: given back, each page would be made and emptied anew.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    with suppress(OSError, AttributeError):
        tune = ctypes.CDLL(None).mallopt
        tune(_M_ARENA_MAX, 1)
        tune(_M_MMAP_THRESHOLD, 32 << 20)
        tune(_M_TRIM_THRESHOLD, 64 << 20)


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
        watch = SpoolWatch(
            self._spool,
            spool_dir,
            node=node,
            min_free_bytes=self._limits.min_free_bytes,
            is_strict=self._limits.is_strict,
        )
        spools = {STREAM: self._spool, ACCESS_STREAM: self._access_spool}
        self._house = Housekeeping(spools, STREAM, watch, node=node, keep_hours=self._limits.keep_hours)
        self._connection: Connection | None = None
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write")
        self._writing: Future[Outcome] | None = None
        self._counting = Counting(node=node, sessions=self._limits.sessions, clock=clock)
        self._to_look_at: list[Newcomer] = []
        self._positions: dict[str, dict[str, int]] = {}
        # Begun here, so that it does not inherit its patience from whoever has something to write first.
        self._writer.submit(int).result()
        self._patient = ThreadPoolExecutor(max_workers=1, thread_name_prefix="patient", initializer=_be_patient)
        self._may_wait = False
        self._gather_s = GATHER_S
        self._merge = 0
        self._is_behind = False
        self._most_records = self._limits.records
        self._shared_until = self._aside_at = self._replayed_at = datetime.min.replace(tzinfo=UTC)

    # --- the loop ---

    def run(self, stop: threading.Event) -> None:
        """Collect until told to stop; a database that is away is asked again, more and more slowly."""
        back_off_s = FIRST_BACK_OFF_S
        while not stop.is_set():
            try:
                # A thread's priority cannot be raised again, so there are two to take turns.
                self._patient.submit(self.step).result() if self._may_wait else self.step()
                back_off_s = FIRST_BACK_OFF_S
                stop.wait(0 if self._is_behind else self._gather_s)
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
            self._replay(connection)
            self._house.keep(connection, self._positions, self._clock(), self._counting.watched.forget_old)
        if counted:
            self._most_records = min(self._limits.records, self._most_records * 2)
        return counted

    def close(self) -> None:
        """Finish the batch that is being written and let go of the database."""
        self._abandon()
        self._disconnect()
        self._writer.shutdown(wait=True)
        self._patient.shutdown(wait=True)

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
        self._counting.forget()
        self._positions.clear()
        self._merge = -1

    def _hear(self, connection: Connection) -> None:
        payloads = [notice.payload for notice in connection.notifies(timeout=0)]
        if payloads:
            self._to_look_at += self._counting.watched.of(self._counting.memory.forget(payloads))

    # --- accounting ---

    def _collect_accounting(self, connection: Connection) -> int:
        chunk = self._read(connection, self._spool, STREAM)
        self._gather_s = GATHER_MUCH_S if len(chunk.lines) >= AHEAD_FROM else GATHER_S
        if not chunk:
            self._may_wait = False
            self._settle(connection)
            return 0
        self._is_behind = not chunk.reached_end
        is_much = self._is_behind or len(chunk.lines) >= AHEAD_FROM
        self._may_wait = is_much and self._clock() - begun_at(chunk) < LATE_FROM
        if not is_much or self._most_records == 1 or self._clock() < self._shared_until:
            self._settle(connection)
            self._count_locked(connection, chunk)
        else:
            self._count_ahead(connection, chunk)
        self._positions[STREAM] |= chunk.after
        return len(chunk.lines) + len(chunk.torn)

    def _read(self, connection: Connection, spool: Spool, stream: str) -> Chunk:
        if stream not in self._positions:
            positions = spool_queries.spool_positions(connection, node=self._node, stream=stream)
            self._positions[stream] = self._believed(connection, spool, stream, positions)
        return spool.read(self._positions[stream], max_bytes=self._limits.bytes, max_lines=self._most_records)

    def _believed(self, connection: Connection, spool: Spool, stream: str, positions: dict[str, int]) -> dict[str, int]:
        """Positions in files that a power cut has changed are dropped: what is counted again changes nothing.

        That is so of accounting; of the access log it is noted how far its decisions may be there already.
        """
        rewritten = spool.rewritten(positions)
        if not rewritten:
            return positions
        log.warning("spool files are not what was counted, as after a power cut: counted again", files=rewritten)
        with connection.transaction():
            if stream == ACCESS_STREAM:
                self._note_again(connection, {name: size for name, size, _ in spool.files() if name in rewritten})
            spool_queries.forget_files(connection, node=self._node, stream=stream, files=rewritten)
        return {name: position for name, position in positions.items() if name not in rewritten}

    def _note_again(self, connection: Connection, sizes: dict[str, int]) -> None:
        spool_queries.save_positions(
            connection, node=self._node, stream=AGAIN_STREAM, offsets=sizes, records=0, counted_until=self._clock()
        )
        self._positions.pop(AGAIN_STREAM, None)

    def _count_locked(self, connection: Connection, chunk: Chunk) -> None:
        """Read, merge and write under the merge lock: nobody can come in between."""
        with connection.transaction():
            merge = queries.take_merge_lock(connection)
            if merge != self._merge + 1:
                self._counting.forget()
            self._check_position(connection, STREAM, chunk)
            if self._most_records == 1:
                outcome = self._counting.write_alone(connection, chunk)
            else:
                outcome = self._counting.write(connection, self._counting.prepare(connection, chunk))
        self._merge = merge
        self._take_note(outcome)

    def _count_ahead(self, connection: Connection, chunk: Chunk) -> None:
        """Merge in memory while the batch before is being written, then hand over this one."""
        if self._merge < 0 and self._writing is None:
            self._merge = queries.last_merge(connection)
        work = self._counting.prepare(connection, chunk, self._settle)
        self._settle(connection)
        looks = work.ledger.to_look_at()
        self._writing = self._writer.submit(self._write_next, connection, work, looks)

    def _write_next(self, connection: Connection, work: Work, looks: ToLookAt) -> Outcome:
        with connection.transaction():
            merge = queries.take_merge_lock(connection)
            if merge != self._merge + 1:
                raise SessionsMoved("another collector has merged in between")
            self._check_position(connection, STREAM, work.chunk)
            outcome = self._counting.write(connection, work, looks)
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

    # --- the access log ---

    def _collect_access(self, connection: Connection) -> int:
        chunk = self._read(connection, self._access_spool, ACCESS_STREAM)
        if not chunk:
            return 0
        with connection.transaction():
            self._check_position(connection, ACCESS_STREAM, chunk)
            asked = access_log.store(
                connection, chunk, node=self._node, stream=ACCESS_STREAM, now=self._clock(),
                again=self._again(connection, chunk),
            )  # fmt: skip
        self._positions[ACCESS_STREAM] |= chunk.after
        self._is_behind = self._is_behind or not chunk.reached_end
        if asked:
            self._nudge()
        return len(chunk.lines) + len(chunk.torn)

    def _again(self, connection: Connection, chunk: Chunk) -> dict[str, int]:
        """By file, up to which offset the chunk may hold decisions that are there already; forgotten once past it."""
        if AGAIN_STREAM not in self._positions:
            known = spool_queries.spool_positions(connection, node=self._node, stream=AGAIN_STREAM)
            self._positions[AGAIN_STREAM] = known
        again = {name: end for name, end in self._positions[AGAIN_STREAM].items() if name in chunk.after}
        over = [name for name, end in again.items() if chunk.after[name] >= end]
        if over:
            spool_queries.forget_files(connection, node=self._node, stream=AGAIN_STREAM, files=over)
            del self._positions[AGAIN_STREAM]
        return again

    # --- put-aside records ---

    def _replay(self, connection: Connection) -> None:
        """Try put-aside records again that somebody asked for; each is counted now, or waits again."""
        now = self._clock()
        if now - self._replayed_at < REPLAY_EVERY:
            return
        self._replayed_at = now
        if not spool_queries.has_replays(connection):
            return
        with connection.transaction():
            merge = queries.take_merge_lock(connection)
            self._counting.forget()
            outcomes = replays.try_again(connection, self._counting.count_again, self._counting.forget, now)
        self._merge = merge
        for outcome in outcomes:
            self._take_note(outcome)

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


def _be_patient() -> None:
    """For a thread: from now on it works when others have nothing to do."""
    niceness = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), max(niceness, PATIENT_NICENESS))
