"""What the clock makes due besides the nightly run: terms that are over, days of suspension, reminders, renewals.

Each finds ids in the order of customers, so that whoever acts on them locks customers in one order, and each looks
again when it writes.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

_OVER = """s.status = 'active' AND s.deleted_at IS NULL AND s.expires_at <= %(now)s
  AND (s.cancel_at_period_end
    OR s.expires_at + make_interval(days => coalesce(s.grace_period_days, p.grace_period_days)) <= %(now)s)"""
_COUNT_OVER = f"""
SELECT count(*) FROM subscriptions s JOIN service_plans p ON p.id = s.service_plan_id
JOIN customers c ON c.id = s.customer_id WHERE s.tenant_id = %(tenant_id)s AND NOT c.is_walk_in AND {_OVER}
"""  # noqa: S608 - our own text
_DUE_OVER = f"""
SELECT s.id, s.customer_id FROM subscriptions s JOIN service_plans p ON p.id = s.service_plan_id
JOIN customers c ON c.id = s.customer_id
WHERE s.tenant_id = %(tenant_id)s AND (%(with_people)s OR c.is_walk_in) AND {_OVER}
ORDER BY s.customer_id, s.id LIMIT %(limit)s
"""  # noqa: S608 - our own text
_END = f"""
UPDATE subscriptions s SET status = CASE WHEN s.cancel_at_period_end THEN 'cancelled' ELSE 'expired' END,
    version = s.version + 1, updated_at = %(now)s
FROM service_plans p WHERE p.id = s.service_plan_id AND s.id = ANY(%(ids)s) AND {_OVER}
RETURNING s.id, s.customer_id, s.status, s.expires_at
"""  # noqa: S608 - our own text
_DUE_DATES = """
SELECT s.id, s.customer_id, s.suspend_on, s.suspend_recurring_day, s.status FROM subscriptions s
WHERE s.tenant_id = %(tenant_id)s AND s.suspend_on <= %(today)s AND s.deleted_at IS NULL
  AND s.status IN ('active', 'suspended', 'expired', 'disabled')
ORDER BY s.customer_id, s.id LIMIT %(limit)s
"""
_SUSPEND_ON = """
UPDATE subscriptions s SET status = 'suspended', suspend_cause = 'suspend_date', suspend_reason = 'suspend_date',
    suspended_at = %(now)s, version = s.version + 1, updated_at = %(now)s
WHERE s.id = ANY(%(ids)s) AND s.status = 'active' AND s.suspend_on <= %(today)s AND s.deleted_at IS NULL
RETURNING s.id, s.customer_id
"""
_NEXT_DATES = """
UPDATE subscriptions s SET suspend_on = x.day, updated_at = %(now)s
FROM unnest(%(ids)s::bigint[], %(days)s::date[]) x (id, day) WHERE s.id = x.id AND s.suspend_on <= %(today)s
"""
_SUSPEND_AHEAD = """
INSERT INTO customer_notices (tenant_id, kind, notice_key, customer_id, subscription_id, days, facts, created_at)
SELECT s.tenant_id, 'suspend_ahead',
    'suspend_ahead:' || s.id || ':' || s.suspend_on || ':' || (s.suspend_on - %(today)s), s.customer_id, s.id,
    %(today)s - s.suspend_on, jsonb_build_object('suspend_on', s.suspend_on), %(now)s
FROM subscriptions s
WHERE s.tenant_id = %(tenant_id)s AND s.status = 'active' AND s.deleted_at IS NULL
  AND s.suspend_on = ANY(%(days)s::date[])
ON CONFLICT (tenant_id, notice_key) DO NOTHING
"""
_EXPIRING = """
INSERT INTO customer_notices (tenant_id, kind, notice_key, customer_id, subscription_id, days, facts, created_at)
SELECT s.tenant_id, 'expiring', 'expiring:' || s.id || ':' || x.day || ':' || (x.day - %(today)s), s.customer_id, s.id,
    %(today)s - x.day, jsonb_build_object('expires_at', s.expires_at, 'auto_renew', s.auto_renew), %(now)s
FROM subscriptions s JOIN customers c ON c.id = s.customer_id,
    LATERAL (SELECT (s.expires_at AT TIME ZONE %(zone)s)::date AS day) x
WHERE s.tenant_id = %(tenant_id)s AND s.status = 'active' AND s.deleted_at IS NULL AND NOT c.is_walk_in
  AND s.expires_at BETWEEN %(now)s AND %(now)s + interval '62 days' AND (x.day - %(today)s) = ANY(%(days)s)
