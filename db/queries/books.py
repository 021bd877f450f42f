"""Writing on accounts, and reading what stands there.

Amounts come ready from `domain.books`; triggers of migration 0014 keep entries balanced and balances true.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import class_row
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Invoice, InvoiceSettlement, LedgerEntry, Payment
from domain.books import Account, Posting, Postings
from domain.invoices import OPEN

Connection = psycopg.Connection[Any]

# A customer's account is found by the customer: with "is not distinct" all customers' accounts of a kind were read for
# each payment, 117 ms among a hundred thousand.
_ACCOUNTS = """
WITH wanted AS (
    SELECT * FROM unnest(%(kinds)s::text[], %(names)s::text[], %(customers)s::bigint[], %(operators)s::bigint[])
        AS w (kind, name, customer_id, operator_id)
), made AS (
    INSERT INTO ledger_accounts (tenant_id, kind, name, customer_id, operator_id)
    SELECT DISTINCT %(tenant_id)s::bigint, kind, name, customer_id, operator_id FROM wanted ORDER BY 2, 3, 4, 5
    ON CONFLICT DO NOTHING RETURNING id, kind, name, customer_id, operator_id
)
SELECT id, kind, name, customer_id, operator_id FROM made
UNION
SELECT a.id, a.kind, a.name, a.customer_id, a.operator_id FROM wanted w JOIN ledger_accounts a
    ON a.customer_id = w.customer_id AND a.kind = w.kind AND a.name = w.name
WHERE a.tenant_id = %(tenant_id)s
UNION
SELECT a.id, a.kind, a.name, a.customer_id, a.operator_id FROM wanted w JOIN ledger_accounts a
    ON w.customer_id IS NULL AND a.customer_id IS NULL AND a.kind = w.kind AND a.name = w.name
    AND a.operator_id IS NOT DISTINCT FROM w.operator_id
WHERE a.tenant_id = %(tenant_id)s
"""
_POST = """
INSERT INTO ledger_postings (entry_id, account_id, amount)
SELECT %(entry_id)s, account_id, amount FROM unnest(%(accounts)s::bigint[], %(amounts)s::numeric[])
    AS p (account_id, amount)
"""
_POSTINGS = """
SELECT a.kind, a.name, a.customer_id, a.operator_id, p.amount FROM ledger_postings p
JOIN ledger_accounts a ON a.id = p.account_id WHERE p.entry_id = %s ORDER BY p.id
"""


def account_ids(connection: Connection, *, tenant_id: int, accounts: Collection[Account]) -> dict[Account, int]:
    """The ids of accounts, opened where they are used for the first time.

    An account that another transaction opens at the same moment is neither made nor seen by the first look; then the
    second one finds it, because the conflict waited for that transaction.
    """
    listed = sorted(accounts, key=lambda one: (one.kind, one.name, one.customer_id or 0, one.operator_id or 0))
    values = {
        "tenant_id": tenant_id,
        "kinds": [account.kind for account in listed],
        "names": [account.name for account in listed],
        "customers": [account.customer_id for account in listed],
        "operators": [account.operator_id for account in listed],
    }
    found: dict[Account, int] = {}
    for _ in range(2):
        for number, kind, name, customer_id, operator_id in connection.execute(_ACCOUNTS, values):
            found[Account(kind=kind, name=name, customer_id=customer_id, operator_id=operator_id)] = number
        if len(found) == len(set(listed)):
            break
    return found


def write_postings(connection: Connection, *, tenant_id: int, entry_id: int, postings: Postings) -> None:
    """All postings of a new entry, in one statement."""
    summed: dict[Account, Decimal] = {}
    for posting in postings:
        summed[posting.account] = summed.get(posting.account, Decimal(0)) + posting.amount
    kept = {account: amount for account, amount in summed.items() if amount}
    ids = account_ids(connection, tenant_id=tenant_id, accounts=kept)
    connection.execute(
        _POST,
        {"entry_id": entry_id, "accounts": [ids[account] for account in kept], "amounts": list(kept.values())},
    )


def postings_of(connection: Connection, entry_id: int) -> Postings:
    """What an entry wrote."""
    return tuple(
        Posting(Account(kind=kind, name=name, customer_id=customer_id, operator_id=operator_id), amount)
        for kind, name, customer_id, operator_id, amount in connection.execute(_POSTINGS, [entry_id])
    )


def entry_of_event(session: Session, *, tenant_id: int, event_key: str) -> LedgerEntry | None:
    """The entry that an event was booked with."""
    return session.scalar(
        select(LedgerEntry).where(LedgerEntry.tenant_id == tenant_id, LedgerEntry.event_key == event_key)
    )


def balance_of(connection: Connection, customer_id: int) -> Decimal:
    """The customer's balance as the transaction sees it now."""
    row = connection.execute("SELECT balance FROM customers WHERE id = %s", [customer_id]).fetchone()
    return Decimal(0) if row is None else Decimal(row[0])


