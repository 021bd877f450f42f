"""The access log's way out: a bounded buffer that a thread writes to the spool.

One write per login would cost a third of the logins. A crash may lose the last moments of this log (never of
accounting). An accept waits a moment before it is written, because FreeRADIUS checks the password only after the policy
accepted: if that fails, the record becomes the reject it was.

A record names the receipt of its compiled decision. The receipt itself is made and written here, once, and again when
it is still in use after a week, so that nothing that is kept names what is gone. Making it takes as long as several
logins: when very many decisions are new at once, receipts follow their records at a pace that logins do not feel.
"""

import fcntl
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import NamedTuple

import orjson

from radius.compiled import Compiled
from radius.receipts import receipt_of
from radius.router_notes import RouterNotes

FLUSH_S = 0.25
SETTLE_S = 0.5
MAX_WAITING = 500_000
MAX_BATCH = 500
MAX_REFUSED = 50_000
# The collector takes lines of at most 256 KiB.
MAX_LINE_BYTES = 200_000
MENTION_S = 7 * 86_400.0
# The part of all time that making receipts may take, and how much of it is saved up while it is quiet.
RECEIPTS_SHARE = 0.04
RECEIPTS_SAVED_S = 0.5
RECEIPTS_BATCH = 50
# How much it may take at the end, for which the server waits two seconds.
RECEIPTS_LAST_S = 1.5
# What a rule could raise that cannot say what it saw.
UNMADE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class Record(NamedTuple):
    """One decision in the order of the spool line, which is the order of the columns it is loaded into.

    In the place of `compiled`, which decided it, the line has its receipt and when it was compiled.
    """

    decided_at: float
    tenant_id: int
    nas_server_id: int
    username: str
    callingstationid: str | None
    service: str
    result: str
    reason: str
    decision_id: str
    subscription_id: int | None
    details: dict[str, object] | None
    compiled: Compiled | None = None


class AccessRecords:
    """`add` is called by logins, `flush` by the writer thread."""

    def __init__(self, folder: Path, complain: Callable[[str], None]) -> None:
        self._folder = folder
        self._complain = complain
        self._waiting: deque[Record] = deque(maxlen=MAX_WAITING)
        self._refused: dict[str, str] = {}
        # Decisions that were mentioned and whose receipt is still to be written.
        self.notes = RouterNotes()
        self._untold: deque[Compiled] = deque(maxlen=MAX_WAITING)
        self._series = secrets.token_hex(6)
        self._numbers = count(1)
        self._saved_s, self._saved_at = RECEIPTS_SAVED_S, time.monotonic()
        self._stopping = threading.Event()
        self.add = self._waiting.append

    def refuse(self, decision_id: str, reason: str) -> None:
        """Turn the accept of a decision, not yet written, into a reject for `reason`."""
        while len(self._refused) >= MAX_REFUSED:
            # Its record was written before the refusal came; nothing is left to mend.
            self._refused.pop(next(iter(self._refused)), None)
        self._refused[decision_id] = reason

    def run(self) -> None:
        """Write until stopped, then write the rest."""
        while not self._stopping.wait(FLUSH_S):
            self._try_flush(time.time() - SETTLE_S)
        self._saved_s = RECEIPTS_LAST_S
        self._try_flush(float("inf"))

    def stop(self) -> None:
        """Ask `run` to write what is left and end."""
        self._stopping.set()

    def _try_flush(self, settled_before: float) -> None:
        try:
            self.flush(settled_before)
        except OSError as error:
            self._complain(f"access log not written: {error}")

    def flush(self, settled_before: float) -> int:
        """Write the records decided before a moment; returns how many."""
        written = 0
        while self._waiting and self._waiting[0].decided_at <= settled_before:
            batch: list[Record] = []
            while self._waiting and len(batch) < MAX_BATCH and self._waiting[0].decided_at <= settled_before:
                batch.append(self._settled(self._waiting.popleft()))
            try:
                self._write(batch)
            except OSError:
                # Kept for the next try, as far as there is room; newer records give way.
                self._waiting.extendleft(reversed(batch))
                raise
            written += len(batch)
        self._tell()
        self._write_notes()
        if not self._waiting:
            self._refused.clear()
        return written

    def _write_notes(self) -> None:
        notes = self.notes.take()
        try:
            _append(self._folder, lines(notes))
        except OSError:
            self.notes.put_back(notes)
            raise

    def _settled(self, record: Record) -> Record:
        reason = self._refused.pop(record.decision_id, None) if self._refused else None
        return record if reason is None else record._replace(result="reject", reason=reason)

    def _write(self, batch: list[Record]) -> None:
        rows: list[object] = []
        for record in batch:
            compiled = record.compiled
            if compiled is None:
                rows.append(record[:11])
                continue
            if record.decided_at >= compiled.mention_until:
                self._mention(compiled, record.decided_at)
            rows.append((*record[:11], compiled.mention))
        self._tell()
        _append(self._folder, lines(rows))

    def _mention(self, compiled: Compiled, now: float) -> None:
        if compiled.mention is None:
            compiled.mention = (f"{self._series}{next(self._numbers):x}", compiled.compiled_at)
        compiled.mention_until = now + MENTION_S
        self._untold.append(compiled)

    def _tell(self) -> None:
        """Write receipts that are due, for as long as was saved up; the others wait for the next turn."""
        now = time.monotonic()
        earned_s = (now - self._saved_at) * RECEIPTS_SHARE
        self._saved_s = max(self._saved_s, min(RECEIPTS_SAVED_S, self._saved_s + earned_s))
        self._saved_at = now
        while self._untold and self._saved_s > 0:
            begun = time.thread_time()
            batch = [self._untold.popleft() for _ in range(min(RECEIPTS_BATCH, len(self._untold)))]
            try:
                elements = [element for compiled in batch if (element := self._element(compiled)) is not None]
                _append(self._folder, lines(elements))
            except OSError:
                self._untold.extendleft(reversed(batch))
                raise
            self._saved_s -= time.thread_time() - begun

    def _element(self, compiled: Compiled) -> object:
        """A receipt as the line has it; None for one that cannot be made, which must not keep the others from it."""
        name, _ = compiled.mention or ("", 0.0)
        try:
            body = receipt_of(compiled)
        except UNMADE as error:
            self._complain(f"receipt not made: {type(error).__name__}: {error}")
            return None
        return {"receipt": name, "tenant_id": compiled.profile.tenant_id, "body": orjson.Fragment(body)}


def lines(elements: list[object]) -> bytes:
    """The elements as lines of JSON, none longer than the collector takes; an element alone is as long as it is."""
    if not elements:
        return b""
    line = orjson.dumps(elements) + b"\n"
    if len(line) <= MAX_LINE_BYTES or len(elements) == 1:
        return line
    half = len(elements) // 2
    return lines(elements[:half]) + lines(elements[half:])


def _append(folder: Path, written: bytes) -> None:
    if not written:
        return
    name = time.strftime("access-%Y%m%d%H.jsonl", time.gmtime())
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # Servers that share the login port write into one file, and a torn line is cut off by its length.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        end = os.fstat(descriptor).st_size
        sent = os.write(descriptor, written)
        if sent != len(written):
            # The next line would be lost with the torn one before it.
            os.ftruncate(descriptor, end)
            raise OSError(f"{name}: wrote {sent} of {len(written)} bytes")
    finally:
        os.close(descriptor)
