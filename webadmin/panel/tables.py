"""The one list of the panel: columns to choose, heads to sort by, views to keep, a file to take away.

Each list says once what it is (`List`); what a reader asked for is in the address and in what he keeps (`Table`). The
rows themselves and their filter are the list's own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from flask import request, url_for
from flask_babel import gettext
from flask_babel.speaklater import LazyString
from flask_login import current_user

from db.queries import saved_views
from db.queries.paging import Page as Part
from db.queries.paging import Wanted
from webadmin.panel.support import PAGE_SIZE, Page, db, page_number, tenant, with_query
from webadmin.security import may

RowT = TypeVar("RowT")
MOST_EXPORTED, EXPORT_PORTION = 20_000, 200
LONGEST_QUERY = 1000
# What in the address is no part of a view: where one is in the list, and what a page follows besides.
_PASSING = frozenset({"page", "follow", "columns"})


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column. `sort` names the list's order by it; `value` is what a file says in it."""

    key: str
    text: LazyString
    value: Callable[[Any], Any]
    sort: str | None = None
    is_number: bool = False
    # Always there, since a row without it is nobody's.
    is_fixed: bool = False
    # Not there until somebody chooses it.
    is_extra: bool = False
    on_phone: bool = True
    # What one needs to see it, where it is more than for the list.
    permission: str | None = None
    # The order that a first click on its head asks for.
    begins_descending: bool = False


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A view as it is offered: one of ours, one's own, or somebody's shared one."""

    name: str | LazyString
    url: str
    is_current: bool
    id: int | None = None
    is_shared: bool = False
    is_mine: bool = False


@dataclass(frozen=True, kw_only=True)
class List:
    """What a list is. `lines` gives the rows of a part of it, for the page and for the file alike."""

    key: str
    endpoint: str
    columns: tuple[Column, ...]
    sorts: Sequence[str]
    sort: str
    lines: Callable[[Wanted], "Part[Any]"]
    # Views that everybody has: their name, and the part of the address behind it.
    views: tuple[tuple[LazyString, Mapping[str, str]], ...] = ()
    permission: str = "view_customers"
    export_permission: str = "export_customers"

    def columns_for_reader(self) -> list[Column]:
        """The columns that whoever asks may see."""
        return [column for column in self.columns if column.permission is None or may(column.permission)]

    def chosen_columns(self) -> list[Column]:
        """Those of them that he looks at."""
        chosen = saved_views.columns_of(db(), user_id=current_user.id, list_key=self.key)
        return [column for column in self.columns_for_reader() if _is_shown(column, chosen)]

    def sort_of_request(self) -> str:
        """The order in the address, else the list's own."""
        asked = request.args.get("sort", "")
        return asked if asked.removeprefix("-") in self.sorts else self.sort


def of_row(name: str) -> Callable[[Any], Any]:
    """What a file says in a column: this of the line's row."""
    return attrgetter(f"row.{name}")


LISTS: dict[str, List] = {}


def declare(listing: List) -> List:
    """Make a list known to the routes that serve all of them."""
    LISTS[listing.key] = listing
    return listing


