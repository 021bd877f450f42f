"""Lists of expenses with their filters, and the sums above them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from db.models import Expense, Payment
from db.queries.paging import Page, Wanted, fetch_page

EXPENSE_SORTS = {"spent_on": Expense.spent_on, "amount": Expense.amount}
MOST_CATEGORIES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpenseFilter:
    """Which expenses; `since` and `until` are local days, both among them. `search` is part of a text."""

    search: str | None = None
    category: str | None = None
    since: date | None = None
    until: date | None = None


def expense_of_request(session: Session, *, tenant_id: int, request_key: str) -> Expense | None:
    """The expense that a request with this key recorded."""
    return session.scalar(select(Expense).where(Expense.tenant_id == tenant_id, Expense.request_key == request_key))


def page_of_expenses(session: Session, *, tenant_id: int, fits: ExpenseFilter, wanted: Wanted) -> Page[Expense]:
    """Expenses of a provider, those taken back among them."""
    statement = _fitting(select(Expense).where(Expense.tenant_id == tenant_id), fits)
    return fetch_page(session, statement, sorts=EXPENSE_SORTS, row_id=Expense.id, wanted=wanted)


def expense_sums(session: Session, *, tenant_id: int, fits: ExpenseFilter) -> list[tuple[str, int, Decimal]]:
    """How many stand in each category and their sum, the greatest first."""
    statement = select(Expense.category, func.count(), func.sum(Expense.amount)).where(
        Expense.tenant_id == tenant_id, Expense.reversed_at.is_(None)
    )
    rows = session.execute(
        _fitting(statement, fits).group_by(Expense.category).order_by(func.sum(Expense.amount).desc(), Expense.category)
    )
    return [(category, int(count), Decimal(total)) for category, count, total in rows]


def used_categories(session: Session, tenant_id: int) -> list[str]:
    """The categories that were used, by name."""
    statement = select(Expense.category).where(Expense.tenant_id == tenant_id).distinct().order_by(Expense.category)
    return list(session.scalars(statement.limit(MOST_CATEGORIES)))


def income_for_expense(session: Session, expense_id: int) -> Decimal:
    """What customers paid for an expense, such as equipment that was bought for them."""
    statement = select(func.coalesce(func.sum(Payment.amount), 0)).where(
        Payment.expense_id == expense_id, Payment.status == "completed"
    )
    return Decimal(session.scalar(statement) or 0)


def _fitting(statement: Any, fits: ExpenseFilter) -> Any:
    if fits.search:
        pattern = "%" + fits.search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        texts = (Expense.description, Expense.reference, Expense.category)
        statement = statement.where(or_(*(column.ilike(pattern, escape="\\") for column in texts)))
    if fits.category is not None:
        statement = statement.where(Expense.category == fits.category)
    if fits.since is not None:
        statement = statement.where(Expense.spent_on >= fits.since)
    if fits.until is not None:
        statement = statement.where(Expense.spent_on <= fits.until)
    return statement
