"""What changing a plan in the middle of a period costs or gives back.

The day of the change counts as the new plan's. Decides amounts; refuses to know who pays and how.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from domain.money import rounded
from domain.term import Cycle, price_of_days


@dataclass(frozen=True, kw_only=True, slots=True)
class Proration:
    """`credit` for what is left of the old plan, `charge` for the new; `net` above zero is to be paid."""

    days_left: int
    days: int
    credit: Decimal
    charge: Decimal

    @property
    def net(self) -> Decimal:
        """What the customer owes for the change; below zero he gets credit."""
        return self.charge - self.credit


def prorate(
    *,
    old_price: Decimal,
    new_price: Decimal,
    old_cycle: Cycle,
    new_cycle: Cycle,
    period: tuple[date, date],
    today: date,
    currency: str,
    by_calendar: bool = False,
) -> Proration:
    """The change of plan on `today` within a period that is paid for.

    Both plans are counted by the days of the running period; where their cycles differ, each by its own rate per day
    (`by_calendar` as in `domain.term.price_of_days`).
    """
    days = (period[1] - period[0]).days
    days_left = max(0, min(days, (period[1] - today).days))
    if days <= 0 or days_left == 0:
        return Proration(days_left=0, days=max(days, 0), credit=Decimal(0), charge=Decimal(0))
    charge = Fraction(new_price) * days_left / days
    if old_cycle.name != new_cycle.name or old_cycle.nominal_days != new_cycle.nominal_days:
        charge = price_of_days(
            new_price, new_cycle, period[1] - timedelta(days_left), days_left, by_calendar=by_calendar
        )
    return Proration(
        days_left=days_left,
        days=days,
        credit=rounded(Fraction(old_price) * days_left / days, currency),
        charge=rounded(charge, currency),
    )
