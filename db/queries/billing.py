"""What a billing run reads and writes: a portion of customers at a time, whole sets in each statement.

Amounts, dates and moves come ready from the domain; nothing here decides about money. Customers are locked before their
invoices and subscriptions, the heads of families before those they pay for.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

Connection = psycopg.Connection[Any]
Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionRow:
    """A subscription as a run sees it, with who pays for it. `plan_name` and `price` are the next term's."""

    id: int
    customer_id: int
    payer_id: int
    status: str
    suspend_cause: str | None
    expires_at: datetime | None
    activated_at: datetime | None
    start_date: date
    billing_cycle: str
    billing_day: int
    validity_days: int
    grace_days: int
    auto_renew: bool
    is_postpaid: bool
    price: Decimal
    plan_name: str
    setup_fee: Decimal
    installation_fee: Decimal
    fees_billed_at: datetime | None
    customer_status: str
    is_walk_in: bool
    # Of whoever gets the invoice.
    language: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PayerRow:
    """Who pays: his balance as people call it, and how much he may owe."""

    id: int
    status: str
    balance: Decimal
    credit_limit: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenInvoice:
    """An invoice that is not paid."""

    id: int
    customer_id: int
    subscription_id: int | None
    kind: str
    status: str
    due_date: date
    total: Decimal
    terms: int
    version: int
    invoice_number: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantDebt:
    """What is owed for one active subscription, for the count before a run."""

    status: str
    suspend_cause: str | None
    expires_at: datetime | None
    oldest_due: date | None
    grace_days: int
    owed: Decimal
    credit_limit: Decimal | None


# --- what a run is about ------------------------------------------------------------------------------------------

# A superset of those for whom there may be something to do: they are looked at again when their turn comes.
_NIGHTLY_TARGETS = """
INSERT INTO billing_run_targets (run_id, customer_id, weight)
SELECT %(run_id)s, payer_id, count(*) FROM (
    SELECT i.customer_id AS payer_id FROM invoices i
    WHERE i.tenant_id = %(tenant_id)s AND i.status IN ('unpaid', 'overdue') AND i.due_date <= %(horizon)s
    UNION ALL
    SELECT y.payer_id FROM subscriptions s JOIN customer_payers y ON y.customer_id = s.customer_id
    WHERE s.tenant_id = %(tenant_id)s AND s.status = 'active' AND s.deleted_at IS NULL AND s.auto_renew
      AND NOT s.is_postpaid AND s.expires_at < %(renew_before)s
    UNION ALL
    SELECT c.id FROM customers c WHERE c.tenant_id = %(tenant_id)s AND c.deleted_at IS NULL AND NOT c.is_walk_in
      AND ((c.balance > 0 AND %(applies_balance)s) OR c.credit_limit IS NOT NULL)
      AND (c.balance < 0 OR EXISTS (SELECT FROM invoices i WHERE i.customer_id = c.id
        AND i.status IN ('unpaid', 'overdue')))) x
GROUP BY payer_id
"""
_POSTPAID_TARGETS = """
INSERT INTO billing_run_targets (run_id, customer_id, weight)
SELECT %(run_id)s, y.payer_id, count(*) FROM subscriptions s JOIN customer_payers y ON y.customer_id = s.customer_id
WHERE s.tenant_id = %(tenant_id)s AND s.is_postpaid AND s.deleted_at IS NULL AND s.status IN ('active', 'suspended')
GROUP BY y.payer_id
"""
_TOTAL = "SELECT coalesce(sum(weight), 0)::int FROM billing_run_targets WHERE run_id = %s"
# The next customers that together weigh no more than a portion; always at least one.
_NEXT = """
SELECT customer_id, weight FROM (
    SELECT customer_id, weight, sum(weight) OVER (ORDER BY customer_id) - weight AS before FROM (
        SELECT customer_id, weight FROM billing_run_targets
        WHERE run_id = %(run_id)s AND customer_id > %(position)s ORDER BY customer_id LIMIT %(limit)s) t) w
WHERE before < %(limit)s ORDER BY customer_id
"""
_DEBTS = """
SELECT s.status, s.suspend_cause, s.expires_at,
    (SELECT min(i.due_date) FROM invoices i WHERE i.subscription_id = s.id AND i.status IN ('unpaid', 'overdue'))
        AS oldest_due,
    coalesce(s.grace_period_days, p.grace_period_days) AS grace_days,
    coalesce((SELECT sum(i.total) FROM invoices i WHERE i.customer_id = c.id AND i.status IN ('unpaid', 'overdue')), 0)
        - c.balance AS owed,
    c.credit_limit
FROM subscriptions s JOIN customer_payers y ON y.customer_id = s.customer_id JOIN customers c ON c.id = y.payer_id
JOIN service_plans p ON p.id = s.service_plan_id
WHERE s.tenant_id = %(tenant_id)s AND s.status = 'active' AND s.deleted_at IS NULL
  AND (c.credit_limit IS NOT NULL OR s.id IN (
    SELECT i.subscription_id FROM invoices i WHERE i.tenant_id = %(tenant_id)s AND i.status IN ('unpaid', 'overdue')
      AND i.due_date < %(today)s AND i.subscription_id IS NOT NULL))
"""