class Table:
    """A list as this request sees it."""

    most_exported = MOST_EXPORTED

    def __init__(self, listing: List, *, sort: str | None = None) -> None:
        """Ask for the part of the list that the address names; `sort` where the filter has an order of its own."""
        self.listing = listing
        self.sort = sort if sort and "sort" not in request.args else listing.sort_of_request()
        part = listing.lines(Wanted(sort=self.sort, page=page_number(), page_size=PAGE_SIZE))
        self.lines: Sequence[Any] = part.items
        self.page = Page(number=page_number(), size=PAGE_SIZE, total=part.total_items, is_exact=part.is_total_exact)
        self.columns, self.shown = listing.columns_for_reader(), listing.chosen_columns()

    @property
    def query(self) -> str:
        """The part of the address that a view keeps."""
        return query_of(request.args.items(multi=True))

    @property
    def filter_query(self) -> str:
        """Which rows these are, whatever their order: marks belong to that."""
        return query_of((name, value) for name, value in request.args.items(multi=True) if name != "sort")

    @property
    def shelves(self) -> list[Shelf]:
        """The views that can be chosen: all, ours, one's own, shared ones."""
        listing, query = self.listing, self.query
        whole = url_for(listing.endpoint)
        mine = saved_views.views_of(db(), tenant_id=tenant().id, user_id=current_user.id, list_key=listing.key)
        ours = [
            Shelf(name=name, url=f"{whole}?{query_of(asked.items())}", is_current=query == query_of(asked.items()))
            for name, asked in listing.views
        ]
        kept = [
            Shelf(
                name=view.name,
                url=f"{whole}?{view.query}",
                is_current=query == view.query,
                id=view.id,
                is_shared=view.is_shared,
                is_mine=view.user_id == current_user.id,
            )
            for view in mine
        ]
        return ours + kept

    def sort_url(self, column: Column) -> str:
        """The address of the list ordered by a column; a second click turns it round."""
        down = f"-{column.sort}"
        first, second = (down, column.sort) if column.begins_descending else (column.sort, down)
        wanted = second if self.sort == first else first
        return self._with(sort=wanted, page=None)

    def sorted_by(self, column: Column) -> str:
        """ "ascending", "descending" or nothing, as assistive technology says it."""
        if column.sort is None or self.sort.removeprefix("-") != column.sort:
            return ""
        return "descending" if self.sort.startswith("-") else "ascending"

    def export_url(self, kind: str) -> str:
        """The address of the file with these columns and rows."""
        return with_query(url_for("panel.lists.export", key=self.listing.key, kind=kind), page=None, follow=None)

    def _with(self, **changed: str | None) -> str:
        return with_query(url_for(self.listing.endpoint), follow=None, **changed)


def part_of_rows(rows: Iterable[RowT], *, sorts: Mapping[str, Callable[[RowT], Any]], wanted: Wanted) -> "Part[RowT]":
    """The wanted part of a list that is short enough to be read whole; a cursor of it is where it goes on."""
    ordered = sorted(rows, key=sorts[wanted.sort.removeprefix("-")], reverse=wanted.sort.startswith("-"))
    begin = int(wanted.cursor) if wanted.cursor else (wanted.page - 1) * wanted.page_size
    end = begin + wanted.page_size
    return Part(
        items=ordered[begin:end],
        page=None if wanted.cursor else wanted.page,
        page_size=wanted.page_size,
        total_items=len(ordered),
        next_cursor=str(end) if end < len(ordered) else None,
    )


def lines_of(part: "Part[Any]", lines: Sequence[RowT]) -> "Part[RowT]":
    """The same part of a list with what its rows show besides."""
    return replace(part, items=lines)


def query_of(pairs: Iterable[tuple[str, str]]) -> str:
    """Filters and order as one text: the same for the same view, however the address was written."""
    kept = sorted((name, value) for name, value in pairs if value and name not in _PASSING)
    return urlencode(kept)[:LONGEST_QUERY]


def is_query(text: str) -> bool:
    """Whether the text is one that `query_of` could have made."""
    return query_of(parse_qsl(text)) == text


def yes_no(is_so: bool) -> str:
    """The word for it in a file."""
    return str(gettext("yes") if is_so else gettext("no"))


def _is_shown(column: Column, chosen: Sequence[str] | None) -> bool:
    if column.is_fixed:
        return True
    return not column.is_extra if chosen is None else column.key in chosen


def file_rows(listing: List, columns: Sequence[Column]) -> Iterator[list[Any]]:
    """Head and rows of the file: as the list is ordered, at most `MOST_EXPORTED`."""
    yield [str(column.text) for column in columns]
    sort, cursor, left = listing.sort_of_request(), None, MOST_EXPORTED
    while left > 0:
        part = listing.lines(Wanted(sort=sort, page_size=min(EXPORT_PORTION, left), cursor=cursor, is_counted=False))
        for line in part.items:
            yield [column.value(line) for column in columns]
        left, cursor = left - len(part.items), part.next_cursor
        if cursor is None:
            return
