"""Vouchers: begun by their first login, ended by the clock, listed for people."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Customer, Subscription, Voucher
from db.queries.paging import Page, Wanted, fetch_page

# The subscriptions first and in one order, as everywhere.
_LOCK = "SELECT id FROM subscriptions WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_BEGIN = """
WITH told AS (
    SELECT DISTINCT ON (subscription_id) * FROM unnest(%(subscription_ids)s::bigint[], %(times)s::timestamptz[],
        %(macs)s::macaddr[]) AS t (subscription_id, at, mac)
    ORDER BY subscription_id, at
), begun AS (
    UPDATE vouchers v SET state = 'active', first_used_at = told.at, updated_at = %(now)s,
        valid_until = told.at + make_interval(secs => v.validity_s)
    FROM told WHERE v.subscription_id = told.subscription_id AND v.state = 'unused'
    RETURNING v.tenant_id, v.subscription_id, v.binds_mac, told.mac
), bound AS (
    INSERT INTO subscription_macs (tenant_id, subscription_id, mac, status, source)
    SELECT tenant_id, subscription_id, mac, 'approved', 'learned' FROM begun WHERE binds_mac AND mac IS NOT NULL
    ON CONFLICT (subscription_id, mac) DO UPDATE SET status = 'approved', updated_at = %(now)s
    RETURNING subscription_id
), fixed AS (
    UPDATE subscriptions s SET mac_binding = 'fixed', version = version + 1, updated_at = %(now)s
    FROM bound WHERE s.id = bound.subscription_id
)
SELECT count(*) FROM begun
"""
_END = """
WITH due AS (
    SELECT id FROM vouchers
    WHERE (state = 'active' AND valid_until <= %(now)s) OR (state = 'unused' AND sell_until <= %(now)s)
    ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE vouchers v SET state = CASE v.state WHEN 'active' THEN 'used' ELSE 'expired' END, updated_at = %(now)s
FROM due WHERE v.id = due.id
RETURNING v.subscription_id
"""


class FirstUse(NamedTuple):
    """A voucher's login: whose, when, and from which device."""

    subscription_id: int
    at: datetime
    mac: str | None


def begin_vouchers(connection: psycopg.Connection[Any], uses: Sequence[FirstUse], now: datetime) -> int:
    """Start the validity of those among them that are unused, at their first login, and bind those that bind.

    Returns how many began.
    """
    ids = [use.subscription_id for use in uses]
    connection.execute(_LOCK, (ids,))
    values = {"subscription_ids": ids, "times": [use.at for use in uses], "macs": [use.mac for use in uses], "now": now}
    row = connection.execute(_BEGIN, values).fetchone()
    return 0 if row is None else int(row[0])


def end_vouchers(connection: psycopg.Connection[Any], *, now: datetime, limit: int) -> list[int]:
    """Mark vouchers whose time is over as used, and those nobody used in time as expired; their subscriptions."""
    return [row[0] for row in connection.execute(_END, {"now": now, "limit": limit})]


SORTS = {"code": Voucher.code, "created_at": Voucher.created_at}


def page_of_vouchers(
    session: Session, *, tenant_id: int, state: str | None, batch: str | None, wanted: Wanted
) -> Page[Voucher]:
    """A provider's vouchers."""
    query = select(Voucher).where(Voucher.tenant_id == tenant_id)
    if state is not None:
        query = query.where(Voucher.state == state)
    if batch is not None:
        query = query.where(Voucher.batch == batch)
    return fetch_page(session, query, sorts=SORTS, row_id=Voucher.id, wanted=wanted)


def taken_codes(session: Session, *, tenant_id: int, codes: Iterable[str]) -> set[str]:
    """Those of the codes that a subscription of the provider already logs in with."""
    query = select(Subscription.username).where(
        Subscription.tenant_id == tenant_id, Subscription.username.in_(list(codes))
    )
    return set(session.scalars(query))


def walk_in_customer(session: Session, *, tenant_id: int, name: str) -> Customer | None:
    """The customer under whom vouchers are kept, or None before the first."""
    query = select(Customer).where(
        Customer.tenant_id == tenant_id, Customer.name == name, Customer.deleted_at.is_(None)
    )
    return session.scalars(query.order_by(Customer.id).limit(1)).first()


def voucher_by_code(session: Session, code: str, *, tenant_id: int) -> Voucher | None:
    """The voucher with that code."""
    return session.scalars(select(Voucher).where(Voucher.tenant_id == tenant_id, Voucher.code == code)).one_or_none()
