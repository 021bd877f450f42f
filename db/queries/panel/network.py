"""What happens on the network: running and past sessions, decisions about logins, and live changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, cast, false, func, or_, select
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Session, defer, lazyload

from db.models import (
    AccessLog,
    Customer,
    NasServer,
    RadAcct,
    ServicePlan,
    SessionChange,
    SessionChangeAttempt,
    Subscription,
)
from db.queries.paging import Page, Wanted, fetch_page
from db.queries.panel.customers import escape_like, search_text
from domain.integrity import Grade
from domain.live_change import WAITING
from domain.mac import normalise_mac
from domain.sessions import BY_START, MISSED, RESTARTED, SKEWED

FAILED = ("nak", "timeout")


@dataclass(frozen=True, kw_only=True)
class SessionFilter:
    """What the filter bar above the online list holds; an empty value filters nothing."""

    search: str = ""
    nas_server_id: int | None = None
    plan_id: int | None = None
    grade: Grade | None = None


# By what the online list can be sorted; all are columns of the session, so that the first page of many needs no join.
ONLINE_SORTS: Mapping[str, Any] = {
    "since": RadAcct.acctstarttime,
    "username": RadAcct.username,
    "rate": func.coalesce(RadAcct.download_kbps, 0) + func.coalesce(RadAcct.upload_kbps, 0),
    "traffic": RadAcct.acctinputoctets + RadAcct.acctoutputoctets,
}
NEWEST_FIRST = Wanted(sort="-since", page_size=25)


@dataclass(frozen=True, kw_only=True)
class OnlineRow:
    """A running session with whom and where; no customer when the router named a user nobody knows."""

    session: RadAcct
    nas: NasServer | None
    subscription: Subscription | None
    customer: Customer | None
    plan: ServicePlan | None


@dataclass(frozen=True, kw_only=True)
class LoginFilter:
    """What the filter bar above the login list holds."""

    search: str = ""
    result: str = ""
    reason: str = ""
    nas_server_id: int | None = None
    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LoginRow:
    """One decision about a login, with the customer and router it concerned where they are known."""

    decision: AccessLog
    nas_name: str | None
    customer_id: int | None
    customer_name: str | None


@dataclass(frozen=True, kw_only=True)
class ChangeRow:
    """One live change with its attempts, oldest first, and names to show."""

    change: SessionChange
    nas_name: str
    customer_id: int | None
    customer_name: str | None
    attempts: list[SessionChangeAttempt]


def online_page(
    session: Session, tenant_id: int, fits: SessionFilter, *, wanted: Wanted = NEWEST_FIRST
) -> Page[OnlineRow]:
    """A part of the running sessions that fit, in one of the orders of `ONLINE_SORTS`.

    Raises `BadCursor` for one of another list or order.
    """
    statement = select(RadAcct)
    if fits.plan_id is not None:
        statement = statement.join(Subscription, Subscription.id == RadAcct.subscription_id)
    page = fetch_page(
        session,
        statement.where(*session_conditions(tenant_id, fits)),
        sorts=ONLINE_SORTS,
        row_id=RadAcct.radacctid,
        wanted=wanted,
    )
    return replace(page, items=with_owners(session, page.items))


def with_owners(session: Session, sessions: Sequence[RadAcct]) -> list[OnlineRow]:
    """Each session with its router and whose it is, in the same order."""
    owners = {
        row[0].id: row
        for row in session.execute(
            select(Subscription, Customer, ServicePlan)
            .outerjoin(Customer, Customer.id == Subscription.customer_id)
            .outerjoin(ServicePlan, ServicePlan.id == Subscription.service_plan_id)
            .where(Subscription.id.in_({one.subscription_id for one in sessions}))
            .options(defer(Subscription.service_password), lazyload(ServicePlan.fup_rules))
        )
    }
    routers = select(NasServer).where(NasServer.id.in_({one.nas_server_id for one in sessions}))
    by_id = {nas.id: nas for nas in session.scalars(routers.options(defer(NasServer.radius_secret)))}
    nobody = (None, None, None)
    return [
        OnlineRow(
            session=one, nas=by_id.get(one.nas_server_id), subscription=owner[0], customer=owner[1], plan=owner[2]
        )
        for one in sessions
        for owner in [owners.get(one.subscription_id or 0, nobody)]
    ]


def session_conditions(tenant_id: int, wanted: SessionFilter) -> list[ColumnElement[bool]]:
    """What a running session has to fulfil; a plan is asked of a joined `Subscription`."""
    conditions: list[ColumnElement[bool]] = [RadAcct.tenant_id == tenant_id, RadAcct.acctstoptime.is_(None)]
    if wanted.nas_server_id is not None:
        conditions.append(RadAcct.nas_server_id == wanted.nas_server_id)
    if wanted.plan_id is not None:
        conditions.append(Subscription.service_plan_id == wanted.plan_id)
    if wanted.search.strip():
        conditions.append(_session_matches(wanted.search.strip()))
    if wanted.grade is not None:
        conditions.append(_is_graded(wanted.grade))
    return conditions


def _is_graded(grade: Grade) -> ColumnElement[bool]:
    """`domain.integrity.grade_of` of an open session, as the database asks it."""
    restarted, skewed = RadAcct.integrity_marks.op("&")(RESTARTED) != 0, RadAcct.integrity_marks.op("&")(SKEWED) != 0
    missed = or_(RadAcct.integrity_marks.op("&")(MISSED) != 0, RadAcct.start_told_s != BY_START)
    return {
        Grade.RESET: restarted,
        Grade.SKEWED: and_(~restarted, skewed),
        Grade.GAP: and_(~restarted, ~skewed, missed),
        Grade.RUNNING: and_(~restarted, ~skewed, ~missed),
    }.get(grade, false())


def _session_matches(text: str) -> ColumnElement[bool]:
    address, mac = as_address(text), normalise_mac(text)
    if address is not None:
        return RadAcct.framedipaddress == cast(address, INET)
    if mac is not None:
        return func.upper(RadAcct.callingstationid) == mac
    pattern = "%" + escape_like(text) + "%"
    theirs = select(Subscription.id).join(Customer).where(search_text().ilike(pattern))
    return or_(RadAcct.username.ilike(pattern), RadAcct.subscription_id.in_(theirs))


def as_address(text: str) -> str | None:
    """The IP address that `text` spells, or None."""
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return None


def live_sessions(session: Session, subscription_id: int) -> list[RadAcct]:
    """The running sessions of a subscription, newest first."""
    statement = select(RadAcct).where(RadAcct.subscription_id == subscription_id, RadAcct.acctstoptime.is_(None))
    return list(session.scalars(statement.order_by(RadAcct.acctstarttime.desc())))


def past_sessions(
    session: Session, subscription_id: int, *, limit: int, before: datetime | None = None
) -> list[RadAcct]:
    """The ended sessions of a subscription that started before `before`, newest first."""
    statement = select(RadAcct).where(RadAcct.subscription_id == subscription_id, RadAcct.acctstoptime.is_not(None))
    if before is not None:
        statement = statement.where(RadAcct.acctstarttime < before)
    return list(session.scalars(statement.order_by(RadAcct.acctstarttime.desc()).limit(limit)))


def decisions_of(session: Session, subscription_id: int, *, limit: int) -> list[AccessLog]:
    """The newest decisions about logins of a subscription."""
    statement = select(AccessLog).where(AccessLog.subscription_id == subscription_id)
    return list(session.scalars(statement.order_by(AccessLog.decided_at.desc()).limit(limit)))


def decision_of(session: Session, subscription_id: int, decision_id: str) -> AccessLog | None:
    """One decision about a login of a subscription."""
    statement = select(AccessLog).where(
        AccessLog.subscription_id == subscription_id, AccessLog.decision_id == decision_id[:32]
    )
    return session.scalars(statement.limit(1)).one_or_none()


def logins(session: Session, tenant_id: int, wanted: LoginFilter, *, limit: int) -> list[LoginRow]:
    """The newest decisions of the tenant that fit."""
    statement = (
        select(AccessLog, NasServer.name, Customer.id, Customer.name)
        .outerjoin(NasServer, NasServer.id == AccessLog.nas_server_id)
        .outerjoin(Subscription, Subscription.id == AccessLog.subscription_id)
        .outerjoin(Customer, Customer.id == Subscription.customer_id)
        .where(AccessLog.tenant_id == tenant_id, *_login_conditions(wanted))
    )
    rows = session.execute(statement.order_by(AccessLog.decided_at.desc()).limit(limit))
    return [LoginRow(decision=row[0], nas_name=row[1], customer_id=row[2], customer_name=row[3]) for row in rows]


def _login_conditions(wanted: LoginFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.result:
        conditions.append(AccessLog.result == wanted.result)
    if wanted.reason:
        conditions.append(AccessLog.reason == wanted.reason)
    if wanted.nas_server_id is not None:
        conditions.append(AccessLog.nas_server_id == wanted.nas_server_id)
    if wanted.since is not None:
        conditions.append(AccessLog.decided_at >= wanted.since)
    if wanted.before is not None:
        conditions.append(AccessLog.decided_at < wanted.before)
    if wanted.search.strip():
        conditions.append(_login_matches(wanted.search.strip()))
    return conditions


def _login_matches(text: str) -> ColumnElement[bool]:
    mac = normalise_mac(text)
    if mac is not None:
        return func.upper(AccessLog.callingstationid) == mac
    pattern = "%" + escape_like(text) + "%"
    return or_(AccessLog.username.ilike(pattern), Customer.name.ilike(pattern))


def changes_of(session: Session, subscription_id: int, *, limit: int) -> list[ChangeRow]:
    """The newest live changes of a subscription."""
    return _changes(session, _change_statement().where(SessionChange.subscription_id == subscription_id), limit)


def changes_by_id(session: Session, change_ids: list[int]) -> list[ChangeRow]:
    """Live changes by id, oldest first; ids of another tenant are not found."""
    rows = _changes(session, _change_statement().where(SessionChange.id.in_(change_ids)), len(change_ids))
    return sorted(rows, key=lambda row: row.change.id)


def changes(session: Session, *, kind: str, limit: int, since: datetime | None = None) -> list[ChangeRow]:
    """The newest live changes that wait ("waiting"), failed ("failed") or of any state ("")."""
    statement = _change_statement()
    states = {"waiting": WAITING, "failed": FAILED}.get(kind)
    if states is not None:
        statement = statement.where(SessionChange.status.in_(states))
    if since is not None:
        statement = statement.where(SessionChange.created_at >= since)
    return _changes(session, statement, limit)


def _change_statement() -> Select[*tuple[Any, ...]]:
    return (
        select(SessionChange, NasServer.name, Customer.id, Customer.name)
        .join(NasServer, NasServer.id == SessionChange.nas_server_id)
        .outerjoin(Subscription, Subscription.id == SessionChange.subscription_id)
        .outerjoin(Customer, Customer.id == Subscription.customer_id)
    )


def _changes(session: Session, statement: Select[*tuple[Any, ...]], limit: int) -> list[ChangeRow]:
    # The sender writes from another process while this page polls: read what stands in the table now.
    fresh = statement.execution_options(populate_existing=True)
    rows = session.execute(fresh.order_by(SessionChange.id.desc()).limit(limit)).all()
    attempts = _attempts(session, [row[0].id for row in rows])
    return [
        ChangeRow(
            change=row[0],
            nas_name=row[1],
            customer_id=row[2],
            customer_name=row[3],
            attempts=attempts.get(row[0].id, []),
        )
        for row in rows
    ]


def _attempts(session: Session, change_ids: list[int]) -> dict[int, list[SessionChangeAttempt]]:
    found: dict[int, list[SessionChangeAttempt]] = {}
    if change_ids:
        statement = select(SessionChangeAttempt).where(SessionChangeAttempt.session_change_id.in_(change_ids))
        for attempt in session.scalars(statement.order_by(SessionChangeAttempt.id)):
            found.setdefault(attempt.session_change_id, []).append(attempt)
    return found
