"""Receipts of decisions: stored once, read with the decisions that name them, dropped when none is kept that does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

Connection = psycopg.Connection[Any]

_ADD = """
INSERT INTO decision_receipts (id, tenant_id, body, created_at, last_used_on)
SELECT id, tenant_id, body::jsonb, %(now)s, %(today)s
FROM unnest(%(ids)s::text[], %(tenant_ids)s::bigint[], %(bodies)s::text[]) AS told (id, tenant_id, body)
ORDER BY id
ON CONFLICT (id) DO UPDATE SET last_used_on = greatest(decision_receipts.last_used_on, excluded.last_used_on)
"""


def add_receipts(connection: Connection, rows: Iterable[tuple[str, int, str]], now: datetime) -> None:
    """Keep (id, tenant, JSON text) of receipts; one that is there already is noted as still in use."""
    by_id = {row[0]: row for row in rows}
    if by_id:
        ids, tenant_ids, bodies = (list(column) for column in zip(*by_id.values(), strict=True))
        values = {"ids": ids, "tenant_ids": tenant_ids, "bodies": bodies, "now": now, "today": now.date()}
        connection.execute(_ADD, values)


def drop_receipts(connection: Connection, *, unused_since: date, limit: int) -> int:
    """Delete receipts last in use before a day, at most so many; returns how many."""
    return connection.execute(
        "DELETE FROM decision_receipts WHERE id IN"
        " (SELECT id FROM decision_receipts WHERE last_used_on < %s ORDER BY last_used_on LIMIT %s)",
        [unused_since, limit],
    ).rowcount


def receipt_retention_months(connection: Connection) -> int | None:
    """How many full months staff want to keep receipts, from `settings`: their own, or those of the access log."""
    row = connection.execute(
        "SELECT (value #>> '{}')::int FROM settings WHERE tenant_id IS NULL AND jsonb_typeof(value) = 'number'"
        " AND key IN ('retention_months.decision_receipts', 'retention_months.access_log')"
        " ORDER BY key DESC LIMIT 1"
    ).fetchone()
    return row[0] if row is not None and row[0] > 0 else None


def receipts_by_id(
    connection: Connection, receipt_ids: Iterable[str | None], *, tenant_id: int
) -> dict[str, dict[str, Any]]:
    """The bodies of a tenant's receipts by id; those that are not kept any more are not there."""
    wanted = sorted({receipt_id for receipt_id in receipt_ids if receipt_id is not None})
    statement = "SELECT id, body FROM decision_receipts WHERE tenant_id = %s AND id = ANY(%s)"
    return dict(connection.execute(statement, [tenant_id, wanted]).fetchall()) if wanted else {}


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedDecision:
    """A decision as the access log keeps it, with its receipt where there is one."""

    decided_at: datetime
    nas_server_id: int
    username: str
    callingstationid: str | None
    result: str
    reason: str
    decision_id: str
    details: dict[str, Any] | None
    receipt_id: str | None
    body: dict[str, Any] | None


_RECORDED = """
SELECT a.decided_at, a.nas_server_id, a.username, a.callingstationid, a.result, a.reason, a.decision_id, a.details,
    a.receipt_id, r.body
FROM access_log a LEFT JOIN decision_receipts r ON r.id = a.receipt_id AND r.tenant_id = a.tenant_id
WHERE a.tenant_id = %s AND a.decided_at >= %s AND a.decided_at < %s
"""


def recorded_decisions(
    connection: Connection, *, tenant_id: int, since: datetime, until: datetime
) -> Iterator[RecordedDecision]:
    """Every decision of a half-open period, streamed, in no order."""
    with connection.cursor(name="recorded_decisions", row_factory=class_row(RecordedDecision)) as cursor:
        cursor.itersize = 2_000
        yield from cursor.execute(_RECORDED, (tenant_id, since, until))
