"""Vouchers: begun by their first login, ended by the clock, taken once by whoever redeems them, listed for people."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.orm import Session

from db.models import Customer, ServicePlan, Subscription, Voucher, VoucherBatch
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


# Whoever comes second waits for the first one's transaction, and then finds that it is used.
_TAKE = """
UPDATE vouchers SET state = 'used', redeemed_at = %(now)s, redeemed_by = %(by)s, redeemed_customer_id = %(customer_id)s,
    updated_at = %(now)s
WHERE id = %(id)s AND state = 'unused' AND (sell_until IS NULL OR sell_until > %(now)s)
RETURNING id
"""


def take_voucher(
    connection: psycopg.Connection[Any], voucher_id: int, *, customer_id: int, by: str, now: datetime
) -> bool:
    """Redeem it for a customer; False when it is not unused any more or its day is over. Of many at once one has it."""
    values = {"id": voucher_id, "customer_id": customer_id, "by": by, "now": now}
    return connection.execute(_TAKE, values).fetchone() is not None


SORTS = {"code": Voucher.code, "created_at": Voucher.created_at}
BATCH_SORTS = {"name": VoucherBatch.name, "created_at": VoucherBatch.created_at}
EXPORTED = (
    *("code", "batch", "plan", "state", "price", "credit", "validity_hours", "time_limit_hours", "data_limit_bytes"),
    *("sell_until", "sold_at", "first_used_at", "valid_until", "redeemed_at"),
)
_SWITCH = """
WITH due AS (
    SELECT id FROM vouchers
    WHERE batch_id = %(batch_id)s
      AND CASE WHEN %(disabled)s THEN state IN ('unused', 'active') ELSE state = 'disabled' END
    ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE
)
UPDATE vouchers v SET updated_at = %(now)s, state = CASE WHEN %(disabled)s THEN 'disabled'
    WHEN v.first_used_at IS NULL THEN 'unused' ELSE 'active' END
FROM due WHERE v.id = due.id
RETURNING v.id, v.subscription_id
"""


def page_of_vouchers(
    session: Session,
    *,
    tenant_id: int,
    state: str | None = None,
    batch: str | None = None,
    batch_id: int | None = None,
    sold: bool | None = None,
    wanted: Wanted,
    code: str | None = None,
    operator_ids: Sequence[int] | None = None,
) -> Page[Voucher]:
    """A provider's vouchers; with part of a code only those that begin like it; `operator_ids` are whose batches."""
    query = select(Voucher).where(Voucher.tenant_id == tenant_id)
    if state is not None:
        query = query.where(Voucher.state == state)
    if sold is not None:
        query = query.where(Voucher.sold_at.is_not(None) if sold else Voucher.sold_at.is_(None))
    if batch_id is not None:
        query = query.where(Voucher.batch_id == batch_id)
    if batch is not None:
        query = query.where(Voucher.batch_id.in_(_named(tenant_id, batch)))
    if operator_ids is not None:
        query = query.where(Voucher.batch_id.in_(_of_operators(tenant_id, operator_ids)))
    if code:
        query = query.where(Voucher.code.startswith(code, autoescape=True))
    return fetch_page(session, query, sorts=SORTS, row_id=Voucher.id, wanted=wanted)


def page_of_batches(
    session: Session,
    *,
    tenant_id: int,
    wanted: Wanted,
    text: str | None = None,
    operator_ids: Sequence[int] | None = None,
) -> Page[VoucherBatch]:
    """A provider's batches, with a text those whose name has it in it."""
    query = select(VoucherBatch).where(VoucherBatch.tenant_id == tenant_id)
    if operator_ids is not None:
        query = query.where(VoucherBatch.operator_id.in_(operator_ids))
    if text:
        query = query.where(VoucherBatch.name.icontains(text, autoescape=True))
    return fetch_page(session, query, sorts=BATCH_SORTS, row_id=VoucherBatch.id, wanted=wanted)


def _named(tenant_id: int, name: str) -> Select[Any]:
    return select(VoucherBatch.id).where(VoucherBatch.tenant_id == tenant_id, VoucherBatch.name == name)


def _of_operators(tenant_id: int, operator_ids: Sequence[int]) -> Select[Any]:
    return select(VoucherBatch.id).where(
        VoucherBatch.tenant_id == tenant_id, VoucherBatch.operator_id.in_(operator_ids)
    )


class Counts(NamedTuple):
    """How a batch stands: vouchers by state, how many were sold, and how many could still be."""

    states: dict[str, int]
    sold: int
    for_sale: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.states.values())


def counts_of(session: Session, batch_ids: Sequence[int]) -> dict[int, Counts]:
    """How each of the batches stands."""
    sold, unused = Voucher.sold_at.is_not(None), Voucher.state == "unused"
    query = (
        select(
            Voucher.batch_id, Voucher.state, func.count(), func.count().filter(sold),
            func.count().filter(unused & ~sold),
        )
        .where(Voucher.batch_id.in_(batch_ids))
        .group_by(Voucher.batch_id, Voucher.state)
    )  # fmt: skip
    found = {batch_id: Counts({}, 0, 0) for batch_id in batch_ids}
    rows: Iterable[Any] = session.execute(query)
    for batch_id, state, number, sold_number, for_sale in rows:
        before = found[batch_id]
        before.states[state] = number
        found[batch_id] = Counts(before.states, before.sold + sold_number, before.for_sale + for_sale)
    return found


def batch_named(session: Session, name: str, *, tenant_id: int) -> VoucherBatch | None:
    """The batch of that name."""
    query = select(VoucherBatch).where(VoucherBatch.tenant_id == tenant_id, VoucherBatch.name == name)
    return session.scalars(query).one_or_none()


