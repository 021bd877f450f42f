"""A provider whose books are looked through after each test."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from bss import invoices
from bss.actor import Actor
from db.engine import psycopg_of
from db.models import Customer, Invoice, Subscription, Tenant
from db.queries.books import wrong_in_books
from domain.invoices import Line
from factories import make_customer, make_plan, make_subscription, make_tenant

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def tenant(db: Session) -> Tenant:
    return make_tenant(db)


@pytest.fixture
def actor(tenant: Tenant) -> Actor:
    return Actor.system(tenant_id=tenant.id, name="test")


@pytest.fixture
def customer(db: Session, tenant: Tenant) -> Customer:
    return make_customer(db, tenant=tenant)


@pytest.fixture
def subscription(db: Session, keys_file: object, tenant: Tenant, customer: Customer) -> Subscription:
    plan = make_plan(db, tenant=tenant, price=Decimal(150000))
    return make_subscription(db, tenant=tenant, customer=customer, plan=plan, price=Decimal(150000))


@pytest.fixture(autouse=True)
def the_books_are_right(db: Session) -> Iterator[None]:
    """Whatever a test did, the invariants hold for what it left in its transaction."""
    yield
    db.flush()
    assert wrong_in_books(psycopg_of(db)) == {}


def bill(
    db: Session,
    actor: Actor,
    customer: Customer,
    total: int,
    *,
    subscription: Subscription | None = None,
    **over: object,
) -> Invoice:
    """An open invoice of one line."""
    line = Line(item_type="service", description="Home 20", unit_price=Decimal(total))
    values: dict[str, object] = {
        "kind": "manual" if subscription is None else "one_off",
        "lines": [line],
        "subscription_id": None if subscription is None else subscription.id,
    }
    draft = invoices.Draft(**(values | over))  # type: ignore[arg-type]
    return invoices.create(db, actor=actor, now=NOW, customer_id=customer.id, draft=draft).row