def set_targets(connection: Connection, kind: str, values: Mapping[str, Any]) -> int:
    """Write down whom a run has to look at; returns what they weigh together."""
    connection.execute(_NIGHTLY_TARGETS if kind == "nightly" else _POSTPAID_TARGETS, values)
    row = connection.execute(_TOTAL, [values["run_id"]]).fetchone()
    return int(row[0]) if row else 0


def next_targets(connection: Connection, *, run_id: int, position: int, limit: int) -> list[tuple[int, int]]:
    """(customer, weight) of the next portion, in the order of ids."""
    return connection.execute(_NEXT, {"run_id": run_id, "position": position, "limit": limit}).fetchall()


def forget_targets(connection: Connection, run_id: int) -> None:
    """The run is over."""
    connection.execute("DELETE FROM billing_run_targets WHERE run_id = %s", [run_id])


def debts_of_tenant(connection: Connection, *, tenant_id: int, today: date) -> list[TenantDebt]:
    """What is owed for the active subscriptions that may be suspended today."""
    with connection.cursor(row_factory=class_row(TenantDebt)) as cursor:
        return cursor.execute(_DEBTS, {"tenant_id": tenant_id, "today": today}).fetchall()


def count_active(connection: Connection, tenant_id: int) -> int:
    """How many active subscriptions of customers there are; vouchers are none."""
    row = connection.execute(
        "SELECT count(*) FROM subscriptions s JOIN customers c ON c.id = s.customer_id WHERE s.tenant_id = %s"
        " AND s.status = 'active' AND s.deleted_at IS NULL AND NOT c.is_walk_in",
        [tenant_id],
    ).fetchone()
    return int(row[0]) if row else 0


def lock_run_of_day(connection: Connection, *, tenant_id: int, kind: str) -> None:
    """Whoever starts a run of the kind waits for whoever is starting one."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"billing {kind} {tenant_id}"])


def try_to_be_the_one(connection: Connection, run_id: int) -> bool:
    """Whether this connection is the only one that works on the run; held until it is closed."""
    row = connection.execute(
        "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"billing run {run_id}"]
    ).fetchone()
    return bool(row and row[0])


# --- reading a portion --------------------------------------------------------------------------------------------

_LOCK_PAYERS = """
SELECT id, status, balance, credit_limit FROM customers WHERE id = ANY(%s) AND deleted_at IS NULL
ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_MEMBERS = """
SELECT c.id FROM customers c JOIN billing_profiles f ON f.customer_id = c.id AND f.subscription_id IS NULL
WHERE c.parent_customer_id = ANY(%(payers)s) AND f.parent_pays AND c.deleted_at IS NULL AND c.id <> ALL(%(payers)s)
ORDER BY c.id FOR NO KEY UPDATE OF c
"""
_SUBSCRIPTIONS = """
SELECT s.id, s.customer_id, y.payer_id, s.status, s.suspend_cause, s.expires_at, s.activated_at, s.start_date,
    coalesce(np.billing_cycle, s.billing_cycle) AS billing_cycle, s.billing_day,
    coalesce(np.validity_days, p.validity_days) AS validity_days,
    coalesce(s.grace_period_days, p.grace_period_days) AS grace_days, s.auto_renew, s.is_postpaid,
    coalesce(np.price, s.price) AS price, coalesce(np.name, p.name) AS plan_name, s.setup_fee, s.installation_fee,
    s.fees_billed_at, c.status AS customer_status, c.is_walk_in, payer.language
FROM subscriptions s JOIN customers c ON c.id = s.customer_id
JOIN customer_payers y ON y.customer_id = s.customer_id JOIN customers payer ON payer.id = y.payer_id
JOIN service_plans p ON p.id = s.service_plan_id
LEFT JOIN plan_changes g ON g.subscription_id = s.id AND g.status = 'pending' AND g.effective_at <= s.expires_at
LEFT JOIN service_plans np ON np.id = g.new_plan_id
WHERE s.customer_id = ANY(%s) AND s.deleted_at IS NULL AND s.status IN ('active', 'suspended', 'expired')
  AND NOT c.is_walk_in
ORDER BY s.id FOR NO KEY UPDATE OF s
"""
_OPEN = """
SELECT id, customer_id, subscription_id, kind, status, due_date, total, terms, version, invoice_number FROM invoices
WHERE customer_id = ANY(%s) AND status IN ('unpaid', 'overdue') ORDER BY id FOR NO KEY UPDATE
"""
_BILLED = """
SELECT i.subscription_id, i.period_start FROM invoices i
JOIN unnest(%(ids)s::bigint[], %(days)s::date[]) w (subscription_id, day)
    ON i.subscription_id = w.subscription_id AND i.period_start = w.day
WHERE i.kind = 'recurring' AND i.status <> 'cancelled'
"""
_BILLED_UNTIL = """
SELECT subscription_id, max(period_end) FROM invoices
WHERE subscription_id = ANY(%s) AND kind = 'recurring' AND status <> 'cancelled' GROUP BY subscription_id
"""


