"""What leaves for a spreadsheet is text there, whatever somebody typed."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.spreadsheet import as_csv, cell


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        ("k7mq-x3ht", "k7mq-x3ht"),
        ("=1+1", "'=1+1"),
        ("+62", "'+62"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        (-5, "-5"),
        (1.5, "1.5"),
        (Decimal("2.00"), "2.00"),
        (datetime(2026, 11, 1, 12, tzinfo=UTC), "2026-11-01T12:00:00+00:00"),
    ],
)
def test_a_cell_is_never_a_formula(value: object, written: str) -> None:
    assert cell(value) == written


@given(st.lists(st.lists(st.text(), min_size=2, max_size=4), max_size=5))
def test_every_text_comes_back_as_itself_or_behind_an_apostrophe(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(as_csv(rows), newline="")))

    assert [[cell(text) for text in row] for row in rows] == read
    assert all(cell(text) in (text, f"'{text}") for row in rows for text in row)
    assert not any(text.lstrip().startswith(("=", "+", "-", "@")) for row in read for text in row)
