"""Reading a file of customers: CSV in UTF-8, with the names of its columns in the first line."""

import csv
import io
from collections.abc import Iterator

from domain.customer_file import COLUMNS, MAX_BYTES, MAX_CELL, Row, UnreadableFile
from domain.customer_jobs import MOST_ITEMS
from domain.spreadsheet import unprotected

_SIGNS = (",", ";", "\t")


def read(content: bytes) -> list[Row]:
    """The rows that are not empty; raises `UnreadableFile`."""
    if len(content) > MAX_BYTES:
        raise UnreadableFile(f"is larger than {MAX_BYTES // 1_000_000} MB", "split it")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableFile("is not UTF-8 text", "save it as CSV with UTF-8") from None
    if "\x00" in text:
        raise UnreadableFile("is no text", "save it as CSV with UTF-8")
    return _rows(text)


def _rows(text: str) -> list[Row]:
    lines = _records(text)
    head = [_word(cell) for cell in next(lines, [])]
    _check_head(head)
    found: list[Row] = []
    for number, cells in enumerate(lines, start=2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(found) >= MOST_ITEMS:
            raise UnreadableFile(f"has more than {MOST_ITEMS} customers", "split it")
        found.append(Row(number=number, values=_values(head, cells, number)))
    if not found:
        raise UnreadableFile("has no customers in it", "write one a line, below the names of the columns")
    return found


def _records(text: str) -> Iterator[list[str]]:
    first = text.split("\n", 1)[0]
    sign = max(_SIGNS, key=first.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
    except csv.Error as error:
        raise UnreadableFile(f"is not CSV: {error}", "save it again as CSV") from None


def _check_head(head: list[str]) -> None:
    unknown = [name for name in head if name and name not in COLUMNS]
    if "name" not in head:
        raise UnreadableFile("has no column called name", "write the names of the columns into the first line")
    if unknown:
        raise UnreadableFile(f"has a column that is not known: {unknown[0]}", f"use {', '.join(COLUMNS)}")
    twice = [name for name in head if name and head.count(name) > 1]
    if twice:
        raise UnreadableFile(f"has the column {twice[0]} twice", "take one away")


def _values(head: list[str], cells: list[str], number: int) -> dict[str, str]:
    if len(cells) > len(head) and any(cell.strip() for cell in cells[len(head) :]):
        raise UnreadableFile(f"has more cells than columns in row {number}", "put quotes around cells with commas")
    pairs = zip(head, cells, strict=False)
    # A password keeps its spaces: the device sends them too.
    return {
        name: unprotected(cell if name == "password" else cell.strip())[: MAX_CELL + 1]
        for name, cell in pairs
        if name and cell.strip()
    }


def _word(cell: str) -> str:
    return "_".join(cell.strip().lower().split())
