"""The figures of the first page: is everything all right, and what needs somebody?"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, extract, func, select
from sqlalchemy.orm import Session

from db.models import (
    AccessLog,
    Customer,
    Invoice,
    NasServer,
    ParkedPayment,
    QuarantinedRecord,
    RadAcct,
    ServicePlan,
    SessionChange,
    SpoolPosition,
    Subscription,
    SubscriptionMac,
)
from db.queries.panel.network import FAILED
from domain import quarantine
from domain.live_change import WAITING

WINDOW = timedelta(hours=1)
FAILURE_WINDOW = timedelta(hours=24)
ENDS_SOON = timedelta(days=3)
# An interim report comes every five minutes: twice that without a packet is worth a look.
QUIET_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class FirstSteps:
    """Which of the three things a new installation needs exist already."""

    router: bool
    plan: bool
    customer: bool

    @property
    def done(self) -> bool:
        """True when the installation is past its first steps."""
        return self.router and self.plan and self.customer


@dataclass(frozen=True, kw_only=True)
class Spool:
    """How far one node's accounting is counted, and when it last moved."""

    node: str
    stream: str
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Today:
    """What the first page shows; logins are those of the last hour, failures those of the last day."""

    online: int
    subscriptions: int
    accepted: int
    rejected: int
    reasons: list[tuple[str, int]]
    logins_by_minute: list[tuple[int, int]]
    changes_waiting: int
    oldest_waiting: datetime | None
    changes_failed: int
    devices_pending: int
    quarantined: int
    spools: list[Spool]


def first_steps(session: Session) -> FirstSteps:
    """What of the first steps is done."""
    return FirstSteps(
        router=bool(session.scalar(select(exists().where(NasServer.deleted_at.is_(None))))),
        plan=bool(session.scalar(select(exists().where(ServicePlan.deleted_at.is_(None))))),
        customer=bool(session.scalar(select(exists().where(Customer.deleted_at.is_(None))))),
    )


def needs(session: Session, *, now: datetime, kinds: Collection[str]) -> dict[str, int]:
    """How much of each kind waits for somebody: only of the `kinds`, in the order in which they are asked about."""
    asked: dict[str, Callable[[], int]] = {
        "parked": lambda: _count(session, ParkedPayment.status == "open", of=ParkedPayment.id),
        "devices": lambda: _count(session, SubscriptionMac.status == "pending", of=SubscriptionMac.id),
        "routers": lambda: _count(
            session,
            NasServer.deleted_at.is_(None),
            NasServer.is_active,
            NasServer.last_seen_at < now - QUIET_AFTER,
            of=NasServer.id,
        ),
        "records": lambda: _count(session, QuarantinedRecord.state == quarantine.WAITING, of=QuarantinedRecord.id),
        "changes": lambda: _count(
            session,
            SessionChange.status.in_(FAILED),
            SessionChange.created_at >= now - FAILURE_WINDOW,
            of=SessionChange.id,
        ),
        "overdue": lambda: _count(session, Invoice.status == "overdue", of=Invoice.id),
        "ending": lambda: _count(
            session,
            Subscription.status == "active",
            Subscription.deleted_at.is_(None),
            Subscription.expires_at > now,
            Subscription.expires_at < now + ENDS_SOON,
            of=Subscription.id,
        ),
    }
    return {kind: ask() for kind, ask in asked.items() if kind in kinds}


def today(session: Session, tenant_id: int, now: datetime) -> Today:
    """The figures at `now`."""
    by_minute = _logins_by_minute(session, tenant_id, now)
    waiting, oldest = session.execute(
        select(func.count(), func.min(SessionChange.created_at)).where(SessionChange.status.in_(WAITING))
    ).one()
    return Today(
        online=_count(session, RadAcct.tenant_id == tenant_id, RadAcct.acctstoptime.is_(None), of=RadAcct.radacctid),
        subscriptions=_count(
            session, Subscription.status == "active", Subscription.deleted_at.is_(None), of=Subscription.id
        ),
        accepted=sum(accepted for accepted, _ in by_minute),
        rejected=sum(rejected for _, rejected in by_minute),
        reasons=_reject_reasons(session, tenant_id, now),
        logins_by_minute=by_minute,
        changes_waiting=waiting,
        oldest_waiting=oldest,
        changes_failed=_count(
            session,
            SessionChange.status.in_(FAILED),
            SessionChange.created_at >= now - FAILURE_WINDOW,
            of=SessionChange.id,
        ),
        devices_pending=_count(session, SubscriptionMac.status == "pending", of=SubscriptionMac.id),
        quarantined=_count(session, QuarantinedRecord.state == quarantine.WAITING, of=QuarantinedRecord.id),
        spools=[
            Spool(node=row.node, stream=row.stream, updated_at=row.updated_at)
            for row in session.scalars(
                select(SpoolPosition).where(SpoolPosition.file == "").order_by(SpoolPosition.node, SpoolPosition.stream)
            )
        ],
    )


def _count(session: Session, *conditions: object, of: object) -> int:
    return session.scalar(select(func.count(of)).where(*conditions)) or 0  # type: ignore[arg-type]


def _logins_by_minute(session: Session, tenant_id: int, now: datetime) -> list[tuple[int, int]]:
    """Accepts and rejects of each of the last sixty minutes, oldest first."""
    # 0 is the minute that ends now; counted back from `now` so that the last column is never a half-empty one.
    back = func.floor(extract("epoch", now - AccessLog.decided_at) / 60)
    statement = (
        select(back, AccessLog.result, func.count())
        .where(AccessLog.tenant_id == tenant_id, AccessLog.decided_at > now - WINDOW, AccessLog.decided_at <= now)
        .group_by(back, AccessLog.result)
    )
    minutes = [[0, 0] for _ in range(60)]
    for age, result, count in session.execute(statement):
        minutes[59 - min(59, int(age))][0 if result == "accept" else 1] += count
    return [(accepted, rejected) for accepted, rejected in minutes]


def _reject_reasons(session: Session, tenant_id: int, now: datetime) -> list[tuple[str, int]]:
    statement = (
        select(AccessLog.reason, func.count())
        .where(AccessLog.tenant_id == tenant_id, AccessLog.decided_at > now - WINDOW, AccessLog.result == "reject")
        .group_by(AccessLog.reason)
        .order_by(func.count().desc(), AccessLog.reason)
    )
    return [(reason, count) for reason, count in session.execute(statement)]
