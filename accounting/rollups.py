"""Which hours and months are summed when. The sums themselves are `db.queries.rollups`."""

from datetime import date, datetime, timedelta

from db.queries import partitions, rollups
from db.queries.partitions import Connection
from domain.retirement import months_after, oldest_kept

# A run shortly after the hour is about the hour that ended.
AFTER_THE_HOUR = timedelta(minutes=5)
# Late records change the last months: these are summed anew each night.
SUMMED_ANEW = 2
MOST_ROWS = 20_000


def roll_hours(connection: Connection, now: datetime) -> int:
    """Book what was counted since the last run to the hour that ended, or that runs; returns the rows."""
    hour = (now - AFTER_THE_HOUR).replace(minute=0, second=0, microsecond=0)
    with connection.transaction():
        return rollups.roll_hour(connection, hour)


def roll_months(connection: Connection, now: datetime) -> int:
    """Sum the months that are over, and let days go that are older than staff want to keep; returns what changed."""
    this_month = partitions.month_of(now)
    return _sum(connection, this_month) + _let_go(connection, this_month)


def _sum(connection: Connection, this_month: date) -> int:
    oldest = rollups.oldest_day(connection)
    if oldest is None:
        return 0
    month, changed = oldest.replace(day=1), 0
    # The provider's month may begin before or after UTC's, so the running one is left until it is surely over.
    while month < this_month:
        if month >= months_after(this_month, -SUMMED_ANEW) or not rollups.is_rolled(connection, month):
            with connection.transaction():
                changed += rollups.roll_month(connection, month, months_after(month, 1))
        month = months_after(month, 1)
    return changed


def _let_go(connection: Connection, this_month: date) -> int:
    months = partitions.retention_months(connection).get("usage_daily")
    if months is None:
        return 0
    before, deleted = oldest_kept(this_month, max(months, SUMMED_ANEW)), 0
    while True:
        with connection.transaction():
            count = rollups.delete_days(connection, before=before, limit=MOST_ROWS)
        deleted += count
        if count < MOST_ROWS:
            return deleted
