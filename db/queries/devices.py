"""Devices of subscriptions, of blacklists and in sessions: what logins tell of them, and where they are online."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import psycopg
from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased, lazyload

from db.models import BlockedMac, Customer, Subscription, SubscriptionMac
from db.queries.paging import Page, Wanted, fetch_page
from db.queries.panel.customers import escape_like
from domain.mac import normalise_mac

# A stranger who tries device after device must not grow a list; an old question makes room for a new one.
MAX_PENDING = 20
PENDING_KEPT = "1 hour"

# The subscriptions first and in one order: two collectors, or a collector and a member of staff, never cross.
_LOCK = "SELECT id FROM subscriptions WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
_LEARN = """
INSERT INTO subscription_macs AS known (tenant_id, subscription_id, mac, status, source)
SELECT DISTINCT ON (s.id) s.tenant_id, s.id, told.mac::macaddr, 'approved', 'learned'
FROM unnest(%(subscription_ids)s::bigint[], %(macs)s::text[]) WITH ORDINALITY AS told (subscription_id, mac, position)
JOIN subscriptions s ON s.id = told.subscription_id
WHERE s.mac_binding = 'learn' AND s.deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM subscription_macs m WHERE m.subscription_id = s.id AND m.status = 'approved')
ORDER BY s.id, told.position
ON CONFLICT (subscription_id, mac) DO UPDATE SET status = 'approved', source = 'learned', updated_at = now()
WHERE known.status = 'pending'
"""
_FORGET_OLD = """
DELETE FROM subscription_macs m USING (
    SELECT p.id, row_number() OVER (PARTITION BY p.subscription_id ORDER BY p.id DESC) AS place
    FROM subscription_macs p
    WHERE p.subscription_id = ANY(%(subscription_ids)s) AND p.status = 'pending' AND p.source = 'learned'
) old
WHERE m.id = old.id AND old.place >= %(most)s AND m.created_at < now() - %(kept)s::interval
"""
_ASK = """
INSERT INTO subscription_macs (tenant_id, subscription_id, mac, status, source)
SELECT fresh.tenant_id, fresh.subscription_id, fresh.mac, 'pending', 'learned' FROM (
    SELECT s.tenant_id, s.id AS subscription_id, told.mac, row_number() OVER (
        PARTITION BY s.id ORDER BY min(told.position)) AS place
    FROM unnest(%(subscription_ids)s::bigint[], %(macs)s::macaddr[]) WITH ORDINALITY
        AS told (subscription_id, mac, position)
    JOIN subscriptions s ON s.id = told.subscription_id
    WHERE s.mac_binding = 'approval' AND s.deleted_at IS NULL AND NOT EXISTS (
        SELECT FROM subscription_macs m WHERE m.subscription_id = s.id AND m.mac = told.mac)
    GROUP BY s.tenant_id, s.id, told.mac
) fresh
WHERE fresh.place + (SELECT count(*) FROM subscription_macs m
    WHERE m.subscription_id = fresh.subscription_id AND m.status = 'pending' AND m.source = 'learned') <= %(most)s
ON CONFLICT (subscription_id, mac) DO NOTHING
"""
_OWN_SESSIONS = """
SELECT r.acctuniqueid FROM radacct_open r
JOIN unnest(%s::bigint[], %s::text[]) AS told (subscription_id, acctuniqueid)
  ON told.acctuniqueid = r.acctuniqueid AND told.subscription_id = r.subscription_id
WHERE r.acctstoptime IS NULL
"""
# Routers write a MAC in several ways; what is left of it without its separators is the same.
_ONLINE_BY_MAC = text(
    "SELECT acctuniqueid FROM radacct_open WHERE acctstoptime IS NULL AND tenant_id = :tenant_id"
    " AND upper(regexp_replace(callingstationid, '[^0-9A-Fa-f]', '', 'g'))"
    " IN (:digits, '1' || :digits, '01' || :digits)"
)

Connection = psycopg.Connection[Any]


def learn_devices(connection: Connection, told: Sequence[tuple[int, str]]) -> None:
    """Store the first device of each subscription that learns one and has none yet; `told` in order of login."""
    values = _lock(connection, told)
    connection.execute(_LEARN, values)


def ask_for_devices(connection: Connection, told: Sequence[tuple[int, str]]) -> None:
    """Put unknown devices on their subscription's list to be approved, at most `MAX_PENDING` on each."""
    values = _lock(connection, told) | {"most": MAX_PENDING, "kept": PENDING_KEPT}
    connection.execute(_FORGET_OLD, values)
    connection.execute(_ASK, values)


