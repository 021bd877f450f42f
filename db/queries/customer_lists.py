"""The list of customers, one for panel, API, commands and exports: its filter, its orders, the numbers above it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Numeric, exists, func, select, type_coerce
from sqlalchemy.orm import Session

from db.models import Customer, CustomerTag, Invoice, Payment, RadAcct, Subscription, UsageDaily
from db.queries.customer_search import MOST_COUNTED, find, matches, walked
from db.queries.paging import Page, Wanted, fetch_page, part_of
from domain.payments import EXTERNAL

# Those in debt before all others, the last changed first: a function of the database's, so that an index holds it.
DEBT_FIRST: ColumnElement[Decimal] = type_coerce(func.debt_rank(Customer.balance, Customer.updated_at), Numeric(24, 6))
CUSTOMER_SORTS: Mapping[str, Any] = MappingProxyType(
    {
        "created_at": Customer.created_at,
        "name": Customer.name,
        "customer_code": Customer.customer_code,
        "balance": Customer.balance,
        "updated_at": Customer.updated_at,
        "debt_first": DEBT_FIRST,
    }
)
KM_PER_DEGREE, EARTH_KM = Decimal("111.19"), 6371
BALANCES = ("credit", "debt", "zero")
EXPORT_PORTION = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """A piece of the map, in degrees."""

    south: Decimal
    west: Decimal
    north: Decimal
    east: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Near:
    """A place on the map and how far around it, in kilometres."""

    latitude: Decimal
    longitude: Decimal
    radius_km: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomerFilter:
    """None filters nothing. `tags` wants any of them; `deleted` shows those that were deleted instead.

    `usage_min_bytes` and `usage_max_bytes` are about what all his subscriptions used since `usage_since`; whoever was
    seen `last_seen_before` a moment has had no session since.
    """

    search: str | None = None
    status: str | None = None
    customer_type: str | None = None
    city: str | None = None
    province: str | None = None
    connection_type: str | None = None
    service_plan_id: int | None = None
    nas_server_id: int | None = None
    operator_id: int | None = None
    parent_customer_id: int | None = None
    referred_by_id: int | None = None
    tags: tuple[str, ...] | None = None
    balance_min: Decimal | None = None
    balance_max: Decimal | None = None
    balance_filter: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    bounds: Bounds | None = None
    near: Near | None = None
    last_seen_after: datetime | None = None
    last_seen_before: datetime | None = None
    usage_since: date | None = None
    usage_min_bytes: int | None = None
    usage_max_bytes: int | None = None
    is_online: bool | None = None
    deleted: bool = False


def page_of_customers(session: Session, *, tenant_id: int, fits: CustomerFilter, wanted: Wanted) -> Page[Customer]:
    """Customers. Of a search that finds very many, the total says so many at least (`is_total_exact`)."""
    text = (fits.search or "").strip()
    if not text:
        statement = select(Customer).where(Customer.tenant_id == tenant_id, *conditions(fits))
        return fetch_page(session, statement, sorts=CUSTOMER_SORTS, row_id=Customer.id, wanted=wanted)
    basic = [Customer.tenant_id == tenant_id, *conditions(replace(fits, search=None))]
    found = find(session, text, basic, most=MOST_COUNTED)
    ids: Sequence[int] | None = found.ids if found.is_all else _walk(session, text, basic, wanted)
    if ids is None:
        statement = select(Customer).where(*basic, matches(text))
    else:
        statement = select(Customer).where(Customer.id.in_(ids))
    # What was walked to begins where the page does.
    part = wanted if found.is_all or ids is None else replace(wanted, page=1, cursor=None)
    page = fetch_page(
        session, statement, sorts=CUSTOMER_SORTS, row_id=Customer.id, wanted=part,
        total=len(found.ids), is_total_exact=found.is_all,
    )  # fmt: skip
    return replace(page, page=None if wanted.cursor is not None else wanted.page)


def _walk(session: Session, text: str, basic: Sequence[ColumnElement[bool]], wanted: Wanted) -> Sequence[int] | None:
    """The ids of a page and one more, walking the list in its order; None when they are too far to walk."""
    most, offset = wanted.page_size + 1, 0 if wanted.cursor else (wanted.page - 1) * wanted.page_size
    begin = replace(wanted, page=1) if wanted.cursor is None else wanted
    listed = part_of(select(Customer.id).where(*basic), sorts=CUSTOMER_SORTS, row_id=Customer.id, wanted=begin)
    ids = session.scalars(walked(listed, text, most=most + offset)).all()
    return ids[offset:] if len(ids) >= most + offset else None


def ids_of_customers(session: Session, *, tenant_id: int, fits: CustomerFilter, most: int) -> Sequence[int]:
    """The ids of those that fit, at most so many."""
    statement = select(Customer.id).where(Customer.tenant_id == tenant_id, *conditions(fits))
    return session.scalars(statement.order_by(Customer.id).limit(most)).all()


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Who would be concerned: how many there are in each state, and how many of them are online."""

    by_status: dict[str, int]
    online: int

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_status.values())


