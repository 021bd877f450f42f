"""The lists that API and commands show: plans, subscriptions, routers, sessions, logins, changes, audit.

Every statement names its tenant itself. Secrets are never read here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, defer, joinedload, selectinload

from db.models import (
    AccessLog,
    AuditLog,
    Customer,
    NasServer,
    RadAcct,
    ServicePlan,
    SessionChange,
    SessionChangeAttempt,
    Subscription,
    SubscriptionFupState,
    SubscriptionMac,
)
from db.queries.paging import Page, Wanted, fetch_page
from db.queries.panel.customers import escape_like
from domain.live_change import ways_to
from domain.mac import normalise_mac

PLAN_SORTS: Mapping[str, InstrumentedAttribute[Any]] = MappingProxyType(
    {"name": ServicePlan.name, "price": ServicePlan.price, "created_at": ServicePlan.created_at}
)
SUBSCRIPTION_SORTS: Mapping[str, Any] = MappingProxyType(
    {
        "created_at": Subscription.created_at,
        "username": Subscription.username,
        # Those without an end come after all others.
        "expires_at": func.coalesce(Subscription.expires_at, datetime(9000, 1, 1, tzinfo=UTC)),
        "price": Subscription.price,
    }
)
NAS_SORTS: Mapping[str, InstrumentedAttribute[Any]] = MappingProxyType({"name": NasServer.name})
SESSION_SORTS: Mapping[str, InstrumentedAttribute[Any]] = MappingProxyType(
    {"started_at": RadAcct.acctstarttime, "username": RadAcct.username}
)
CHANGE_SORTS: Mapping[str, InstrumentedAttribute[Any]] = MappingProxyType({"created_at": SessionChange.created_at})
LOGIN_SORTS: Mapping[str, InstrumentedAttribute[Any]] = MappingProxyType({"decided_at": AccessLog.decided_at})
AUDIT_SORTS: Mapping[str, InstrumentedAttribute[Any]] = MappingProxyType({"created_at": AuditLog.created_at})


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanFilter:
    """None filters nothing."""

    search: str | None = None
    is_active: bool | None = None
    is_popular: bool | None = None
    connection_type: str | None = None
    customer_type: str | None = None
    price_min: Decimal | None = None
    price_max: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionFilter:
    """None filters nothing; `expires_after` and `expires_before` leave out those that never expire.

    `of_people` leaves out vouchers, which nobody's name stands behind. Of those online, the router is the one they are
    on now, otherwise the one they belong to.
    """

    search: str | None = None
    customer_id: int | None = None
    status: str | None = None
    service_plan_id: int | None = None
    nas_server_id: int | None = None
    connection_type: str | None = None
    of_people: bool = False
    is_online: bool | None = None
    is_slowed: bool | None = None
    expires_after: datetime | None = None
    expires_before: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionFilter:
    """None filters nothing."""

    search: str | None = None
    subscription_id: int | None = None
    nas_server_id: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeFilter:
    """None filters nothing."""

    ids: list[int] | None = None
    subscription_id: int | None = None
    nas_server_id: int | None = None
    status: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditFilter:
    """None filters nothing."""

    entity_type: str | None = None
    entity_id: int | None = None
    customer_id: int | None = None
    # A whole action such as `customer.updated`, or its first word for all of that kind.
    action: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    # A part of the name of who did it, in whatever case.
    actor: str | None = None


def page_of_plans(session: Session, *, tenant_id: int, fits: PlanFilter, wanted: Wanted) -> Page[ServicePlan]:
    """Plans with their tiers."""
    statement = select(ServicePlan).where(
        ServicePlan.tenant_id == tenant_id, ServicePlan.deleted_at.is_(None), *plan_conditions(fits)
    )
    return fetch_page(session, statement, sorts=PLAN_SORTS, row_id=ServicePlan.id, wanted=wanted)


def plan_conditions(fits: PlanFilter) -> list[ColumnElement[bool]]:
    """What the filter asks of a plan. One that names no kind of customer is for all of them."""
    found: list[ColumnElement[bool]] = []
    if fits.search:
        pattern = _pattern(fits.search)
        found.append(or_(ServicePlan.name.ilike(pattern), ServicePlan.slug.ilike(pattern)))
    if fits.is_active is not None:
        found.append(ServicePlan.is_active.is_(fits.is_active))
    if fits.is_popular is not None:
        found.append(ServicePlan.is_popular.is_(fits.is_popular))
    if fits.connection_type:
        found.append(ServicePlan.connection_type == fits.connection_type)
    if fits.customer_type:
        types = ServicePlan.customer_types
        found.append(or_(func.cardinality(types) == 0, types.contains([fits.customer_type])))
    if fits.price_min is not None:
        found.append(ServicePlan.price >= fits.price_min)
    if fits.price_max is not None:
        found.append(ServicePlan.price <= fits.price_max)
    return found


def subscribers_by_plan(session: Session, plan_ids: list[int]) -> dict[int, int]:
    """How many active subscriptions each plan has."""
    rows = session.execute(
        select(Subscription.service_plan_id, func.count())
        .where(
            Subscription.service_plan_id.in_(plan_ids),
            Subscription.status == "active",
            Subscription.deleted_at.is_(None),
        )
        .group_by(Subscription.service_plan_id)
    )
    return dict(rows.all())


def page_of_subscriptions(
    session: Session, *, tenant_id: int, fits: SubscriptionFilter, wanted: Wanted
) -> Page[Subscription]:
    """Subscriptions with customer, plan and router by name."""
    statement = with_parents(
        select(Subscription).where(
            Subscription.tenant_id == tenant_id, Subscription.deleted_at.is_(None), *_subscription_conditions(fits)
        )
    )
    return fetch_page(session, statement, sorts=SUBSCRIPTION_SORTS, row_id=Subscription.id, wanted=wanted)


def find_subscription(session: Session, subscription_id: int, *, tenant_id: int) -> Subscription | None:
    """One subscription with everything its page shows."""
    statement = with_parents(select(Subscription)).where(
        Subscription.id == subscription_id, Subscription.tenant_id == tenant_id, Subscription.deleted_at.is_(None)
    )
    return session.scalars(statement).unique().one_or_none()


def with_parents(statement: Select[Subscription]) -> Select[Subscription]:
    """The same subscriptions, loaded with their relatives and without their passwords."""
    return statement.options(
        defer(Subscription.service_password),
        joinedload(Subscription.customer),
        joinedload(Subscription.plan),
        joinedload(Subscription.nas).options(defer(NasServer.radius_secret)),
        joinedload(Subscription.limits),
        joinedload(Subscription.fup_state),
        selectinload(Subscription.macs),
    )


def page_of_nas(
    session: Session, *, tenant_id: int, search: str | None, is_active: bool | None, wanted: Wanted
) -> Page[NasServer]:
    """Routers."""
    statement = (
        select(NasServer)
        .where(NasServer.tenant_id == tenant_id, NasServer.deleted_at.is_(None))
        .options(defer(NasServer.radius_secret))
    )
    if search:
        statement = statement.where(
            or_(NasServer.name.ilike(_pattern(search)), func.host(NasServer.host).like(_pattern(search)))
        )
    if is_active is not None:
        statement = statement.where(NasServer.is_active.is_(is_active))
    return fetch_page(session, statement, sorts=NAS_SORTS, row_id=NasServer.id, wanted=wanted)


def sessions_by_nas(session: Session, nas_ids: list[int]) -> dict[int, int]:
    """How many sessions run on each router."""
    rows = session.execute(
        select(RadAcct.nas_server_id, func.count())
        .where(RadAcct.nas_server_id.in_(nas_ids), RadAcct.acctstoptime.is_(None))
        .group_by(RadAcct.nas_server_id)
    )
    return dict(rows.all())


def page_of_sessions(session: Session, *, tenant_id: int, fits: SessionFilter, wanted: Wanted) -> Page[RadAcct]:
    """Running sessions."""
    statement = select(RadAcct).where(
        RadAcct.tenant_id == tenant_id, RadAcct.acctstoptime.is_(None), *_session_conditions(fits)
    )
    return fetch_page(session, statement, sorts=SESSION_SORTS, row_id=RadAcct.radacctid, wanted=wanted)


def page_of_past_sessions(session: Session, *, tenant_id: int, subscription_id: int, wanted: Wanted) -> Page[RadAcct]:
    """All sessions of a subscription, running and past."""
    statement = select(RadAcct).where(RadAcct.tenant_id == tenant_id, RadAcct.subscription_id == subscription_id)
    return fetch_page(session, statement, sorts=SESSION_SORTS, row_id=RadAcct.radacctid, wanted=wanted)


def page_of_changes(session: Session, *, tenant_id: int, fits: ChangeFilter, wanted: Wanted) -> Page[SessionChange]:
    """Live changes."""
    statement = select(SessionChange).where(SessionChange.tenant_id == tenant_id)
    if fits.ids is not None:
        statement = statement.where(SessionChange.id.in_(fits.ids))
    for column, value in (
        (SessionChange.subscription_id, fits.subscription_id),
        (SessionChange.nas_server_id, fits.nas_server_id),
        (SessionChange.status, fits.status),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if fits.outcome is not None:
        ways = [
            and_(SessionChange.status == status, SessionChange.proof.is_not_distinct_from(proof))
            for status, proof in ways_to(fits.outcome)
        ]
        statement = statement.where(or_(*ways))
    return fetch_page(session, statement, sorts=CHANGE_SORTS, row_id=SessionChange.id, wanted=wanted)


def attempts_of_change(session: Session, change_id: int) -> list[SessionChangeAttempt]:
    """The packet exchanges of a change, oldest first."""
    statement = select(SessionChangeAttempt).where(SessionChangeAttempt.session_change_id == change_id)
    return list(session.scalars(statement.order_by(SessionChangeAttempt.id)))


def recent_logins(
    session: Session, *, tenant_id: int, subscription_id: int, before: datetime | None, limit: int
) -> list[AccessLog]:
    """Decisions about a subscription's logins, newest first, before an instant."""
    statement = select(AccessLog).where(AccessLog.tenant_id == tenant_id, AccessLog.subscription_id == subscription_id)
    if before is not None:
        statement = statement.where(AccessLog.decided_at < before)
    return list(session.scalars(statement.order_by(AccessLog.decided_at.desc()).limit(limit)))


