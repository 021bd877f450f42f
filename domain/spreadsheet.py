"""Tables for a spreadsheet: comma-separated text in which no cell can be taken for a formula.

Decides how a cell is written; refuses to know what is in it. A cell that begins like a formula runs in the program of
whoever opens the file, and names are typed by strangers.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def cell(value: Any) -> str:
    """The value as text; one that a spreadsheet would calculate gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    text = str(value)
    if isinstance(value, int | float):
        return text
    return f"'{text}" if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    return text.startswith(_BEGINS_FORMULA) or text.lstrip().startswith(_BEGINS_FORMULA)


def unprotected(text: str) -> str:
    """The text of a cell without the apostrophe that `cell` put before it."""
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def as_csv(rows: Iterable[Sequence[Any]]) -> str:
    """The rows as CSV text after RFC 4180."""
    return "".join(",".join(_quoted(cell(value)) for value in row) + "\r\n" for row in rows)


def _quoted(text: str) -> str:
    needs_quotes = any(sign in text for sign in ',"\r\n') or text != text.strip()
    return '"' + text.replace('"', '""') + '"' if needs_quotes else text
