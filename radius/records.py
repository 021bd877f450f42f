"""The access log's way out: a bounded buffer that a thread writes to the spool.

One write per login would cost a third of the logins. A crash may lose the last moments of this log (never of
accounting). An accept waits a moment before it is written, because FreeRADIUS checks the password only after the policy
accepted: if that fails, the record becomes the reject it was.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import orjson

FLUSH_S = 0.25
SETTLE_S = 0.5
MAX_WAITING = 500_000
MAX_BATCH = 2_000
MAX_REFUSED = 50_000


class Record(NamedTuple):
    """One decision in the order of the spool line, which is the order of the columns it is loaded into."""

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


class AccessRecords:
    """`add` is called by logins, `flush` by the writer thread."""

    def __init__(self, folder: Path, complain: Callable[[str], None]) -> None:
        self._folder = folder
        self._complain = complain
        self._waiting: deque[Record] = deque(maxlen=MAX_WAITING)
        self._refused: dict[str, str] = {}
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
        if not self._waiting:
            self._refused.clear()
        return written

    def _settled(self, record: Record) -> Record:
        reason = self._refused.pop(record.decision_id, None) if self._refused else None
        return record if reason is None else record._replace(result="reject", reason=reason)

    def _write(self, batch: list[Record]) -> None:
        name = time.strftime("access-%Y%m%d%H.jsonl", time.gmtime())
        line = orjson.dumps([tuple(record) for record in batch]) + b"\n"
        descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            end = os.fstat(descriptor).st_size
            sent = os.write(descriptor, line)
            if sent != len(line):
                # The next line would be lost with the torn one before it.
                os.ftruncate(descriptor, end)
                raise OSError(f"{name}: wrote {sent} of {len(line)} bytes")
        finally:
            os.close(descriptor)