def lock_payers(connection: Connection, ids: Collection[int]) -> list[PayerRow]:
    """The customers of a portion, locked in the order of their ids."""
    with connection.cursor(row_factory=class_row(PayerRow)) as cursor:
        return cursor.execute(_LOCK_PAYERS, [list(ids)]).fetchall()


def lock_members(connection: Connection, payers: Collection[int]) -> list[int]:
    """Those whom the payers pay for, locked after them."""
    return [row[0] for row in connection.execute(_LOCK_MEMBERS, {"payers": list(payers)})]


def lock_subscriptions(connection: Connection, customer_ids: Collection[int]) -> list[SubscriptionRow]:
    """Their subscriptions that are in service or could be again, locked."""
    with connection.cursor(row_factory=class_row(SubscriptionRow)) as cursor:
        return cursor.execute(_SUBSCRIPTIONS, [list(customer_ids)]).fetchall()


def lock_open_invoices(connection: Connection, customer_ids: Collection[int]) -> list[OpenInvoice]:
    """Their unpaid invoices, locked."""
    with connection.cursor(row_factory=class_row(OpenInvoice)) as cursor:
        return cursor.execute(_OPEN, [list(customer_ids)]).fetchall()


def billed_periods(connection: Connection, wanted: Iterable[tuple[int, date]]) -> set[tuple[int, date]]:
    """Which of these periods (subscription, first day) have an invoice."""
    pairs = list(wanted)
    values = {"ids": [pair[0] for pair in pairs], "days": [pair[1] for pair in pairs]}
    return {(row[0], row[1]) for row in connection.execute(_BILLED, values)} if pairs else set()


def billed_until(connection: Connection, subscription_ids: Collection[int]) -> dict[int, date]:
    """The first day that no recurring bill is for, by subscription."""
    return dict(connection.execute(_BILLED_UNTIL, [list(subscription_ids)]).fetchall())


# --- writing a portion --------------------------------------------------------------------------------------------

