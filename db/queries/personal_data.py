"""Everything that is kept about a customer, table by table: read to be handed out, emptied to be forgotten.

What the books need stays: invoices, payments and entries keep numbers, amounts and days, and lose what people wrote
beside them. The audit log keeps who did what and when, and loses the values.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Identifier
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from db.models import Customer, Subscription
from db.scope import everybodys
from domain.forgetting import anonymous_username

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

# --- to be handed out ---------------------------------------------------------------------------------------------

_OF_CUSTOMER: LiteralString = "customer_id = %(customer)s"
_OF_SUBSCRIPTIONS: LiteralString = "subscription_id = ANY(%(subscriptions)s)"
# Each part: its table, whose rows they are, and what they are sorted by, the newest first.
PARTS: Mapping[str, tuple[str, LiteralString, str]] = MappingProxyType(
    {
        "contacts": ("customer_contacts", _OF_CUSTOMER, "id"),
        "tags": ("customer_tags", _OF_CUSTOMER, "id"),
        "equipment": ("customer_equipment", _OF_CUSTOMER, "id"),
        "pictures": ("customer_pictures", _OF_CUSTOMER, "id"),
        "speed_tests": ("customer_speed_tests", _OF_CUSTOMER, "id"),
        "billing_profiles": ("billing_profiles", _OF_CUSTOMER, "id"),
        "subscriptions": ("subscriptions", _OF_CUSTOMER, "id"),
        "devices": ("subscription_macs", _OF_SUBSCRIPTIONS, "id"),
        "plan_changes": ("plan_changes", _OF_SUBSCRIPTIONS, "id"),
        "invoices": ("invoices", _OF_CUSTOMER, "id"),
        "invoice_items": (
            "invoice_items", "invoice_id IN (SELECT id FROM invoices WHERE customer_id = %(customer)s)", "id",
        ),
        "payments": ("payments", _OF_CUSTOMER, "id"),
        "balance_history": ("customer_balance_history", _OF_CUSTOMER, "id"),
        "gateway_orders": ("gateway_orders", _OF_CUSTOMER, "id"),
        "payment_links": ("payment_links", _OF_CUSTOMER, "id"),
        "vouchers": ("vouchers", "redeemed_customer_id = %(customer)s", "id"),
        "referral_rewards": ("referral_rewards", _OF_CUSTOMER, "id"),
        "transfers": ("customer_transfers", _OF_CUSTOMER, "id"),
        "communications": ("customer_notices", _OF_CUSTOMER, "id"),
        "sessions": ("radacct", _OF_SUBSCRIPTIONS, "acctstarttime"),
        "logins": ("access_log", _OF_SUBSCRIPTIONS, "decided_at"),
        "usage_by_day": ("usage_daily", _OF_SUBSCRIPTIONS, "day"),
        "activity": ("audit_logs", _OF_CUSTOMER, "id"),
    }
)  # fmt: skip
# Secrets and keys of ours, and columns that say nothing to a person.
_HIDDEN = frozenset(
    {"tenant_id", "token_hash", "page_key", "request_key", "class", "counter_trail", "integrity_marks", "start_told_s"}
    | {"receipt_id", "compiled_at", "decision_id", "ip", "acctuniqueid", "version"}
)


def parts_of(
    connection: Connection, *, customer_id: int, subscription_ids: Sequence[int], most: int
) -> tuple[dict[str, list[Row]], list[str]]:
    """Every part with its rows, the newest first and at most so many of each; and the parts that had more."""
    who = {"customer": customer_id, "subscriptions": list(subscription_ids), "most": most + 1}
    found, cut = {}, []
    with connection.cursor(row_factory=dict_row) as cursor:
        for name, (table, whose, order) in PARTS.items():
            statement = SQL("SELECT * FROM {} WHERE {} ORDER BY {} DESC LIMIT %(most)s").format(
                Identifier(table), SQL(whose), Identifier(order)
            )
            rows = cursor.execute(statement, who).fetchall()
            if len(rows) > most:
                cut.append(name)
            found[name] = [_shown(row) for row in rows[:most]]
    return found, cut


def _shown(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in _HIDDEN and not name.endswith("_enc")}


# --- to be forgotten ----------------------------------------------------------------------------------------------


def lock_any_customer(session: Session, customer_id: int, *, tenant_id: int) -> Customer | None:
    """The customer, deleted or not, locked."""
    statement = select(Customer).where(Customer.id == customer_id, Customer.tenant_id == tenant_id)
    return session.scalars(
        statement.with_for_update(of=Customer), execution_options={"populate_existing": True}
    ).one_or_none()


def lock_any_subscriptions(session: Session, customer_id: int) -> Sequence[Subscription]:
    """All he ever had, deleted ones too, locked."""
    statement = select(Subscription).where(Subscription.customer_id == customer_id)
    return session.scalars(
        statement.order_by(Subscription.id).with_for_update(of=Subscription),
        execution_options={"populate_existing": True},
    ).all()


def is_number_taken(session: Session, number: str, *, tenant_id: int, but: int) -> bool:
    """Whether another customer has that number for WhatsApp or phone."""
    statement = select(Customer.id).where(
        Customer.tenant_id == tenant_id,
        Customer.id != but,
        or_(Customer.whatsapp == number, Customer.phone == number),
    )
    with everybodys(session):
        return session.scalars(statement.limit(1)).first() is not None


def running_sessions(connection: Connection, subscription_ids: Sequence[int]) -> int:
    """How many sessions of his are still open."""
    row = connection.execute(
        "SELECT count(*) FROM radacct WHERE acctstoptime IS NULL AND subscription_id = ANY(%s)",
        [list(subscription_ids)],
    ).fetchone()
    return int(row[0]) if row else 0


def secrets_on_routers(connection: Connection, subscription_ids: Sequence[int]) -> int:
    """How many routers still know a name and password of his by themselves."""
    row = connection.execute(
        "SELECT count(*) FROM router_secrets WHERE subscription_id = ANY(%s)", [list(subscription_ids)]
    ).fetchone()
    return int(row[0]) if row else 0


def open_invoices(connection: Connection, customer_id: int) -> int:
    """How many invoices he has not paid."""
    row = connection.execute(
        "SELECT count(*) FROM invoices WHERE customer_id = %s AND status IN ('unpaid', 'overdue')", [customer_id]
    ).fetchone()
    return int(row[0]) if row else 0


_EMPTIED_TABLES = (
    "customer_contacts", "customer_tags", "customer_equipment", "customer_pictures", "customer_speed_tests",
    "billing_profiles", "customer_notices",
)  # fmt: skip
_EMPTY: Sequence[LiteralString] = (
    "DELETE FROM subscription_macs WHERE subscription_id = ANY(%(subscriptions)s)",
    "UPDATE payments SET note = '' WHERE customer_id = %(customer)s AND note <> ''",
    "UPDATE invoices SET notes = '' WHERE customer_id = %(customer)s AND notes <> ''",
    "UPDATE customer_transfers SET note = '' WHERE customer_id = %(customer)s AND note <> ''",
    "UPDATE customer_registrations SET name = %(name)s WHERE customer_id = %(customer)s",
    """
