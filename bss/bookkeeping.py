"""The books for bookkeepers: the journal of a span as rows to take away, and the trial balance.

Days are the provider's local days, the last one among them. Decides nothing about amounts: it shows what was booked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.failure import Invalid, Problem
from bss.invoices import today_of
from bss.rows import tenant_of
from db.engine import psycopg_of
from db.queries.journal import AccountRow, JournalLine, journal_lines, trial_rows
from domain.money import ZERO
from domain.period import local_midnight

MAX_DAYS = 366
EARLIEST = date(2000, 1, 1)
HEAD = (
    "date", "entry", "kind", "account", "customer", "operator", "debit", "credit", "description", "reference", "by",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Local days, both among them, and the instants that they are."""

    first: date
    last: date
    since: datetime
    until: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """The trial balance. Debits and credits of the span are alike, and closings add up to nothing."""

    span: Span
    currency: str
    rows: Sequence[AccountRow]

    @property
    def debit(self) -> Decimal:
        """All debits of the span."""
        return sum((row.debit for row in self.rows), ZERO)

    @property
    def credit(self) -> Decimal:
        """All credits of the span."""
        return sum((row.credit for row in self.rows), ZERO)


def span_of(
    session: Session, *, actor: Actor, now: datetime, first: date | None = None, last: date | None = None
) -> Span:
    """The days asked for; without them this month until today."""
    today = today_of(session, actor=actor, now=now)
    end = last or today
    begin = first or end.replace(day=1)
    if not EARLIEST <= begin <= end <= today + timedelta(days=MAX_DAYS):
        raise Invalid(Problem(field="until", reason="is before the first day, or far away", mend="check the days"))
    if (end - begin).days >= MAX_DAYS:
        raise Invalid(Problem(field="until", reason=f"makes more than {MAX_DAYS} days", mend="take a year at a time"))
    zone = ZoneInfo(tenant_of(session, actor=actor).timezone)
    return Span(
        first=begin, last=end, since=local_midnight(begin, zone), until=local_midnight(end + timedelta(days=1), zone)
    )


def trial_balance(
    session: Session, *, actor: Actor, now: datetime, first: date | None = None, last: date | None = None
) -> Trial:
    """What each account came to."""
    span = span_of(session, actor=actor, now=now, first=first, last=last)
    session.flush()
    rows = trial_rows(psycopg_of(session), tenant_id=actor.tenant_id, since=span.since, until=span.until)
    return Trial(span=span, currency=tenant_of(session, actor=actor).currency, rows=rows)


def journal(
    session: Session, *, actor: Actor, now: datetime, first: date | None = None, last: date | None = None, as_what: str
) -> Iterator[tuple[Any, ...]]:
    """The names of the columns, then a row for each posting; that it was taken goes into the audit log."""
    span, tenant = span_of(session, actor=actor, now=now, first=first, last=last), tenant_of(session, actor=actor)
    new = {"format": as_what, "since": span.first.isoformat(), "until": span.last.isoformat()}
    audit.record(session, actor=actor, now=now, action="books.exported", entity=tenant, new=new)
    session.flush()
    return _rows(session, actor.tenant_id, span, ZoneInfo(tenant.timezone))


def _rows(session: Session, tenant_id: int, span: Span, zone: ZoneInfo) -> Iterator[tuple[Any, ...]]:
    yield HEAD
    for line in journal_lines(psycopg_of(session), tenant_id=tenant_id, since=span.since, until=span.until):
        yield _row(line, zone)


def _row(line: JournalLine, zone: ZoneInfo) -> tuple[Any, ...]:
    reference = f"{line.reference_type} {line.reference_id or ''}".strip()
    return (
        line.occurred_at.astimezone(zone).date().isoformat(), line.entry_id, line.entry_kind,
        account_code(line.account_kind, line.account_name), line.customer_code, line.operator_name,
        line.amount if line.amount > 0 else None, -line.amount if line.amount < 0 else None, line.description,
        reference, line.actor_name,
    )  # fmt: skip


def account_code(kind: str, name: str) -> str:
    """How an account is called in files: its kind, and after a point which of them."""
    return f"{kind}.{name}" if name else kind