def _lock(connection: Connection, told: Sequence[tuple[int, str]]) -> dict[str, Any]:
    ids = [subscription_id for subscription_id, _ in told]
    connection.execute(_LOCK, (ids,))
    return {"subscription_ids": ids, "macs": [mac for _, mac in told]}


def own_sessions(connection: Connection, told: Sequence[tuple[int, str]]) -> list[str]:
    """Those of the sessions (subscription, unique id) that run and are the subscription's own."""
    ids, sessions = [item[0] for item in told], [item[1] for item in told]
    return [row[0] for row in connection.execute(_OWN_SESSIONS, (ids, sessions)).fetchall()]


def online_by_mac(session: Session, *, tenant_id: int, mac: str) -> list[str]:
    """Unique ids of a tenant's running sessions of a device."""
    digits = mac.replace(":", "")
    return list(session.scalars(_ONLINE_BY_MAC, {"tenant_id": tenant_id, "digits": digits}))


def count_blocked(session: Session, *, tenant_id: int) -> int:
    """How many devices are on a tenant's blacklist."""
    found = session.scalar(select(func.count()).select_from(BlockedMac).where(BlockedMac.tenant_id == tenant_id))
    return int(found or 0)


BLOCKED_SORTS: Mapping[str, InstrumentedAttribute[Any]] = MappingProxyType(
    {"created_at": BlockedMac.created_at, "mac": BlockedMac.mac}
)


def page_of_blocked(session: Session, *, tenant_id: int, search: str | None, wanted: Wanted) -> Page[BlockedMac]:
    """The blacklist; `search` is a MAC in any spelling, or part of a note."""
    statement = select(BlockedMac).where(BlockedMac.tenant_id == tenant_id)
    if search:
        mac = normalise_mac(search)
        by_note = BlockedMac.note.ilike(f"%{escape_like(search)}%")
        statement = statement.where(by_note if mac is None else or_(BlockedMac.mac == mac, by_note))
    return fetch_page(session, statement, sorts=BLOCKED_SORTS, row_id=BlockedMac.id, wanted=wanted)


def blocked_by_mac(session: Session, mac: str, *, tenant_id: int) -> BlockedMac | None:
    """The blacklist's row of a normalised MAC."""
    statement = select(BlockedMac).where(BlockedMac.tenant_id == tenant_id, BlockedMac.mac == mac)
    return session.scalars(statement).one_or_none()


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingDevice:
    """A device that asked for a subscription and waits for staff; `allowed_devices` may use it already."""

    id: int
    mac: str
    asked_at: datetime
    subscription_id: int
    username: str
    customer_id: int
    customer_name: str
    allowed_devices: int


def waiting_devices(session: Session, *, tenant_id: int, limit: int) -> list[WaitingDevice]:
    """Devices that wait for approval, newest first, of subscriptions where it matters."""
    listed = aliased(SubscriptionMac)
    allowed = (
        select(func.count())
        .where(listed.subscription_id == Subscription.id, listed.status == "approved")
        .correlate(Subscription)
        .scalar_subquery()
    )
    statement = (
        select(SubscriptionMac, Subscription, Customer, allowed)
        .join(Subscription, Subscription.id == SubscriptionMac.subscription_id)
        .join(Customer, Customer.id == Subscription.customer_id)
        .where(
            SubscriptionMac.tenant_id == tenant_id,
            SubscriptionMac.status == "pending",
            Subscription.mac_binding == "approval",
            Subscription.deleted_at.is_(None),
            Subscription.status.notin_(("cancelled", "terminated")),
        )
        .order_by(SubscriptionMac.id.desc())
        .limit(limit)
        .options(lazyload("*"))
    )
    return [
        WaitingDevice(
            id=device.id,
            mac=str(device.mac).upper(),
            asked_at=device.created_at,
            subscription_id=subscription.id,
            username=subscription.username,
            customer_id=customer.id,
            customer_name=customer.name,
            allowed_devices=count,
        )
        for device, subscription, customer, count in session.execute(statement)
    ]
