"""What became of accounting packets, the ones that were put aside, and corrections of ended sessions, to look at.

Counts are of the whole installation. A put-aside record belongs to the provider of the router that it came from; those
of unknown routers are shown to the installation's first provider.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, true, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from db.models import QuarantinedRecord, RecordOutcome, SessionCorrection, Tenant
from db.queries.paging import Page, Wanted, fetch_page
from domain.quarantine import WAITING

PUT_ASIDE_SORTS: Mapping[str, InstrumentedAttribute[Any]] = MappingProxyType(
    {"created_at": QuarantinedRecord.created_at}
)
CORRECTION_SORTS: Mapping[str, InstrumentedAttribute[Any]] = MappingProxyType({"made_at": SessionCorrection.made_at})


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeCount:
    """How many packets ended so."""

    outcome: str
    reason: str
    records: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PutAsideFilter:
    """None filters nothing."""

    ids: Sequence[int] | None = None
    state: str | None = None
    reason: str | None = None
    source: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PutAsideGroup:
    """Waiting records of one reason from one address."""

    reason: str
    source: str | None
    records: int
    first_at: datetime
    last_at: datetime


def outcome_counts(session: Session, *, since: date | None = None) -> list[OutcomeCount]:
    """How packets ended since a day (UTC), or ever; the largest number first."""
    total = func.sum(RecordOutcome.records)
    statement = select(RecordOutcome.outcome, RecordOutcome.reason, total).group_by(
        RecordOutcome.outcome, RecordOutcome.reason
    )
    if since is not None:
        statement = statement.where(RecordOutcome.day >= since)
    rows = session.execute(statement.having(total != 0).order_by(total.desc(), RecordOutcome.reason))
    return [OutcomeCount(outcome=row[0], reason=row[1], records=int(row[2])) for row in rows]


def page_of_put_aside(
    session: Session, *, tenant_id: int, fits: PutAsideFilter, wanted: Wanted
) -> Page[QuarantinedRecord]:
    """Put-aside records."""
    statement = select(QuarantinedRecord).where(*_conditions(tenant_id, fits))
    return fetch_page(session, statement, sorts=PUT_ASIDE_SORTS, row_id=QuarantinedRecord.id, wanted=wanted)


def find_put_aside(session: Session, record_id: int, *, tenant_id: int) -> QuarantinedRecord | None:
    """One put-aside record."""
    statement = select(QuarantinedRecord).where(*_conditions(tenant_id, PutAsideFilter(ids=[record_id])))
    return session.scalars(statement).one_or_none()


def waiting_groups(session: Session, *, tenant_id: int, limit: int = 20) -> list[PutAsideGroup]:
    """Waiting records by reason and address, the largest groups first."""
    number = func.count()
    at = QuarantinedRecord.created_at
    rows = session.execute(
        select(QuarantinedRecord.reason, QuarantinedRecord.source, number, func.min(at), func.max(at))
        .where(*_conditions(tenant_id, PutAsideFilter(state=WAITING)))
        .group_by(QuarantinedRecord.reason, QuarantinedRecord.source)
        .order_by(number.desc())
        .limit(limit)
    )
    return [
        PutAsideGroup(reason=row[0], source=row[1], records=row[2], first_at=row[3], last_at=row[4]) for row in rows
    ]


def move_waiting(
    session: Session, *, tenant_id: int, fits: PutAsideFilter, state: str, by: str, now: datetime | None
) -> list[int]:
    """Bring the waiting records among those to another state; returns their ids. `now` settles them."""
    statement = (
        update(QuarantinedRecord)
        .where(*_conditions(tenant_id, fits), QuarantinedRecord.state == WAITING)
        .values(state=state, settled_by=by, settled_at=now)
        .returning(QuarantinedRecord.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(session.scalars(statement))


def page_of_corrections(
    session: Session, *, tenant_id: int, subscription_id: int | None, wanted: Wanted
) -> Page[SessionCorrection]:
    """What late packets changed of ended sessions."""
    statement: Select[Any] = select(SessionCorrection).where(SessionCorrection.tenant_id == tenant_id)
    if subscription_id is not None:
        statement = statement.where(SessionCorrection.subscription_id == subscription_id)
    return fetch_page(session, statement, sorts=CORRECTION_SORTS, row_id=SessionCorrection.id, wanted=wanted)


def _conditions(tenant_id: int, fits: PutAsideFilter) -> list[ColumnElement[bool]]:
    first = select(func.min(Tenant.id)).scalar_subquery()
    nobodys = QuarantinedRecord.tenant_id.is_(None) & (first == tenant_id)
    return [
        or_(QuarantinedRecord.tenant_id == tenant_id, nobodys),
        true() if fits.ids is None else QuarantinedRecord.id.in_(fits.ids),
        true() if fits.state is None else QuarantinedRecord.state == fits.state,
        # A reason with its detail ("refused: CheckViolation") or without.
        true()
        if fits.reason is None
        else or_(
            QuarantinedRecord.reason == fits.reason,
            QuarantinedRecord.reason.startswith(f"{fits.reason}:", autoescape=True),
        ),
        true() if fits.source is None else QuarantinedRecord.source == fits.source,
    ]