ON CONFLICT (tenant_id, notice_key) DO NOTHING
"""
# Whoever may be renewed out of a balance before the next night.
_RENEWABLE = """
SELECT y.payer_id, count(*) FROM subscriptions s JOIN customer_payers y ON y.customer_id = s.customer_id
JOIN customers c ON c.id = y.payer_id
WHERE s.tenant_id = %(tenant_id)s AND s.status = 'active' AND s.deleted_at IS NULL AND s.auto_renew
  AND NOT s.is_postpaid AND s.expires_at < %(before)s AND c.balance > 0 AND c.id > %(position)s
GROUP BY y.payer_id ORDER BY y.payer_id LIMIT %(limit)s
"""
_OVER_LIMIT = """
SELECT c.id FROM customers c WHERE c.tenant_id = %(tenant_id)s AND c.deleted_at IS NULL AND c.credit_limit IS NOT NULL
  AND c.id > %(position)s
  AND coalesce((SELECT sum(i.total) FROM invoices i
    WHERE i.customer_id = c.id AND i.status IN ('unpaid', 'overdue')), 0) - c.balance > c.credit_limit
ORDER BY c.id LIMIT %(limit)s
"""


def count_over(connection: Connection, *, tenant_id: int, now: datetime) -> int:
    """How many subscriptions of people are called active although their term and grace are over."""
    row = connection.execute(_COUNT_OVER, {"tenant_id": tenant_id, "now": now}).fetchone()
    return int(row[0]) if row else 0


def due_over(
    connection: Connection, *, tenant_id: int, now: datetime, limit: int, with_people: bool
) -> list[tuple[int, int]]:
    """(subscription, customer) of those; without people it is about vouchers only."""
    values = {"tenant_id": tenant_id, "now": now, "limit": limit, "with_people": with_people}
    return connection.execute(_DUE_OVER, values).fetchall()


def end_terms(connection: Connection, ids: Sequence[int], *, now: datetime) -> list[tuple[int, int, str, datetime]]:
    """Call them expired, or cancelled where that was wished; returns (id, customer, status, end) of each."""
    return connection.execute(_END, {"ids": list(ids), "now": now}).fetchall()


def due_dates(
    connection: Connection, *, tenant_id: int, today: date, limit: int
) -> list[tuple[int, int, date, int | None, str]]:
    """(subscription, customer, day, recurring day, status) of those whose day of suspension has come."""
    return connection.execute(_DUE_DATES, {"tenant_id": tenant_id, "today": today, "limit": limit}).fetchall()


def suspend_on_date(connection: Connection, ids: Sequence[int], *, today: date, now: datetime) -> list[tuple[int, int]]:
    """Suspend those that are active; returns (subscription, customer) of each."""
    return connection.execute(_SUSPEND_ON, {"ids": list(ids), "today": today, "now": now}).fetchall()


def set_next_dates(
    connection: Connection, days: Collection[tuple[int, date | None]], *, today: date, now: datetime
) -> None:
    """The next day of suspension of each, or none."""
    values = {"ids": [row[0] for row in days], "days": [row[1] for row in days], "today": today, "now": now}
    connection.execute(_NEXT_DATES, values)


def note_suspend_ahead(
    connection: Connection, *, tenant_id: int, today: date, days: Sequence[date], now: datetime
) -> int:
    """Note that a day of suspension is near."""
    values = {"tenant_id": tenant_id, "today": today, "days": list(days), "now": now}
    return connection.execute(_SUSPEND_AHEAD, values).rowcount


def note_expiring(
    connection: Connection, *, tenant_id: int, zone: str, today: date, days: Sequence[int], now: datetime
) -> int:
    """Note that a term ends in so many local days."""
    values = {"tenant_id": tenant_id, "zone": zone, "today": today, "days": list(days), "now": now}
    return connection.execute(_EXPIRING, values).rowcount


def renewable_payers(
    connection: Connection, *, tenant_id: int, before: datetime, position: int, limit: int
) -> list[int]:
    """Customers with credit who pay for a term that ends before that moment, after the one at `position`."""
    values = {"tenant_id": tenant_id, "before": before, "position": position, "limit": limit}
    return [row[0] for row in connection.execute(_RENEWABLE, values)]


def payers_over_limit(connection: Connection, *, tenant_id: int, position: int, limit: int) -> list[int]:
    """Customers who owe more than they may, after the one at `position`."""
    values = {"tenant_id": tenant_id, "position": position, "limit": limit}
    return [row[0] for row in connection.execute(_OVER_LIMIT, values)]
