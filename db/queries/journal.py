"""The books as bookkeepers read them: the lines of a span, and what each account came to."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row

Connection = psycopg.Connection[Any]
_PORTION = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class JournalLine:
    """One posting with its entry: a debit above zero, a credit below."""

    id: int
    entry_id: int
    occurred_at: datetime
    entry_kind: str
    account_kind: str
    account_name: str
    customer_code: str | None
    operator_name: str | None
    amount: Decimal
    description: str
    reference_type: str
    reference_id: int | None
    actor_name: str


_LINES = """
SELECT p.id, e.id AS entry_id, e.occurred_at, e.kind AS entry_kind, a.kind AS account_kind, a.name AS account_name,
    c.customer_code, o.name AS operator_name, p.amount, e.description, e.reference_type, e.reference_id, e.actor_name
FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id JOIN ledger_accounts a ON a.id = p.account_id
LEFT JOIN customers c ON c.id = a.customer_id LEFT JOIN operators o ON o.id = a.operator_id
WHERE e.tenant_id = %(tenant_id)s AND e.occurred_at >= %(since)s AND e.occurred_at < %(until)s
    AND (e.occurred_at, e.id, p.id) > (%(at)s, %(entry)s, %(id)s)
ORDER BY e.occurred_at, e.id, p.id LIMIT %(limit)s
"""


def journal_lines(connection: Connection, *, tenant_id: int, since: datetime, until: datetime) -> Iterator[JournalLine]:
    """Every line of a span by time, read in portions; all lines of an entry stand together."""
    values: dict[str, Any] = {
        "tenant_id": tenant_id, "since": since, "until": until, "at": since, "entry": 0, "id": 0, "limit": _PORTION,
    }  # fmt: skip
    while True:
        with connection.cursor(row_factory=class_row(JournalLine)) as cursor:
            rows = cursor.execute(_LINES, values).fetchall()
        yield from rows
        if len(rows) < _PORTION:
            return
        values |= {"at": rows[-1].occurred_at, "entry": rows[-1].entry_id, "id": rows[-1].id}


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountRow:
    """An account over a span; accounts of customers stand together, and so do those of operators.

    `opening` and `closing`: debits above zero, credits below.
    """

    kind: str
    name: str
    opening: Decimal
    debit: Decimal
    credit: Decimal
    closing: Decimal


_TRIAL = """
SELECT a.kind, a.name,
    coalesce(sum(p.amount) FILTER (WHERE e.occurred_at < %(since)s), 0) AS opening,
    coalesce(sum(p.amount) FILTER (WHERE e.occurred_at >= %(since)s AND p.amount > 0), 0) AS debit,
    coalesce(-sum(p.amount) FILTER (WHERE e.occurred_at >= %(since)s AND p.amount < 0), 0) AS credit,
    sum(p.amount) AS closing
FROM ledger_entries e JOIN ledger_postings p ON p.entry_id = e.id JOIN ledger_accounts a ON a.id = p.account_id
WHERE e.tenant_id = %(tenant_id)s AND e.occurred_at < %(until)s
GROUP BY a.kind, a.name ORDER BY a.kind, a.name
"""


def trial_rows(connection: Connection, *, tenant_id: int, since: datetime, until: datetime) -> list[AccountRow]:
    """What each account came to before and in a span."""
    with connection.cursor(row_factory=class_row(AccountRow)) as cursor:
        return cursor.execute(_TRIAL, {"tenant_id": tenant_id, "since": since, "until": until}).fetchall()
