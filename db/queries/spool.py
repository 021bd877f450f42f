"""Where the collector stands in the spool, what became of the records, and the lines it could not count.

Positions move in the transaction that counts, so a record is counted when and only when the position is behind it; and
with them the count of how records ended.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from db.queries.accounting import Connection


def spool_positions(connection: Connection, *, node: str, stream: str) -> dict[str, int]:
    """How far each file of a stream has been counted."""
    rows = connection.execute(
        "SELECT file, offset_bytes FROM spool_positions WHERE node = %s AND stream = %s AND file <> ''",
        [node, stream],
    )
    return {row[0]: row[1] for row in rows}


# How many records ended so: (outcome, reason) to a number, which is negative when they moved on.
Outcomes = Mapping[tuple[str, str], int]

_COUNT = """
INSERT INTO record_outcomes (node, day, outcome, reason, records)
SELECT %(node)s, %(day)s, outcome, reason, records
FROM unnest(%(outcomes)s::text[], %(reasons)s::text[], %(ended_so)s::bigint[]) AS ended (outcome, reason, records)
ON CONFLICT (node, day, outcome, reason) DO UPDATE SET records = record_outcomes.records + excluded.records
"""
_SAVE_POSITIONS = f"""
WITH counted AS ({_COUNT})
INSERT INTO spool_positions (node, stream, file, offset_bytes, records, updated_at)
SELECT %(node)s, %(stream)s, file, offset_bytes, records, %(counted_until)s
FROM unnest(%(files)s::text[], %(offsets)s::bigint[], %(records)s::bigint[]) AS moved (file, offset_bytes, records)
ON CONFLICT (node, stream, file) DO UPDATE SET offset_bytes = excluded.offset_bytes,
    records = spool_positions.records + excluded.records,
    updated_at = greatest(spool_positions.updated_at, excluded.updated_at)
"""  # noqa: S608 - our own text


def save_positions(
    connection: Connection,
    *,
    node: str,
    stream: str,
    offsets: dict[str, int],
    records: int,
    counted_until: datetime,
    outcomes: Outcomes | None = None,
    now: datetime | None = None,
) -> None:
    """Move a stream's position: a row for each file, and one without a file for the stream as a whole.

    The latter's `updated_at` says: everything that this node received before then is counted. `outcomes` are how the
    records ended, counted on the day of `now`.
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
            "day": (now or counted_until).astimezone(UTC).date(),
            **_ended(outcomes or {}),
        },
    )


def _ended(outcomes: Outcomes) -> dict[str, list[object]]:
    return {
        "outcomes": [outcome for outcome, _ in outcomes],
        "reasons": [reason[:60] for _, reason in outcomes],
        "ended_so": list(outcomes.values()),
    }


def count_outcomes(connection: Connection, *, node: str, day: date, outcomes: Outcomes) -> None:
    """Count records beside those of a batch: what a replay made of them."""
    connection.execute(_COUNT, {"node": node, "day": day, **_ended(outcomes)})


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


# Put-aside records are for people to look at; a flood of them must not fill the disk.
MOST_KEPT = 50_000


class PutAside(NamedTuple):
    """A line that could not be counted, with the address it came from and whose router that is, where known."""

    file: str
    offset: int
    reason: str
    raw: bytes
    source: str | None
    tenant_id: int | None


def quarantine(connection: Connection, *, node: str, stream: str, rows: Sequence[PutAside]) -> None:
    """Keep lines that could not be counted; beyond `MOST_KEPT` the settled and then the oldest make room."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO quarantined_records (node, stream, file, offset_bytes, reason, raw, source, tenant_id)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [(node, stream, *row) for row in rows],
        )
    connection.execute(
        "DELETE FROM quarantined_records WHERE id IN (SELECT id FROM quarantined_records"
        " ORDER BY state IN ('waiting', 'replay'), id"
        " LIMIT greatest(0, (SELECT count(*) FROM quarantined_records) - %s))",
        [MOST_KEPT],
    )


class ReplayRow(NamedTuple):
    """A put-aside record that somebody asked to be tried again."""

    id: int
    node: str
    reason: str
    raw: bytes
    created_at: datetime


def has_replays(connection: Connection) -> bool:
    """Whether anybody asked for a put-aside record to be tried again."""
    return connection.execute("SELECT 1 FROM quarantined_records WHERE state = 'replay' LIMIT 1").fetchone() is not None


def take_replays(connection: Connection, *, limit: int) -> list[ReplayRow]:
    """The oldest records to try again, locked until the transaction ends."""
    rows = connection.execute(
        "SELECT id, node, reason, raw, created_at FROM quarantined_records WHERE state = 'replay'"
        " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
        [limit],
    )
    return [ReplayRow(row[0], row[1], row[2], bytes(row[3]), row[4]) for row in rows]


def settle_replays(
    connection: Connection, *, counted: Sequence[int], refused: Mapping[int, str], now: datetime
) -> None:
    """Records that were counted are done with; the others wait again, with what was wrong this time."""
    connection.execute(
        "UPDATE quarantined_records SET state = 'replayed', settled_at = %s, tries = tries + 1 WHERE id = ANY(%s)",
        [now, list(counted)],
    )
    connection.execute(
        "UPDATE quarantined_records q SET state = 'waiting', tries = tries + 1, reason = x.reason"
        " FROM unnest(%s::bigint[], %s::text[]) AS x (id, reason) WHERE q.id = x.id",
        [list(refused), list(refused.values())],
    )


def forget_put_aside(connection: Connection, *, settled_before: datetime, before: datetime, limit: int) -> int:
    """Drop records that were settled or put aside too long ago; how many went. What became of them stays counted."""
    return connection.execute(
        "DELETE FROM quarantined_records WHERE id IN (SELECT id FROM quarantined_records"
        " WHERE created_at < %s OR settled_at < %s LIMIT %s)",
        [before, settled_before, limit],
    ).rowcount
