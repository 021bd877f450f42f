"""Text that wants to be more than text, and whether something took it for more.

Decides what is sent and how a file betrays that it would be executed. Refuses to know which forms and pages there are:
bodies are filled from the API's own document.
"""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

# Markup, in whatever place it lands; a cell that a spreadsheet would reckon; the end of a statement, and of a command
# of RouterOS; a second line for a log, or for a script.
MARKUP = '<x-hit></x-hit><script>window.hit=1</script>"\'><img src=x onerror="window.hit=1">{{7*7}}'
FORMULA = '=HYPERLINK("http://evil.example","pay")'
COMMANDS = '\'; DROP TABLE customers; --"; /system reboot; :put "$[/system reboot]'
LINES = 'x" level=error\r\nforged-line: /system reboot\r\n'
SHORT = "<x-hit>"
TEXTS = (MARKUP, FORMULA, COMMANDS, LINES)

# What a spreadsheet takes for the beginning of a formula; a number is none.
_FORMULA = re.compile(r"[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?[\d.,:\s]*\Z")
_ID_TABLES = {
    "service_plan_id": "service_plans", "nas_server_id": "nas_servers", "nas_group_id": "nas_groups",
    "parent_customer_id": "customers", "referrer_id": "customers", "subscription_id": "subscriptions",
    "customer_id": "customers", "operator_id": "operators", "invoice_id": "invoices", "family_id": "families",
}  # fmt: skip


class Forms:
    """Bodies for the API's calls, in which every text is the one that is given."""

    def __init__(self, document: dict[str, Any], number_of: Callable[[str], int | None]) -> None:
        self._schemas: dict[str, Any] = document["components"]["schemas"]
        self._paths: dict[str, Any] = document["paths"]
        self._number_of = number_of

    def calls(self, method: str) -> Iterator[tuple[str, str]]:
        """Paths that take a JSON body by this method, with the name of its schema."""
        for path, operations in self._paths.items():
            content = operations.get(method, {}).get("requestBody", {}).get("content", {})
            reference = content.get("application/json", {}).get("schema", {}).get("$ref")
            if reference is not None:
                yield path, _last(reference)

    def body(self, schema: str, text: str, tame: dict[str, int]) -> dict[str, Any]:
        """A body; a field that was refused once is what its example says, one refused twice is left out."""
        described = self._schemas[schema]
        values = {}
        for name, field in described.get("properties", {}).items():
            refused, is_needed = tame.get(name, 0), name in described.get("required", ())
            value = None if refused > 1 else self._value(name, field, "" if refused else text, is_needed=is_needed)
            if value is not None:
                values[name] = value
        return values

    def _value(self, name: str, field: dict[str, Any], text: str, *, is_needed: bool) -> Any:
        kinds = field.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if "$ref" in field:
            return self.body(_last(field["$ref"]), text, {}) if text else None
        if "string" in kinds:
            return self._text(field, text)
        if "array" in kinds:
            holds_text = field.get("items", {}).get("type") in ("string", None) and "$ref" not in field.get("items", {})
            return [text[:40]] if text and holds_text else field.get("example")
        if "object" in kinds:
            return {"note": text} if text else field.get("example")
        if name in _ID_TABLES:
            return self._number_of(_ID_TABLES[name])
        return field.get("example", field.get("minimum", 1)) if is_needed else None

    @staticmethod
    def _text(field: dict[str, Any], text: str) -> str | None:
        if "enum" in field:
            return next((value for value in field["enum"] if value), None)
        if field.get("format") in ("date", "date-time"):
            now = datetime.now(UTC)
            return now.date().isoformat() if field["format"] == "date" else now.isoformat()
        if not text or "pattern" in field:
            return field.get("example")
        most = field.get("maxLength", len(text))
        return text if len(text) <= most else SHORT[:most]


def _last(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]


def formulas_in_csv(content: str) -> list[str]:
    """Cells that a spreadsheet would reckon."""
    cells = (cell for row in csv.reader(io.StringIO(content.removeprefix("\ufeff"))) for cell in row)
    return [cell for cell in cells if _FORMULA.match(cell) and not _NUMBER.match(cell)]


def formulas_in_workbook(content: bytes) -> list[str]:
    """Sheets of a workbook that hold a formula."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheets = [name for name in book.namelist() if name.startswith("xl/worksheets/")]
        return [name for name in sheets if b"<f>" in book.read(name) or b"<hyperlink" in book.read(name)]


def outside_quotes(script: str) -> tuple[str, list[str]]:
    """A RouterOS script without its comments and quoted texts, and the substitutions it would make in a quoted text."""
    script = "\n".join(line for line in script.splitlines() if not line.lstrip().startswith("#"))
    outside, inside, is_quoted, place = [], [], False, 0
    while place < len(script):
        sign = script[place]
        if sign == "\\":
            place += 2
            continue
        if sign == '"':
            is_quoted = not is_quoted
        elif not is_quoted:
            outside.append(sign)
        elif script[place : place + 2] in ("$[", "$("):
            inside.append(script[place : place + 40])
        place += 1
    return "".join(outside), inside
