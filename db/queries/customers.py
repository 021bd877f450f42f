"""Single customers and what belongs to them: tags, contacts, equipment, family, referrals."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from db.models import AuditLog, Customer, CustomerContact, CustomerEquipment, CustomerTag, Subscription
from db.queries.panel.customers import escape_like, search_text
from db.scope import everybodys

CHILDREN_SHOWN, REFERRED_SHOWN = 200, 200


def lock_deleted_customer(session: Session, customer_id: int, *, tenant_id: int) -> Customer | None:
    """A customer that was deleted and not yet made anonymous, locked."""
    statement = select(Customer).where(
        Customer.id == customer_id,
        Customer.tenant_id == tenant_id,
        Customer.deleted_at.is_not(None),
        Customer.anonymized_at.is_(None),
    )
    return session.scalars(
        statement.with_for_update(of=Customer), execution_options={"populate_existing": True}
    ).one_or_none()


def lock_subscriptions_deleted_at(session: Session, customer_id: int, moment: datetime) -> Sequence[Subscription]:
    """The customer's subscriptions that were deleted at the very moment he was."""
    statement = select(Subscription).where(Subscription.customer_id == customer_id, Subscription.deleted_at == moment)
    return session.scalars(statement.order_by(Subscription.id).with_for_update(of=Subscription)).all()


def lock_subscriptions_of(session: Session, customer_id: int) -> Sequence[Subscription]:
    """The customer's subscriptions that are not deleted."""
    statement = select(Subscription).where(Subscription.customer_id == customer_id, Subscription.deleted_at.is_(None))
    return session.scalars(statement.order_by(Subscription.id).with_for_update(of=Subscription)).all()


def lock_family(session: Session, customer_id: int) -> Sequence[Customer]:
    """The customer and the members of his family, locked, whoever may see them."""
    statement = select(Customer).where(or_(Customer.id == customer_id, Customer.parent_customer_id == customer_id))
    with everybodys(session):
        return session.scalars(
            statement.order_by(Customer.id).with_for_update(of=Customer),
            execution_options={"populate_existing": True},
        ).all()


def count_added_by_tokens(session: Session, *, tenant_id: int, since: datetime) -> int:
    """How many customers programs have added one by one since then."""
    statement = select(func.count()).where(
        AuditLog.tenant_id == tenant_id,
        AuditLog.created_at > since,
        AuditLog.action == "customer.created",
        AuditLog.actor_type == "token",
    )
    return session.scalar(statement) or 0


def customer_with_code(session: Session, code: str, *, tenant_id: int) -> Customer | None:
    """Whoever has that referral code or customer code."""
    statement = select(Customer).where(
        Customer.tenant_id == tenant_id,
        Customer.deleted_at.is_(None),
        or_(Customer.referral_code == code.upper(), Customer.customer_code == code.upper()),
    )
    return session.scalars(statement.order_by(Customer.id).limit(1)).one_or_none()


def customer_at_address(session: Session, name: str, address: str, *, tenant_id: int) -> Customer | None:
    """A customer of that very name at that very address, in whatever case; without an address nobody."""
    if not name.strip() or not address.strip():
        return None
    statement = select(Customer).where(
        Customer.tenant_id == tenant_id,
        Customer.deleted_at.is_(None),
        search_text().ilike(f"%{escape_like(name.strip())}%"),
        func.lower(Customer.name) == name.strip().lower(),
        func.lower(Customer.address) == address.strip().lower(),
    )
    return session.scalars(statement.order_by(Customer.id).limit(1)).one_or_none()


def with_tags(session: Session, customers: Iterable[Any]) -> None:
    """Put `tags` on each of the customers, for those who show them."""
    rows = list(customers)
    found = tags_of(session, [row.id for row in rows])
    for row in rows:
        row.tags = found.get(row.id, [])


def customer_by_id(session: Session, customer_id: int) -> Customer | None:
    """A customer that is not deleted, or None."""
    statement = select(Customer).where(Customer.id == customer_id, Customer.deleted_at.is_(None))
    return session.scalars(statement).one_or_none()


def children_of(session: Session, customer_id: int) -> Sequence[Customer]:
    """The members of a customer's family, by name."""
    statement = select(Customer).where(Customer.parent_customer_id == customer_id, Customer.deleted_at.is_(None))
    return session.scalars(statement.order_by(Customer.name, Customer.id).limit(CHILDREN_SHOWN)).all()


def referred_by(session: Session, customer_id: int) -> Sequence[Customer]:
    """Who came by a customer's recommendation, the newest first."""
    statement = select(Customer).where(Customer.referred_by_id == customer_id, Customer.deleted_at.is_(None))
    return session.scalars(statement.order_by(Customer.id.desc()).limit(REFERRED_SHOWN)).all()


def tag_of(session: Session, customer_id: int, tag: str) -> CustomerTag | None:
    """The customer's tag of that name, in whatever case."""
    statement = select(CustomerTag).where(
        CustomerTag.customer_id == customer_id, func.lower(CustomerTag.tag) == tag.lower()
    )
    return session.scalars(statement).one_or_none()


def tags_of(session: Session, customer_ids: Sequence[int]) -> dict[int, list[CustomerTag]]:
    """The tags of each of the customers, by name."""
    if not customer_ids:
        return {}
    statement = select(CustomerTag).where(CustomerTag.customer_id.in_(customer_ids))
    found: dict[int, list[CustomerTag]] = {}
    for row in session.scalars(statement.order_by(func.lower(CustomerTag.tag))):
        found.setdefault(row.customer_id, []).append(row)
    return found


def colour_of_tag(session: Session, tag: str, *, tenant_id: int) -> str | None:
    """The colour in which a tag was last put on somebody."""
    statement = select(CustomerTag.color).where(
        CustomerTag.tenant_id == tenant_id, func.lower(CustomerTag.tag) == tag.lower()
    )
    return session.scalars(statement.order_by(CustomerTag.id.desc()).limit(1)).one_or_none()


def popular_tags(session: Session, *, tenant_id: int, limit: int) -> list[tuple[str, str, int]]:
    """The most used tags: name, colour, on how many customers that are not deleted."""
    word = func.lower(CustomerTag.tag)
    statement = (
        select(func.min(CustomerTag.tag), func.max(CustomerTag.color), func.count())
        .join(Customer, Customer.id == CustomerTag.customer_id)
        .where(CustomerTag.tenant_id == tenant_id, Customer.deleted_at.is_(None))
        .group_by(word)
        .order_by(func.count().desc(), word)
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in session.execute(statement)]


def contacts_of(session: Session, customer_id: int) -> Sequence[CustomerContact]:
    """A customer's further contacts, the primary ones first."""
    statement = select(CustomerContact).where(CustomerContact.customer_id == customer_id)
    order = (CustomerContact.type, CustomerContact.is_primary.desc(), CustomerContact.id)
    return session.scalars(statement.order_by(*order)).all()


def equipment_of(session: Session, customer_id: int) -> Sequence[CustomerEquipment]:
    """What stands at a customer's place, what is in use first."""
    statement = select(CustomerEquipment).where(CustomerEquipment.customer_id == customer_id)
    order = (CustomerEquipment.is_active.desc(), CustomerEquipment.is_primary.desc(), CustomerEquipment.id)
    return session.scalars(statement.order_by(*order)).all()
