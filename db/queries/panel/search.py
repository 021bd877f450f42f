"""The one search: customers, addresses and devices now and before, routers, plans."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import cast, func, select
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Session, defer

from db.models import Customer, NasServer, RadAcct, ServicePlan, Subscription
from db.queries.customer_search import closest
from db.queries.owned import Owned, owned_by
from db.queries.panel.customers import escape_like
from db.queries.panel.network import as_address

EACH = 6


@dataclass(frozen=True, kw_only=True)
class AddressHolder:
    """Who has or had an IP address; `until` is None while the session runs."""

    customer_id: int | None
    customer_name: str | None
    username: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the search box found, by kind."""

    customers: list[Customer]
    owned: dict[int, Owned]
    holders: list[AddressHolder]
    routers: list[NasServer]
    plans: list[ServicePlan]

    @property
    def is_empty(self) -> bool:
        """True when nothing fits."""
        return not (self.customers or self.holders or self.routers or self.plans)


def search(session: Session, tenant_id: int, text: str) -> Found:
    """Everything that `text` could mean, a few of each kind."""
    address = as_address(text)
    customers = [] if address is not None else closest(session, text, EACH)
    return Found(
        customers=customers,
        owned=owned_by(session, [row.id for row in customers]),
        holders=_holders(session, tenant_id, address) if address is not None else [],
        routers=_routers(session, text, address),
        plans=_plans(session, text),
    )


def _holders(session: Session, tenant_id: int, address: str) -> list[AddressHolder]:
    statement = (
        select(Customer.id, Customer.name, RadAcct.username, RadAcct.acctstarttime, RadAcct.acctstoptime)
        .select_from(RadAcct)
        .outerjoin(Subscription, Subscription.id == RadAcct.subscription_id)
        .outerjoin(Customer, Customer.id == Subscription.customer_id)
        .where(RadAcct.tenant_id == tenant_id, RadAcct.framedipaddress == cast(address, INET))
        .order_by(RadAcct.acctstoptime.desc().nulls_first(), RadAcct.acctstarttime.desc())
        .limit(EACH)
    )
    return [
        AddressHolder(customer_id=row[0], customer_name=row[1], username=row[2], since=row[3], until=row[4])
        for row in session.execute(statement)
    ]


def _routers(session: Session, text: str, address: str | None) -> list[NasServer]:
    by_name = NasServer.name.ilike("%" + escape_like(text) + "%")
    wanted = by_name if address is None else func.host(NasServer.host) == address
    statement = select(NasServer).where(NasServer.deleted_at.is_(None), wanted).options(defer(NasServer.radius_secret))
    return list(session.scalars(statement.order_by(NasServer.name).limit(EACH)))


def _plans(session: Session, text: str) -> list[ServicePlan]:
    statement = select(ServicePlan).where(
        ServicePlan.deleted_at.is_(None), ServicePlan.name.ilike("%" + escape_like(text) + "%")
    )
    return list(session.scalars(statement.order_by(ServicePlan.name).limit(EACH)))
