"""What to do about a subscription that is not paid: remind, suspend, bring back, or nothing.

Decides from facts and dates; somebody else sends, suspends and restores. A run that would cut off an unlikely share of
all customers at once is stopped: an error in a date or an import looks exactly like that.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, auto

from domain.entitlement import LIFTED_BY_PAYING


class Action(Enum):
    """What follows."""

    NOTHING = auto()
    REMIND = auto()
    SUSPEND = auto()
    RESTORE = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class Debt:
    """What a customer owes for one subscription. `oldest_due` is the due day of its oldest open invoice.

    `is_in_term`: its term, with grace, is not over.
    """

    status: str
    suspend_cause: str | None
    is_in_term: bool
    oldest_due: date | None
    grace_days: int
    owed: Decimal
    credit_limit: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The action and its reason in a word; `days` says how long before (negative) or after the due day."""

    action: Action
    reason: str = ""
    days: int | None = None


def decide(debt: Debt, today: date, *, remind_on: Collection[int]) -> Decision:
    """What to do today. `remind_on` are days from the due day: -3 is three days before it, 1 the day after."""
    if debt.status in ("suspended", "expired"):
        return _of_stopped(debt, today)
    if debt.status != "active":
        return Decision(action=Action.NOTHING)
    if debt.credit_limit is not None and debt.owed > debt.credit_limit:
        return Decision(action=Action.SUSPEND, reason="credit_limit")
    if debt.oldest_due is None:
        return Decision(action=Action.NOTHING)
    days = (today - debt.oldest_due).days
    if today > debt.oldest_due + timedelta(days=debt.grace_days):
        return Decision(action=Action.SUSPEND, reason="overdue", days=days)
    if days in remind_on:
        return Decision(action=Action.REMIND, reason="due" if days <= 0 else "overdue", days=days)
    return Decision(action=Action.NOTHING, days=days)


def _of_stopped(debt: Debt, today: date) -> Decision:
    """What stopped for money comes back when the money is there; what a person suspended stays."""
    is_for_money = debt.status == "expired" or debt.suspend_cause in LIFTED_BY_PAYING
    if not (is_for_money and debt.is_in_term):
        return Decision(action=Action.NOTHING)
    is_within_limit = debt.credit_limit is None or debt.owed <= debt.credit_limit
    is_in_time = debt.oldest_due is None or today <= debt.oldest_due + timedelta(days=debt.grace_days)
    if is_within_limit and is_in_time:
        return Decision(action=Action.RESTORE, reason="paid")
    return Decision(action=Action.NOTHING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker:
    """Stops a run that would suspend more than this share of all active subscriptions, and more than a handful."""

    most_percent: int = 20
    handful: int = 10

    def trips(self, to_suspend: int, active: int) -> bool:
        """Whether the run must stop and ask."""
        return to_suspend > self.handful and to_suspend * 100 > self.most_percent * active


def share_text(to_suspend: int, active: int) -> str:
    """ "38 %" of active subscriptions, rounded down, for the sentence that says why a run stopped."""
    return f"{to_suspend * 100 // active if active else 100} %"