def page_of_audit(session: Session, *, tenant_id: int, fits: AuditFilter, wanted: Wanted) -> Page[AuditLog]:
    """Who changed what."""
    statement = select(AuditLog).where(AuditLog.tenant_id == tenant_id)
    for column, value in (
        (AuditLog.entity_type, fits.entity_type),
        (AuditLog.entity_id, fits.entity_id),
        (AuditLog.customer_id, fits.customer_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if fits.action is not None:
        is_whole = "." in fits.action
        wanted_action = fits.action if is_whole else f"{fits.action}."
        column = AuditLog.action
        statement = statement.where(
            column == wanted_action if is_whole else column.startswith(wanted_action, autoescape=True)
        )
    if fits.actor is not None:
        statement = statement.where(AuditLog.actor_name.icontains(fits.actor, autoescape=True))
    if fits.after is not None:
        statement = statement.where(AuditLog.created_at >= fits.after)
    if fits.before is not None:
        statement = statement.where(AuditLog.created_at < fits.before)
    return fetch_page(session, statement, sorts=AUDIT_SORTS, row_id=AuditLog.id, wanted=wanted)


def _subscription_conditions(fits: SubscriptionFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        column == value
        for column, value in (
            (Subscription.customer_id, fits.customer_id),
            (Subscription.status, fits.status),
            (Subscription.service_plan_id, fits.service_plan_id),
            (Subscription.nas_server_id, None if fits.is_online else fits.nas_server_id),
            (Subscription.connection_type, fits.connection_type),
        )
        if value is not None
    ]
    if fits.is_online is not None:
        running = _is_running(fits.nas_server_id if fits.is_online else None)
        conditions.append(running if fits.is_online else ~running)
    if fits.is_slowed is not None:
        slowed = Subscription.fup_state.has(SubscriptionFupState.tier > 0)
        conditions.append(slowed if fits.is_slowed else ~slowed)
    if fits.of_people:
        # Asked about the few walk-ins: whether each of all the others is none would be a look at every customer.
        walk_ins = select(Customer.id).where(Customer.is_walk_in)
        conditions.append(Subscription.customer_id.not_in(walk_ins))
    if fits.expires_after is not None:
        conditions.append(Subscription.expires_at > fits.expires_after)
    if fits.expires_before is not None:
        conditions.append(Subscription.expires_at < fits.expires_before)
    if fits.search:
        conditions.append(_subscription_matches(fits.search))
    return conditions


def _is_running(nas_server_id: int | None) -> ColumnElement[bool]:
    there = [] if nas_server_id is None else [RadAcct.nas_server_id == nas_server_id]
    return exists().where(RadAcct.subscription_id == Subscription.id, RadAcct.acctstoptime.is_(None), *there)


def _subscription_matches(text: str) -> ColumnElement[bool]:
    pattern = _pattern(text)
    found: list[ColumnElement[bool]] = [
        Subscription.username.ilike(pattern),
        Subscription.subscription_code.ilike(pattern),
        func.host(Subscription.assigned_ip).like(pattern),
    ]
    mac = normalise_mac(text) if text.isascii() else None
    if mac is not None:
        found.append(Subscription.macs.any(SubscriptionMac.mac == mac))
    return or_(*found)


def _session_conditions(fits: SessionFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if fits.subscription_id is not None:
        conditions.append(RadAcct.subscription_id == fits.subscription_id)
    if fits.nas_server_id is not None:
        conditions.append(RadAcct.nas_server_id == fits.nas_server_id)
    if fits.search:
        pattern = _pattern(fits.search)
        mac = normalise_mac(fits.search) if fits.search.isascii() else None
        conditions.append(
            or_(
                RadAcct.username.ilike(pattern),
                func.host(RadAcct.framedipaddress).like(pattern),
                func.upper(RadAcct.callingstationid) == (mac or fits.search.upper()),
            )
        )
    return conditions


def _pattern(text: str) -> str:
    return f"%{escape_like(text)}%"
