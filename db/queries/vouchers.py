"""Vouchers: begun by their first login, ended by the clock, listed for people."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Customer, ServicePlan, Subscription, Voucher
from db.queries.names import as_kept
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
EXPORTED = ("code", "batch", "plan", "state", "validity_hours", "sell_until", "first_used_at", "valid_until")
_SWITCH = """
WITH due AS (
    SELECT id FROM vouchers
    WHERE tenant_id = %(tenant_id)s AND batch = %(batch)s
      AND CASE WHEN %(disabled)s THEN state IN ('unused', 'active') ELSE state = 'disabled' END
    ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE
)
UPDATE vouchers v SET updated_at = %(now)s, state = CASE WHEN %(disabled)s THEN 'disabled'
    WHEN v.first_used_at IS NULL THEN 'unused' ELSE 'active' END
FROM due WHERE v.id = due.id
RETURNING v.subscription_id
"""


def page_of_vouchers(
    session: Session, *, tenant_id: int, state: str | None, batch: str | None, wanted: Wanted, code: str | None = None
) -> Page[Voucher]:
    """A provider's vouchers; with part of a code only those that begin like it."""
    query = select(Voucher).where(Voucher.tenant_id == tenant_id)
    if state is not None:
        query = query.where(Voucher.state == state)
    if batch is not None:
        query = query.where(Voucher.batch == batch)
    if code:
        query = query.where(Voucher.code.startswith(code, autoescape=True))
    return fetch_page(session, query, sorts=SORTS, row_id=Voucher.id, wanted=wanted)


def plan_names(session: Session, vouchers: Sequence[Voucher]) -> dict[int, str]:
    """The plan of each of the vouchers, by the id of its subscription."""
    query = (
        select(Subscription.id, ServicePlan.name)
        .join(ServicePlan, ServicePlan.id == Subscription.service_plan_id)
        .where(Subscription.id.in_([row.subscription_id for row in vouchers]))
    )
    return dict(session.execute(query).all())


def states_of_batch(session: Session, *, tenant_id: int, batch: str) -> dict[str, int]:
    """How many vouchers of a batch there are in each state."""
    query = (
        select(Voucher.state, func.count())
        .where(Voucher.tenant_id == tenant_id, Voucher.batch == batch)
        .group_by(Voucher.state)
    )
    return dict(session.execute(query).all())


def first_of_batch(session: Session, *, tenant_id: int, batch: str) -> Voucher | None:
    """The oldest voucher of a batch, or None when there is no such batch."""
    query = select(Voucher).where(Voucher.tenant_id == tenant_id, Voucher.batch == batch)
    return session.scalars(query.order_by(Voucher.id).limit(1)).first()


def rows_of_batch(session: Session, *, tenant_id: int, batch: str, limit: int) -> list[Any]:
    """The vouchers of a batch as plain rows of `EXPORTED`, by code."""
    query = (
        select(
            Voucher.code,
            Voucher.batch,
            ServicePlan.name,
            Voucher.state,
            Voucher.validity_s / 3600.0,
            Voucher.sell_until,
            Voucher.first_used_at,
            Voucher.valid_until,
        )
        .join(Subscription, Subscription.id == Voucher.subscription_id)
        .join(ServicePlan, ServicePlan.id == Subscription.service_plan_id)
        .where(Voucher.tenant_id == tenant_id, Voucher.batch == batch)
    )
    return list(session.execute(query.order_by(Voucher.code).limit(limit)).all())


def switch_batch(
    connection: psycopg.Connection[Any], *, tenant_id: int, batch: str, disabled: bool, now: datetime, limit: int
) -> list[int]:
    """Disable the next vouchers of a batch that can still be used, or give disabled ones back; their subscriptions."""
    values = {"tenant_id": tenant_id, "batch": batch, "disabled": disabled, "now": now, "limit": limit}
    return [row[0] for row in connection.execute(_SWITCH, values)]


def taken_codes(session: Session, *, tenant_id: int, codes: Iterable[str]) -> set[str]:
    """Those of the codes that a subscription of the provider already logs in with."""
    query = select(Subscription.username).where(
        Subscription.tenant_id == tenant_id, Subscription.username.in_(list(codes))
    )
    return set(session.scalars(query))


def walk_in_customer(session: Session, *, tenant_id: int) -> Customer | None:
    """The customer under whom vouchers are kept, locked, or None before the first."""
    query = select(Customer).where(Customer.tenant_id == tenant_id, Customer.is_walk_in, Customer.deleted_at.is_(None))
    return session.scalars(query.with_for_update(of=Customer)).one_or_none()


def voucher_by_code(session: Session, code: str, *, tenant_id: int) -> Voucher | None:
    """The voucher with that code."""
    kept = as_kept(session, code, tenant_id=tenant_id)
    return session.scalars(select(Voucher).where(Voucher.tenant_id == tenant_id, Voucher.code == kept)).one_or_none()
