"""A provider with an actor, and a router on which sessions can run."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from bss.actor import Actor
from db.models import NasServer, Tenant
from factories import make_nas, make_tenant

# A moment inside the partitions that a fresh database has: the month of the test and its neighbours.
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
def router(db: Session, keys_file: object, tenant: Tenant) -> NasServer:
    return make_nas(db, tenant=tenant)
