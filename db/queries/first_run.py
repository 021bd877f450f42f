"""What a new installation has so far: the first router, plan and customer, and whether he is online."""

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from db.models import Customer, NasServer, RadAcct, ServicePlan, Subscription


class Firsts(NamedTuple):
    """The oldest of each kind that is still there."""

    router: NasServer | None
    plan: ServicePlan | None
    customer: Customer | None
    subscription: Subscription | None
    online: RadAcct | None


def first_of_each(session: Session, tenant_id: int) -> Firsts:
    """The oldest router, plan and customer of the provider, the customer's subscription and its running session."""
    routers = select(NasServer).where(NasServer.tenant_id == tenant_id, NasServer.deleted_at.is_(None))
    plans = select(ServicePlan).where(ServicePlan.tenant_id == tenant_id, ServicePlan.deleted_at.is_(None))
    customers = select(Customer).where(Customer.tenant_id == tenant_id, Customer.deleted_at.is_(None))
    customer = session.scalars(customers.order_by(Customer.id).limit(1)).first()
    subscription = None if customer is None else _subscription(session, customer)
    return Firsts(
        router=session.scalars(routers.options(defer(NasServer.radius_secret)).order_by(NasServer.id).limit(1)).first(),
        plan=session.scalars(plans.order_by(ServicePlan.id).limit(1)).first(),
        customer=customer,
        subscription=subscription,
        online=None if subscription is None else _running(session, subscription),
    )


def router_named(session: Session, nas_server_id: int, tenant_id: int) -> str | None:
    """The name of a router of the provider."""
    statement = select(NasServer.name).where(NasServer.id == nas_server_id, NasServer.tenant_id == tenant_id)
    return session.scalar(statement)


def _subscription(session: Session, customer: Customer) -> Subscription | None:
    statement = select(Subscription).where(Subscription.customer_id == customer.id, Subscription.deleted_at.is_(None))
    return session.scalars(statement.order_by(Subscription.id).limit(1)).first()


def _running(session: Session, subscription: Subscription) -> RadAcct | None:
    statement = select(RadAcct).where(RadAcct.subscription_id == subscription.id, RadAcct.acctstoptime.is_(None))
    return session.scalars(statement.order_by(RadAcct.acctstarttime.desc()).limit(1)).first()
