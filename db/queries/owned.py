"""What lists and pages show of a customer's subscriptions: the first few, and how many there are.

A customer has one or two, but the walk-in customer has one for each voucher ever made. So nothing loads all of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session, aliased, defer, joinedload, lazyload, selectinload

from db.models import Customer, RadAcct, ServicePlan, Subscription

SHOWN = 20
OVER = ("cancelled", "terminated")


@dataclass(frozen=True, kw_only=True, slots=True)
class Owned:
    """At most `SHOWN` rows, those that are not over first; and of all that are not deleted how many there are."""

    rows: Sequence[Subscription]
    total: int
    active: int
    not_terminated: int
    is_online: bool

    @property
    def primary(self) -> Subscription | None:
        """The one that speaks for the customer where there is room for one: the first active one, else the first."""
        return next((row for row in self.rows if row.status == "active"), self.rows[0] if self.rows else None)

    @property
    def live(self) -> list[Subscription]:
        """Those of the rows that are not terminated."""
        return [row for row in self.rows if row.status != "terminated"]


_NONE = Owned(rows=(), total=0, active=0, not_terminated=0, is_online=False)


def owned_by(session: Session, customer_ids: Sequence[int]) -> dict[int, Owned]:
    """For each of the customers; three statements, however many subscriptions there are."""
    if not customer_ids:
        return {}
    rows, online = _first_rows(session, customer_ids), _online(session, customer_ids)
    found = {
        row.customer_id: Owned(
            rows=[one for one in rows if one.customer_id == row.customer_id],
            total=row.total,
            active=row.active,
            not_terminated=row.not_terminated,
            is_online=row.customer_id in online,
        )
        for row in _counts(session, customer_ids)
    }
    return {customer_id: found.get(customer_id, _NONE) for customer_id in customer_ids}


def with_owned(session: Session, customers: Iterable[Any]) -> None:
    """Put `owned` on each of the customers, for those who show them."""
    rows = list(customers)
    found = owned_by(session, [row.id for row in rows])
    for row in rows:
        row.owned = found[row.id]


def count_ever(session: Session, customer_id: int) -> int:
    """How many subscriptions the customer ever had, deleted ones too."""
    return session.scalar(select(func.count()).where(Subscription.customer_id == customer_id)) or 0


def chosen_subscription(
    session: Session, customer_id: int, *, wanted_id: int | None = None, username: str | None = None
) -> Subscription | None:
    """The customer's subscription with that id or username, else the one that matters most: active, then newest.

    It comes with everything its page shows.
    """
    for wanted in _wanted(wanted_id, username):
        row = session.scalars(_whole(customer_id).where(wanted).limit(1)).unique().first()
        if row is not None:
            return row
    order = (Subscription.status.in_(OVER), Subscription.status != "active", Subscription.id.desc())
    return session.scalars(_whole(customer_id).order_by(*order).limit(1)).unique().first()


def _wanted(wanted_id: int | None, username: str | None) -> list[ColumnElement[bool]]:
    by_id = [] if wanted_id is None else [Subscription.id == wanted_id]
    return by_id + ([Subscription.username == username] if username else [])


def _whole(customer_id: int) -> Select[Subscription]:
    return (
        select(Subscription)
        .where(Subscription.customer_id == customer_id, Subscription.deleted_at.is_(None))
        .options(
            joinedload(Subscription.plan),
            joinedload(Subscription.nas),
            joinedload(Subscription.limits),
            joinedload(Subscription.fup_state),
            selectinload(Subscription.macs),
            defer(Subscription.service_password),
        )
    )


def _first_rows(session: Session, customer_ids: Sequence[int]) -> Sequence[Subscription]:
    of_one = aliased(Subscription)
    first = (
        select(of_one.id)
        .where(of_one.customer_id == Customer.id, of_one.deleted_at.is_(None))
        .order_by(of_one.status.in_(OVER), of_one.id)
        .limit(SHOWN)
        .lateral("first_rows")
    )
    statement = (
        select(Subscription)
        .select_from(Customer)
        .join(first, Customer.id.in_(customer_ids))
        .join(Subscription, Subscription.id == first.c.id)
        .order_by(Subscription.status.in_(OVER), Subscription.id)
        .options(
            joinedload(Subscription.plan).options(lazyload(ServicePlan.fup_rules)),
            joinedload(Subscription.nas),
            defer(Subscription.service_password),
        )
    )
    return session.scalars(statement).unique().all()


def _counts(session: Session, customer_ids: Sequence[int]) -> Sequence[Any]:
    statement = (
        select(
            Subscription.customer_id,
            func.count().label("total"),
            func.count().filter(Subscription.status == "active").label("active"),
            func.count().filter(Subscription.status != "terminated").label("not_terminated"),
        )
        .where(Subscription.customer_id.in_(customer_ids), Subscription.deleted_at.is_(None))
        .group_by(Subscription.customer_id)
    )
    return session.execute(statement).all()


def _online(session: Session, customer_ids: Sequence[int]) -> frozenset[int]:
    statement = (
        select(Subscription.customer_id)
        .distinct()
        .join(RadAcct, RadAcct.subscription_id == Subscription.id)
        .where(
            RadAcct.acctstoptime.is_(None),
            Subscription.customer_id.in_(customer_ids),
            Subscription.deleted_at.is_(None),
        )
    )
    return frozenset(session.scalars(statement))
