"""What operators have earned and are owed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Commission, Operator
from db.queries.paging import Page, Wanted, fetch_page

Connection = psycopg.Connection[Any]
COMMISSION_SORTS = {"earned_at": Commission.id}
# Deeper than any tree of resellers; a ring, which the use-cases refuse, would end here too.
MOST_ABOVE = 99
_WAY_UP = """
WITH RECURSIVE way AS (
    SELECT id, parent_operator_id, commission_rate, 1 AS place FROM operators WHERE id = %(id)s
    UNION ALL
    SELECT o.id, o.parent_operator_id, o.commission_rate, w.place + 1 FROM operators o
    JOIN way w ON o.id = w.parent_operator_id WHERE w.place < %(most)s
)
SELECT id, commission_rate FROM way ORDER BY place
"""


def way_up(connection: Connection, operator_id: int) -> list[tuple[int, Decimal]]:
    """The operator and everybody above with their rates, from below."""
    rows = connection.execute(_WAY_UP, {"id": operator_id, "most": MOST_ABOVE})
    return [(int(row[0]), Decimal(row[1])) for row in rows]


def standing_commissions(session: Session, payment_id: int) -> Sequence[Commission]:
    """What a payment brought operators and was not taken back, locked."""
    return session.scalars(
        select(Commission)
        .where(Commission.payment_id == payment_id, Commission.reversed_at.is_(None))
        .order_by(Commission.operator_id)
        .with_for_update()
    ).all()


def page_of_commissions(
    session: Session, *, tenant_id: int, wanted: Wanted, operator_id: int | None = None, payment_id: int | None = None
) -> Page[Commission]:
    """Commissions that may be seen."""
    statement = select(Commission).where(Commission.tenant_id == tenant_id)
    if operator_id is not None:
        statement = statement.where(Commission.operator_id == operator_id)
    if payment_id is not None:
        statement = statement.where(Commission.payment_id == payment_id)
    return fetch_page(session, statement, sorts=COMMISSION_SORTS, row_id=Commission.id, wanted=wanted)


def lock_owed(connection: Connection, operator_id: int) -> Decimal:
    """What an operator is owed; nobody books on his account until the transaction ends."""
    row = connection.execute(
        "SELECT -balance FROM ledger_accounts WHERE operator_id = %s AND kind = 'commission_owed' FOR UPDATE",
        [operator_id],
    ).fetchone()
    return Decimal(0) if row is None else Decimal(row[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorSums:
    """An operator's account: what he earned in all, what he was paid, what is left."""

    operator_id: int
    earned: Decimal
    paid_out: Decimal
    owed: Decimal


_SUMS = """
SELECT o.id AS operator_id, coalesce(-sum(p.amount) FILTER (WHERE e.reference_type <> 'payout'), 0) AS earned,
    coalesce(sum(p.amount) FILTER (WHERE e.reference_type = 'payout'), 0) AS paid_out,
    coalesce(-sum(p.amount), 0) AS owed
FROM operators o
LEFT JOIN ledger_accounts a ON a.operator_id = o.id AND a.kind = 'commission_owed'
LEFT JOIN ledger_postings p ON p.account_id = a.id LEFT JOIN ledger_entries e ON e.id = p.entry_id
WHERE o.id = ANY(%s) GROUP BY o.id
"""


def sums_of_operators(connection: Connection, operator_ids: Sequence[int]) -> dict[int, OperatorSums]:
    """The account of each of them."""
    with connection.cursor(row_factory=class_row(OperatorSums)) as cursor:
        return {row.operator_id: row for row in cursor.execute(_SUMS, [list(operator_ids)])}


@dataclass(frozen=True, kw_only=True, slots=True)
class StatementRow:
    """One movement of what an operator is owed: above zero he earned, below zero he was paid or it was taken back."""

    id: int
    entry_id: int
    kind: str
    amount: Decimal
    owed: Decimal
    description: str
    reference_type: str
    reference_id: int | None
    created_by_name: str
    occurred_at: datetime


_STATEMENT = """
SELECT * FROM (
    SELECT p.id, e.id AS entry_id, CASE WHEN e.reference_type = 'payout' THEN 'payout' ELSE e.kind END AS kind,
        -p.amount AS amount, -sum(p.amount) OVER (ORDER BY p.id) AS owed, e.description, e.reference_type,
        e.reference_id, e.actor_name AS created_by_name, e.occurred_at
    FROM ledger_accounts a JOIN ledger_postings p ON p.account_id = a.id JOIN ledger_entries e ON e.id = p.entry_id
    WHERE a.operator_id = %(id)s AND a.kind = 'commission_owed'
) s WHERE %(before)s::bigint IS NULL OR id < %(before)s ORDER BY id DESC LIMIT %(limit)s
"""


def statement_of(
    connection: Connection, operator_id: int, *, before: int | None = None, limit: int = 50
) -> list[StatementRow]:
    """Movements of an operator's account, the newest first; `before` is the id of the last one seen."""
    with connection.cursor(row_factory=class_row(StatementRow)) as cursor:
        return cursor.execute(_STATEMENT, {"id": operator_id, "before": before, "limit": limit}).fetchall()


def seen_operators(session: Session, tenant_id: int) -> list[Operator]:
    """The operators whose accounts the reader may see, by name."""
    return list(session.scalars(select(Operator).where(Operator.tenant_id == tenant_id).order_by(Operator.name)))
