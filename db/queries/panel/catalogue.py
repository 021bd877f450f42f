"""Plans and routers with what hangs on them: subscribers, running sessions, last packet."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, defer

from db.models import NasServer, RadAcct, ServicePlan, Subscription
from db.queries.lists import PlanFilter, plan_conditions


@dataclass(frozen=True, kw_only=True)
class PlanRow:
    """A plan with the number of its live subscriptions and of those online now."""

    plan: ServicePlan
    subscribers: int
    active: int
    online: int


@dataclass(frozen=True, kw_only=True)
class RouterRow:
    """A router with the number of sessions running on it."""

    nas: NasServer
    sessions: int


def plan_rows(session: Session, fits: PlanFilter) -> list[PlanRow]:
    """The plans that fit, by name, the ones still sold first."""
    statement = select(ServicePlan).where(ServicePlan.deleted_at.is_(None), *plan_conditions(fits))
    plans = session.scalars(statement.order_by(ServicePlan.is_active.desc(), ServicePlan.name)).all()
    subscribers, online = _subscribers(session), _online_by_plan(session)
    return [_plan_row(plan, subscribers.get(plan.id, (0, 0)), online.get(plan.id, 0)) for plan in plans]


def _plan_row(plan: ServicePlan, counted: tuple[int, int], online: int) -> PlanRow:
    return PlanRow(plan=plan, subscribers=counted[0], active=counted[1], online=online)


def _subscribers(session: Session, *of_plan: ColumnElement[bool]) -> dict[int, tuple[int, int]]:
    """Of each plan how many have it, and how many of them are active."""
    active = func.count().filter(Subscription.status == "active")
    statement = (
        select(Subscription.service_plan_id, func.count(), active)
        .where(Subscription.deleted_at.is_(None), Subscription.status != "terminated", *of_plan)
        .group_by(Subscription.service_plan_id)
    )
    return {row[0]: (row[1], row[2]) for row in session.execute(statement)}


def _online_by_plan(session: Session, *of_plan: ColumnElement[bool]) -> dict[int, int]:
    statement = (
        select(Subscription.service_plan_id, func.count(Subscription.id.distinct()))
        .join(RadAcct, RadAcct.subscription_id == Subscription.id)
        .where(RadAcct.acctstoptime.is_(None), *of_plan)
        .group_by(Subscription.service_plan_id)
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def plan_reach(session: Session, plan_id: int) -> tuple[int, int]:
    """How many live subscriptions a change of this plan touches, and how many of them are online."""
    of_plan = Subscription.service_plan_id == plan_id
    subscribers, _active = _subscribers(session, of_plan).get(plan_id, (0, 0))
    return subscribers, _online_by_plan(session, of_plan).get(plan_id, 0)


def router_rows(session: Session, tenant_id: int) -> list[RouterRow]:
    """All routers by name; secrets are not read."""
    statement = select(NasServer).where(NasServer.deleted_at.is_(None)).options(defer(NasServer.radius_secret))
    routers = session.scalars(statement.order_by(NasServer.name)).all()
    sessions = _sessions_by_router(session, tenant_id)
    return [RouterRow(nas=nas, sessions=sessions.get(nas.id, 0)) for nas in routers]


def _sessions_by_router(session: Session, tenant_id: int) -> dict[int, int]:
    statement = (
        select(RadAcct.nas_server_id, func.count())
        .where(RadAcct.tenant_id == tenant_id, RadAcct.acctstoptime.is_(None))
        .group_by(RadAcct.nas_server_id)
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def choices_of_plans(session: Session) -> list[ServicePlan]:
    """The plans that can be chosen for a subscription, by name."""
    statement = select(ServicePlan).where(ServicePlan.deleted_at.is_(None), ServicePlan.is_active)
    return list(session.scalars(statement.order_by(ServicePlan.name)))


def choices_of_routers(session: Session) -> list[NasServer]:
    """The routers that can be chosen, by name; secrets are not read."""
    statement = select(NasServer).where(NasServer.deleted_at.is_(None)).options(defer(NasServer.radius_secret))
    return list(session.scalars(statement.order_by(NasServer.name)))
