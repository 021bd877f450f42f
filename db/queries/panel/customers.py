"""The customer list, its filters, and the history on a customer's page."""

from datetime import date

from sqlalchemy import ColumnElement, String, func, literal_column, select
from sqlalchemy.orm import Session

from db.models import AuditLog, Customer, RadAcct, UsageDaily
from domain.fup import Usage


def search_text() -> ColumnElement[str]:
    """Name, code, phone, e-mail and WhatsApp of a customer in one text."""
    # Letter for letter the expression of ix_customers_search, constants included: a bound parameter in their place
    # would be another expression, and the trigram index could not answer it.
    space, nothing = literal_column("' '", String), literal_column("''", String)
    phone, email = func.coalesce(Customer.phone, nothing), func.coalesce(Customer.email, nothing)
    whatsapp = func.coalesce(Customer.whatsapp, nothing)
    return Customer.name + space + Customer.customer_code + space + phone + space + email + space + whatsapp


def escape_like(text: str) -> str:
    """`text` with the wildcards of LIKE taken literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


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
