"""A file of customers as people keep them in a spreadsheet: which columns there are, and what each row says.

Decides how the text is read and what cannot be read at all; refuses to know whether a value can be kept.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from domain.customer_jobs import MOST_ITEMS
from domain.spreadsheet import unprotected

OF_THE_CUSTOMER = (
    "name",
    "whatsapp",
    "email",
    "phone",
    "address",
    "apartment_number",
    "house_number",
    "city",
    "province",
    "postal_code",
    "country",
    "location",
    "latitude",
    "longitude",
    "birth_date",
    "gender",
    "id_card_number",
    "company_name",
    "tax_id",
    "customer_type",
    "language",
    "notes",
    "tags",
    "referred_by",
)
OF_THE_BOOKS = ("initial_balance",)
OF_THE_SUBSCRIPTION = ("username", "password", "plan", "nas", "connection_type", "expires_at", "device_name")
COLUMNS = OF_THE_CUSTOMER + OF_THE_BOOKS + OF_THE_SUBSCRIPTION
# Never shown again, not even to whoever sent the file.
SECRET = frozenset({"password", "id_card_number"})
UNIQUE = ("whatsapp", "email", "phone", "username")
MAX_BYTES, MAX_CELL = 2_000_000, 10_000
_SIGNS = (",", ";", "\t")


class UnreadableFile(Exception):
    """The file as a whole cannot be used; `str()` says why, `mend` what to do."""

    def __init__(self, reason: str, mend: str) -> None:
        self.mend = mend
        super().__init__(reason)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One customer of the file. `number` counts the head as 1, so that it is the line in the spreadsheet."""

    number: int
    values: Mapping[str, str]


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


def repeated(rows: list[Row]) -> dict[int, tuple[str, int]]:
    """Rows that repeat a number, address or username of a row before: which column, and the row that had it first."""
    seen: dict[tuple[str, str], int] = {}
    found: dict[int, tuple[str, int]] = {}
    for row in rows:
        for name in UNIQUE:
            value = row.values.get(name, "").lower()
            if value and seen.setdefault((name, value), row.number) != row.number:
                found.setdefault(row.number, (name, seen[name, value]))
    return found
