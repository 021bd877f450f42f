"""Rows for tests: each function adds one row with sensible values, flushes it and returns the model.

Whatever a test cares about it passes by column name; whatever it leaves out is made up and unique. A row that needs
another (a subscription its customer, plan and tenant) makes it unless the test hands one over. Subscriptions and
routers hold encrypted secrets, so the test needs the `keys_file` fixture.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar

from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import (
    AddressPrefixLength,
    Customer,
    NasGroup,
    NasServer,
    PlanFupRule,
    RadAcct,
    Role,
    ServicePlan,
    Subscription,
    Tenant,
    User,
)
from db.queries.prefixes import length_of
from domain.addresses import PREFIX_COLUMNS

T = TypeVar("T")
PASSWORD = "correct-horse-battery"
_numbers = count(1)
# Cheap on purpose: a test that makes ten users must not spend a second hashing.
_hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def make_tenant(db: Session, **over: Any) -> Tenant:
    """A provider in Jakarta."""
    number = next(_numbers)
    return _add(db, Tenant(**{"name": f"Provider {number}", "slug": f"provider-{number}"} | over))


def make_user(
    db: Session, *, password: str = PASSWORD, permissions: Sequence[str] = (), roles: Sequence[Role] = (), **over: Any
) -> User:
    """A member of staff whose password is `PASSWORD`; `permissions` come as a role of the user's own."""
    number = next(_numbers)
    own = [make_role(db, permissions=list(permissions))] if permissions else []
    values = {
        "tenant_id": _tenant_id(db, over),
        "name": f"Staff {number}",
        "email": f"staff{number}@example.net",
        "password": _hasher.hash(password),
        "fs_uniquifier": f"uniquifier-{number:052d}",
        "active": True,
        "roles": [*roles, *own],
    }
    return _add(db, User(**values | over))


def make_role(db: Session, **over: Any) -> Role:
    """A role without permissions."""
    return _add(db, Role(**{"name": f"role-{next(_numbers)}", "permissions": []} | over))


def make_plan(db: Session, *, tiers: Sequence[dict[str, Any]] = (), **over: Any) -> ServicePlan:
    """A 10/5 Mbit/s PPPoE plan; `tiers` are column values of its fair-use rules."""
    number, tenant_id = next(_numbers), _tenant_id(db, over)
    values = {
        "tenant_id": tenant_id,
        "name": f"Plan {number}",
        "slug": f"plan-{number}",
        "price": 150000,
        "download_kbps": 10_000,
        "upload_kbps": 5_000,
        "fup_rules": [
            PlanFupRule(**{"tenant_id": tenant_id, "tier": position, "threshold_bytes": 100 * 10**9} | tier)
            for position, tier in enumerate(tiers, start=1)
        ],
    }
    return _add(db, ServicePlan(**values | over))


def make_customer(db: Session, **over: Any) -> Customer:
    """An active residential customer."""
    number = next(_numbers)
    values = {
        "tenant_id": _tenant_id(db, over),
        "customer_code": f"CUST-T{number:05d}",
        "name": f"Customer {number}",
        "status": "active",
    }
    return _add(db, Customer(**values | over))


def make_nas(db: Session, **over: Any) -> NasServer:
    """A RouterOS 7 router with an address of its own."""
    number = next(_numbers)
    values = {
        "tenant_id": _tenant_id(db, over),
        "name": f"router-{number}",
        "host": f"10.{number // 65536 % 256}.{number // 256 % 256}.{number % 256}",
        "radius_secret": f"secret-of-router-{number}-0123456789",
    }
    return _add(db, NasServer(**values | over))


def make_nas_group(db: Session, **over: Any) -> NasGroup:
    """A group of routers without routers."""
    return _add(db, NasGroup(**{"tenant_id": _tenant_id(db, over), "name": f"Group {next(_numbers)}"} | over))


def make_subscription(db: Session, **over: Any) -> Subscription:
    """An active PPPoE subscription; its clear password is `service_password`, `pw-<username>` unless given."""
    number, tenant_id = next(_numbers), _tenant_id(db, over)
    over = _with_parents(db, tenant_id, over)
    username = over.get("username", f"user{number}")
    values = {
        "tenant_id": tenant_id,
        "subscription_code": f"SUB-T{number:05d}",
        "username": username,
        "service_password": f"pw-{username}",
        "status": "active",
    }
    return _add(db, Subscription(**values | over))


def make_session(db: Session, subscription: Subscription, nas: NasServer, **over: Any) -> RadAcct:
    """A running session of a subscription on a router, as the collector would have written it."""
    number, now = next(_numbers), datetime.now(UTC)
    values = {
        "tenant_id": subscription.tenant_id,
        "subscription_id": subscription.id,
        "nas_server_id": nas.id,
        "nasipaddress": nas.host,
        "username": subscription.username,
        "acctsessionid": f"81{number:06x}",
        "acctuniqueid": f"{number:032x}",
        "acctstarttime": now,
        "acctupdatetime": now,
        "framedipaddress": f"100.64.{number // 250 % 250}.{number % 250 + 1}",
        "callingstationid": f"AA:BB:CC:DD:EE:{number % 256:02X}",
        "class_": f"lts1:{subscription.id}:0:{number:x}",
    }
    for column in PREFIX_COLUMNS:
        if over.get(column):
            db.merge(AddressPrefixLength(held=column, length=length_of(over[column])))
    return _add(db, RadAcct(**values | over))


def _with_parents(db: Session, tenant_id: int, over: dict[str, Any]) -> dict[str, Any]:
    given = dict(over)
    if not {"customer", "customer_id"} & given.keys():
        given["customer"] = make_customer(db, tenant_id=tenant_id)
    if not {"plan", "service_plan_id"} & given.keys():
        given["plan"] = make_plan(db, tenant_id=tenant_id)
    return given


def _tenant_id(db: Session, over: dict[str, Any]) -> int:
    """The tenant named by the test, else the only one there is, else a new one."""
    tenant = over.pop("tenant", None)
    if tenant is not None:
        over["tenant_id"] = tenant.id
    if "tenant_id" in over:
        return int(over["tenant_id"])
    existing = db.scalar(select(Tenant.id).order_by(Tenant.id).limit(1))
    return existing if existing is not None else make_tenant(db).id


def _add(db: Session, row: T) -> T:
    db.add(row)
    db.flush()
    return row
