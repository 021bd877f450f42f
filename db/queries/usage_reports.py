"""Reads usage for people: one period, days between two dates. Bytes are the customer's, over all routers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import UsageDaily
from domain.fup import Usage
from domain.period import Period


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What was used in a day or a period that begins on `first_day`."""

    first_day: date
    download_bytes: int = 0
    upload_bytes: int = 0
    seconds: int = 0

    @property
    def total_bytes(self) -> int:
        """Both directions."""
        return self.download_bytes + self.upload_bytes


def usage_of_period(session: Session, subscription_id: int, period: Period) -> Usage:
    """Bytes counted in the period so far; zero when nothing was counted."""
    row = usage_of_periods(session, subscription_id, [period])[period.kind]
    return Usage(download_bytes=row.download_bytes, upload_bytes=row.upload_bytes)


def usage_of_periods(session: Session, subscription_id: int, periods: Iterable[Period]) -> dict[str, UsageRow]:
    """Usage in each period so far, by its kind."""
    return {period.kind: _usage_in(session, subscription_id, period) for period in periods}


def _usage_in(session: Session, subscription_id: int, period: Period) -> UsageRow:
    columns = (UsageDaily.download_bytes, UsageDaily.upload_bytes, UsageDaily.seconds)
    statement = select(*[func.coalesce(func.sum(column), 0) for column in columns]).where(
        UsageDaily.subscription_id == subscription_id,
        UsageDaily.day >= period.first_day,
        UsageDaily.day < period.after_day,
    )
    totals = session.execute(statement).one()
    return UsageRow(period.first_day, *(int(total) for total in totals))


def usage_by_day(session: Session, subscription_id: int, *, first: date, last: date) -> list[UsageRow]:
    """Usage of each local day that had any, oldest first, both ends included."""
    rows = session.execute(
        select(
            UsageDaily.day,
            func.sum(UsageDaily.download_bytes),
            func.sum(UsageDaily.upload_bytes),
            func.sum(UsageDaily.seconds),
        )
        .where(UsageDaily.subscription_id == subscription_id, UsageDaily.day.between(first, last))
        .group_by(UsageDaily.day)
        .order_by(UsageDaily.day)
    )
    return [
        UsageRow(first_day=day, download_bytes=int(down), upload_bytes=int(up), seconds=int(seconds))
        for day, down, up, seconds in rows
    ]