_OVERDUE = """
UPDATE invoices SET status = 'overdue', version = version + 1, updated_at = %(now)s WHERE id = ANY(%(ids)s)
"""
_SUSPEND = """
UPDATE subscriptions s SET status = 'suspended', suspend_cause = x.cause, suspend_reason = x.cause,
    suspended_at = %(now)s, version = s.version + 1, updated_at = %(now)s
FROM unnest(%(ids)s::bigint[], %(causes)s::text[]) x (id, cause) WHERE s.id = x.id
"""
_PAID = """
UPDATE invoices SET status = 'paid', paid_at = %(now)s, version = version + 1, updated_at = %(now)s
WHERE id = ANY(%(ids)s)
"""
_EXTEND = """
UPDATE subscriptions s SET expires_at = x.expires_at, version = s.version + 1, updated_at = %(now)s
FROM unnest(%(ids)s::bigint[], %(ends)s::timestamptz[]) x (id, expires_at) WHERE s.id = x.id
"""
_FEES = "UPDATE subscriptions SET fees_billed_at = %(now)s WHERE id = ANY(%(ids)s)"
_NOTICES = """
INSERT INTO customer_notices (tenant_id, kind, notice_key, customer_id, subscription_id, invoice_id, days, facts,
    created_at)
SELECT %(tenant_id)s, x.kind, x.notice_key, x.customer_id, x.subscription_id, x.invoice_id, x.days, x.facts, %(now)s
FROM jsonb_to_recordset(%(rows)s) x (kind text, notice_key text, customer_id bigint, subscription_id bigint,
    invoice_id bigint, days smallint, facts jsonb)
ON CONFLICT (tenant_id, notice_key) DO NOTHING RETURNING id
"""
_OPEN_ACCOUNTS = """
INSERT INTO ledger_accounts (tenant_id, kind, customer_id)
SELECT %(tenant_id)s, %(kind)s, id FROM unnest(%(ids)s::bigint[]) x (id) ORDER BY id ON CONFLICT DO NOTHING
"""
_ACCOUNTS = "SELECT customer_id, id FROM ledger_accounts WHERE customer_id = ANY(%(ids)s) AND kind = %(kind)s"
# What is copied into each table; columns left out keep their defaults.
_COPIES = {
    "invoices": (
        "id, tenant_id, invoice_number, customer_id, subscription_id, kind, status, period_start, period_end, terms,"
        " currency, subtotal, tax_percent, tax_included, tax, total, due_date, issued_at, entry_id, run_id, created_by,"
        " created_at, updated_at"
    ),
    "invoice_items": "invoice_id, position, item_type, description, quantity, unit_price, amount",
    "ledger_entries": (
        "id, tenant_id, kind, event_key, occurred_at, customer_id, subscription_id, balance_word, reference_type,"
        " reference_id, description, actor_name"
    ),
    "ledger_postings": "entry_id, account_id, amount",
    "invoice_settlements": "invoice_id, entry_id, amount, settled_at, extended_from, extended_to",
    "audit_logs": (
        "tenant_id, actor_name, actor_type, action, entity_type, entity_id, customer_id, old_values, new_values,"
        " created_at"
    ),
    "billing_run_suspensions": "run_id, subscription_id, customer_id, cause, days_late, owed, suspended_at",
}


def copy_rows(connection: Connection, table: str, rows: Iterable[Row]) -> None:
    """Add many rows to a table at once, in the order of `_COPIES`."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({_COPIES[table]}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def new_ids(connection: Connection, table: str, count: int) -> list[int]:
    """So many ids of a table for rows that name each other."""
    rows = connection.execute(
        "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, count]
    )
    return [row[0] for row in rows]


def customer_accounts(connection: Connection, *, tenant_id: int, kind: str, ids: Collection[int]) -> dict[int, int]:
    """The accounts of one kind of these customers, who are locked; opened where they are missing."""
    wanted = {"tenant_id": tenant_id, "kind": kind, "ids": list(ids)}
    found = dict(connection.execute(_ACCOUNTS, wanted).fetchall())
    missing = sorted(set(ids) - found.keys())
    if missing:
        connection.execute(_OPEN_ACCOUNTS, wanted | {"ids": missing})
        found |= dict(connection.execute(_ACCOUNTS, wanted | {"ids": missing}).fetchall())
    return found


def mark_overdue(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """Say of invoices that their day is over."""
    connection.execute(_OVERDUE, {"ids": list(ids), "now": now})


def suspend(connection: Connection, causes: Mapping[int, str], *, now: datetime) -> None:
    """Take subscriptions out of service, each for its cause."""
    connection.execute(_SUSPEND, {"ids": list(causes), "causes": list(causes.values()), "now": now})


def mark_paid(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """Say of invoices that they are paid."""
    connection.execute(_PAID, {"ids": list(ids), "now": now})


def move_ends(connection: Connection, ends: Mapping[int, datetime], *, now: datetime) -> None:
    """Give subscriptions a later end."""
    connection.execute(_EXTEND, {"ids": list(ends), "ends": list(ends.values()), "now": now})


def mark_fees(connection: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """Say that set-up and installation are billed."""
    connection.execute(_FEES, {"ids": list(ids), "now": now})


def note(connection: Connection, rows: Sequence[Mapping[str, Any]], *, tenant_id: int, now: datetime) -> int:
    """Write down what customers are to be told, each once; returns how many are new."""
    if not rows:
        return 0
    values = {"tenant_id": tenant_id, "rows": Jsonb([dict(row) for row in rows]), "now": now}
    return len(connection.execute(_NOTICES, values).fetchall())


def count_in_service(connection: Connection, subscription_ids: Collection[int]) -> int:
    """How many of these are active."""
    row = connection.execute(
        "SELECT count(*) FROM subscriptions WHERE id = ANY(%s) AND status = 'active'", [list(subscription_ids)]
    ).fetchone()
    return int(row[0]) if row else 0


def online(connection: Connection, subscription_ids: Collection[int]) -> list[int]:
    """Which of these have a running session."""
    rows = connection.execute(
        "SELECT DISTINCT subscription_id FROM radacct_open WHERE subscription_id = ANY(%s) AND acctstoptime IS NULL"
        " ORDER BY 1",
        [list(subscription_ids)],
    )
    return [row[0] for row in rows]


# --- undoing ------------------------------------------------------------------------------------------------------

_SUSPENDED_BY = """
SELECT x.subscription_id, x.customer_id FROM billing_run_suspensions x
WHERE x.run_id = %(run_id)s AND x.subscription_id > %(position)s ORDER BY x.subscription_id LIMIT %(limit)s
"""
_LOCK_CUSTOMERS = "SELECT id FROM customers WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
# Still suspended by that run: whoever was let in again and suspended anew has another moment.
_RESTORE = """
UPDATE subscriptions s SET status = 'active', suspend_cause = NULL, suspend_reason = NULL, suspended_at = NULL,
    version = s.version + 1, updated_at = %(now)s
