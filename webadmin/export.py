"""Tables as files to take away: CSV as it is read, XLSX as soon as it is whole. No cell can be taken for a formula."""

import codecs
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import IO, Any

import xlsxwriter  # type: ignore[import-untyped]
from flask import Response, stream_with_context

from domain.spreadsheet import as_csv, cell

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BATCH, _PIECE_BYTES = 500, 1 << 16
Row = Sequence[Any]


def as_csv_file(rows: Iterable[Row], name: str) -> Response:
    """The rows as CSV, sent while they are read; with a mark by which spreadsheets know that it is UTF-8.

    The first of them are read before the answer begins: what goes wrong at once is told, and not a broken file.
    """
    pieces = _csv(rows)
    return _file(chain((codecs.BOM_UTF8 + next(pieces),), pieces), name, CSV_TYPE)


def _csv(rows: Iterable[Row]) -> Iterator[bytes]:
    left = iter(rows)
    yield as_csv(list(islice(left, _BATCH))).encode()
    while batch := list(islice(left, _BATCH)):
        yield as_csv(batch).encode()


def as_xlsx_file(rows: Iterable[Row], name: str) -> Response:
    """The rows as a workbook. It is made on the disk a row at a time, so its size is not a matter of memory."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it was sent
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "default_date_format": "yyyy-mm-dd hh:mm:ss",
    }
    with xlsxwriter.Workbook(file, options) as book:
        sheet = book.add_worksheet()
        for place, row in enumerate(rows):
            for column, value in enumerate(row):
                _write(sheet, place, column, value)
    file.seek(0)
    return _file(_pieces(file), name, XLSX_TYPE)


def _write(sheet: Any, row: int, column: int, value: Any) -> None:
    if isinstance(value, bool) or value is None:
        sheet.write_string(row, column, cell(value))
    elif isinstance(value, int | float):
        # Spreadsheets hold fifteen digits; a longer number is text rather than wrong.
        sheet.write_number(row, column, value) if abs(value) < 10**15 else sheet.write_string(row, column, str(value))
    elif isinstance(value, Decimal):
        # An amount of up to fifteen digits is exact there too, and can be added up.
        sheet.write_number(row, column, float(value)) if abs(value) < 10**13 else sheet.write_string(
            row, column, str(value)
        )
    elif isinstance(value, datetime):
        # They know no zones: all times are UTC, as the head says.
        sheet.write_datetime(row, column, value.astimezone(UTC).replace(tzinfo=None))
    else:
        sheet.write_string(row, column, cell(value)[:32_767])


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _file(pieces: Iterator[bytes], name: str, content_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(stream_with_context(pieces), content_type=content_type, headers=headers)