UPDATE gateway_log SET request = '{}', response = '{}', problem = ''
WHERE order_id IN (SELECT order_id FROM gateway_orders WHERE customer_id = %(customer)s)
""",
    """
UPDATE parked_payments SET payer = '', note = ''
WHERE gateway_order_id IN (SELECT id FROM gateway_orders WHERE customer_id = %(customer)s)
""",
    "UPDATE gateway_orders SET instructions = '{}', redirect_url = NULL, problem = '' WHERE customer_id = %(customer)s",
    # What a login was decided from holds names and devices. The decision itself stays, with its reason.
    """
DELETE FROM decision_receipts
WHERE id IN (SELECT receipt_id FROM access_log WHERE subscription_id = ANY(%(subscriptions)s))
""",
    """
UPDATE access_log SET username = %(prefix)s || subscription_id, callingstationid = NULL, details = NULL,
    receipt_id = NULL
WHERE subscription_id = ANY(%(subscriptions)s)
""",
    """
UPDATE radacct SET username = %(prefix)s || subscription_id, realm = NULL, nasportid = NULL, callingstationid = NULL,
    connectinfo_start = NULL, connectinfo_stop = NULL, framedipaddress = NULL, framedipv6address = NULL,
    framedipv6prefix = NULL, framedinterfaceid = NULL, delegatedipv6prefix = NULL
WHERE subscription_id = ANY(%(subscriptions)s)
""",
    """
UPDATE session_changes SET username = %(prefix)s || subscription_id, framedipaddress = NULL, callingstationid = NULL,
    attributes = '{}'
WHERE status NOT IN ('pending', 'sending') AND subscription_id = ANY(%(subscriptions)s)
""",
    "SET LOCAL lintas.forgetting = 'on'",
    """
UPDATE audit_logs SET
    old_values = CASE WHEN old_values IS NOT NULL THEN
        jsonb_build_object('forgotten', encode(sha256(convert_to(old_values::text, 'UTF8')), 'hex')) END,
    new_values = CASE WHEN new_values IS NOT NULL THEN
        jsonb_build_object('forgotten', encode(sha256(convert_to(new_values::text, 'UTF8')), 'hex')) END