def look_at_selection(
    session: Session, *, tenant_id: int, fits: CustomerFilter | None = None, ids: Sequence[int] = ()
) -> Selection:
    """Those that fit a filter, or have one of the ids."""
    which = [Customer.id.in_(ids), _ALIVE] if fits is None else conditions(fits)
    chosen = select(Customer.id, Customer.status).where(Customer.tenant_id == tenant_id, *which).subquery()
    by_status = session.execute(select(chosen.c.status, func.count().label("how_many")).group_by(chosen.c.status))
    running = (
        exists()
        .where(
            Subscription.customer_id == chosen.c.id,
            Subscription.deleted_at.is_(None),
            RadAcct.subscription_id == Subscription.id,
            RadAcct.acctstoptime.is_(None),
        )
        .correlate(chosen)
    )
    online = session.scalar(select(func.count()).select_from(chosen).where(running))
    return Selection(by_status={row.status: row.how_many for row in by_status}, online=online or 0)


def each_customer(session: Session, *, tenant_id: int, fits: CustomerFilter) -> Iterator[Sequence[Customer]]:
    """All customers that fit, portion by portion, in the order in which they came."""
    last = 0
    while True:
        statement = select(Customer).where(Customer.tenant_id == tenant_id, Customer.id > last, *conditions(fits))
        rows = session.scalars(statement.order_by(Customer.id).limit(EXPORT_PORTION)).all()
        if not rows:
            return
        last = rows[-1].id
        yield rows
        # A million of them are not kept until the file is sent.
        for row in rows:
            session.expunge(row)


def customer_summary(session: Session, *, tenant_id: int, month_start: datetime) -> dict[str, int]:
    """The numbers above the list: all, active, new since the month began."""
    row = session.execute(
        select(
            func.count(),
            func.count().filter(Customer.status == "active"),
            func.count().filter(Customer.created_at >= month_start),
        ).where(Customer.tenant_id == tenant_id, Customer.deleted_at.is_(None))
    ).one()
    return {"total_customers": row[0], "active_customers": row[1], "new_customers_this_month": row[2]}


def customer_statistics(session: Session, *, tenant_id: int) -> dict[str, Any]:
    """How many there are and what they owe; a debt is told as a positive number, and signed besides."""
    owes = Customer.balance < 0
    nothing = Decimal(0)
    row = session.execute(
        select(
            func.count(),
            func.count().filter(Customer.status == "active"),
            func.count().filter(owes),
            func.coalesce(func.sum(-Customer.balance).filter(owes), nothing),
            func.coalesce(func.sum(Customer.balance).filter(Customer.balance > 0), nothing),
        ).where(Customer.tenant_id == tenant_id, Customer.deleted_at.is_(None))
    ).one()
    names = ("total_customers", "active_customers", "customers_with_debt", "total_debt", "total_credit")
    return {**dict(zip(names, row, strict=True)), "total_debt_signed": -row[3]}


def paid_in_all(session: Session, *, tenant_id: int) -> Decimal:
    """What all paid invoices add up to."""
    total = session.scalar(
        select(func.sum(Invoice.total)).where(Invoice.tenant_id == tenant_id, Invoice.status == "paid")
    )
    return Decimal(total or 0)


def customer_spending(session: Session, *, tenant_id: int) -> dict[str, Decimal]:
    """What paid invoices add up to, and what customers paid from outside: on average of all there are, and at most."""
    each = (
        select(func.sum(Payment.amount).label("spent"))
        .where(Payment.tenant_id == tenant_id, Payment.status == "completed", Payment.method.in_(EXTERNAL))
        .group_by(Payment.customer_id)
        .subquery()
    )
    spent, most = session.execute(select(func.sum(each.c.spent), func.max(each.c.spent))).one()
    count = session.scalar(select(func.count()).where(Customer.tenant_id == tenant_id, _ALIVE)) or 0
    average = Decimal(spent or 0) / count if count else Decimal(0)
    return {
        "total_revenue": paid_in_all(session, tenant_id=tenant_id),
        "average_spent": average.quantize(Decimal("0.01"), ROUND_HALF_UP),
        "maximum_spent": Decimal(most or 0),
    }


