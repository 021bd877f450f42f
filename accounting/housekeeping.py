"""What a collector does between batches: it marks how far it is, looks at the disk, and removes old files.

Files that were counted to their end stay for some hours; only then may they go. Refuses to know how records are
counted.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from accounting.spool import Spool
from accounting.spool_watch import SpoolWatch
from db.queries import health
from db.queries import spool as spool_queries
from db.queries.accounting import Connection

MARK_EVERY = timedelta(seconds=10)
TIDY_EVERY = timedelta(minutes=5)

# By stream and file, the offset behind what was counted.
Positions = dict[str, dict[str, int]]


class Housekeeping:
    """One node's; `stream` is the one whose disk is watched and whose progress is marked."""

    def __init__(
        self, spools: Mapping[str, Spool], stream: str, watch: SpoolWatch, *, node: str, keep_hours: int
    ) -> None:
        self._spools = spools
        self._stream = stream
        self._watch = watch
        self._node = node
        self._keep_s = keep_hours * 3600
        self._marked_at = self._tidied_at = datetime.min.replace(tzinfo=UTC)

    def keep(
        self, connection: Connection, positions: Positions, now: datetime, forget: Callable[[datetime], None]
    ) -> None:
        """Do what is due; `forget` what was remembered for too long."""
        if now - self._marked_at >= MARK_EVERY:
            self._marked_at = now
            forget(now)
            self._mark(connection, positions.get(self._stream, {}), now)
        if now - self._tidied_at >= TIDY_EVERY:
            self._tidied_at = now
            self._remove_old_files(connection, positions)

    def _mark(self, connection: Connection, counted: dict[str, int], now: datetime) -> None:
        if all(counted.get(name, 0) >= size for name, size, _ in self._spools[self._stream].files()):
            spool_queries.mark_counted_until(connection, node=self._node, stream=self._stream, counted_until=now)
        health.save_reading(connection, self._watch.look(counted, now))

    def _remove_old_files(self, connection: Connection, positions: Positions) -> None:
        for stream, spool in self._spools.items():
            counted = positions[stream]
            spool.remove_counted(counted, older_than_s=self._keep_s)
            gone = sorted(counted.keys() - {name for name, *_ in spool.files()})
            if gone:
                spool_queries.forget_files(connection, node=self._node, stream=stream, files=gone)
                for name in gone:
                    counted.pop(name)
