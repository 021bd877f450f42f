"""The customer list, its filters, and the history on a customer's page."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, String, exists, func, literal_column, select, union_all
from sqlalchemy.orm import Session

from db.models import AuditLog, Customer, RadAcct, Subscription, SubscriptionMac, UsageDaily
from db.queries.owned import Owned, owned_by
from domain.fup import Usage
from domain.mac import normalise_mac


@dataclass(frozen=True, kw_only=True)
class CustomerFilter:
    """What the filter bar above the customer list holds; an empty value filters nothing."""

    search: str = ""
    status: str = ""
    plan_id: int | None = None
    online: str = ""


@dataclass(frozen=True, kw_only=True)
class CustomerPage:
    """One page of the list: how many there are in all, the rows, and what is shown of their subscriptions by id."""

    total: int
    customers: list[Customer]
    owned: dict[int, Owned]


def customer_page(session: Session, wanted: CustomerFilter, *, page: int, size: int) -> CustomerPage:
    """Page `page` (from 1) of the customers that fit, by name."""
    conditions = _conditions(wanted)
    total = session.scalar(select(func.count()).select_from(Customer).where(*conditions)) or 0
    rows = session.scalars(
        select(Customer).where(*conditions).order_by(Customer.name, Customer.id).limit(size).offset((page - 1) * size)
    ).all()
    return CustomerPage(total=total, customers=list(rows), owned=owned_by(session, [row.id for row in rows]))


def _conditions(wanted: CustomerFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Customer.deleted_at.is_(None)]
    if wanted.status:
        conditions.append(Customer.status == wanted.status)
    if wanted.plan_id is not None:
        conditions.append(_has_subscription(Subscription.service_plan_id == wanted.plan_id))
    if wanted.online in ("yes", "no"):
        is_online = _has_subscription(_is_online())
        conditions.append(is_online if wanted.online == "yes" else ~is_online)
    if wanted.search.strip():
        conditions.append(matches(wanted.search.strip()))
    return conditions


def matches(text: str) -> ColumnElement[bool]:
    """Customers whose name, code, phone, e-mail, username or device looks like `text`."""
    return Customer.id.in_(union_all(*_arms(text)))


def _arms(text: str) -> list[Select[int]]:
    """One select of customer ids for each thing `text` could be: an OR over two tables could use no index of either."""
    pattern = "%" + escape_like(text) + "%"
    arms = [
        select(Customer.id).where(search_text().ilike(pattern)),
        _owners().where(Subscription.username.ilike(pattern)),
        _owners().where(Subscription.subscription_code == text.upper()),
    ]
    digits = phone_digits(text)
    if digits is not None:
        arms.append(select(Customer.id).where(search_text().like(f"%{digits}%")))
    mac = normalise_mac(text)
    if mac is not None:
        arms.append(_owners().join(SubscriptionMac).where(SubscriptionMac.mac == mac))
        in_use = select(RadAcct.subscription_id).where(
            RadAcct.acctstoptime.is_(None), func.upper(RadAcct.callingstationid) == mac
        )
        arms.append(_owners().where(Subscription.id.in_(in_use)))
    return arms


def _owners() -> Select[int]:
    return select(Subscription.customer_id).where(Subscription.deleted_at.is_(None))


def search_text() -> ColumnElement[str]:
    """Name, code, phone, e-mail and WhatsApp of a customer in one text."""
    # Letter for letter the expression of ix_customers_search, constants included: a bound parameter in their place
    # would be another expression, and the trigram index could not answer it.
    space, nothing = literal_column("' '", String), literal_column("''", String)
    phone, email = func.coalesce(Customer.phone, nothing), func.coalesce(Customer.email, nothing)
    whatsapp = func.coalesce(Customer.whatsapp, nothing)
    return Customer.name + space + Customer.customer_code + space + phone + space + email + space + whatsapp


def _has_subscription(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(Subscription.customer_id == Customer.id, Subscription.deleted_at.is_(None), condition)


def _is_online() -> ColumnElement[bool]:
    return exists().where(RadAcct.subscription_id == Subscription.id, RadAcct.acctstoptime.is_(None))


def escape_like(text: str) -> str:
    """`text` with the wildcards of LIKE taken literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def phone_digits(text: str) -> str | None:
    """The part of a phone number that every spelling of it shares, or None when `text` is no phone number.

    `0812…`, `+62812…` and `62 812-…` differ in their start only, so the leading zero or country code is left out.
    """
    digits = "".join(letter for letter in text if letter.isdigit())
    if len(digits) < 4 or any(letter.isalpha() for letter in text):
        return None
    return digits.removeprefix("62").removeprefix("0") if digits.startswith(("0", "62")) else digits


def online_among(session: Session, subscription_ids: list[int]) -> frozenset[int]:
    """Those of the subscriptions that have a running session."""
    if not subscription_ids:
        return frozenset()
    rows = session.scalars(
        select(RadAcct.subscription_id).where(
            RadAcct.acctstoptime.is_(None), RadAcct.subscription_id.in_(subscription_ids)
        )
    )
    return frozenset(subscription_id for subscription_id in rows if subscription_id is not None)


def customer_by_id(session: Session, customer_id: int) -> Customer | None:
    """A customer that is not deleted, or None."""
    statement = select(Customer).where(Customer.id == customer_id, Customer.deleted_at.is_(None))
    return session.scalars(statement).one_or_none()


def daily_usage(session: Session, subscription_id: int, since: date) -> dict[date, Usage]:
    """Usage of a subscription by local day from `since` on, over all routers."""
    rows = session.execute(
        select(UsageDaily.day, func.sum(UsageDaily.download_bytes), func.sum(UsageDaily.upload_bytes))
        .where(UsageDaily.subscription_id == subscription_id, UsageDaily.day >= since)
        .group_by(UsageDaily.day)
    )
    return {day: Usage(download_bytes=int(down), upload_bytes=int(up)) for day, down, up in rows}


def audit_of(session: Session, *, customer_id: int, limit: int) -> list[AuditLog]:
    """The newest audit entries about a customer and its subscriptions."""
    statement = select(AuditLog).where(AuditLog.customer_id == customer_id)
    return list(session.scalars(statement.order_by(AuditLog.created_at.desc(), AuditLog.id.desc()).limit(limit)))


def recent_customers(session: Session, text: str, limit: int) -> list[Customer]:
    """Customers for the search box: the closest names first."""
    order: list[Any] = [func.similarity(Customer.name, text).desc(), Customer.name]
    statement = select(Customer).where(Customer.deleted_at.is_(None), matches(text))
    return list(session.scalars(statement.order_by(*order).limit(limit)))
