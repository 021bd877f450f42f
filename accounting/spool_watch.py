"""How the accounting spool of this node does: what waits, since when, how fast it grows, how much room there is.

Measured by whoever reads the spool (the collector, `lintas doctor`); refuses to know what is an alarm.
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from accounting.spool import Spool
from db.queries.health import SpoolReading

_HEAD = re.compile(rb"(\d{9,11})\.\d{1,6} ")
_HEAD_BYTES = 24
# A note of the watch inside FreeRADIUS that was not written anew for so long is of a server that has gone.
_NOTE_FRESH = timedelta(seconds=90)


class SpoolWatch:
    """Remembers the last look, so that the next one can say how fast the spool grows and shrinks."""

    def __init__(self, spool: Spool, directory: Path, *, node: str, min_free_bytes: int, is_strict: bool) -> None:
        self._spool = spool
        self._directory = directory
        self._node = node
        self._min_free_bytes = min_free_bytes
        self._mode = "strict" if is_strict else "background"
        self._before: tuple[datetime, dict[str, int], dict[str, int]] | None = None

    def look(self, positions: Mapping[str, int], now: datetime) -> SpoolReading:
        """Measure now; rates are those since the look before, 0 at the first."""
        files = self._spool.files()
        sizes = {name: size for name, size, _ in files}
        waiting = [(name, size - positions.get(name, 0)) for name, size, _ in files if size > positions.get(name, 0)]
        written_per_s, counted_per_s = self._rates(sizes, positions, now)
        space = os.statvfs(self._directory) if self._directory.is_dir() else None
        free_bytes = 0 if space is None else space.f_bavail * space.f_frsize
        synced_at, sync_ms, sync_errors = self._sync_note(now, max((at for *_, at in files), default=0.0))
        return SpoolReading(
            node=self._node,
            measured_at=now,
            waiting_bytes=sum(size for _, size in waiting),
            oldest_waiting_at=min((self._received_at(name, positions, now) for name, _ in waiting), default=None),
            written_bytes_per_s=written_per_s,
            counted_bytes_per_s=counted_per_s,
            free_bytes=free_bytes,
            min_free_bytes=self._min_free_bytes,
            is_open=space is not None and free_bytes >= self._min_free_bytes and space.f_favail > 0,
            sync_mode=None if synced_at is None else self._mode,
            synced_at=synced_at,
            sync_ms=sync_ms,
            sync_errors=sync_errors,
        )

    def _rates(self, sizes: dict[str, int], positions: Mapping[str, int], now: datetime) -> tuple[int, int]:
        before, self._before = self._before, (now, sizes, dict(positions))
        seconds = 0.0 if before is None else (now - before[0]).total_seconds()
        if before is None or seconds <= 0:
            return 0, 0
        written = sum(max(0, size - before[1].get(name, 0)) for name, size in sizes.items())
        counted = sum(max(0, at - before[2].get(name, 0)) for name, at in positions.items())
        return round(written / seconds), round(counted / seconds)

    def _received_at(self, name: str, positions: Mapping[str, int], now: datetime) -> datetime:
        """When the first record that waits in a file came in."""
        path = self._directory / name
        try:
            with path.open("rb") as file:
                head = os.pread(file.fileno(), _HEAD_BYTES, positions.get(name, 0))
                changed_at = os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return now
        match = _HEAD.match(head)
        return datetime.fromtimestamp(int(match[1]) if match else changed_at, UTC)

    def _sync_note(self, now: datetime, written_at: float) -> tuple[datetime | None, int | None, int]:
        """When all was last on the disk, the longest request of late in ms, and failures; None when nobody says."""
        notes = [note for path in self._directory.glob("watch-*.json") if (note := _note(path)) is not None]
        fresh = [note for note in notes if now.timestamp() - note["synced_at"] < _NOTE_FRESH.total_seconds()]
        if not notes:
            return None, None, 0
        # Each server speaks for its own records.
        safe_at = min(note["synced_at"] for note in fresh) if fresh else max(note["synced_at"] for note in notes)
        # Nothing was written since: then all of it is on the disk, whoever has gone.
        synced_at = now if written_at <= safe_at else datetime.fromtimestamp(safe_at, UTC)
        longest_ms = max((round(note["longest_ms"]) for note in fresh), default=0)
        return synced_at, longest_ms, sum(round(note["errors"]) for note in fresh)


def _note(path: Path) -> dict[str, float] | None:
    """What a watch has left; None when it is half written or of another version."""
    try:
        note = json.loads(path.read_bytes())
        return {name: float(note[name]) for name in ("synced_at", "longest_ms", "errors")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
