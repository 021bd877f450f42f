"""Changes to many sessions at once: whom one is for, how far it got, and what became of those asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVarTuple

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from db.models import BulkChange, NasServer, RadAcct, SessionChange, Subscription
from db.queries.outbox import HELD
from db.queries.panel.network import SessionFilter, session_conditions
from domain.bulk import TAKEN_BACK, Report, Tally, report_of
from domain.live_change import outcome_of

ColumnsT = TypeVarTuple("ColumnsT")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which running sessions of a tenant: of a router, a plan, those that a search finds; nothing given means all."""

    tenant_id: int
    nas_server_id: int | None = None
    service_plan_id: int | None = None
    search: str = ""

    @classmethod
    def of(cls, bulk: BulkChange) -> "Wanted":
        """Whom a change is for."""
        return cls(
            tenant_id=bulk.tenant_id,
            nas_server_id=bulk.nas_server_id,
            service_plan_id=bulk.service_plan_id,
            search=bulk.search,
        )


def count_wanted(session: Session, wanted: Wanted) -> int:
    """How many running sessions it is for now."""
    statement = _from_sessions(select(func.count(RadAcct.radacctid)), wanted)
    return session.scalar(statement) or 0


def next_wanted(session: Session, wanted: Wanted, *, after: str, begun_before: datetime, most: int) -> list[str]:
    """The unique ids of the next sessions, in their order, that began before the change."""
    statement = _from_sessions(select(RadAcct.acctuniqueid), wanted)
    statement = statement.where(RadAcct.acctuniqueid > after, RadAcct.acctstarttime < begun_before)
    return list(session.scalars(statement.order_by(RadAcct.acctuniqueid).limit(most)))


def _from_sessions(statement: Select[*ColumnsT], wanted: Wanted) -> Select[*ColumnsT]:
    fits = SessionFilter(search=wanted.search, nas_server_id=wanted.nas_server_id, plan_id=wanted.service_plan_id)
    statement = statement.select_from(RadAcct)
    if wanted.service_plan_id is not None:
        statement = statement.join(Subscription, Subscription.id == RadAcct.subscription_id)
    return statement.where(*session_conditions(wanted.tenant_id, fits))


def claim_bulk(session: Session, bulk_id: int) -> BulkChange | None:
    """A running change, locked; None while somebody else holds it or when it runs no longer."""
    statement = (
        select(BulkChange)
        .where(BulkChange.id == bulk_id, BulkChange.state == "running")
        .with_for_update(skip_locked=True)
    )
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()


def running_bulks(session: Session, *, limit: int) -> Sequence[int]:
    """The ids of those that have sessions to ask or answers to wait for."""
    statement = select(BulkChange.id).where(BulkChange.state == "running").order_by(BulkChange.id).limit(limit)
    return session.scalars(statement).all()


def bulks_of(session: Session, tenant_id: int, *, limit: int) -> Sequence[BulkChange]:
    """The tenant's changes to many, the newest first."""
    statement = select(BulkChange).where(BulkChange.tenant_id == tenant_id)
    return session.scalars(statement.order_by(BulkChange.id.desc()).limit(limit)).all()


def report(session: Session, bulk_id: int) -> Report:
    """What became of those asked so far."""
    return reports(session, [bulk_id])[bulk_id]


def reports(session: Session, bulk_ids: Sequence[int]) -> Mapping[int, Report]:
    """The same for several. A CoA whose place a Disconnect took counts as that Disconnect."""
    change = SessionChange
    rows = session.execute(
        select(
            change.bulk_change_id, change.nas_server_id, NasServer.name, change.status, change.proof,
            change.error_cause, func.count(), func.max(change.attempts),
        )
        .join(NasServer, NasServer.id == change.nas_server_id)
        .where(change.bulk_change_id.in_(bulk_ids))
        .group_by(
            change.bulk_change_id, change.nas_server_id, NasServer.name, change.status, change.proof,
            change.error_cause,
        )
    )  # fmt: skip
    tallies: dict[int, list[Tally]] = {bulk_id: [] for bulk_id in bulk_ids}
    for bulk_id, router, name, status, proof, cause, count, tries in rows:
        tallies[bulk_id or 0].append(
            Tally(
                nas_server_id=router,
                router=name,
                outcome=outcome_of(status, proof),
                cause=cause,
                count=count,
                tries=tries,
            )
        )
    return {bulk_id: report_of(found) for bulk_id, found in tallies.items()}


def is_waiting(session: Session, bulk_id: int) -> bool:
    """Whether any of its changes waits or is on its way."""
    statement = select(SessionChange.id).where(
        SessionChange.bulk_change_id == bulk_id, SessionChange.status.in_(("pending", "sending"))
    )
    return session.scalar(statement.limit(1)) is not None


def hold_back(session: Session, bulk_id: int) -> int:
    """Let those that have not left yet wait; returns how many."""
    return _move_waiting(session, bulk_id, next_attempt_at=HELD)


def let_go(session: Session, bulk_id: int, *, now: datetime) -> int:
    """Let those go on that were held back; returns how many."""
    return _move_waiting(session, bulk_id, next_attempt_at=now)


def take_back(session: Session, bulk_id: int, *, now: datetime) -> int:
    """Take back those that have not left yet; returns how many."""
    return _move_waiting(session, bulk_id, status="superseded", finished_at=now, error_cause=TAKEN_BACK)


def _move_waiting(session: Session, bulk_id: int, **values: object) -> int:
    statement = (
        update(SessionChange)
        .where(SessionChange.bulk_change_id == bulk_id, SessionChange.status == "pending")
        .values(**values)
        .returning(SessionChange.id)
    )
    return len(session.execute(statement).all())
