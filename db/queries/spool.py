"""Where the collector stands in the spool, and the lines it could not count.

Positions move in the transaction that counts, so a record is counted when and only when the position is behind it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from db.queries.accounting import Connection


def spool_positions(connection: Connection, *, node: str, stream: str) -> dict[str, int]:
    """How far each file of a stream has been counted."""
    rows = connection.execute(
        "SELECT file, offset_bytes FROM spool_positions WHERE node = %s AND stream = %s AND file <> ''",
        [node, stream],
    )
    return {row[0]: row[1] for row in rows}


_SAVE_POSITIONS = """
INSERT INTO spool_positions (node, stream, file, offset_bytes, records, updated_at)
SELECT %(node)s, %(stream)s, file, offset_bytes, records, %(counted_until)s
FROM unnest(%(files)s::text[], %(offsets)s::bigint[], %(records)s::bigint[]) AS moved (file, offset_bytes, records)
ON CONFLICT (node, stream, file) DO UPDATE SET offset_bytes = excluded.offset_bytes,
    records = spool_positions.records + excluded.records,
    updated_at = greatest(spool_positions.updated_at, excluded.updated_at)
"""


def save_positions(
    connection: Connection, *, node: str, stream: str, offsets: dict[str, int], records: int, counted_until: datetime
) -> None:
    """Move a stream's position: a row for each file, and one without a file for the stream as a whole.

    The latter's `updated_at` says: everything that this node received before then is counted.
    """
    files = sorted(offsets)
    connection.execute(
        _SAVE_POSITIONS,
        {
            "node": node,
            "stream": stream,
            "files": [*files, ""],
            "offsets": [*(offsets[file] for file in files), 0],
            "records": [*(0 for _ in files), records],
            "counted_until": counted_until,
        },
    )


def mark_counted_until(connection: Connection, *, node: str, stream: str, counted_until: datetime) -> None:
    """Say that nothing waits: all that was received before then is counted."""
    connection.execute(
        "UPDATE spool_positions SET updated_at = %s WHERE node = %s AND stream = %s AND file = '' AND updated_at < %s",
        [counted_until, node, stream, counted_until],
    )


def forget_files(connection: Connection, *, node: str, stream: str, files: Sequence[str]) -> None:
    """Drop the positions of files that are gone."""
    connection.execute(
        "DELETE FROM spool_positions WHERE node = %s AND stream = %s AND file = ANY(%s)",
        [node, stream, list(files)],
    )


def counted_until(connection: Connection, *, now: datetime, ignore_after_s: int) -> datetime:
    """The moment before which every node's records are counted; nodes silent for so many seconds are taken for gone."""
    row = connection.execute(
        "SELECT least(min(updated_at), %(now)s) FROM spool_positions"
        " WHERE stream = 'acct' AND file = ''"
        " AND updated_at > %(now)s::timestamptz - make_interval(secs => %(ignore)s)",
        {"now": now, "ignore": ignore_after_s},
    ).fetchone()
    return row[0] if row is not None and row[0] is not None else now


def quarantine(connection: Connection, *, node: str, stream: str, rows: Iterable[tuple[str, int, str, bytes]]) -> None:
    """Keep (file, offset, reason, raw) of lines that could not be counted."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO quarantined_records (node, stream, file, offset_bytes, reason, raw)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [(node, stream, *row) for row in rows],
        )
