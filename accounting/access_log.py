"""The access log's way in: lines of decisions and of their receipts from the policy's writer become rows.

A decision that cannot be read is set aside alone; one that the database refuses takes its line with it, never the rest.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
import psycopg

from accounting import device_news, router_news, voucher_news
from accounting.records import MAX_TEXT
from accounting.spool import Chunk, Line
from db.queries import accounting as queries
from db.queries import spool as spool_queries
from db.queries.accounting import Connection
from db.queries.receipts import add_receipts
from runtime.logs import get_logger

log = get_logger("accounting.access_log")
RESULTS = ("accept", "reject")
MAX_NAME = 32
Row = tuple[Any, ...]
Refused = tuple[Line, str]


class Read(NamedTuple):
    """What a line holds: rows of decisions, receipts (id, tenant, JSON text), and elements that are neither."""

    line: Line
    rows: list[Row]
    receipts: list[tuple[str, int, str]]
    refused: list[Refused]
    notes: list[router_news.Note]


def store(
    connection: Connection, chunk: Chunk, *, node: str, stream: str, now: datetime, again: Mapping[str, int]
) -> bool:
    """Add a chunk's decisions, do what they ask for and move the position, in the caller's transaction.

    `again` says of files up to which offset their decisions may be there already: those are left out. True when a live
    session is to be changed because of them.
    """
    read = [read_line(line) for line in chunk.lines]
    if again:
        read = _without_known(connection, read, again)
    refused = [(line, "torn_line") for line in chunk.torn] + [item for one in read for item in one.refused]
    try:
        with connection.transaction():
            _add(connection, read, now)
    except (psycopg.DataError, psycopg.IntegrityError):
        not_stored = _store_by_line(connection, read, now)
        refused += not_stored
        read = [one for one in read if one.line not in {line for line, _ in not_stored}]
    if refused:
        quarantined = [
            spool_queries.PutAside(line.file, line.offset, reason, line.raw, None, None) for line, reason in refused
        ]
        spool_queries.quarantine(connection, node=node, stream=stream, rows=quarantined)
    spool_queries.save_positions(
        connection, node=node, stream=stream, offsets=chunk.after, records=len(chunk.lines), counted_until=now
    )
    notes = [note for one in read for note in one.notes]
    return _follow(connection, [row for one in read for row in one.rows], notes, now)


def _without_known(connection: Connection, read: Sequence[Read], again: Mapping[str, int]) -> list[Read]:
    """The same without decisions that were stored before."""
    doubtful = [one.line.offset < again.get(one.line.file, 0) for one in read]
    rows = [row for one, is_doubtful in zip(read, doubtful, strict=True) if is_doubtful for row in one.rows]
    known = queries.known_decisions(connection, rows)
    return [
        one._replace(rows=[row for row in one.rows if (row[8], row[6]) not in known]) if is_doubtful else one
        for one, is_doubtful in zip(read, doubtful, strict=True)
    ]


def _add(connection: Connection, read: Sequence[Read], now: datetime) -> None:
    add_receipts(connection, [receipt for one in read for receipt in one.receipts], now)
    queries.insert_access_log(connection, [row for one in read for row in one.rows])


def _follow(connection: Connection, rows: Sequence[Row], notes: Sequence[router_news.Note], now: datetime) -> bool:
    """What the decisions ask for. It must not keep them, nor the accounting behind them, from being stored."""
    try:
        with connection.transaction():
            router_news.write(connection, notes)
            voucher_news.write(connection, rows, now)
            return device_news.write(connection, rows, now)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        log.warning("what logins ask for was not written", error=repr(error))
        return False


def _store_by_line(connection: Connection, read: Sequence[Read], now: datetime) -> list[Refused]:
    refused = []
    for one in read:
        try:
            with connection.transaction():
                _add(connection, [one], now)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            refused.append((one.line, f"refused: {type(error).__name__}"))
    return refused


def read_line(line: Line) -> Read:
    """What a line holds; a line that is no list of elements is refused whole."""
    read = Read(line, [], [], [], [])
    try:
        elements = orjson.loads(line.raw)
    except orjson.JSONDecodeError:
        return read._replace(refused=[(line, "not_json")])
    if not isinstance(elements, list):
        return read._replace(refused=[(line, "not_a_record")])
    for element in elements:
        # Nearly every element is a decision, and those are lists.
        if not (_take_decision(read, element) if isinstance(element, list) else _take_other(read, element)):
            read.refused.append((Line(line.file, line.offset, orjson.dumps(element)), "not_a_decision"))
    return read


def _take_decision(read: Read, element: list[Any]) -> bool:
    row = _row(element)
    if row is None:
        return False
    read.rows.append(row)
    return True


def _take_other(read: Read, element: Any) -> bool:
    note = router_news.read(element)
    if note is not None:
        read.notes.append(note)
        return True
    receipt = _receipt(element) if isinstance(element, dict) else None
    if receipt is None:
        return False
    read.receipts.append(receipt)
    return True


def _receipt(element: dict[str, Any]) -> tuple[str, int, str] | None:
    name: Any = element.get("receipt")
    tenant_id: Any = element.get("tenant_id")
    body: Any = element.get("body")
    if not (isinstance(name, str) and 0 < len(name) <= MAX_NAME and _is_id(tenant_id) and isinstance(body, dict)):
        return None
    return _plain(name, MAX_NAME), tenant_id, _details(body)


def _mention(named: Any) -> tuple[str, datetime] | None:
    """The receipt a decision names, and when it was compiled; None when the element is not that."""
    if not isinstance(named, list) or len(named) != 2:
        return None
    name, at = named
    is_sound = isinstance(name, str) and len(name) <= MAX_NAME and _is_moment(at)
    return (_plain(name, MAX_NAME), datetime.fromtimestamp(at, UTC)) if is_sound else None


def _row(decision: list[Any]) -> Row | None:
    # The twelfth is the receipt, which a decision has that was made about somebody.
    if len(decision) not in (11, 12):
        return None
    at, tenant_id, nas_server_id, username, station, service, result, reason, decision_id, owner_id, more = decision[
        :11
    ]
    mention = _mention(decision[11]) if len(decision) == 12 else (None, None)
    is_sound = (
        _is_moment(at)
        and all(_is_id(value) for value in (tenant_id, nas_server_id))
        and (owner_id is None or _is_id(owner_id))
        and all(isinstance(value, str) for value in (username, service, reason, decision_id))
        and (station is None or isinstance(station, str))
        and result in RESULTS
        and (more is None or isinstance(more, dict))
    )
    if not is_sound or mention is None:
        return None
    return (
        datetime.fromtimestamp(at, UTC), tenant_id, nas_server_id, _plain(username, MAX_TEXT),
        None if station is None else _plain(station, MAX_TEXT), _plain(service, 10), result, _plain(reason, 40),
        _plain(decision_id, 32), owner_id, None if more is None else _details(more),
        *mention,
    )  # fmt: skip


def _is_moment(at: Any) -> bool:
    return isinstance(at, int | float) and math.isfinite(at) and 0 <= at < 1e11


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 < value < 1 << 63


def _plain(text: str, most: int) -> str:
    return text.replace("\x00", "\\x00")[:most]


def _details(details: dict[str, Any]) -> str:
    text = orjson.dumps(details)
    # PostgreSQL's jsonb refuses the escape of NUL, which is all that a crafted name could bring in here.
    return (orjson.dumps(_without_nul(details)) if b"\\u0000" in text else text).decode()


def _without_nul(value: Any) -> Any:
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    return value.replace("\x00", "\\x00") if isinstance(value, str) else value
