"""Makes acknowledged accounting outlive a power cut: what was appended to the spool is asked onto the disk.

In the background, every second or as set, or strictly: then no record is acknowledged before the disk has said that it
holds it, and records that were written meanwhile share the next request. Refuses to know what a record says.
"""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

PREFIX, SUFFIX = "acct-", ".jsonl"
# After the disk has failed to take what it was given, nothing is acknowledged for this long.
DISTRUST_S = 10.0
TELL_EVERY_S = 1.0
# Written over in place, so that it can still be written when the disk is full.
NOTE_BYTES = 256


def is_of(name: str, writer: str) -> bool:
    """Whether a file of the spool holds this server's records; files are named by the hour and by their writer."""
    return name.startswith(PREFIX) and name.endswith(f"-{writer}{SUFFIX}")


class SpoolFiles:
    """One server's files of the accounting spool and how much of each is safe. Used by one thread at a time."""

    def __init__(self, spool: Path, writer: str) -> None:
        self._spool = spool
        self._writer = writer
        self._safe: dict[str, int] = {}

    def sync(self) -> int:
        """Ask everything onto the disk that was appended since the last time; returns how many bytes. Raises OSError.

        Safe is what had been written when the request began.
        """
        grown = [(name, size) for name, size in self._sizes() if size > self._safe.get(name, 0)]
        is_new = any(name not in self._safe for name, _ in grown)
        for name, _ in grown:
            _ask_onto_disk(self._spool / name)
        if is_new:
            # A file's name is part of the directory: without this, the data could be there and nobody find it.
            _ask_onto_disk(self._spool, flags=os.O_RDONLY | os.O_DIRECTORY)
        count = sum(size - self._safe.get(name, 0) for name, size in grown)
        self._safe.update(grown)
        return count

    def _sizes(self) -> list[tuple[str, int]]:
        with os.scandir(self._spool) as entries:
            found = [entry for entry in entries if is_of(entry.name, self._writer)]
            sizes = [(entry.name, entry.stat().st_size) for entry in found]
        for gone in self._safe.keys() - {name for name, _ in sizes}:
            del self._safe[gone]
        return sizes


def _ask_onto_disk(path: Path, flags: int = os.O_RDONLY) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


class SpoolSync:
    """Syncs at an interval, and for whoever must not go on before his record is safe."""

    def __init__(self, spool: Path, writer: str, interval_ms: int, complain: Callable[[str], None]) -> None:
        self._files = SpoolFiles(spool, writer)
        self.interval_s = interval_ms / 1000
        self._complain = complain
        self._note = spool / f"watch-{writer}.json"
        self._stopping = threading.Event()
        self._turn = threading.Lock()
        self._distrust_until = self._told_at = 0.0
        self._errors = 0
        self._synced_at = time.time()
        self._longest_ms = 0

    @property
    def is_trusted(self) -> bool:
        """False for a while after the disk did not take what it was given."""
        return time.monotonic() >= self._distrust_until

    def make_safe(self) -> bool:
        """Returns when all that was written before the call is on the disk; False when the disk did not take it.

        Whoever waits for another's request finds his own record on the disk by then, and asks for nothing.
        """
        with self._turn:
            return self._sync()

    def _sync(self) -> bool:
        begun_at, clock = time.monotonic(), time.time()
        try:
            self._files.sync()
        except OSError as error:
            self._errors += 1
            self._distrust_until = time.monotonic() + DISTRUST_S
            self._complain(f"accounting spool not synced: {error}")
            return False
        self._synced_at = clock
        self._longest_ms = max(self._longest_ms, round((time.monotonic() - begun_at) * 1000))
        return True

    def run(self) -> None:
        """Sync at the interval until stopped."""
        while not self._stopping.wait(self.interval_s):
            self.make_safe()
            if time.monotonic() - self._told_at >= TELL_EVERY_S:
                self._tell()

    def stop(self) -> None:
        """End `run`, and sync what is left."""
        self._stopping.set()
        self.make_safe()

    def _tell(self) -> None:
        """Leave a note for the collector: when all was safe, how long it took at most, how often it failed."""
        self._told_at = time.monotonic()
        facts = {"synced_at": self._synced_at, "longest_ms": self._longest_ms, "errors": self._errors}
        self._longest_ms = 0
        try:
            descriptor = os.open(self._note, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.pwrite(descriptor, json.dumps(facts).encode().ljust(NOTE_BYTES), 0)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._complain(f"accounting spool watch: {error}")
