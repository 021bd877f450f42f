"""What the provider spends: recorded in the books on the day it was spent, and taken back when it was a mistake."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.books import Event, book, take_back
from bss.failure import Conflict, Invalid, Problem
from bss.invoices import today_of
from bss.outcome import Changed
from bss.rows import locked, tenant_of
from bss.wallet import payable
from db.models import Expense
from db.queries.expenses import expense_of_request
from domain import books
from domain.payments import EXTERNAL

# Offered; a provider may use words of its own.
CATEGORIES = (
    "bandwidth", "equipment", "salaries", "rent", "electricity", "transport", "maintenance", "marketing", "taxes",
    "other",
)  # fmt: skip
MAX_KEY = 120
OLDEST = date(2000, 1, 1)
_SHOWN = ("category", "amount", "method", "spent_on", "description", "reference")


def record(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    category: str,
    amount: object,
    method: str = "cash",
    spent_on: date | None = None,
    description: str = "",
    reference: str = "",
    request_key: str | None = None,
) -> Changed[Expense]:
    """Record that money was spent, today or on an earlier local day. Asked twice with one key it is recorded once."""
    tenant = tenant_of(session, actor=actor)
    row = Expense(
        tenant_id=actor.tenant_id, category=category_of(category), amount=payable(amount, currency=tenant.currency),
        currency=tenant.currency, method=fields.one_of(method, field="method", allowed=EXTERNAL),
        spent_on=_day(spent_on, today_of(session, actor=actor, now=now)),
        description=fields.text(description, field="description", longest=1000, lines=True),
        reference=fields.text(reference, field="reference", longest=100), recorded_by=actor.name,
        request_key=None if request_key is None else fields.text(request_key, field="request_key", longest=MAX_KEY),
    )  # fmt: skip
    known = _known(session, actor, row)
    if known is not None:
        return Changed(row=known)
    session.add(row)
    session.flush()
    event = Event(
        kind=books.SPENDING, key=f"expense:{row.id}",
        postings=books.spent(row.amount, category=row.category, method=row.method), reference_type="expense",
        reference_id=row.id, description=row.description or row.category,
    )  # fmt: skip
    row.entry_id = book(session, actor=actor, now=_moment(row.spent_on, now, tenant.timezone), event=event).id
    audit.record(
        session, actor=actor, now=now, action="expense.recorded", entity=row, new=audit.snapshot(row, _SHOWN)
    )  # fmt: skip
    session.flush()
    return Changed(row=row)


def take_back_expense(
    session: Session, *, actor: Actor, now: datetime, expense_id: int, reason: str
) -> Changed[Expense]:
    """Take back what was recorded by mistake; the books keep both."""
    why = fields.text(reason, field="reason", longest=255, required=True)
    row = locked(session, Expense, expense_id, actor=actor)
    if row.reversed_at is not None or row.entry_id is None:
        raise Conflict(Problem(field="", reason="it was taken back already", mend="load it again"))
    take_back(session, actor=actor, now=now, entry_id=row.entry_id, description=why)
    old, new = audit.set_fields(row, {"reversed_at": now, "reverse_reason": why})
    audit.record(session, actor=actor, now=now, action="expense.taken_back", entity=row, old=old, new=new)
    session.flush()
    return Changed(row=row)


def category_of(given: str) -> str:
    """A category as it is kept: one word for one thing, however it was typed."""
    return fields.text(" ".join(str(given).lower().split()), field="category", longest=50, required=True)


def _day(given: date | None, today: date) -> date:
    day = given or today
    if not OLDEST <= day <= today:
        raise Invalid(Problem(field="spent_on", reason="is no day that has been", mend="use today or an earlier day"))
    return day


def _moment(day: date, now: datetime, zone: str) -> datetime:
    """When it stands in the books: now, or at noon of an earlier day."""
    local = now.astimezone(ZoneInfo(zone))
    return now if day == local.date() else datetime.combine(day, time(12), tzinfo=ZoneInfo(zone))


def _known(session: Session, actor: Actor, row: Expense) -> Expense | None:
    if row.request_key is None:
        return None
    known = expense_of_request(session, tenant_id=actor.tenant_id, request_key=row.request_key)
    if known is not None and (known.amount, known.category) != (row.amount, row.category):
        reason = "another expense was recorded for the same request"
        raise Conflict(Problem(field="request_key", reason=reason, mend="send a new key for a new one"))
    return known
