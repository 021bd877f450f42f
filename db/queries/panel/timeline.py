"""What happened around a customer, newest first, from four tables as one list that can be read on without end.

Entries are ordered by moment, then kind, then their own number, so that a place in the list is a cursor: rows that come
meanwhile neither repeat nor hide another. Each table gives no more than the part asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from db.models import AccessLog, AuditLog, Payment, SessionChange

# At the same moment the first comes first.
AUDIT, PAYMENT, CHANGE, LOGIN = KINDS = ("audit", "payment", "change", "login")


class Place(NamedTuple):
    """Where in the list an entry is."""

    at: datetime
    kind: str
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing that happened; `row` is of the table of its kind."""

    place: Place
    row: Any


def timeline(
    session: Session,
    *,
    customer_id: int,
    subscription_id: int | None,
    kinds: Sequence[str],
    after: Place | None,
    limit: int,
) -> list[Entry]:
    """The next `limit` entries of these kinds after a place; logins and changes are of one subscription."""
    found = [entry for kind in kinds for entry in _READ[kind](session, customer_id, subscription_id, after, limit)]
    return sorted(found, key=_order, reverse=True)[:limit]


def _order(entry: Entry) -> tuple[datetime, int, Any]:
    place = entry.place
    return place.at, -KINDS.index(place.kind), int(place.key) if place.key.isdigit() else place.key


def _audit(
    session: Session, customer_id: int, _subscription_id: int | None, after: Place | None, limit: int
) -> list[Entry]:
    statement = select(AuditLog).where(
        AuditLog.customer_id == customer_id, *_after(AUDIT, AuditLog.created_at, AuditLog.id, after)
    )
    rows = session.scalars(statement.order_by(AuditLog.created_at.desc(), AuditLog.id.desc()).limit(limit))
    return [Entry(place=Place(row.created_at, AUDIT, str(row.id)), row=row) for row in rows]


def _payments(
    session: Session, customer_id: int, _subscription_id: int | None, after: Place | None, limit: int
) -> list[Entry]:
    statement = select(Payment).where(
        Payment.customer_id == customer_id, *_after(PAYMENT, Payment.created_at, Payment.id, after)
    )
    rows = session.scalars(statement.order_by(Payment.created_at.desc(), Payment.id.desc()).limit(limit))
    return [Entry(place=Place(row.created_at, PAYMENT, str(row.id)), row=row) for row in rows]


def _changes(
    session: Session, _customer_id: int, subscription_id: int | None, after: Place | None, limit: int
) -> list[Entry]:
    mine = _of(SessionChange.subscription_id, subscription_id)
    statement = select(SessionChange).where(mine, *_after(CHANGE, SessionChange.created_at, SessionChange.id, after))
    rows = session.scalars(statement.order_by(SessionChange.created_at.desc(), SessionChange.id.desc()).limit(limit))
    return [Entry(place=Place(row.created_at, CHANGE, str(row.id)), row=row) for row in rows]


def _logins(
    session: Session, _customer_id: int, subscription_id: int | None, after: Place | None, limit: int
) -> list[Entry]:
    mine = _of(AccessLog.subscription_id, subscription_id)
    statement = select(AccessLog).where(mine, *_after(LOGIN, AccessLog.decided_at, AccessLog.decision_id, after))
    rows = session.scalars(statement.order_by(AccessLog.decided_at.desc(), AccessLog.decision_id.desc()).limit(limit))
    return [Entry(place=Place(row.decided_at, LOGIN, row.decision_id), row=row) for row in rows]


def _of(column: Any, subscription_id: int | None) -> ColumnElement[bool]:
    return false() if subscription_id is None else column == subscription_id


def _after(kind: str, at: Any, key: Any, after: Place | None) -> list[ColumnElement[bool]]:
    """What comes after a place in this kind's table."""
    if after is None:
        return []
    mine, theirs = KINDS.index(kind), KINDS.index(after.kind)
    if mine > theirs:
        return [at <= after.at]
    if mine < theirs:
        return [at < after.at]
    wanted = int(after.key) if kind != LOGIN else after.key
    return [or_(at < after.at, and_(at == after.at, key < wanted))]


_READ: dict[str, Callable[[Session, int, int | None, Place | None, int], list[Entry]]] = {
    AUDIT: _audit,
    PAYMENT: _payments,
    CHANGE: _changes,
    LOGIN: _logins,
}