def lock_open_invoices(session: Session, customer_id: int) -> Sequence[Invoice]:
    """The customer's open invoices, the one that is due first in front, locked."""
    return session.scalars(
        select(Invoice)
        .where(Invoice.customer_id == customer_id, Invoice.status.in_(OPEN))
        .order_by(Invoice.due_date, Invoice.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def open_renewal(session: Session, subscription_id: int) -> Invoice | None:
    """The open renewal invoice of a subscription that is due first."""
    return session.scalar(
        select(Invoice)
        .where(Invoice.subscription_id == subscription_id, Invoice.kind == "recurring", Invoice.status.in_(OPEN))
        .order_by(Invoice.due_date, Invoice.id)
        .limit(1)
    )


def standing_settlement(session: Session, invoice_id: int) -> InvoiceSettlement | None:
    """How an invoice is paid, if it is."""
    return session.scalar(
        select(InvoiceSettlement)
        .where(InvoiceSettlement.invoice_id == invoice_id, InvoiceSettlement.reversed_at.is_(None))
        .with_for_update()
    )


def invoices_paid_by(session: Session, payment_id: int) -> Sequence[Invoice]:
    """The invoices that stand paid by a payment, locked."""
    return session.scalars(
        select(Invoice)
        .join(InvoiceSettlement, InvoiceSettlement.invoice_id == Invoice.id)
        .where(InvoiceSettlement.payment_id == payment_id, InvoiceSettlement.reversed_at.is_(None))
        .order_by(Invoice.id)
        .with_for_update(of=Invoice)
        .execution_options(populate_existing=True)
    ).all()


def payment_of_gateway(session: Session, *, tenant_id: int, gateway: str, transaction_id: str) -> Payment | None:
    """The payment that a gateway's transaction became."""
    return session.scalar(
        select(Payment).where(
            Payment.tenant_id == tenant_id,
            Payment.gateway == gateway,
            Payment.gateway_transaction_id == transaction_id,
        )
    )


def payment_of_request(session: Session, *, tenant_id: int, request_key: str) -> Payment | None:
    """The payment that a request with this key recorded."""
    return session.scalar(select(Payment).where(Payment.tenant_id == tenant_id, Payment.request_key == request_key))


def invoice_of_request(session: Session, *, tenant_id: int, request_key: str) -> Invoice | None:
    """The invoice that a request with this key bought something by."""
    return session.scalar(select(Invoice).where(Invoice.tenant_id == tenant_id, Invoice.request_key == request_key))


def open_invoices_of_requests(session: Session, *, tenant_id: int, prefix: str) -> Sequence[Invoice]:
    """The unpaid invoices of requests whose keys begin so."""
    is_one = Invoice.request_key.startswith(prefix, autoescape=True)
    statement = select(Invoice).where(Invoice.tenant_id == tenant_id, is_one, Invoice.status.in_(OPEN))
    return session.scalars(statement.order_by(Invoice.id)).all()


@dataclass(frozen=True, kw_only=True, slots=True)
class DebtRow:
    """What is owed for a subscription. `owed` is all open invoices of who pays for it, less his balance."""

    subscription_id: int
    customer_id: int
    status: str
    suspend_cause: str | None
    expires_at: datetime | None
    oldest_due: date | None
    grace_days: int
    owed: Decimal
    credit_limit: Decimal | None


_DEBTS = """
SELECT s.id AS subscription_id, s.customer_id, s.status, s.suspend_cause, s.expires_at,
    (SELECT min(i.due_date) FROM invoices i WHERE i.subscription_id = s.id AND i.status IN ('unpaid', 'overdue'))
        AS oldest_due,
    coalesce(s.grace_period_days, p.grace_period_days) AS grace_days,
    coalesce((SELECT sum(i.total) FROM invoices i WHERE i.customer_id = c.id AND i.status IN ('unpaid', 'overdue')), 0)
        - c.balance AS owed,
    c.credit_limit
FROM subscriptions s JOIN customer_payers y ON y.customer_id = s.customer_id JOIN customers c ON c.id = y.payer_id
JOIN service_plans p ON p.id = s.service_plan_id
WHERE (s.customer_id = %(id)s OR s.customer_id IN (SELECT f.id FROM customers f WHERE f.parent_customer_id = %(id)s))
  AND (s.customer_id = %(id)s OR y.payer_id = %(id)s)
  AND s.deleted_at IS NULL AND s.status IN ('active', 'suspended', 'expired')
ORDER BY s.customer_id <> %(id)s, s.customer_id, s.id
"""


def debts_of_customer(connection: Connection, customer_id: int) -> list[DebtRow]:
    """What is owed for the customer's subscriptions and those that he pays for, his own first."""
    with connection.cursor(row_factory=class_row(DebtRow)) as cursor:
        return cursor.execute(_DEBTS, {"id": customer_id}).fetchall()


@dataclass(frozen=True, kw_only=True, slots=True)
class BalanceRow:
    """One movement of a customer's balance, with the balance before and after it."""

    id: int
    entry_id: int
    type: str | None
    entry_kind: str
    amount: Decimal
    previous_balance: Decimal
    new_balance: Decimal
    description: str
    reference_type: str
    reference_id: int | None
    created_by_name: str
    occurred_at: datetime


_HISTORY = """
SELECT id, entry_id, type, entry_kind, amount, previous_balance, new_balance, description, reference_type,
    reference_id, created_by_name, occurred_at
FROM customer_balance_history
WHERE customer_id = %(customer_id)s AND tenant_id = %(tenant_id)s AND (%(type)s::text IS NULL OR type = %(type)s)
    AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s)
    AND (%(before)s::bigint IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s
"""


def balance_history(
    connection: Connection,
    *,
    tenant_id: int,
    customer_id: int,
    kind: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[BalanceRow]:
    """Movements of a customer's balance, the newest first; `before` is the id of the last one seen."""
    values = {
        "tenant_id": tenant_id, "customer_id": customer_id, "type": kind, "since": since, "until": until,
        "before": before, "limit": limit,
    }  # fmt: skip
    with connection.cursor(row_factory=class_row(BalanceRow)) as cursor:
        return cursor.execute(_HISTORY, values).fetchall()


# Each finds what must not be; a nightly job and the tests ask all of them.
_WRONG = {
    "entries that do not add up to nothing": (
        "SELECT entry_id FROM ledger_postings GROUP BY entry_id HAVING sum(amount) <> 0 LIMIT 20"
    ),
    "entries without postings": (
        "SELECT e.id FROM ledger_entries e WHERE NOT EXISTS (SELECT FROM ledger_postings p WHERE p.entry_id = e.id)"
        " LIMIT 20"
    ),
    "accounts whose balance is not the sum of their postings": (
        "SELECT a.id FROM ledger_accounts a LEFT JOIN (SELECT account_id, sum(amount) AS total FROM ledger_postings"
        " GROUP BY account_id) p ON p.account_id = a.id WHERE (a.customer_id IS NOT NULL OR a.operator_id IS NOT NULL)"
        " AND a.balance <> coalesce(p.total, 0) LIMIT 20"
    ),
    "customers whose balance is not their account's": (
        "SELECT c.id FROM customers c LEFT JOIN ledger_accounts a ON a.customer_id = c.id AND a.kind = 'wallet'"
        " WHERE c.balance <> -coalesce(a.balance, 0) LIMIT 20"
    ),
    "customers whose open invoices are not what their account says they owe": (
        "SELECT coalesce(a.customer_id, i.customer_id) FROM (SELECT customer_id, balance FROM ledger_accounts"
        " WHERE kind = 'receivable') a FULL JOIN (SELECT customer_id, sum(total) AS total FROM invoices"
        " WHERE status IN ('unpaid', 'overdue') GROUP BY customer_id) i ON i.customer_id = a.customer_id"
        " WHERE coalesce(a.balance, 0) <> coalesce(i.total, 0) LIMIT 20"
    ),
    "invoices whose lines are not their subtotal": (
        "SELECT i.id FROM invoices i LEFT JOIN (SELECT invoice_id, sum(amount) AS amount FROM invoice_items"
        " GROUP BY invoice_id) l ON l.invoice_id = i.id WHERE coalesce(l.amount, 0) <> i.subtotal"
        " + CASE WHEN i.tax_included THEN i.tax ELSE 0 END LIMIT 20"
    ),
    "paid invoices without a settlement, or open ones with one": (
        "SELECT i.id FROM invoices i LEFT JOIN invoice_settlements s ON s.invoice_id = i.id AND s.reversed_at IS NULL"
        " WHERE (i.status = 'paid') <> (s.id IS NOT NULL) LIMIT 20"
    ),
    "completed payments that were not booked, or not once": (
        "SELECT p.id FROM payments p LEFT JOIN ledger_entries e ON e.id = p.entry_id AND e.kind = 'payment'"
        " WHERE p.status IN ('completed', 'refunded') AND p.method NOT IN ('wallet') AND e.id IS NULL LIMIT 20"
    ),
    "commissions and rewards whose payment does not stand": (
        "SELECT p.id FROM payments p WHERE p.status <> 'completed' AND (EXISTS (SELECT FROM commissions c"
        " WHERE c.payment_id = p.id AND c.reversed_at IS NULL) OR EXISTS (SELECT FROM referral_rewards r"
        " WHERE r.payment_id = p.id AND r.reversed_at IS NULL)) LIMIT 20"
    ),
    "numbers of invoices that are missing": (
        "SELECT n.tenant_id FROM number_sequences n WHERE n.name = 'INV' AND n.last_value <> (SELECT count(*)"
        " FROM invoices i WHERE i.tenant_id = n.tenant_id AND i.invoice_number LIKE 'INV-' || n.period || '-%')"
        " LIMIT 20"
    ),
}  # fmt: skip


def wrong_in_books(connection: Connection) -> dict[str, list[int]]:
    """What is not as it must be, with up to twenty ids each; nothing when the books are right.

    Run it in a transaction of its own that sees one state of the database (REPEATABLE READ).
    """
    found = {what: [int(row[0]) for row in connection.execute(query)] for what, query in _WRONG.items()}
    return {what: ids for what, ids in found.items() if ids}