WHERE customer_id = %(customer)s AND NOT coalesce(old_values, new_values, '{}') ? 'forgotten'
""",
    "SET LOCAL lintas.forgetting = 'off'",
)


def empty(connection: Connection, *, customer_id: int, subscription_ids: Sequence[int], name: str) -> None:
    """Take everything personal about him out of the tables around his record.

    In the audit log a digest stands where values stood, so that a chain over the log can still be checked.
    """
    who = {
        "customer": customer_id, "subscriptions": list(subscription_ids), "name": name,
        "prefix": anonymous_username(0).removesuffix("0"),
    }  # fmt: skip
    for table in _EMPTIED_TABLES:
        connection.execute(SQL("DELETE FROM {} WHERE customer_id = %(customer)s").format(Identifier(table)), who)
    for statement in _EMPTY:
        connection.execute(statement, who if "%(" in statement else None)


def forget_attributes(connection: Connection, *, tenant_id: int, usernames: Iterable[str]) -> None:
    """Remove the attributes that were added by hand for names that no living subscription has."""
    for table in ("radcheck", "radreply"):
        connection.execute(SQL(_DROP_ATTRIBUTES).format(Identifier(table)), [tenant_id, list(usernames)])


_DROP_ATTRIBUTES: LiteralString = """
DELETE FROM {} r WHERE tenant_id = %s AND username = ANY(%s) AND NOT EXISTS (
    SELECT FROM subscriptions s WHERE s.tenant_id = r.tenant_id AND s.username = r.username AND s.deleted_at IS NULL
        AND s.status <> 'terminated'
)
"""

# What the books and other people's rights hang on, by the column that names a customer or a subscription.
_HOLD_CUSTOMERS = (
    ("ledger_entries", "customer_id"), ("invoices", "customer_id"), ("payments", "customer_id"),
    ("gateway_orders", "customer_id"), ("payment_links", "customer_id"), ("referral_rewards", "customer_id"),
    ("referral_rewards", "referred_id"), ("vouchers", "redeemed_customer_id"), ("subscriptions", "customer_id"),
)  # fmt: skip
_HOLD_SUBSCRIPTIONS = (
    ("ledger_entries", "subscription_id"), ("invoices", "subscription_id"), ("payments", "subscription_id"),
    ("vouchers", "subscription_id"),
)  # fmt: skip
_TRAFFIC = (
    "radacct", "access_log", "usage_daily", "usage_hourly", "usage_monthly", "session_changes",
    "session_corrections",
)  # fmt: skip


def drop_traffic(connection: Connection, subscription_ids: Sequence[int]) -> None:
    """Delete sessions, logins and usage of subscriptions."""
    for table in _TRAFFIC:
        statement = SQL("DELETE FROM {} WHERE subscription_id = ANY(%s)").format(Identifier(table))
        connection.execute(statement, [list(subscription_ids)])


def drop_subscriptions(connection: Connection, subscription_ids: Sequence[int]) -> int:
    """Delete those of the subscriptions on which nothing of the books hangs; returns how many."""
    statement = SQL("DELETE FROM subscriptions s WHERE s.id = ANY(%s) AND {}").format(_free(_HOLD_SUBSCRIPTIONS))
    return connection.execute(statement, [list(subscription_ids)]).rowcount


def drop_customer(connection: Connection, customer_id: int) -> bool:
    """Delete the record itself; false where the books need it or a subscription stays."""
    connection.execute("DELETE FROM customer_transfers WHERE customer_id = %s", [customer_id])
    connection.execute("DELETE FROM invoices WHERE customer_id = %s AND status = 'draft'", [customer_id])
    connection.execute("UPDATE customers SET parent_customer_id = NULL WHERE parent_customer_id = %s", [customer_id])
    connection.execute(
        "DELETE FROM ledger_accounts a WHERE a.customer_id = %s AND NOT EXISTS"
        " (SELECT FROM ledger_postings p WHERE p.account_id = a.id)",
        [customer_id],
    )
    statement = SQL("DELETE FROM customers s WHERE s.id = %s AND {}").format(_free(_HOLD_CUSTOMERS))
    return bool(connection.execute(statement, [customer_id]).rowcount)


def _free(holders: Sequence[tuple[str, str]]) -> Composable:
    """That none of the tables names the row `s`."""
    return SQL(" AND ").join(
        SQL("NOT EXISTS (SELECT FROM {} x WHERE x.{} = s.id)").format(Identifier(table), Identifier(column))
        for table, column in holders
    )


def due_to_be_forgotten(
    connection: Connection, *, tenant_id: int, before: datetime, limit: int
) -> list[tuple[int, str, datetime]]:
    """Customers who were deleted before that moment: id, code and when; the longest deleted first."""
    return connection.execute(
        "SELECT id, customer_code, deleted_at FROM customers WHERE tenant_id = %s AND deleted_at < %s"
        " AND deleted_at IS NOT NULL AND anonymized_at IS NULL ORDER BY deleted_at LIMIT %s",
        [tenant_id, before, limit],
    ).fetchall()
