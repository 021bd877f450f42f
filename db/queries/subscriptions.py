"""What use-cases ask about subscriptions beyond a single row."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session, contains_eager, defer

from db.models import RadAcct, ServicePlan, Subscription, SubscriptionFupState, SubscriptionLimits

_ENDED = ("cancelled", "terminated")


def statuses_of_customer(session: Session, customer_id: int) -> list[str]:
    """Which statuses the customer's subscriptions have that are not deleted, each once."""
    statement = (
        select(Subscription.status)
        .distinct()
        .where(Subscription.customer_id == customer_id, Subscription.deleted_at.is_(None))
    )
    return list(session.scalars(statement))


def lock_unfinished_of_customer(
    session: Session, customer_id: int, *, status: str | None = None
) -> Sequence[Subscription]:
    """The customer's subscriptions that are not terminated (or in `status`), locked in the order of their ids."""
    wanted = Subscription.status != "terminated" if status is None else Subscription.status == status
    statement = (
        select(Subscription)
        .where(Subscription.customer_id == customer_id, Subscription.deleted_at.is_(None), wanted)
        .order_by(Subscription.id)
        .with_for_update(of=Subscription)
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).all()


def online_of_customer(session: Session, customer_id: int) -> list[int]:
    """Those of the customer's subscriptions that have a running session, locked in the order of their ids."""
    running = select(RadAcct.subscription_id).where(RadAcct.acctstoptime.is_(None))
    statement = (
        select(Subscription.id)
        .where(Subscription.customer_id == customer_id, Subscription.deleted_at.is_(None), Subscription.id.in_(running))
        .order_by(Subscription.id)
        .with_for_update(of=Subscription)
    )
    return list(session.scalars(statement))


def address_is_taken(
    session: Session, *, tenant_id: int, address: str, nas_server_id: int | None, except_id: int | None
) -> bool:
    """Whether another live subscription could bring the same address up on the same router.

    A subscription without a router may log in on any, so it collides with all of them; the unique index alone would
    let two such rows pass. Two transactions that ask for one address wait for each other.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"address {tenant_id} {address}", 0))))
    statement = select(func.count()).where(
        Subscription.tenant_id == tenant_id,
        Subscription.assigned_ip == address,
        Subscription.deleted_at.is_(None),
        Subscription.status != "terminated",
    )
    if nas_server_id is not None:
        statement = statement.where(
            or_(Subscription.nas_server_id == nas_server_id, Subscription.nas_server_id.is_(None))
        )
    if except_id is not None:
        statement = statement.where(Subscription.id != except_id)
    return bool(session.scalar(statement))


def count_of_plan(session: Session, service_plan_id: int) -> int:
    """How many subscriptions of the plan are not over."""
    statement = select(func.count()).where(
        Subscription.service_plan_id == service_plan_id,
        Subscription.deleted_at.is_(None),
        Subscription.status.not_in(_ENDED),
    )
    return session.scalar(statement) or 0


def has_plans(session: Session, tenant_id: int) -> bool:
    """Whether the tenant has a plan that was not removed."""
    return bool(
        session.scalar(select(exists().where(ServicePlan.tenant_id == tenant_id, ServicePlan.deleted_at.is_(None))))
    )


def online_of_plan(session: Session, service_plan_id: int, *, limit: int) -> list[int]:
    """Subscriptions of the plan that have a running session, by id, at most `limit`."""
    running = select(RadAcct.subscription_id).where(RadAcct.acctstoptime.is_(None))
    statement = (
        select(Subscription.id)
        .where(Subscription.service_plan_id == service_plan_id, Subscription.id.in_(running))
        .order_by(Subscription.id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def slowed_of_plan(session: Session, service_plan_id: int, *, limit: int) -> Sequence[Subscription]:
    """Subscriptions of the plan that are in a fair-use tier, at most `limit`."""
    statement = (
        select(Subscription)
        .join(SubscriptionFupState)
        .where(Subscription.service_plan_id == service_plan_id, SubscriptionFupState.tier > 0)
        .options(defer(Subscription.service_password))
        .order_by(Subscription.id)
        .limit(limit)
    )
    return session.scalars(statement).all()


def lock_over_speeds(session: Session, *, now: datetime, limit: int) -> Sequence[Subscription]:
    """Subscriptions whose temporary speed is over, locked; rows that somebody else holds are left out."""
    statement = (
        select(Subscription)
        .join(Subscription.limits)
        .where(SubscriptionLimits.speed_expires_at <= now, Subscription.deleted_at.is_(None))
        .options(contains_eager(Subscription.limits), defer(Subscription.service_password))
        .order_by(Subscription.id)
        .limit(limit)
        .with_for_update(of=Subscription, skip_locked=True)
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).all()


def count_of_nas(session: Session, nas_server_id: int) -> int:
    """How many subscriptions that are not over belong to the router."""
    statement = select(func.count()).where(
        Subscription.nas_server_id == nas_server_id,
        Subscription.deleted_at.is_(None),
        Subscription.status.not_in(_ENDED),
    )
    return session.scalar(statement) or 0
