"""A file of customers as people keep them in a spreadsheet: which columns there are, and what each row says.

Decides which columns there are and what two rows may not share; refuses to know how the file is written and whether a
value can be kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


def repeated(rows: Sequence[Row]) -> dict[int, tuple[str, int]]:
    """Rows that repeat a number, address or username of a row before: which column, and the row that had it first."""
    seen: dict[tuple[str, str], int] = {}
    found: dict[int, tuple[str, int]] = {}
    for row in rows:
        for name in UNIQUE:
            value = row.values.get(name, "").lower()
            if value and seen.setdefault((name, value), row.number) != row.number:
                found.setdefault(row.number, (name, seen[name, value]))
    return found
