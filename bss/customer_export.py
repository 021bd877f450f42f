"""The customer list as rows to take away. No password and no identity number is ever among them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.rows import tenant_of
from db.models import Customer, CustomerTag
from db.queries.customer_lists import CustomerFilter, each_customer
from db.queries.customers import tags_of
from db.queries.operators import operator_names
from db.queries.owned import Owned, owned_by

# As a file for the import calls them, where both know a column.
_OWN = (
    "name", "whatsapp", "email", "phone", "address", "apartment_number", "house_number", "city", "province",
    "postal_code", "country", "location", "latitude", "longitude", "birth_date", "gender", "company_name", "tax_id",
    "customer_type", "language", "notes",
)  # fmt: skip
HEAD = (
    "customer_code", "status", *_OWN, "tags", "balance", "operator", "registration_date", "subscriptions", "username",
    "plan", "connection_type", "expires_at",
)  # fmt: skip


def rows(
    session: Session, *, actor: Actor, now: datetime, fits: CustomerFilter, as_what: str
) -> Iterator[tuple[Any, ...]]:
    """The names of the columns, then a row for each customer that fits; that it was taken goes into the audit log."""
    tenant = tenant_of(session, actor=actor)
    new = {"format": as_what, "filter": {name: str(value) for name, value in _asked(fits).items()}}
    audit.record(session, actor=actor, now=now, action="customer.exported", entity=tenant, new=new)
    session.flush()
    return _rows(session, actor.tenant_id, fits)


def _rows(session: Session, tenant_id: int, fits: CustomerFilter) -> Iterator[tuple[Any, ...]]:
    yield HEAD
    operators = operator_names(session, tenant_id)
    for portion in each_customer(session, tenant_id=tenant_id, fits=fits):
        ids = [customer.id for customer in portion]
        owned, tags = owned_by(session, ids), tags_of(session, ids)
        for customer in portion:
            yield _row(customer, owned[customer.id], tags.get(customer.id, []), operators)


def _row(customer: Customer, owned: Owned, tags: list[CustomerTag], operators: dict[int, str]) -> tuple[Any, ...]:
    first = owned.rows[0] if owned.rows else None
    service: tuple[Any, ...] = (None,) * 4
    if first is not None:
        service = (first.username, first.plan.name, first.connection_type, first.expires_at)
    return (
        customer.customer_code,
        customer.status,
        *(getattr(customer, name) for name in _OWN),
        ", ".join(tag.tag for tag in tags),
        customer.balance,
        operators.get(customer.operator_id or 0),
        customer.registration_date,
        owned.total,
        *service,
    )


def _asked(fits: CustomerFilter) -> dict[str, Any]:
    pairs = {name: getattr(fits, name) for name in fits.__dataclass_fields__}
    return {name: value for name, value in pairs.items() if value not in (None, False)}
