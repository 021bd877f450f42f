"""Figures beside customers in lists and on their pages: what they paid, and where they were seen last."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import Invoice, Payment, RadAcct, RouterSecret, Subscription
from domain.payments import EXTERNAL

_NOTHING = Decimal(0)
SECRETS_SHOWN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Paid:
    """Paid invoices added up, and money that came from outside."""

    revenue: Decimal = _NOTHING
    spent: Decimal = _NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class LastSeen:
    """The address and device of the newest session, and when it was last heard of."""

    ip: str | None = None
    mac: str | None = None
    at: datetime | None = None


def paid_by(session: Session, customer_ids: Sequence[int]) -> dict[int, Paid]:
    """For each of the customers; two statements, however many they are."""
    if not customer_ids:
        return {}
    invoices = select(Invoice.customer_id, func.sum(Invoice.total)).where(
        Invoice.customer_id.in_(customer_ids), Invoice.status == "paid"
    )
    payments = select(Payment.customer_id, func.sum(Payment.amount)).where(
        Payment.customer_id.in_(customer_ids), Payment.status == "completed", Payment.method.in_(EXTERNAL)
    )
    revenue = {row[0]: row[1] for row in session.execute(invoices.group_by(Invoice.customer_id))}
    spent = {row[0]: row[1] for row in session.execute(payments.group_by(Payment.customer_id))}
    return {one: Paid(revenue=revenue.get(one, _NOTHING), spent=spent.get(one, _NOTHING)) for one in customer_ids}


def with_paid(session: Session, customers: Iterable[Any]) -> None:
    """Put `total_revenue` and `total_spent` on each of the customers, for those who may see money."""
    rows = list(customers)
    found = paid_by(session, [row.id for row in rows])
    for row in rows:
        row.total_revenue, row.total_spent = found[row.id].revenue, found[row.id].spent


def last_seen(session: Session, subscription_ids: Sequence[int]) -> LastSeen:
    """Of the newest session of all of them."""
    newest = [
        session.execute(
            select(
                RadAcct.acctstarttime,
                RadAcct.framedipaddress,
                RadAcct.callingstationid,
                func.coalesce(RadAcct.acctstoptime, RadAcct.acctupdatetime, RadAcct.acctstarttime),
            )
            .where(RadAcct.subscription_id == one)
            .order_by(RadAcct.acctstarttime.desc())
            .limit(1)
        ).one_or_none()
        for one in subscription_ids
    ]
    seen = max((row for row in newest if row is not None), key=lambda row: row[0], default=None)
    if seen is None:
        return LastSeen()
    return LastSeen(ip=None if seen[1] is None else str(seen[1]), mac=seen[2] or None, at=seen[3])


def secrets_of(session: Session, customer_id: int) -> Sequence[RouterSecret]:
    """The names that routers know by themselves for his subscriptions."""
    statement = (
        select(RouterSecret)
        .join(Subscription, Subscription.id == RouterSecret.subscription_id)
        .where(Subscription.customer_id == customer_id)
    )
    return session.scalars(statement.order_by(RouterSecret.id).limit(SECRETS_SHOWN)).all()
