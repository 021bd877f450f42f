"""How much waits for a job now, counted without touching it."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import (
    CustomerJob,
    CustomerJobItem,
    CustomerSpeedTest,
    PlanChange,
    RouterOrder,
    SessionChange,
    Subscription,
    SubscriptionLimits,
)


def session_changes(session: Session, *, now: datetime) -> int:
    """Changes of running sessions that are to be sent."""
    due = (SessionChange.status == "pending") & (SessionChange.next_attempt_at <= now)
    return session.scalar(select(func.count()).select_from(SessionChange).where(due)) or 0


def router_orders(session: Session, *, now: datetime) -> int:
    """Orders for routers that are to be carried out."""
    due = (RouterOrder.status == "pending") & (RouterOrder.next_attempt_at <= now)
    return session.scalar(select(func.count()).select_from(RouterOrder).where(due)) or 0


def speed_tests(session: Session) -> int:
    """Lines to be measured."""
    waits = CustomerSpeedTest.state == "waiting"
    return session.scalar(select(func.count()).select_from(CustomerSpeedTest).where(waits)) or 0


def items_of_customer_jobs(session: Session) -> int:
    """Rows of files and customers of actions on many that were not looked at yet."""
    statement = (
        select(func.count())
        .select_from(CustomerJobItem)
        .join(CustomerJob, CustomerJob.id == CustomerJobItem.job_id)
        .where(CustomerJob.state == "running", CustomerJobItem.state == "waiting")
    )
    return session.scalar(statement) or 0


def plan_changes(session: Session, *, now: datetime) -> int:
    """Changes of plan whose day has come."""
    due = (PlanChange.status == "pending") & (PlanChange.effective_at <= now)
    return session.scalar(select(func.count()).select_from(PlanChange).where(due)) or 0


def temporary_speeds(session: Session, *, now: datetime) -> int:
    """Speeds whose time is over."""
    statement = (
        select(func.count())
        .select_from(SubscriptionLimits)
        .join(Subscription, Subscription.id == SubscriptionLimits.subscription_id)
        .where(SubscriptionLimits.speed_expires_at <= now, Subscription.deleted_at.is_(None))
    )
    return session.scalar(statement) or 0
