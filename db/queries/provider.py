"""The named settings of a provider."""

from collections.abc import Mapping

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.models import Invoice, LedgerEntry, Payment, Setting, Subscription


def stored_settings(session: Session, tenant_id: int) -> dict[str, object]:
    """What the provider has decided, by name."""
    rows = session.execute(select(Setting.key, Setting.value).where(Setting.tenant_id == tenant_id))
    return {row.key: row.value for row in rows}


def store_settings(session: Session, tenant_id: int, values: Mapping[str, object]) -> None:
    """Write the values; those not named stay."""
    for key, value in values.items():
        statement = insert(Setting).values(tenant_id=tenant_id, key=key, value=value)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=[Setting.tenant_id, Setting.key], set_={"value": statement.excluded.value}
            )
        )


def has_amounts(session: Session, tenant_id: int) -> bool:
    """Whether money was ever asked for or booked."""
    found = [
        session.scalar(select(exists().where(row.tenant_id == tenant_id))) for row in (Invoice, Payment, LedgerEntry)
    ]
    return any(found)


def has_subscriptions(session: Session, tenant_id: int) -> bool:
    """Whether there is or ever was one."""
    return session.scalar(select(exists().where(Subscription.tenant_id == tenant_id))) is True