def rows_of_batch(session: Session, batch: VoucherBatch, *, limit: int) -> list[Any]:
    """The vouchers of a batch in the order of their codes, each with the columns of `EXPORTED`."""
    query = (
        select(
            Voucher.code, VoucherBatch.name, ServicePlan.name, Voucher.state, VoucherBatch.price, VoucherBatch.credit,
            Voucher.validity_s / 3600, VoucherBatch.time_limit_s / 3600, VoucherBatch.data_limit_bytes,
            Voucher.sell_until, Voucher.sold_at, Voucher.first_used_at, Voucher.valid_until, Voucher.redeemed_at,
        )
        .join(VoucherBatch, VoucherBatch.id == Voucher.batch_id)
        .outerjoin(ServicePlan, ServicePlan.id == VoucherBatch.service_plan_id)
        .where(Voucher.batch_id == batch.id)
        .order_by(Voucher.code)
        .limit(limit)
    )  # fmt: skip
    return list(session.execute(query))


def codes_of_batch(session: Session, batch_id: int, *, which: str, skip: int, limit: int) -> list[str]:
    """Codes of a batch that can still be used, in order: "unused" or "unsold" of these."""
    query = select(Voucher.code).where(Voucher.batch_id == batch_id, Voucher.state == "unused")
    if which == "unsold":
        query = query.where(Voucher.sold_at.is_(None))
    return list(session.scalars(query.order_by(Voucher.code).offset(skip).limit(limit)))


def lock_for_sale(session: Session, batch_id: int, *, count: int, now: datetime) -> Sequence[Voucher]:
    """The next unsold vouchers of a batch that can be used, locked; those that somebody sells just now are left out."""
    query = (
        select(Voucher)
        .where(
            Voucher.batch_id == batch_id,
            Voucher.state == "unused",
            Voucher.sold_at.is_(None),
            or_(Voucher.sell_until.is_(None), Voucher.sell_until > now),
        )
        .order_by(Voucher.id)
        .limit(count)
        .with_for_update(of=Voucher, skip_locked=True)
    )
    return session.scalars(query).all()


def lock_sold_with(session: Session, payment_id: int) -> Sequence[Voucher]:
    """The vouchers that were sold together, locked."""
    query = select(Voucher).where(Voucher.payment_id == payment_id).order_by(Voucher.id)
    return session.scalars(query.with_for_update(of=Voucher), execution_options={"populate_existing": True}).all()


def mark_sold(session: Session, ids: Sequence[int], *, payment_id: int | None, by: str | None, now: datetime) -> None:
    """Note that they were sold, or (without `by`) that they were not after all."""
    at = None if by is None else now
    statement = update(Voucher).where(Voucher.id.in_(ids))
    session.execute(statement.values(sold_at=at, sold_by=by, payment_id=payment_id, updated_at=now))


def switch_batch(
    connection: psycopg.Connection[Any], *, batch_id: int, disabled: bool, now: datetime, limit: int
) -> tuple[int, list[int]]:
    """Disable the next vouchers of a batch that can be used, or give disabled ones back: how many, whose logins."""
    values = {"batch_id": batch_id, "disabled": disabled, "now": now, "limit": limit}
    rows = connection.execute(_SWITCH, values).fetchall()
    return len(rows), [row[1] for row in rows if row[1] is not None]


def taken_codes(session: Session, *, tenant_id: int, codes: Iterable[str]) -> set[str]:
    """Those of the codes that a subscription of the provider already logs in with, or a voucher has."""
    wanted = list(codes)
    names = select(Subscription.__table__.c.username).where(
        Subscription.__table__.c.tenant_id == tenant_id, Subscription.__table__.c.username.in_(wanted)
    )
    rows = Voucher.__table__
    codes_there = select(rows.c.code).where(rows.c.tenant_id == tenant_id, rows.c.code.in_(wanted))
    return {*session.scalars(names), *session.scalars(codes_there)}


def walk_in_customer(session: Session, *, tenant_id: int) -> Customer | None:
    """The customer under whom vouchers are kept, locked, or None before the first."""
    query = select(Customer).where(Customer.tenant_id == tenant_id, Customer.is_walk_in, Customer.deleted_at.is_(None))
    return session.scalars(query.with_for_update(of=Customer)).one_or_none()


def walk_in_id(session: Session, *, tenant_id: int) -> int | None:
    """The same customer's id, whoever asks."""
    table = Customer.__table__
    query = select(table.c.id).where(table.c.tenant_id == tenant_id, table.c.is_walk_in, table.c.deleted_at.is_(None))
    return session.scalar(query)


def voucher_by_code(session: Session, code: str, *, tenant_id: int) -> Voucher | None:
    """The voucher with that code."""
    kept = as_kept(session, code, tenant_id=tenant_id)
    return session.scalars(select(Voucher).where(Voucher.tenant_id == tenant_id, Voucher.code == kept)).one_or_none()


def hotspot_subscriptions(session: Session, customer_id: int, *, limit: int) -> Sequence[Subscription]:
    """The customer's hotspot logins that are not over, the newest first."""
    query = (
        select(Subscription)
        .where(
            Subscription.customer_id == customer_id,
            Subscription.connection_type == "hotspot",
            Subscription.status.not_in(("cancelled", "terminated")),
            Subscription.deleted_at.is_(None),
        )
        .order_by(Subscription.id.desc())
        .limit(limit)
    )
    return session.scalars(query).all()
