"""Finds a row by whatever a person calls it at a terminal: number, code, name."""

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.models import Customer, Invoice, NasServer, Payment, ServicePlan, Subscription, Tenant
from db.queries.names import as_kept

_MAX_ID = 2**63 - 1


def tenant_named(session: Session, slug: str | None) -> Tenant | None:
    """The provider with that short name, or the only one there is."""
    statement = select(Tenant).order_by(Tenant.id).limit(2)
    if slug is not None:
        statement = statement.where(Tenant.slug == slug)
    rows = session.scalars(statement).all()
    return rows[0] if len(rows) == 1 else None


def customer_named(session: Session, text: str, *, tenant_id: int) -> Customer | None:
    """By id or code."""
    statement = select(Customer).where(
        Customer.tenant_id == tenant_id,
        Customer.deleted_at.is_(None),
        or_(_is_id(Customer.id, text), Customer.customer_code == text.upper()),
    )
    return session.scalars(statement).one_or_none()


def subscription_named(session: Session, text: str, *, tenant_id: int) -> Subscription | None:
    """By code, username or id; a username wins over an id, a live one over a terminated one."""
    name = as_kept(session, text, tenant_id=tenant_id)
    statement = (
        select(Subscription)
        .where(
            Subscription.tenant_id == tenant_id,
            Subscription.deleted_at.is_(None),
            or_(
                _is_id(Subscription.id, text),
                Subscription.subscription_code == text.upper(),
                Subscription.username == name,
            ),
        )
        .order_by(Subscription.username != name, Subscription.status == "terminated", Subscription.id.desc())
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def plan_named(session: Session, text: str, *, tenant_id: int) -> ServicePlan | None:
    """By id or short name."""
    statement = select(ServicePlan).where(
        ServicePlan.tenant_id == tenant_id,
        ServicePlan.deleted_at.is_(None),
        or_(_is_id(ServicePlan.id, text), ServicePlan.slug == text.lower()),
    )
    return session.scalars(statement.order_by(ServicePlan.id).limit(1)).one_or_none()


def plan_called(session: Session, text: str, *, tenant_id: int) -> ServicePlan | None:
    """By short name, id or name, in whatever case; the first wins."""
    found = plan_named(session, text, tenant_id=tenant_id)
    if found is not None or not text.strip():
        return found
    statement = select(ServicePlan).where(
        ServicePlan.tenant_id == tenant_id,
        ServicePlan.deleted_at.is_(None),
        func.lower(ServicePlan.name) == text.strip().lower(),
    )
    return session.scalars(statement.order_by(ServicePlan.id).limit(1)).one_or_none()


def nas_named(session: Session, text: str, *, tenant_id: int) -> NasServer | None:
    """By name, address or id; a name wins."""
    statement = (
        select(NasServer)
        .where(
            NasServer.tenant_id == tenant_id,
            NasServer.deleted_at.is_(None),
            or_(_is_id(NasServer.id, text), NasServer.name == text, func.host(NasServer.host) == text),
        )
        .order_by(NasServer.name != text, NasServer.id)
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def may_borrow_router(session: Session, *, tenant_id: int) -> bool:
    """Whether a provider is without any router, and the installation's first: its settings are nobody else's."""
    has_none = select(NasServer.id).where(NasServer.tenant_id == tenant_id, NasServer.deleted_at.is_(None)).limit(1)
    return session.scalar(has_none) is None and session.scalar(select(func.min(Tenant.id))) == tenant_id


def default_nas(session: Session, *, tenant_id: int) -> NasServer | None:
    """The router of subscriptions that name none: the first in use."""
    statement = select(NasServer).where(
        NasServer.tenant_id == tenant_id, NasServer.deleted_at.is_(None), NasServer.is_active
    )
    return session.scalars(statement.order_by(NasServer.id).limit(1)).one_or_none()


def invoice_named(session: Session, text: str, *, tenant_id: int) -> Invoice | None:
    """By number or id."""
    statement = select(Invoice).where(
        Invoice.tenant_id == tenant_id, or_(_is_id(Invoice.id, text), Invoice.invoice_number == text.upper())
    )
    return session.scalars(statement).one_or_none()


def payment_named(session: Session, text: str, *, tenant_id: int) -> Payment | None:
    """By the number of its receipt, or id."""
    statement = select(Payment).where(
        Payment.tenant_id == tenant_id, or_(_is_id(Payment.id, text), Payment.receipt_number == text.upper())
    )
    return session.scalars(statement).one_or_none()


def routers_in_use(session: Session, *, limit: int) -> list[NasServer]:
    """The routers of every provider that are answered, the oldest first."""
    statement = select(NasServer).where(NasServer.deleted_at.is_(None), NasServer.is_active)
    return list(session.scalars(statement.order_by(NasServer.id).limit(limit)))


def _is_id(column: InstrumentedAttribute[int], text: str) -> ColumnElement[bool]:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return column == (number if number <= _MAX_ID else 0)
