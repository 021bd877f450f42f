"""Lists in pages: by number with a total, or by cursor where a list is too long for offsets.

A cursor names the last row seen by its sort value and id, so rows that come or go meanwhile neither repeat nor hide
another. Sort columns come from a fixed table; nothing that a client writes reaches the statement as text.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

RowT = TypeVar("RowT")
PAGE_SIZE = 20
MAX_PAGE_SIZE = 200
MAX_PAGE = 10_000
_Column = Any


class BadCursor(ValueError):
    """A cursor that this list did not give out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which part of a list: a sort key of the list ("-" before it for descending), then page or cursor."""

    sort: str
    page: int = 1
    page_size: int = PAGE_SIZE
    cursor: str | None = None
    # False for whoever walks the whole list and needs no total.
    is_counted: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[RowT]):
    """Part of a list. Asked for by cursor it has no page number; without more rows it has no next cursor."""

    items: Sequence[RowT]
    page: int | None
    page_size: int
    total_items: int
    next_cursor: str | None
    # False when there are more than `total_items`, which nobody counted.
    is_total_exact: bool = True

    @property
    def total_pages(self) -> int:
        """How many pages there are in all."""
        return -(-self.total_items // self.page_size)


def fetch_page(
    session: Session,
    statement: Select[Any],
    *,
    sorts: Mapping[str, Any],
    row_id: InstrumentedAttribute[int],
    wanted: Wanted,
    total: int | None = None,
    is_total_exact: bool = True,
) -> Page[Any]:
    """Run an ORM select of one entity for the part that is wanted; `sorts` are columns without NULL.

    Whoever knows the total says so, and nothing is counted; nor is it for whoever wants no total (0 then).
    """
    key = wanted.sort.removeprefix("-")
    column = sorts[key]
    if total is None:
        total = _count(session, statement, row_id) if wanted.is_counted else 0
    narrow = statement.with_only_columns(column, row_id, maintain_column_froms=True)
    rows = session.execute(part_of(narrow, sorts=sorts, row_id=row_id, wanted=wanted)).all()
    shown = rows[: wanted.page_size]
    more = len(rows) > wanted.page_size
    return Page(
        items=_whole(session, statement, row_id, [row[1] for row in shown]),
        page=None if wanted.cursor is not None else wanted.page,
        page_size=wanted.page_size,
        total_items=total,
        next_cursor=_write(wanted.sort, *shown[-1]) if more else None,
        is_total_exact=is_total_exact,
    )


def _whole(session: Session, statement: Select[Any], row_id: InstrumentedAttribute[int], ids: list[int]) -> list[Any]:
    """The rows of a page with their relatives: what was found is sorted by its numbers alone, and only then read."""
    found = session.execute(statement.where(row_id.in_(ids)).add_columns(row_id.label("_id"))).unique().all()
    place = {number: place for place, number in enumerate(ids)}
    return [row[0] for row in sorted(found, key=lambda row: place[row[-1]])]


def part_of(
    statement: Select[Any], *, sorts: Mapping[str, Any], row_id: InstrumentedAttribute[int], wanted: Wanted
) -> Select[Any]:
    """The statement in the wanted order, from where the cursor or page begins, one row longer than the page."""
    column, descending = sorts[wanted.sort.removeprefix("-")], wanted.sort.startswith("-")
    ordered = statement.order_by(*_order(column, row_id, descending=descending)).limit(wanted.page_size + 1)
    if wanted.cursor is None:
        return ordered.offset((wanted.page - 1) * wanted.page_size)
    value, last_id = _read(wanted.cursor, wanted.sort, column)
    return ordered.where(_after(column, row_id, value, last_id, descending=descending))


def _count(session: Session, statement: Select[Any], row_id: InstrumentedAttribute[int]) -> int:
    inner = statement.with_only_columns(row_id).order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(inner)) or 0


def _order(column: _Column, row_id: _Column, *, descending: bool) -> list[ColumnElement[Any]]:
    return [column.desc(), row_id.desc()] if descending else [column.asc(), row_id.asc()]


def _after(column: _Column, row_id: _Column, value: Any, last_id: int, *, descending: bool) -> ColumnElement[bool]:
    if descending:
        return or_(column < value, (column == value) & (row_id < last_id))
    return or_(column > value, (column == value) & (row_id > last_id))


def _write(sort: str, value: Any, row_id: int) -> str:
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return base64.urlsafe_b64encode(json.dumps([sort, text, row_id]).encode()).decode().rstrip("=")


def _read(cursor: str, sort: str, column: _Column) -> tuple[Any, int]:
    try:
        given = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        given_sort, text, row_id = given
        value = _parse(text, column)
    except (binascii.Error, ValueError, TypeError, InvalidOperation):
        raise BadCursor("not a cursor of this list") from None
    if given_sort != sort or not isinstance(row_id, int) or not 0 <= row_id < 2**63:
        raise BadCursor("a cursor of another list or order")
    return value, row_id


def _parse(text: Any, column: _Column) -> Any:
    if not isinstance(text, str) or "\x00" in text:
        raise BadCursor("not a cursor of this list")
    kind = column.type.python_type
    if kind is datetime:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if kind is date:
        return date.fromisoformat(text)
    if kind is int:
        number = int(text)
        if not -(2**63) <= number < 2**63:
            raise BadCursor("out of range")
        return number
    return Decimal(text) if kind is Decimal else text
