"""What the cash desk shows of a customer: what he owes, and whether his subscriptions are online."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from db.engine import psycopg_of
from db.models import Invoice, Payment, RadAcct, Subscription
from db.queries.gardens import sessions_in_garden
from domain.invoices import OPEN


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A subscription with its newest running session; `in_garden` when that is a walled one."""

    subscription: Subscription
    session: RadAcct | None
    in_garden: bool

    @property
    def is_well(self) -> bool:
        """Whether the customer can use what he pays for, now."""
        return self.subscription.status == "active" and self.session is not None and not self.in_garden


def owed_by(session: Session, customer_ids: Sequence[int]) -> dict[int, tuple[int, Decimal]]:
    """How many invoices of each customer are open and what they add up to; none of whom none is."""
    statement = (
        select(Invoice.customer_id, func.count(), func.sum(Invoice.total))
        .where(Invoice.customer_id.in_(customer_ids), Invoice.status.in_(OPEN))
        .group_by(Invoice.customer_id)
    )
    return {customer_id: (count, total) for customer_id, count, total in session.execute(statement)}


def lines_of(session: Session, customer_id: int) -> list[Line]:
    """The customer's subscriptions that are not over, oldest first."""
    wanted = select(Subscription).where(
        Subscription.customer_id == customer_id,
        Subscription.deleted_at.is_(None),
        Subscription.status.not_in(("terminated", "cancelled")),
    )
    rows = session.scalars(
        wanted.options(defer(Subscription.service_password)).order_by(Subscription.id).limit(20)
    ).all()
    ids = [row.id for row in rows]
    running = select(RadAcct).where(RadAcct.subscription_id.in_(ids), RadAcct.acctstoptime.is_(None))
    newest = {one.subscription_id: one for one in session.scalars(running.order_by(RadAcct.acctstarttime))}
    gardens = set(sessions_in_garden(psycopg_of(session), ids)) if ids else set()
    return [
        Line(
            subscription=row,
            session=newest.get(row.id),
            in_garden=row.id in newest and newest[row.id].acctuniqueid in gardens,
        )
        for row in rows
    ]


def taken_by(session: Session, name: str, *, since: datetime, most: int) -> list[Payment]:
    """What somebody recorded since then, newest first."""
    wanted = select(Payment).where(Payment.recorded_by == name, Payment.paid_at >= since)
    return list(session.scalars(wanted.order_by(Payment.paid_at.desc(), Payment.id.desc()).limit(most)))
