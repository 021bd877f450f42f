"""The access log's way in: lines of decisions from the policy's writer become rows.

A decision that cannot be read is set aside alone; one that the database refuses takes its line with it, never the rest.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg

from accounting import device_news
from accounting.records import MAX_TEXT
from accounting.spool import Chunk, Line
from db.queries import accounting as queries
from db.queries import spool as spool_queries
from db.queries.accounting import Connection
from runtime.logs import get_logger

log = get_logger("accounting.access_log")
RESULTS = ("accept", "reject")
Row = tuple[Any, ...]
Refused = tuple[Line, str]


def store(connection: Connection, chunk: Chunk, *, node: str, stream: str, now: datetime) -> bool:
    """Add a chunk's decisions, do what they ask for and move the position, in the caller's transaction.

    True when a live session is to be changed because of them.
    """
    read = [(line, *read_line(line)) for line in chunk.lines]
    refused = [(line, "torn_line") for line in chunk.torn] + [item for *_, bad in read for item in bad]
    try:
        with connection.transaction():
            queries.insert_access_log(connection, [row for _, rows, _ in read for row in rows])
    except (psycopg.DataError, psycopg.IntegrityError):
        not_stored = _store_by_line(connection, [(line, rows) for line, rows, _ in read])
        refused += not_stored
        read = [item for item in read if item[0] not in {line for line, _ in not_stored}]
    if refused:
        quarantined = [(line.file, line.offset, reason, line.raw) for line, reason in refused]
        spool_queries.quarantine(connection, node=node, stream=stream, rows=quarantined)
    spool_queries.save_positions(
        connection, node=node, stream=stream, offsets=chunk.after, records=len(chunk.lines), counted_until=now
    )
    return _follow(connection, [row for _, rows, _ in read for row in rows], now)


def _follow(connection: Connection, rows: Sequence[Row], now: datetime) -> bool:
    """What the decisions ask for. It must not keep them, nor the accounting behind them, from being stored."""
    try:
        with connection.transaction():
            return device_news.write(connection, rows, now)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        log.warning("what logins ask for was not written", error=repr(error))
        return False


def _store_by_line(connection: Connection, read: Sequence[tuple[Line, list[Row]]]) -> list[Refused]:
    refused = []
    for line, rows in read:
        try:
            with connection.transaction():
                queries.insert_access_log(connection, rows)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            refused.append((line, f"refused: {type(error).__name__}"))
    return refused


def read_line(line: Line) -> tuple[list[Row], list[Refused]]:
    """The rows of a line, and the decisions on it that make none."""
    try:
        decisions = orjson.loads(line.raw)
    except orjson.JSONDecodeError:
        return [], [(line, "not_json")]
    if not isinstance(decisions, list):
        return [], [(line, "not_a_record")]
    rows: list[Row] = []
    refused: list[Refused] = []
    for decision in decisions:
        row = _row(decision)
        if row is None:
            refused.append((line._replace(raw=orjson.dumps(decision)), "not_a_decision"))
        else:
            rows.append(row)
    return rows, refused


def _row(decision: Any) -> Row | None:
    if not isinstance(decision, list) or len(decision) != 11:
        return None
    at, tenant_id, nas_server_id, username, station, service, result, reason, decision_id, owner_id, more = decision
    is_sound = (
        isinstance(at, int | float)
        and math.isfinite(at)
        and 0 <= at < 1e11
        and all(_is_id(value) for value in (tenant_id, nas_server_id))
        and (owner_id is None or _is_id(owner_id))
        and all(isinstance(value, str) for value in (username, service, reason, decision_id))
        and (station is None or isinstance(station, str))
        and result in RESULTS
        and (more is None or isinstance(more, dict))
    )
    if not is_sound:
        return None
    return (
        datetime.fromtimestamp(at, UTC), tenant_id, nas_server_id, _plain(username, MAX_TEXT),
        None if station is None else _plain(station, MAX_TEXT), _plain(service, 10), result, _plain(reason, 40),
        _plain(decision_id, 32), owner_id, None if more is None else _details(more),
    )  # fmt: skip


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 < value < 1 << 63


def _plain(text: str, most: int) -> str:
    return text.replace("\x00", "\\x00")[:most]


def _details(details: dict[str, Any]) -> str:
    # PostgreSQL's jsonb refuses the escape of NUL, which is all that a crafted name could bring in here.
    return orjson.dumps(details).replace(b"\\u0000", b"\\\\x00").decode()