FROM billing_run_suspensions x
WHERE x.run_id = %(run_id)s AND x.subscription_id = ANY(%(ids)s) AND s.id = x.subscription_id
  AND s.status = 'suspended' AND s.suspended_at = x.suspended_at AND s.suspend_cause = x.cause
  AND s.deleted_at IS NULL
RETURNING s.id, s.customer_id
"""
_RESTORED = """
UPDATE billing_run_suspensions SET restored_at = %(now)s WHERE run_id = %(run_id)s AND subscription_id = ANY(%(ids)s)
"""


def suspended_by(connection: Connection, *, run_id: int, position: int, limit: int) -> list[tuple[int, int]]:
    """(subscription, customer) of the next that a run suspended."""
    values = {"run_id": run_id, "position": position, "limit": limit}
    return connection.execute(_SUSPENDED_BY, values).fetchall()


def lock_customers(connection: Connection, ids: Collection[int]) -> None:
    """Customers locked in the order of their ids."""
    connection.execute(_LOCK_CUSTOMERS, [list(ids)])


def restore_suspended(
    connection: Connection, *, run_id: int, ids: Sequence[int], now: datetime
) -> list[tuple[int, int]]:
    """Put those back into service that are still suspended by the run; returns (subscription, customer) of each."""
    values = {"run_id": run_id, "ids": list(ids), "now": now}
    rows = connection.execute(_RESTORE, values).fetchall()
    connection.execute(_RESTORED, values | {"ids": [row[0] for row in rows]})
    return rows


# --- customers follow their subscriptions -------------------------------------------------------------------------

_ROLL_UP = """
SELECT c.id, c.status, c.suspend_reason, coalesce(array_agg(DISTINCT s.status) FILTER (WHERE s.id IS NOT NULL), '{}')
FROM customers c LEFT JOIN subscriptions s ON s.customer_id = c.id AND s.deleted_at IS NULL
WHERE c.id = ANY(%s) AND NOT c.is_walk_in GROUP BY c.id ORDER BY c.id
"""
_SET_STATUS = """
UPDATE customers c SET status = x.status, suspend_reason = x.why, version = c.version + 1, updated_at = %(now)s
FROM unnest(%(ids)s::bigint[], %(statuses)s::text[], %(whys)s::text[]) x (id, status, why) WHERE c.id = x.id
"""


def statuses_of(connection: Connection, customer_ids: Collection[int]) -> list[tuple[int, str, str | None, list[str]]]:
    """(id, status, reason, statuses of subscriptions) of customers who are people."""
    return connection.execute(_ROLL_UP, [list(customer_ids)]).fetchall()


def set_statuses(connection: Connection, wanted: Mapping[int, tuple[str, str | None]], *, now: datetime) -> None:
    """Give customers their status, and its reason."""
    values = {
        "ids": list(wanted),
        "statuses": [status for status, _ in wanted.values()],
        "whys": [why for _, why in wanted.values()],
        "now": now,
    }
    connection.execute(_SET_STATUS, values)