def conditions(fits: CustomerFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions on customers."""
    found: list[ColumnElement[bool]] = [Customer.deleted_at.is_not(None) if fits.deleted else _ALIVE]
    found += [
        column == value
        for column, value in (
            (Customer.status, fits.status),
            (Customer.customer_type, fits.customer_type),
            (Customer.city, fits.city),
            (Customer.province, fits.province),
            (Customer.operator_id, fits.operator_id),
            (Customer.parent_customer_id, fits.parent_customer_id),
            (Customer.referred_by_id, fits.referred_by_id),
        )
        if value is not None
    ]
    found += [*_owned(fits), *_money(fits), *_when(fits), *_where(fits), *_seen(fits), *_usage(fits)]
    if fits.tags:
        words = [tag.lower() for tag in fits.tags]
        found.append(Customer.id.in_(select(CustomerTag.customer_id).where(func.lower(CustomerTag.tag).in_(words))))
    if fits.search and fits.search.strip():
        found.append(matches(fits.search.strip()))
    return found


_ALIVE = Customer.deleted_at.is_(None)


def _owned(fits: CustomerFilter) -> list[ColumnElement[bool]]:
    """What one of his subscriptions is like; the first three are of the same one."""
    wanted = [
        column == value
        for column, value in (
            (Subscription.connection_type, fits.connection_type),
            (Subscription.service_plan_id, fits.service_plan_id),
            (Subscription.nas_server_id, fits.nas_server_id),
        )
        if value is not None
    ]
    found = [_has_subscription(*wanted)] if wanted else []
    if fits.is_online is not None:
        running = (
            exists()
            .where(RadAcct.subscription_id == Subscription.id, RadAcct.acctstoptime.is_(None))
            .correlate(Subscription)
        )
        found.append(_has_subscription(running) if fits.is_online else ~_has_subscription(running))
    return found


def _has_subscription(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    mine = exists().where(Subscription.customer_id == Customer.id, Subscription.deleted_at.is_(None), *conditions)
    # A search joins subscriptions of its own, which are not these.
    return mine.correlate(Customer)


def _money(fits: CustomerFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if fits.balance_min is not None:
        found.append(Customer.balance >= fits.balance_min)
    if fits.balance_max is not None:
        found.append(Customer.balance <= fits.balance_max)
    if fits.balance_filter is not None:
        zero = Decimal(0)
        by_word = {"credit": Customer.balance > zero, "debt": Customer.balance < zero, "zero": Customer.balance == zero}
        found.append(by_word[fits.balance_filter])
    return found


def _when(fits: CustomerFilter) -> list[ColumnElement[bool]]:
    after = [] if fits.created_after is None else [Customer.created_at >= fits.created_after]
    return after + ([] if fits.created_before is None else [Customer.created_at < fits.created_before])


def _where(fits: CustomerFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if fits.bounds is not None:
        # Of two pieces of the map side by side, whoever lives on the border is in one.
        found += [Customer.latitude >= fits.bounds.south, Customer.latitude < fits.bounds.north]
        found += [Customer.longitude >= fits.bounds.west, Customer.longitude < fits.bounds.east]
    if fits.near is not None:
        # The index finds the strip of latitude; the distance along the sphere is reckoned for who lives in it.
        strip = fits.near.radius_km / KM_PER_DEGREE
        found.append(Customer.latitude.between(fits.near.latitude - strip, fits.near.latitude + strip))
        found.append(_distance_km(fits.near) <= fits.near.radius_km)
    return found


def _distance_km(near: Near) -> ColumnElement[Any]:
    """The way along the sphere from a place to the customer's (haversine)."""
    here, there = func.radians(near.latitude), func.radians(Customer.latitude)
    half = func.power(func.sin((there - here) / 2), 2) + func.cos(here) * func.cos(there) * func.power(
        func.sin((func.radians(Customer.longitude) - func.radians(near.longitude)) / 2), 2
    )
    return 2 * EARTH_KM * func.asin(func.sqrt(func.least(half, 1)))


def _seen(fits: CustomerFilter) -> list[ColumnElement[bool]]:
    return [
        _has_subscription(_seen_since(moment)) if wanted else ~_has_subscription(_seen_since(moment))
        for moment, wanted in ((fits.last_seen_after, True), (fits.last_seen_before, False))
        if moment is not None
    ]


def _seen_since(moment: datetime) -> ColumnElement[bool]:
    seen = func.coalesce(RadAcct.acctstoptime, func.now())
    return exists().where(RadAcct.subscription_id == Subscription.id, seen >= moment)


def _usage(fits: CustomerFilter) -> list[ColumnElement[bool]]:
    used = (
        select(func.coalesce(func.sum(UsageDaily.download_bytes + UsageDaily.upload_bytes), 0))
        .join(Subscription, Subscription.id == UsageDaily.subscription_id)
        .where(Subscription.customer_id == Customer.id, UsageDaily.day >= (fits.usage_since or date.min))
        .correlate(Customer)
        .scalar_subquery()
    )
    least = [] if fits.usage_min_bytes is None else [used >= fits.usage_min_bytes]
    return least + ([] if fits.usage_max_bytes is None else [used <= fits.usage_max_bytes])
